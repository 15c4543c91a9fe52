"""Connectors: the named bundles of pins by which spikes enter and leave a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec
from tnemu.hardware.errors import ImageError

TAP_DTYPE = np.dtype(
    [("pin", np.int32), ("core", np.int32), ("axon", np.int16), ("delay", np.int16)]
)
"""One landing place of an input pin: the spike is seen by (core, axon) ``delay`` ticks later."""

MOST_PINS = 1 << 26
"""Pins that a connector can have: one for every axon of four NS16e."""

LOWEST_NUMBER, HIGHEST_NUMBER = -(1 << 31), (1 << 31) - 1
"""Connector ids are 32-bit numbers in spike files."""


@dataclass(frozen=True, eq=False)
class InputConnector:
    """A named bundle of ``width`` input pins (0..2**26), each landing on any number of axons.

    ``taps`` are those landing places, records of TAP_DTYPE [m] in any order.
    """

    name: str
    width: int
    taps: npt.NDArray[np.void]


@dataclass(frozen=True)
class OutputConnector:
    """A named bundle of ``width`` output pins, 256 to an exit of the board.

    ``exits`` are the off-board positions (unit, x, y), one step beyond the edge, whose packets
    belong to this connector; pin ``256 k + axon`` is axon ``axon`` of the k-th exit. ``number`` is
    the connector id of IBM spike files (-32, -33, ...).
    """

    name: str
    width: int
    number: int
    exits: tuple[tuple[int, int, int], ...]


def check_exits(board: BoardSpec, outputs: Sequence[OutputConnector]) -> None:
    """Every exit lies one step off the mesh and belongs to one connector; or an ImageError."""
    taken: dict[tuple[int, int, int], str] = {}
    width, height = board.width, board.height
    for connector in outputs:
        if not 0 < connector.width <= 256 * len(connector.exits):
            raise ImageError(
                f"output {connector.name!r} has {connector.width} pins and "
                f"{len(connector.exits)} exits; it needs an exit for every 256 pins"
            )
        for unit, x, y in connector.exits:
            place = f"output {connector.name!r} has its exit at unit={unit} x={x} y={y}"
            ring = -1 <= x <= width and -1 <= y <= height
            inside = 0 <= x < width and 0 <= y < height
            if not 0 <= unit < board.units or not ring or inside:
                raise ImageError(
                    f"{place}, which is not one step beyond the mesh of {width} x {height} "
                    f"cores (units 0..{board.units - 1}); move the exit to the border"
                )
            if (unit, x, y) in taken:
                raise ImageError(
                    f"{place}, which output {taken[unit, x, y]!r} has already; "
                    "give every exit to one output"
                )
            taken[unit, x, y] = connector.name
