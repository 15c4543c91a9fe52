"""The engine ``compiled``: the tick loop of ``kernels``, on as many threads as pay."""

from __future__ import annotations

import os
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engine import Trace
from tnemu.emulator.engines.compiled import layout, sizes, stretch
from tnemu.emulator.engines.compiled.compiler import check_compiler
from tnemu.emulator.engines.compiled.crew import Crew
from tnemu.emulator.engines.compiled.kernels import arrays, waves
from tnemu.emulator.engines.compiled.kernels import tick as tick_loop
from tnemu.emulator.engines.compiled.kernels.narrow import NARROW_MOST
from tnemu.emulator.state import Events, State
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURONS, SLOTS

BUFFER_ROWS = 1 << 20
"""Spikes that a trace buffer holds; a run is cut so that its every tick could fire everything."""
BUDGET = 200_000_000
"""What a thread may spend before Python is asked whether there is an interrupt: about 0.2 s (see
``kernels/arrays.py`` for its unit)."""
CORES_PER_THREAD = 1024
"""Cores that make one more thread worth its barrier a tick."""


def default_threads(cores: int) -> int:
    """One thread, and one more for every 1,024 cores, up to the processors this process may use."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return max(1, min(available, cores // CORES_PER_THREAD))


class CompiledEngine:
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
        self._stretch: stretch.Stretch | None = None
        self._sought = False  # whether there is a stretch
        self._behind = False  # spikes of the state may wait in the calendar
        self._state: State | None = None
        self._live: arrays.LiveArrays
        self._counted: npt.NDArray[np.int64]

    def advance(self, state: State, ticks: int, trace: Trace) -> None:
        """As :meth:`Engine.advance`. Another state than the last one is loaded first, which costs a
        copy of it. A run is cut into pieces whose trace buffers cannot overflow.
        """
        self._crew.finish()
        if state is not self._state:  # what the engine keeps of its own belongs to a state
            if self._state is not None:
                self.settle(self._state)
            self._state, self._live, self._counted = self._attach(state)
        end = state.tick + ticks
        try:
            while state.tick < end:
                if not self._run_waves(state, end - state.tick, trace):
                    self._run_piece(state, end - state.tick, trace)
        except BaseException:
            self._crew.finish()  # what an interrupt between two lines has left: then the tick is known
            raise
        state.pending = state.due()

    def _run_piece(self, state: State, ticks: int, trace: Trace) -> None:
        """``ticks`` ticks, or as many as the buffers hold and the budget affords."""
        recorded = trace.recorded & (not trace.full)
        some, buffers = self._buffers(recorded, ticks)
        self._start()
        work = partial(self._work, state.tick, some, state.due(), buffers)
        self._crew.run(work, self._is_over)
        _write(trace, buffers, in_order=self.threads == 1)

    def _run_waves(self, state: State, ticks: int, trace: Trace) -> bool:
        """Up to 256 ticks, the stretch's cores one after the other; False where that does not pay."""
        if not stretch.likely(state, ticks):
            return False
        if not self._sought:
            self._stretch, self._sought = stretch.made(self.board), True
        if self._stretch is None:
            return False
        recorded = trace.recorded & (not trace.full)
        some, buffers = self._buffers(recorded, self._stretch.most_ticks(ticks), anywhere=True)
        due = self._stretch.inputs(state, some)
        if not self._stretch.pays(due, state.tick, some):
            return False
        self._start()
        work = partial(
            self._work_in_waves,
            self._stretch.arrays,
            self._stretch.buffers(some),
            state.tick,
            some,
            due,
            buffers,
        )
        self._crew.run(work, self._is_over)
        _write(trace, buffers, in_order=False)
        return True

    def deliver(self, state: State) -> None:
        """Empty the calendar into ``state.slots`` and add up the threads' counters; a state that the
        engine is not working on is up to date.
        """
        self._crew.finish()
        if state is not self._state:
            return
        if self._behind and self._live.calendar.size:
            _, buffers = self._buffers(np.zeros(len(state.firings), np.bool_), 0)
            for thread in range(self.threads):
                self._work(state.tick, 0, state.due(), buffers, thread)
        self._behind = False
        counted = self._counted + self._live.counters.sum(axis=0)[: len(self._counted)]
        counted[arrays.TICKS] += state.tick
        state.counters[:] = counted

    def settle(self, state: State) -> None:
        """Deliver, widen the potentials that are kept in 16 bits, and let generators that slept jump."""
        self.deliver(state)
        if state is self._state:
            live, board = self._live, self.board
            narrow = live.wide[:, None] != arrays.IN_32_BITS
            np.copyto(state.potentials, live.narrow, where=narrow)
            layout.catch_up(board, live.generators[None], live.since, state.tick)

    def _work(
        self, tick: int, ticks: int, inputs: Events, buffers: list[arrays.TraceBuffers], thread: int
    ) -> None:
        """``ticks`` ticks of one thread's cores, or fewer if they cost too much."""
        tick_loop.advance(
            self.board, self._live, self._scratch[thread], buffers[thread], inputs,
            thread, tick, ticks, BUDGET, 0,
        )  # fmt: skip

    def _work_in_waves(
        self,
        found: waves.Stretch,
        work_on: waves.Waves,
        tick: int,
        ticks: int,
        inputs: tuple[Events, Events],
        buffers: list[arrays.TraceBuffers],
        thread: int,
    ) -> None:
        """``ticks`` ticks of one thread's cores, whatever they cost."""
        waves.advance_waves(
            self.board, self._live, self._scratch[thread], buffers[thread], *inputs,
            found, work_on, thread, tick, ticks,
        )  # fmt: skip

    def _start(self) -> None:
        """Before the threads start: nobody has come, or wants to stop."""
        self._behind = True
        self._live.gate[:] = 0
        self._live.gate[arrays.STOP] = arrays.NEVER

    def _is_over(self) -> bool:
        """Whether thread 0 has run its ticks; it has, or it has not begun."""
        return bool(self._live.gate[arrays.OVER])

    def _buffers(
        self, recorded: npt.NDArray[np.bool_], ticks: int, *, anywhere: bool = False
    ) -> tuple[int, list[arrays.TraceBuffers]]:
        """The ticks that can be run, and for every thread buffers in which all its cores may fire.

        anywhere: a thread may evaluate any core.
        """
        bounds = self.board.bounds
        firing, exits = np.where(recorded, self._used, 0), self._exits
        spikes = np.array([firing[a:b].sum() for a, b in pairwise(bounds)])
        if anywhere:
            exits, spikes = (np.full(self.threads, each.sum()) for each in (exits, spikes))
        most = max(1, *exits, *spikes)
        some = min(ticks, max(1, BUFFER_ROWS // int(most)))
        return some, [
            arrays.TraceBuffers(
                outputs=np.empty((int(sent) * some, 3), np.int64),
                spikes=np.empty((int(fired) * some, 3), np.int64),
                recorded=recorded,
                counts=np.zeros(2, np.int64),
            )
            for sent, fired in zip(exits, spikes, strict=True)
        ]

    def _attach(self, state: State) -> tuple[State, arrays.LiveArrays, npt.NDArray[np.int64]]:
        """What the engine keeps beside the state: all cores awake, nothing on its way, nothing counted.

        Counters of the state are ``counted`` and what the threads count from now on; the ticks among
        them, which the clock counts, are those before the clock began.
        """
        counted = state.counters.copy()
        counted[arrays.TICKS] -= state.tick
        threads, cores, v = self.threads, len(state.potentials), state.potentials
        narrow = layout.aligned(v.shape, np.int16)
        flags = self.board.flags[self.board.block]
        wide = np.select(
            [flags & arrays.NARROW != 0, flags & arrays.NOISY != 0],
            [arrays.IN_16_BITS, arrays.IN_16_BITS_WITH_NOISE],
            arrays.IN_32_BITS,
        ).astype(np.uint8)
        far = ((v > NARROW_MOST) | (v < -NARROW_MOST - 1)).any(axis=1)
        wide[np.asarray(far)] = arrays.IN_32_BITS
        np.copyto(narrow, v, where=wide[:, None] != arrays.IN_32_BITS, casting="unsafe")
        most = max(1, int(np.diff(self.board.bounds).max()))
        owned = most * NEURONS if threads > 1 else 0
        pages = int(self.board.page_of.max(initial=0)) + 1
        room = sizes.list_room(cores, threads)
        waiting = layout.aligned((SLOTS, -(-cores // arrays.BLOCK) * arrays.BLOCK), np.uint8)
        waiting[:, :cores] = state.slots.any(axis=2)
        live = arrays.LiveArrays(
            potentials=v,
            narrow=narrow,
            wide=wide,
            slots=state.slots,
            calendar=np.empty((threads, SLOTS, pages, room), np.uint32),
            listed=layout.aligned((threads, SLOTS, pages), np.int64),
            fired=state.firings,
            generators=state.generators,
            since=np.full(cores, state.tick, np.int64),
            waiting=waiting,
            awake=every_core(cores),
            counters=np.zeros((threads, 2 * arrays.COUNTERS), np.int64),
            clock=state.clock,
            # Every neuron of a thread may send to one other; memory that no spike reaches costs nothing.
            outbox=np.empty((2, threads, threads, owned), np.uint32),
            outbox_count=np.zeros((2, threads, threads, 8), np.int64),
            gate=np.zeros(2 * layout.CACHE_LINE // 8, np.int64),
        )
        return state, live, counted


def scratch() -> arrays.Scratch:
    """One thread's work space."""
    return arrays.Scratch(
        axons=layout.aligned((arrays.BLOCK * AXONS + 8,), np.uint16),
        ends=np.zeros(arrays.BLOCK, np.int64),
        fired=np.zeros(arrays.BLOCK * NEURONS + 8, np.uint16),
        sent=np.zeros(arrays.BLOCK * NEURONS, np.uint32),
        answer=layout.aligned((16,), np.uint64),
        noise=layout.aligned((2 * NEURONS,), np.int32),
        narrow_noise=layout.aligned((2 * NEURONS,), np.int16),
        zeros=layout.aligned((NEURONS,), np.int32),
        places=layout.aligned((NEURONS + 1,), np.uint32),
        words=layout.aligned((arrays.MOST_WORDS + 256,), np.uint32),
        bytes=layout.aligned((arrays.MOST_WORDS + 256,), np.uint8),
    )


def every_core(cores: int) -> npt.NDArray[np.uint64]:
    """A bitmap uint64 [words] of all cores."""
    bits = np.arange(-(-cores // arrays.BLOCK) * arrays.BLOCK) < cores
    return np.packbits(bits, bitorder="little").view(np.uint64)


def _write(trace: Trace, buffers: list[arrays.TraceBuffers], *, in_order: bool) -> None:
    """Hand a run's rows over; ``in_order``: those of spikes are sorted by their columns already."""
    spikes = np.concatenate([b.spikes[: b.counts[1]] for b in buffers])
    if not in_order:
        spikes = spikes[np.lexsort((spikes[:, 2], spikes[:, 1], spikes[:, 0]))]
    trace.write(np.concatenate([b.outputs[: b.counts[0]] for b in buffers]), spikes)
