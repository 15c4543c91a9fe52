"""The spikes that leave a board in a run, written as the name of their file says.

.sfro   RAWO6: with the core and neuron that sent them, in order of tick, core and neuron
.sfcp   CONNPIN: the pins of every tick, in order of the core and neuron that sent them
.sfto   text, sorted by tick, connector and pin; .txt and .sfti too, and names without an ending
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.emulator.spikes import NeuronSpikes, OutputSpikes
from tnemu.errors import TnemuError, shown
from tnemu.formats.spike_file import format_header, format_lines, spikes
from tnemu.formats.spike_pins import END, MOST_PINS, PinHeader, pin_block
from tnemu.formats.spike_words import SENT_HEADER, sent_words
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS
from tnemu.lab.senders import Senders
from tnemu.networks.logical import FIRST_CONNECTOR

KNOWN = ("", ".sfto", ".sfti", ".txt", ".sfro", ".sfcp")
"""How the names of output files end; without an ending they are text."""


class RunError(TnemuError, ValueError):
    """What is asked of a run does not fit together."""


class Output(ABC):
    """A file of output spikes in the making: its head, a piece for every piece of the run, its end."""

    recorded: frozenset[int] = frozenset()
    """Indices of the cores whose firings it needs, all of them."""

    @abstractmethod
    def head(self) -> bytes:
        """What the file begins with."""

    @abstractmethod
    def piece(
        self, found: OutputSpikes, fired: NeuronSpikes | None, begin: int, end: int
    ) -> Iterator[bytes]:
        """The spikes of ticks begin..end - 1: those that left, and the firings of ``recorded``."""

    def tail(self) -> bytes:
        """What the file ends with."""
        return b""


class TextOutput(Output):
    """Lines (tick, connector, pin), sorted; the k-th 256 pins of a connector count as number - k."""

    def head(self) -> bytes:
        """The two header lines."""
        return format_header()

    def piece(
        self, found: OutputSpikes, fired: NeuronSpikes | None, begin: int, end: int
    ) -> Iterator[bytes]:
        """A line a spike."""
        records = spikes(found.tick, found.number - found.pin // AXONS, found.pin % AXONS)
        order = np.lexsort((records["axon"], records["core"], records["time"]))
        return format_lines(records[order])


class SentOutput(Output):
    """Spikes with their senders, RAWO6."""

    def __init__(self, image: BoardImage) -> None:
        self.senders = Senders(image)
        self.recorded = self.senders.leaving()

    def head(self) -> bytes:
        """The header and its 0xFF."""
        return SENT_HEADER

    def sent(self, fired: NeuronSpikes | None) -> npt.NDArray[np.void]:
        """The spikes that left the board."""
        none = np.zeros(0, [("tick", np.int64), ("core", np.int32), ("neuron", np.int16)])
        return self.senders.sent(none if fired is None else fired.records, leaving=True)

    def piece(
        self, found: OutputSpikes, fired: NeuronSpikes | None, begin: int, end: int
    ) -> Iterator[bytes]:
        """Six words a spike."""
        yield sent_words(self.sent(fired))


class PinOutput(SentOutput):
    """The pins of every tick, CONNPIN."""

    def __init__(self, image: BoardImage) -> None:
        super().__init__(image)
        count = self.senders.pins()
        if not 1 <= count <= MOST_PINS or max(c.number for c in image.outputs) > FIRST_CONNECTOR:
            raise RunError(
                f"a .sfcp file holds pins 1..{MOST_PINS:,} of connectors from {FIRST_CONNECTOR} down, "
                f"{image.board.name} sends to {count:,}; end the output's name in .sfto or .sfro"
            )
        self.header = PinHeader(count, most=max(1024, count))

    def head(self) -> bytes:
        """The header and its 0xFF."""
        return self.header.encode()

    def piece(
        self, found: OutputSpikes, fired: NeuronSpikes | None, begin: int, end: int
    ) -> Iterator[bytes]:
        """A block a tick."""
        sent = self.sent(fired)
        pins = AXONS * (FIRST_CONNECTOR - sent["core"]) + sent["axon"]
        ends = np.searchsorted(sent["time"], np.arange(begin, end + 1))
        for tick, first, last in zip(range(begin, end), ends, ends[1:], strict=False):
            yield pin_block(tick, pins[first:last], sent["delay"][first:last], self.header)

    def tail(self) -> bytes:
        """The block that is no tick's."""
        return END


def output_for(name: str | Path | None, image: BoardImage) -> Output:
    """The kind of output that a file's name asks for; text where there is no name.

    Raises RunError for a name that says something else, and where the image cannot be written so.
    """
    suffix = Path(name).suffix.lower() if name is not None else ""
    if suffix not in KNOWN:
        raise RunError(
            f"{shown(str(name))} does not end as a spike file does; end it in .sfto or .txt (text), .sfro "
            "(with senders) or .sfcp (pins); recordings of the inside are --probe"
        )
    if suffix == ".sfro":
        return SentOutput(image)
    return PinOutput(image) if suffix == ".sfcp" else TextOutput()
