"""The contract between the emulator and its engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tnemu.emulator.lane_state import LaneInputs, LaneState
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
    """Evaluates ticks of one image. All engines agree to the bit on state, counters and trace.

    An exception that is raised while it works, as an interrupt is, leaves a whole number of ticks
    evaluated, and ``state.tick`` says how many. It is called by one caller at a time.
    """

    threads: int
    """Threads that it runs on."""

    def advance(self, state: State, ticks: int, trace: Trace) -> None:
        """Evaluate ``ticks`` ticks in place.

        A tick: inputs pending for it set their slot bits; every core reads row tick mod 16, and
        clears it; every used neuron is evaluated; every spike sets a bit of row (tick + delay) mod
        16 of its target, or is written to the trace.

        In between an engine may keep potentials, counters, generators, and spikes on their way, in a form of its
        own: see ``deliver`` and ``settle``. An interrupt should be served within about a second.
        """
        ...

    def deliver(self, state: State) -> None:
        """Bring ``state.slots`` and ``state.counters`` up to date."""
        ...

    def settle(self, state: State) -> None:
        """Bring all of the state up to date."""
        ...


@dataclass(eq=False)
class LaneTrace:
    """Where an engine writes down what one run of many boards did.

    recorded  bool [n]  cores whose firings are wanted
    limit     firings wanted at most of every lane
    outputs   pieces of rows (lane, tick, connector index, pin), every lane's in order of tick, then
              connector number, then pin
    spikes    pieces of rows (lane, tick, core, neuron), every lane's in that order
    """

    recorded: npt.NDArray[np.bool_]
    lanes: int
    limit: int = 0
    outputs: list[Events] = field(default_factory=list)
    spikes: list[Events] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.count = np.zeros(self.lanes, np.int64)

    def write(self, outputs: Events, spikes: Events) -> None:
        """Append a piece of either kind; past the limit, a lane's firings are no longer kept."""
        self.outputs.append(outputs)
        wanted = spikes[self.count[spikes[:, 0]] <= self.limit]
        self.spikes.append(wanted)
        self.count += np.bincount(wanted[:, 0], minlength=self.lanes)

    @property
    def full(self) -> bool:
        """Every lane has one firing more than the limit: enough to know that there were more."""
        return bool((self.count > self.limit).all())


class LaneEngine(Protocol):
    """Evaluates ticks of many boards of one image, each as if it were alone. It owns their state.

    As for an :class:`Engine`, an interrupt leaves a whole number of ticks, the same for all boards.
    """

    @property
    def tick(self) -> int:
        """The next tick to be evaluated, of every board."""
        ...

    @property
    def counters(self) -> npt.NDArray[np.int64]:
        """int64 [8], of all boards together."""
        ...

    @property
    def firings(self) -> npt.NDArray[np.int64]:
        """int64 [n], of all boards together."""
        ...

    @property
    def potentials(self) -> npt.NDArray[np.int32]:
        """A copy of V: int32 [lanes, n, 256]."""
        ...

    @property
    def generators(self) -> npt.NDArray[np.uint32]:
        """A copy of the state of every core's noise: uint32 [lanes, n]."""
        ...

    @property
    def in_slots(self) -> int:
        """Spikes of all boards that wait in a slot."""
        ...

    def advance(self, ticks: int, inputs: LaneInputs, trace: LaneTrace) -> None:
        """Evaluate ``ticks`` ticks of every board; of the inputs those that are due set slot bits."""
        ...

    def slots(self) -> npt.NDArray[np.uint64]:
        """A copy of the scheduler rows: uint64 [words, 16, n, 256], bit k of word w = lane 64 w + k."""
        ...

    def load(self, state: LaneState) -> None:
        """Go on from this state."""
        ...


def rows(events: list[Events], columns: int = 3) -> Events:
    """The pieces as one array int64 [m, columns]."""
    return (
        events[0]
        if len(events) == 1
        else np.concatenate([np.zeros((0, columns), np.int64), *events])
    )
