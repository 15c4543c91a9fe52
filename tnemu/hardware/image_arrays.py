"""The arrays of a board image: what they are, and where they send spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.hardware import packet
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.connectors import InputConnector, OutputConnector, check_exits
from tnemu.hardware.errors import ImageError

NOT_CONNECTED = -1
"""Value of :meth:`ImageArrays.destinations` for a neuron that sends nothing."""


@dataclass(frozen=True, eq=False)
class ImageArrays:
    """What every core of a board holds, by core index 0..n-1 (logical order, not placement).

    positions     int32  [n, 3]       (unit, x, y) of the core on the board, x and y over all chips
    core_ids      int64  [n]          the core's number in the network it came from
    seeds         uint32 [n]          noise seed of the core
    axon_types    uint8  [n, 256]     G_i in 0..3
    crossbar      uint64 [n, 256, 4]  row i = axon i; bit j % 64 of word j // 64 = neuron j
    neuron_types  record [k]          the distinct neuron parameter records; record 0 is unused
    types         uint16 [n, 256]     index into ``neuron_types``; 0 = the neuron is not evaluated
    targets       uint32 [n, 256]     destination packet word; delay 0 = sends nothing
    """

    board: BoardSpec
    positions: npt.NDArray[np.int32]
    core_ids: npt.NDArray[np.int64]
    seeds: npt.NDArray[np.uint32]
    axon_types: npt.NDArray[np.uint8]
    crossbar: npt.NDArray[np.uint64]
    neuron_types: npt.NDArray[np.void]
    types: npt.NDArray[np.uint16]
    targets: npt.NDArray[np.uint32]
    inputs: tuple[InputConnector, ...] = ()
    outputs: tuple[OutputConnector, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def core_count(self) -> int:
        """Cores that the image fills, n."""
        return len(self.positions)

    def input(self, name: str) -> InputConnector:
        """The input connector of that name, or an ImageError that lists the names there are."""
        return _named(self.inputs, name, "input")

    def output(self, name: str) -> OutputConnector:
        """The output connector of that name, or an ImageError that lists the names there are."""
        return _named(self.outputs, name, "output")

    def pieces(self) -> list[slice]:
        """The cores in runs of a few thousand, so that a large board loads in little work space."""
        return [slice(i, i + 4096) for i in range(0, self.core_count, 4096)]

    def destinations(
        self, cores: slice = slice(None)
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Where every neuron's packet ends: (target, row), both int32 [n, 256] of the given cores.

        target >= 0 is a core index and row its axon; -1 sends nothing; target <= -2 is output
        connector ``-2 - target`` and row its pin. Raises ImageError for a packet that ends on a
        core that is not loaded, leaves the board where no output connector listens, or asks for a
        pin its connector does not have.
        """
        check_exits(self.board, self.outputs)
        dx, dy, axon, delay = packet.decode(self.targets[cores])
        sends = (delay != 0) & (self.types[cores] != 0)
        places, core_ids = self.positions[cores], self.core_ids[cores]
        unit = np.broadcast_to(places[:, 0, None], dx.shape)
        x, y = places[:, 1, None] + dx, places[:, 2, None] + dy
        # A one-cell border around the mesh holds the exits' lookup entries.
        width, height = self.board.width, self.board.height
        table = np.full((self.board.units, width + 2, height + 2), NOT_CONNECTED, dtype=np.int32)
        table[self.positions[:, 0], self.positions[:, 1] + 1, self.positions[:, 2] + 1] = np.arange(
            self.core_count
        )
        row = axon.copy()
        base = np.zeros_like(table)
        for index, connector in enumerate(self.outputs):
            for order, (u, ex, ey) in enumerate(connector.exits):
                table[u, ex + 1, ey + 1] = -2 - index
                base[u, ex + 1, ey + 1] = 256 * order
        inside = (x >= -1) & (x <= width) & (y >= -1) & (y <= height)
        cell = (unit, np.where(inside, x + 1, 0), np.where(inside, y + 1, 0))
        target = np.where(sends & inside, table[cell], NOT_CONNECTED).astype(np.int32)
        lost = sends & (target == NOT_CONNECTED)
        if lost.any():
            core, neuron = (int(v[0]) for v in np.nonzero(lost))
            raise ImageError(
                f"core {int(core_ids[core])} neuron {neuron} sends to position "
                f"x={int(x[core, neuron])} y={int(y[core, neuron])}, where no loaded core and no "
                f"output connector is; wire it to a core of the image or disconnect it"
            )
        row = np.where(target <= -2, row + base[cell], row).astype(np.int32)
        for index, connector in enumerate(self.outputs):
            beyond = (target == -2 - index) & (row >= connector.width)
            if beyond.any():
                core, neuron = (int(v[0]) for v in np.nonzero(beyond))
                raise ImageError(
                    f"core {int(core_ids[core])} neuron {neuron} sends to pin "
                    f"{int(row[core, neuron])} of output {connector.name!r}, which has pins "
                    f"0..{connector.width - 1}; make the output wider or wire it elsewhere"
                )
        return target, row


Connector = TypeVar("Connector", InputConnector, OutputConnector)
_MOST_SHOWN = 12


def _named(connectors: tuple[Connector, ...], name: str, kind: str) -> Connector:
    for connector in connectors:
        if connector.name == name:
            return connector
    names = [shown(connector.name) for connector in connectors[:_MOST_SHOWN]]
    if len(connectors) > _MOST_SHOWN:
        names.append("...")
    known = ", ".join(names) or "none"
    raise ImageError(f"the image has no {kind} connector {shown(name)}; it has: {known}")
