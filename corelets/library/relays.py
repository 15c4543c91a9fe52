"""Small corelets that only pass spikes on: relay, delay and splitter.

All three use one neuron, :data:`tnemu.hardware.neuron.RELAY_NEURON`, which is stateless::

    s = (1, 1, 1, 1), alpha = 1, beta = 0, kappa = 1:   fires iff its axon is active; V = 0 afterwards
"""

from __future__ import annotations

import itertools

import numpy as np

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Input, Output, Pins
from corelets.language.raster import Raster, Rasters, later, taken
from corelets.library.entry import Entry
from tnemu.errors import whole
from tnemu.hardware.neuron import AXONS, MAX_DELAY, NEURONS, RELAY_NEURON

LONGEST = 1_000_000
"""Ticks of the longest :class:`Delay`: 66,667 cores in a row, more than any board has."""


class Splitter(Corelet):
    """output[c * width + i] = input[i] for every copy c < copies, one tick later.

    ``copy(c)`` is the output of one copy. Wiring one pin to many places needs no Splitter: the
    mapper makes copies or splitter cores by itself. Ask for one to fix where the copies are made.
    A core serves 256 // copies pins. ``copies`` is 1..256; CoreletError for anything else.
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
        each = min(AXONS, NEURONS // self.copies)
        for first in range(0, width, each):
            part = self.input[first : first + each]
            core = self.core([part], RELAY_NEURON, np.tile(np.eye(part.width), self.copies))
            for c in range(self.copies):
                self.connect(
                    core.neurons[c * part.width : (c + 1) * part.width],
                    self.copy(c)[first : first + each],
                )

    def copy(self, c: int) -> Pins:
        """Output pins of copy ``c`` (0..copies-1), in the order of the input."""
        c = whole(f"{self.describe()}: copy", c, 0, self.copies - 1, error=CoreletError)
        width = self.input.width
        return self.output[c * width : (c + 1) * width]

    def model(self, rasters: Rasters) -> dict[str, Raster]:
        """output[t, c * width + i] = input[t - 1, i]."""
        return {"output": np.tile(later(taken(self.input, rasters), 1), self.copies)}


class Relay(Splitter):
    """output[i] = input[i], one tick later.

    A core serves 256 pins.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, copies=1)


class Delay(Corelet):
    """output[i] at tick t = input[i] at tick t - ticks.

    ``ticks`` is 1..1,000,000; CoreletError for anything else.

    A chain of relays whose inner wires have explicit delays of at most 15 ticks. Wires whose delay
    is left to the mapper are balanced, also against this chain: a spike that went around it would
    be held back to arrive with the delayed one. To compare a signal with its own past, connect
    both ways with explicit delays.
    """

    def __init__(self, width: int, ticks: int) -> None:
        self.input, self.output = Input(width), Output(width)
        self.ticks = whole(f"{self.describe()}: ticks", ticks, 1, LONGEST, error=CoreletError)
        wires = [MAX_DELAY] * ((self.ticks - 1) // MAX_DELAY)
        if (self.ticks - 1) % MAX_DELAY:
            wires.append((self.ticks - 1) % MAX_DELAY)
        self.steps = [Relay(width) for _ in range(len(wires) + 1)]
        self.connect(self.input, self.steps[0].input)
        for (here, there), delay in zip(itertools.pairwise(self.steps), wires, strict=True):
            self.connect(here.output, there.input, delay=delay)
        self.connect(self.steps[-1].output, self.output)

    def model(self, rasters: Rasters) -> dict[str, Raster]:
        """output[t, i] = input[t - ticks, i]."""
        return {"output": later(taken(self.input, rasters), self.ticks)}


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
