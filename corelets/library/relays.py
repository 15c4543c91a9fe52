"""Small corelets that only pass spikes on: relay, delay and splitter."""

from __future__ import annotations

import numpy as np

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.neuron_types import Repeater
from corelets.language.pins import Pins
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster, later
from corelets.library.entry import Entry
from tnemu.errors import whole
from tnemu.hardware.neuron import NEURONS

LONGEST = 1_000_000
"""Ticks of the longest :class:`Delay`: 66,667 relays for each pin, more than most boards have."""


class Splitter(Corelet):
    """output[c * width + i] = input[i] for every copy c < copies, one tick later.

    ``copy(c)`` is the output of one copy. Wiring one pin to many places needs no Splitter: the
    mapper makes copies or splitter neurons by itself. Ask for one to fix where the copies are made.
    ``copies`` is 1..256; CoreletError for anything else.
    """

    def __init__(self, width: int, copies: int) -> None:
        self.input = Input(width)
        self.copies = whole(
            f"{self.describe()}: copies",
            copies,
            1,
            NEURONS,
            error=CoreletError,
            then="a neuron makes each copy; feed several splitters by one input",
        )
        self.output = Output(width * self.copies)
        Repeater()[self.copies, width](self.input.reshape(1, width)).flat >> self.output

    def copy(self, c: int) -> Pins:
        """Output pins of copy ``c`` (0..copies-1), in the order of the input."""
        c = whole(f"{self.describe()}: copy", c, 0, self.copies - 1, error=CoreletError)
        width = self.input.width
        return self.output[c * width : (c + 1) * width]

    def model(self, input: Raster) -> Raster:
        """output[t, c * width + i] = input[t, i]."""
        return np.tile(input, self.copies)


class Relay(Splitter):
    """output[i] = input[i], one tick later."""

    def __init__(self, width: int) -> None:
        super().__init__(width, copies=1)


class Delay(Corelet):
    """output[i] at tick t = input[i] at tick t - ticks.

    ``ticks`` is 1..1,000,000; CoreletError for anything else. Nothing waits for the delayed spikes:
    a neuron that takes x and Delay(x) compares x with its own past, as with ``x.after(ticks)``.
    """

    def __init__(self, width: int, ticks: int) -> None:
        self.input, self.output = Input(width), Output(width)
        self.ticks = whole(f"{self.describe()}: ticks", ticks, 1, LONGEST, error=CoreletError)
        Repeater()[width](self.input.after(self.ticks - 1)) >> self.output

    def model(self, input: Raster) -> Raster:
        """output[t, i] = input[t - (ticks - 1), i]: the wave itself takes the first tick."""
        return later(input, self.ticks - 1)


ENTRIES = (
    Entry(
        Splitter,
        source="Amir et al., IJCNN 2013 (the corelet library: splitters)",
        latency_ticks=lambda _: 2,
        examples=(lambda: Splitter(3, 4), lambda: Splitter(1, 256), lambda: Splitter(100, 3)),
    ),
    Entry(
        Relay,
        source="this project; a Splitter with one copy",
        latency_ticks=lambda _: 2,
        examples=(lambda: Relay(8), lambda: Relay(257)),
    ),
    Entry(
        Delay,
        source="this project; the 15 ticks of a wire: Merolla et al., Science 2014",
        latency_ticks=lambda delay: delay.ticks + 1,
        examples=(
            lambda: Delay(4, 20),
            *(lambda ticks=ticks: Delay(2, ticks) for ticks in (1, 2, 15, 16, 17)),
        ),
    ),
)
