"""Small corelets that only pass spikes on: relay, delay and splitter.

All three use one neuron, which is stateless::

    s = (1, 1, 1, 1), alpha = 1, beta = 0, kappa = 1:   fires iff its axon is active; V = 0 afterwards
"""

from __future__ import annotations

import itertools

import numpy as np

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Input, Output, Pins
from tnemu.hardware.neuron import AXONS, MAX_DELAY, NEURONS, neuron

RELAY_NEURON = neuron(s=(1, 1, 1, 1), alpha=1, beta=0, kappa=1)
"""Fires in exactly the ticks in which one of its axons is active."""


class Splitter(Corelet):
    """output[c * width + i] = input[i] for every copy c < copies, one tick later.

    ``copy(c)`` is the output of one copy. Wiring one pin to many places needs no Splitter: the
    mapper makes copies or splitter cores by itself. Ask for one to fix where the copies are made.
    """

    def __init__(self, width: int, copies: int) -> None:
        if not 1 <= copies <= NEURONS:
            raise CoreletError(
                f"Splitter({width}, {copies}): a core makes 1..{NEURONS} copies of an axon; feed "
                "several splitters by one input"
            )
        self.input, self.output = Input(width), Output(width * copies)
        self.copies = copies
        each = min(AXONS, NEURONS // copies)
        for first in range(0, width, each):
            part = self.input[first : first + each]
            core = self.core([part], RELAY_NEURON, np.tile(np.eye(part.width), copies))
            for c in range(copies):
                self.connect(
                    core.neurons[c * part.width : (c + 1) * part.width],
                    self.copy(c)[first : first + each],
                )

    def copy(self, c: int) -> Pins:
        """Output pins of copy ``c``, in the order of the input."""
        width = self.input.width
        return self.output[c * width : (c + 1) * width]


class Relay(Splitter):
    """output[i] = input[i], one tick later."""

    def __init__(self, width: int) -> None:
        super().__init__(width, copies=1)


class Delay(Corelet):
    """output[i] at tick t = input[i] at tick t - ticks.

    A chain of relays whose inner wires have explicit delays of at most 15 ticks. Wires whose delay
    is left to the mapper are balanced, also against this chain: a spike that went around it would
    be held back to arrive with the delayed one. To compare a signal with its own past, connect
    both ways with explicit delays.
    """

    def __init__(self, width: int, ticks: int) -> None:
        if isinstance(ticks, bool) or ticks < 1:
            raise CoreletError(f"Delay({width}, {ticks!r}): the delay is a number of ticks from 1")
        self.input, self.output = Input(width), Output(width)
        wires = [MAX_DELAY] * ((ticks - 1) // MAX_DELAY)
        if (ticks - 1) % MAX_DELAY:
            wires.append((ticks - 1) % MAX_DELAY)
        self.steps = [Relay(width) for _ in range(len(wires) + 1)]
        self.connect(self.input, self.steps[0].input)
        for (here, there), delay in zip(itertools.pairwise(self.steps), wires, strict=True):
            self.connect(here.output, there.input, delay=delay)
        self.connect(self.steps[-1].output, self.output)
