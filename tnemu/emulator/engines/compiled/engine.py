"""The engine ``numba``: the compiled tick loop of ``kernels``, on as many threads as pay."""

from __future__ import annotations

import os
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engine import Trace
from tnemu.emulator.engines.compiled import layout, memory
from tnemu.emulator.engines.compiled.compiler import check_compiler
from tnemu.emulator.engines.compiled.crew import Crew
from tnemu.emulator.engines.compiled.kernels import arrays, tick
from tnemu.emulator.engines.compiled.kernels.vector import NARROW_MOST
from tnemu.emulator.state import Events, State
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURONS, SLOTS

BUFFER_ROWS = 1 << 20
"""Spikes that a trace buffer holds; a run is cut so that its every tick could fire everything."""
CORES_PER_THREAD = 1024
"""Cores that make one more thread worth its barrier a tick."""


def default_threads(cores: int) -> int:
    """One thread, and one more for every 1,024 cores, up to the processors this process may use."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return max(1, min(available, cores // CORES_PER_THREAD))


class NumbaEngine:
    """Runs whole runs in compiled code; Python sees a run's buffers, never a neuron or a spike.

    Every thread owns a range of cores. All threads run the same ticks, meet at a barrier after each,
    and then take in what the others have sent them; the result does not depend on their number.
    """

    def __init__(self, image: BoardImage, threads: int | None = None) -> None:
        check_compiler()
        n = image.core_count
        words = -(-n // arrays.BLOCK)
        self.threads = min(threads or default_threads(n), max(1, words))
        self.board = layout.load(image, self.threads)
        self._used = np.count_nonzero(image.types, axis=1)
        self._exits = layout.outputs_per_tick(self.board)
        self._scratch = [scratch() for _ in range(self.threads)]
        self._crew = Crew(self.threads)
        self._behind = False  # spikes of the state may wait in the calendar
        self._state: State | None = None
        self._machine: arrays.Machine

    def advance(self, state: State, ticks: int, trace: Trace) -> None:
        if state is not self._state:  # what the engine keeps of its own belongs to a state
            if self._state is not None:
                self.settle(self._state)
            self._state, self._machine = state, self._attach(state)
        while ticks:
            recorded = trace.recorded & (not trace.full)
            some, traces = self._traces(recorded, ticks)
            self._behind = True
            self._machine.gate[:] = 0
            self._crew.run(
                partial(self._work, state, some, traces),
                self._is_over,
                partial(self._count, state, some),
            )
            trace.write(
                np.concatenate([t.outputs[: t.counts[0]] for t in traces]),
                _in_order([t.spikes[: t.counts[1]] for t in traces]),
            )
            ticks -= some

    def deliver(self, state: State) -> None:
        if state is self._state and self._behind and self._machine.calendar.size:
            _, traces = self._traces(np.zeros(len(state.firings), np.bool_), 0)
            for thread in range(self.threads):
                self._work(state, 0, traces, thread)
            self._count(state, 0)
            self._behind = False

    def settle(self, state: State) -> None:
        self.deliver(state)
        if state is self._state:
            machine = self._machine
            np.copyto(state.potentials, machine.narrow, where=machine.wide[:, None] == 0)

    def _work(self, state: State, ticks: int, traces: list[arrays.Trace], thread: int) -> None:
        """``ticks`` ticks of one thread's cores."""
        tick.advance(
            self.board, self._machine, self._scratch[thread], traces[thread], state.pending,
            thread, state.tick, ticks,
        )  # fmt: skip

    def _is_over(self) -> bool:
        """Whether thread 0 has run all ticks; it has, or it has not begun."""
        return bool(self._machine.gate[arrays.OVER])

    def _count(self, state: State, ticks: int) -> None:
        """``ticks`` ticks are over, on all threads."""
        machine = self._machine
        state.tick += ticks
        state.pending = state.pending[np.searchsorted(state.pending[:, 0], state.tick) :]
        state.counters[arrays.TICKS] += ticks
        state.counters += machine.counters[:, : len(state.counters)].sum(axis=0)
        machine.counters[:] = 0

    def _traces(
        self, recorded: npt.NDArray[np.bool_], ticks: int
    ) -> tuple[int, list[arrays.Trace]]:
        """The ticks that can be run, and for every thread buffers in which everything may fire."""
        bounds = self.board.bounds
        firing = np.where(recorded, self._used, 0)
        spikes = [firing[a:b].sum() for a, b in pairwise(bounds)]
        most = max(1, *self._exits, *spikes)
        some = min(ticks, max(1, BUFFER_ROWS // int(most)))
        return some, [
            arrays.Trace(
                outputs=np.empty((int(exits) * some, 3), np.int64),
                spikes=np.empty((int(fired) * some, 3), np.int64),
                recorded=recorded,
                counts=np.zeros(2, np.int64),
            )
            for exits, fired in zip(self._exits, spikes, strict=True)
        ]

    def _attach(self, state: State) -> arrays.Machine:
        """What the engine keeps between ticks beside the state: all cores awake, nothing on its way."""
        threads, cores, v = self.threads, len(state.potentials), state.potentials
        narrow = layout.aligned(v.shape, np.int16)
        wide = ((self.board.flags[self.board.block] & arrays.NARROW) == 0).astype(np.uint8)
        wide[np.asarray(((v > NARROW_MOST) | (v < -NARROW_MOST - 1)).any(axis=1))] = 1
        np.copyto(narrow, v, where=wide[:, None] == 0, casting="unsafe")
        most = max(1, int(np.diff(self.board.bounds).max()))
        owned = most * NEURONS if threads > 1 else 0
        pages = int(self.board.page_of.max(initial=0)) + 1
        room = memory.list_room(cores, threads)
        waiting = layout.aligned((SLOTS, -(-cores // arrays.BLOCK) * arrays.BLOCK), np.uint8)
        waiting[:, :cores] = state.slots.any(axis=2)
        return arrays.Machine(
            potentials=v,
            narrow=narrow,
            wide=wide,
            slots=state.slots,
            calendar=np.empty((threads, SLOTS, pages, room), np.uint32),
            listed=layout.aligned((threads, SLOTS, pages), np.int64),
            fired=state.firings,
            waiting=waiting,
            awake=every_core(cores),
            counters=np.zeros((threads, 2 * arrays.COUNTERS), np.int64),
            # Every neuron of a thread may send to one other; memory that no spike reaches costs nothing.
            outbox=np.empty((2, threads, threads, owned), np.uint32),
            outbox_count=np.zeros((2, threads, threads, 8), np.int64),
            gate=np.zeros(2 * layout.CACHE_LINE // 8, np.int64),
        )


def scratch() -> arrays.Scratch:
    """One thread's work space."""
    return arrays.Scratch(
        axons=layout.aligned((arrays.BLOCK * AXONS + 8,), np.uint16),
        ends=np.zeros(arrays.BLOCK, np.int64),
        fired=np.zeros(arrays.BLOCK * NEURONS + 8, np.uint16),
        sent=np.zeros(arrays.BLOCK * NEURONS, np.uint32),
        answer=layout.aligned((16,), np.uint64),
        leak=layout.aligned((NEURONS,), np.int32),
        eta=layout.aligned((NEURONS,), np.int32),
        zeros=layout.aligned((NEURONS,), np.int32),
    )


def every_core(cores: int) -> npt.NDArray[np.uint64]:
    """A bitmap uint64 [words] of all cores."""
    bits = np.arange(-(-cores // arrays.BLOCK) * arrays.BLOCK) < cores
    return np.packbits(bits, bitorder="little").view(np.uint64)


def _in_order(pieces: list[Events]) -> Events:
    """Rows of several threads, sorted by their columns."""
    rows = np.concatenate(pieces)
    if len(pieces) == 1:
        return rows
    return np.asarray(rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))])
