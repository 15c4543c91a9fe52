"""The engine ``numba``: the compiled tick loop of ``kernels``, on as many threads as pay."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tnemu.emulator import layout
from tnemu.emulator.engine import Trace
from tnemu.emulator.kernels import arrays, tick
from tnemu.emulator.kernels.vector import NARROW_MOST
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
        n = image.core_count
        words = -(-n // arrays.BLOCK)
        self.threads = min(threads or default_threads(n), max(1, words))
        self.board = layout.load(image, self.threads)
        self._used = np.count_nonzero(image.types, axis=1)
        self._exits = layout.outputs_per_tick(self.board)
        self._scratch = [scratch() for _ in range(self.threads)]
        self._workers: ThreadPoolExecutor | None = None
        self._workers_of = 0
        self._state: State | None = None
        self._machine: arrays.Machine

    def advance(self, state: State, ticks: int, trace: Trace) -> None:
        if state is not self._state:  # what the engine keeps of its own belongs to a state
            if self._state is not None:
                self.settle(self._state)
            self._state, self._machine = state, self._attach(state)
        while ticks:
            recorded = trace.recorded & (not trace.full)
            traces = self._traces(recorded, ticks)
            some = traces[0][0]
            self._run(state, some, [t for _, t in traces])
            trace.write(
                np.concatenate([t.outputs[: t.counts[0]] for _, t in traces]),
                _in_order([t.spikes[: t.counts[1]] for _, t in traces]),
            )
            state.tick += some
            state.pending = state.pending[np.searchsorted(state.pending[:, 0], state.tick) :]
            ticks -= some
            state.counters[arrays.TICKS] += some

    def deliver(self, state: State) -> None:
        if state is self._state and self._machine.calendar.size:
            nothing = np.zeros(len(state.firings), np.bool_)
            self._run(state, 0, [t for _, t in self._traces(nothing, 0)])

    def settle(self, state: State) -> None:
        self.deliver(state)
        if state is self._state:
            machine = self._machine
            np.copyto(state.potentials, machine.narrow, where=machine.wide[:, None] == 0)

    def _run(self, state: State, ticks: int, traces: list[arrays.Trace]) -> None:
        """``ticks`` ticks on every thread; the first is this one."""
        machine = self._machine
        machine.gate[:] = 0
        others = [
            self._pool().submit(self._work, i, state, ticks, traces[i])
            for i in range(1, self.threads)
        ]
        self._work(0, state, ticks, traces[0])
        for other in others:
            other.result()
        state.counters += machine.counters[:, : len(state.counters)].sum(axis=0)
        machine.counters[:] = 0

    def _work(self, thread: int, state: State, ticks: int, trace: arrays.Trace) -> None:
        """``ticks`` ticks of one thread's cores."""
        scratch = self._scratch[thread]
        tick.advance(
            self.board, self._machine, scratch, trace, state.pending, thread, state.tick, ticks
        )

    def _pool(self) -> ThreadPoolExecutor:
        """A worker for every other thread, so that none stands before the barrier unstarted.

        They end with the engine. A forked process has a copy of the engine but none of its threads.
        """
        if self._workers is None or self._workers_of != os.getpid():
            self._workers = ThreadPoolExecutor(self.threads - 1, "tnemu-engine")
            self._workers_of = os.getpid()
        return self._workers

    def _traces(
        self, recorded: npt.NDArray[np.bool_], ticks: int
    ) -> list[tuple[int, arrays.Trace]]:
        """For every thread the ticks that can be run, and buffers in which everything may fire."""
        bounds = self.board.bounds
        firing = np.where(recorded, self._used, 0)
        spikes = [firing[a:b].sum() for a, b in pairwise(bounds)]
        most = max(1, *self._exits, *spikes)
        some = min(ticks, max(1, BUFFER_ROWS // int(most)))
        return [
            (
                some,
                arrays.Trace(
                    outputs=np.empty((int(exits) * some, 3), np.int64),
                    spikes=np.empty((int(fired) * some, 3), np.int64),
                    recorded=recorded,
                    counts=np.zeros(2, np.int64),
                ),
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
        pages = SLOTS * -(-most // arrays.PAGE)
        room = arrays.PAGE_ROOM if cores >= arrays.CALENDAR_CORES else 0
        return arrays.Machine(
            potentials=v,
            narrow=narrow,
            wide=wide,
            slots=state.slots,
            calendar=np.empty((threads, pages * room), np.uint32),
            listed=np.zeros((threads, pages), np.int64),
            fired=state.firings,
            waiting=core_bits(np.asarray(state.slots.any(axis=2))),
            awake=core_bits(np.ones((1, cores), bool))[0],
            counters=np.zeros((threads, 2 * arrays.COUNTERS), np.int64),
            # Every neuron of a thread may send to one other; pages that no spike reaches cost nothing.
            outbox=np.empty((2, threads, threads, owned), np.int64),
            outbox_count=np.zeros((2, threads, threads, 8), np.int64),
            gate=np.zeros(2 * layout.CACHE_LINE // 8, np.int64),
        )


def scratch() -> arrays.Scratch:
    """One thread's work space."""
    return arrays.Scratch(
        axons=layout.aligned((arrays.BLOCK * AXONS + 8,), np.uint16),
        ends=np.zeros(arrays.BLOCK, np.int64),
        fired=np.zeros(arrays.BLOCK * NEURONS + 8, np.uint16),
        sent=np.zeros(arrays.BLOCK * NEURONS, np.int64),
        answer=layout.aligned((16,), np.uint64),
        leak=layout.aligned((NEURONS,), np.int32),
        eta=layout.aligned((NEURONS,), np.int32),
        zeros=layout.aligned((NEURONS,), np.int32),
    )


def core_bits(cores: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """Bitmaps uint64 [m, words] of bool [m, n], one bit a core."""
    m, n = cores.shape
    padded = np.zeros((m, -(-n // arrays.BLOCK) * arrays.BLOCK), bool)
    padded[:, :n] = cores
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def _in_order(pieces: list[Events]) -> Events:
    """Rows of several threads, sorted by their columns."""
    rows = np.concatenate(pieces)
    if len(pieces) == 1:
        return rows
    return np.asarray(rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))])
