"""Connectors: the named bundles of pins by which spikes enter and leave a board."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
