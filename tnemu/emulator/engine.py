"""The contract between the emulator and its engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tnemu.emulator.state import Events, State


@dataclass(eq=False)
class Trace:
    """Where an engine writes down what one run did.

    recorded  bool [n]  cores whose firings are wanted
    limit     firings wanted at most; an engine may stop recording once it has written more
    outputs   pieces of rows (tick, connector index, pin), in any order
    spikes    pieces of rows (tick, core, neuron), in that order
    """

    recorded: npt.NDArray[np.bool_]
    limit: int = 0
    outputs: list[Events] = field(default_factory=list)
    spikes: list[Events] = field(default_factory=list)
    spike_count: int = 0

    def write(self, outputs: Events, spikes: Events) -> None:
        """Append a piece of either kind; past the limit, firings are no longer kept."""
        self.outputs.append(outputs)
        if not self.full:
            self.spikes.append(spikes)
            self.spike_count += len(spikes)

    @property
    def full(self) -> bool:
        """One firing more than the limit has been written: enough to know that there were more."""
        return self.spike_count > self.limit


class Engine(Protocol):
    """Evaluates ticks of one image. All engines agree to the bit on state, counters and trace."""

    def advance(self, state: State, ticks: int, trace: Trace) -> None:
        """Evaluate ``ticks`` ticks in place.

        A tick: inputs pending for it set their slot bits; every core reads row tick mod 16, and
        clears it; every used neuron is evaluated; every spike sets a bit of row (tick + delay) mod
        16 of its target, or is written to the trace.

        In between an engine may keep potentials, and spikes on their way, in a form of its own: see
        ``settle`` and ``deliver``.
        """
        ...

    def deliver(self, state: State) -> None:
        """Bring ``state.slots``, and with them the count of merged spikes, up to date."""
        ...

    def settle(self, state: State) -> None:
        """Bring all of the state up to date."""
        ...


def rows(events: list[Events]) -> Events:
    """The pieces as one array int64 [m, 3]."""
    return np.concatenate([np.zeros((0, 3), np.int64), *events])
