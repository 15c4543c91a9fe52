"""What a run hands back: the spikes that left the board and, on request, those inside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.emulator.state import Events
from tnemu.hardware.errors import ImageError
from tnemu.hardware.image import OutputConnector

SHOWN = 3
"""Spikes that a repr names."""

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
        numbers = connector_numbers(connectors)[events[:, 1]]
        order = np.lexsort((events[:, 2], numbers, events[:, 0]))
        return cls.of_rows(events[order], connectors)

    @classmethod
    def of_rows(cls, events: Events, connectors: tuple[OutputConnector, ...]) -> OutputSpikes:
        """From rows (tick, connector index, pin) that are in order."""
        return cls(_records(events, OUTPUT_DTYPE), connectors)

    def __repr__(self) -> str:
        """How many, in which ticks, and the first of them by name."""
        names = [connector.name for connector in self.connectors]
        first = [
            f"{names[k]!r} pin {pin} in tick {tick:,}"
            for tick, k, pin in self.records[:SHOWN].tolist()
        ]
        return _told("OutputSpikes", "spike", self.records, first)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def tick(self) -> npt.NDArray[np.int64]:
        """Fire tick of every record."""
        return self.records["tick"]

    @property
    def number(self) -> npt.NDArray[np.int64]:
        """Connector number (-32, -33, ...) of every record."""
        return connector_numbers(self.connectors)[self.records["connector"]]

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
        return cls.of_rows(events[:limit], len(events) > limit)

    @classmethod
    def of_rows(cls, events: Events, truncated: bool = False) -> NeuronSpikes:
        """From rows (tick, core, neuron) that are in order."""
        return cls(_records(events, SPIKE_DTYPE), truncated)

    def __repr__(self) -> str:
        """How many, in which ticks, and the first of them."""
        first = [
            f"core {core} neuron {neuron} in tick {tick:,}"
            for tick, core, neuron in self.records[:SHOWN].tolist()
        ]
        return _told("NeuronSpikes", "firing", self.records, first, self.truncated)

    def __len__(self) -> int:
        return len(self.records)


def connector_numbers(connectors: tuple[OutputConnector, ...]) -> npt.NDArray[np.int64]:
    """The numbers of connectors, -32, -33 and so on: int64 [k]."""
    return np.array([connector.number for connector in connectors], dtype=np.int64)


def _told(
    what: str, one: str, records: npt.NDArray[np.void], first: list[str], more: bool = False
) -> str:
    """A repr: how many, in which ticks, the first few."""
    if not len(records):
        return f"<{what}: none>"
    ticks = records["tick"]
    span = f"ticks {ticks.min():,}..{ticks.max():,}"
    dots = ", ..." if len(records) > len(first) else ""
    cut = ", cut at the limit" if more else ""
    count = f"{len(records):,} {one}{'s' if len(records) > 1 else ''}"
    return f"<{what}: {count} in {span}{cut}: {', '.join(first)}{dots}>"


def _records(events: Events, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    records = np.empty(len(events), dtype)
    for column, name in enumerate(dtype.names or ()):
        records[name] = events[:, column]
    return records
