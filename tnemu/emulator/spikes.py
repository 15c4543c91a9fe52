"""What a run hands back: the spikes that left the board and, on request, those inside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.emulator.state import Events
from tnemu.hardware.errors import ImageError
from tnemu.hardware.image import OutputConnector

OUTPUT_DTYPE = np.dtype([("tick", np.int64), ("connector", np.int32), ("pin", np.int32)])
"""A spike that left the board: fire tick, index of the output connector in the image, pin."""

SPIKE_DTYPE = np.dtype([("tick", np.int64), ("core", np.int32), ("neuron", np.int16)])
"""A neuron that fired: tick, core index, neuron 0..255."""


@dataclass(frozen=True, eq=False)
class OutputSpikes:
    """Spikes that left the board, sorted by (tick, connector number, pin).

    ``records`` has dtype OUTPUT_DTYPE. The tick is the one in which the neuron fired, whatever its
    delay. Two neurons wired to the same pin leave two records. Connector numbers are negative
    (-32, -33, ...) and sort as numbers: -33 comes before -32, as in sorted IBM spike files.
    """

    records: npt.NDArray[np.void]
    connectors: tuple[OutputConnector, ...] = ()

    @classmethod
    def from_events(cls, events: Events, connectors: tuple[OutputConnector, ...]) -> OutputSpikes:
        """From rows (tick, connector index, pin) in any order."""
        numbers = _numbers(connectors)[events[:, 1]]
        order = np.lexsort((events[:, 2], numbers, events[:, 0]))
        return cls(_records(events[order], OUTPUT_DTYPE), connectors)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def tick(self) -> npt.NDArray[np.int64]:
        """Fire tick of every record."""
        return self.records["tick"]

    @property
    def number(self) -> npt.NDArray[np.int64]:
        """Connector number (-32, -33, ...) of every record."""
        return _numbers(self.connectors)[self.records["connector"]]

    @property
    def pin(self) -> npt.NDArray[np.int32]:
        """Pin of every record."""
        return self.records["pin"]

    def of(self, name: str) -> npt.NDArray[np.void]:
        """The records of one output connector, in order; ImageError lists the names there are."""
        return self.records[self.records["connector"] == self.index(name)]

    def pins(self, name: str) -> npt.NDArray[np.int32]:
        """The pin of every spike of one output connector, in order of tick, then pin."""
        return self.of(name)["pin"]

    def counts(self, name: str) -> npt.NDArray[np.int64]:
        """Spikes of every pin of one output connector: int64 [width]."""
        width = self.connectors[self.index(name)].width
        return np.bincount(self.pins(name), minlength=width)

    def index(self, name: str) -> int:
        """Place of an output connector in the image; ImageError lists the names there are."""
        names = [connector.name for connector in self.connectors]
        if name not in names:
            known = ", ".join(map(repr, names)) or "none"
            raise ImageError(f"the image has no output connector {name!r}; it has: {known}")
        return names.index(name)


@dataclass(frozen=True, eq=False)
class NeuronSpikes:
    """Every recorded firing, in order of (tick, core, neuron); ``records`` has dtype SPIKE_DTYPE.

    ``truncated``: the run fired more often than the limit; ``records`` holds the first of them.
    """

    records: npt.NDArray[np.void]
    truncated: bool = False

    @classmethod
    def from_events(cls, events: Events, limit: int) -> NeuronSpikes:
        """From rows (tick, core, neuron) in order, of which the first ``limit`` are kept."""
        return cls(_records(events[:limit], SPIKE_DTYPE), truncated=len(events) > limit)

    def __len__(self) -> int:
        return len(self.records)


def _numbers(connectors: tuple[OutputConnector, ...]) -> npt.NDArray[np.int64]:
    return np.array([connector.number for connector in connectors], dtype=np.int64)


def _records(events: Events, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    records = np.empty(len(events), dtype)
    for column, name in enumerate(dtype.names or ()):
        records[name] = events[:, column]
    return records
