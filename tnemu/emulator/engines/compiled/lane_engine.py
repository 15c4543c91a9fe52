"""The lanes of the engine ``compiled``: each crossbar row is read once for 64 boards.

Cores that keep nothing between ticks and add only +1 and -1 (trinary students) are evaluated for all
lanes of a word at once, those of few neurons and synapses neuron by neuron, the others lane by lane.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engine import LaneTrace
from tnemu.emulator.engines.compiled import abreast, layout, listing, sizes
from tnemu.emulator.engines.compiled import engine as compiled
from tnemu.emulator.engines.compiled.compiler import check_compiler
from tnemu.emulator.engines.compiled.crew import Crew
from tnemu.emulator.engines.compiled.kernels import arrays, lanes
from tnemu.emulator.engines.compiled.kernels.abreast import Abreast, AbreastScratch
from tnemu.emulator.errors import SnapshotError
from tnemu.emulator.lane_state import WORD, LaneInputs, LaneState
from tnemu.emulator.spikes import connector_numbers
from tnemu.emulator.state import Events, start_potentials
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURONS, SLOTS

RECORD_ROWS = 1 << 14
"""Firings, each of up to 64 lanes, that a buffer holds where they are recorded."""
GROWTH = 4
"""How many times the ticks of the last piece the next may have at most."""


def threads_of(cores: int, lanes: int) -> int:
    """One, and one more for every 1,024 cores of 64 lanes, up to the words of lanes and the processors."""
    words = -(-lanes // WORD)
    return min(words, compiled.default_threads(words * cores))


class CompiledLanes:
    """Words of 64 lanes, shared out among threads; every word has a clock of its own.

    A run is cut into pieces that all words run before the next is begun. An interrupt may come between
    two words: whatever is asked next first lets those behind catch up.
    """

    def __init__(self, image: BoardImage, generators: npt.NDArray[np.uint32]) -> None:
        """``generators`` [lanes, n]: the state of every core's noise before tick 0."""
        check_compiler()
        count = len(generators)
        self.board = layout.load(image, threads=1)
        """The image as the kernels have it."""
        self._synapses = np.bitwise_count(self.board.crossbar).sum(axis=2, dtype=np.uint16)
        self._lists = listing.made(self.board, np.flatnonzero(listing.sliced(self.board)))
        self._plan = abreast.plan(self.board, image, self._synapses, min(count, WORD))
        sizes.check_lanes(self.board, count, len(self._plan.width))
        self.threads = threads_of(image.core_count, count)
        self._crew = Crew(self.threads)
        self._scratch = [compiled.scratch() for _ in range(self.threads)]
        self._used = np.count_nonzero(image.types, axis=1)
        self._most_outputs = int(layout.outputs_per_tick(self.board).sum())
        connector, pin = self.board.outputs.T
        # of every output among all, in the order of spikes
        self._rank = np.empty(len(pin), np.int64)
        in_order = np.lexsort((pin, connector_numbers(image.outputs)[connector]))
        self._rank[in_order] = np.arange(len(pin))
        start = start_potentials(image)
        self._words = [
            _Word(self._plan, start, generators[first : first + WORD])
            for first in range(0, count, WORD)
        ]
        self._inputs = LaneInputs.none(count)
        self._before = np.zeros(arrays.COUNTERS, np.int64)  # counted before a state was loaded
        self._fired_before = np.zeros(image.core_count, np.int64)
        self._ticks_from = 0
        self._piece = 1
        self._lanes = count

    @property
    def tick(self) -> int:
        """The next tick to be evaluated."""
        return max(word.tick for word in self._words)

    @property
    def counters(self) -> npt.NDArray[np.int64]:
        """int64 [8], of all lanes together."""
        self._catch_up()
        total = self._before + np.sum([w.counters[: arrays.COUNTERS] for w in self._words], axis=0)
        total[arrays.TICKS] += (self.tick - self._ticks_from) * self._lanes
        return np.asarray(total)

    @property
    def firings(self) -> npt.NDArray[np.int64]:
        """int64 [n], of all lanes together."""
        self._catch_up()
        return np.asarray(self._fired_before + np.sum([w.fired for w in self._words], axis=0))

    @property
    def potentials(self) -> npt.NDArray[np.int32]:
        """A copy of V: int32 [lanes, n, 256]."""
        self._catch_up()
        return np.concatenate([word.all_potentials() for word in self._words])

    @property
    def generators(self) -> npt.NDArray[np.uint32]:
        """A copy of the state of every core's noise: uint32 [lanes, n]."""
        self._catch_up()
        return np.concatenate([word.all_generators(self.board) for word in self._words])

    @property
    def in_slots(self) -> int:
        """Spikes of all lanes that wait in a slot."""
        self._catch_up()
        return sum(int(np.bitwise_count(word.slots).sum()) for word in self._words)

    def slots(self) -> npt.NDArray[np.uint64]:
        """A copy of the scheduler rows: uint64 [words, 16, n, 256]."""
        self._catch_up()
        return np.stack([word.slots[..., :AXONS] for word in self._words])

    def load(self, state: LaneState) -> None:
        """Go on from this state; SnapshotError for a potential where nothing can have one."""
        if state.potentials[:, listing.sliced(self.board)].any():
            raise SnapshotError(
                "the snapshot is damaged: a neuron that keeps nothing between ticks has a potential; "
                "take a new one"
            )
        for index, word in enumerate(self._words):
            mine = slice(WORD * index, WORD * (index + 1))
            word.load(
                state.potentials[mine], state.generators[mine], state.slots[index], state.tick
            )
        self._before, self._fired_before = state.counters.copy(), state.firings.copy()
        self._ticks_from = state.tick

    def advance(self, ticks: int, inputs: LaneInputs, trace: LaneTrace) -> None:
        """Evaluate ``ticks`` ticks of every lane."""
        self._catch_up()
        end, self._inputs = self.tick + ticks, inputs
        while self.tick < end:
            recorded = trace.recorded & (not trace.full)
            self._run_piece(min(end - self.tick, self._piece), recorded, trace)

    def _run_piece(self, ticks: int, recorded: npt.NDArray[np.bool_], trace: LaneTrace) -> None:
        """Up to ``ticks`` ticks of every word; the busiest ones, one a thread, say how many.

        Their budget is a word's share of what all may spend until an interrupt is served.
        """
        start, count = self.tick, len(self._words)
        words = sorted(self._words, key=lambda word: word.spent, reverse=True)
        found: Found = {word: [] for word in words}
        for word in words:
            word.spent = 0
        budget = compiled.BUDGET * self.threads // count
        self._run_together(words[: self.threads], start + ticks, recorded, budget, found)
        self._run_together(words, self.tick, recorded, arrays.NEVER, found)
        spent = sum(word.spent for word in words) // self.threads
        done = self.tick - start
        affordable = done * compiled.BUDGET // max(1, spent)
        wanted = max(self._piece, GROWTH * done)
        self._piece = max(1, min(wanted, affordable, compiled.BUFFER_ROWS))
        for index, word in enumerate(self._words):
            for outputs, spikes in found[word]:
                outputs = outputs[np.lexsort((self._rank[outputs[:, 1]], outputs[:, 0]))]
                trace.write(
                    _unpacked(outputs, self.board.outputs, WORD * index),
                    _unpacked(spikes, None, WORD * index),
                )

    def _run_together(
        self,
        words: list[_Word],
        end: int,
        recorded: npt.NDArray[np.bool_],
        budget: int,
        found: Found,
    ) -> None:
        """As :meth:`_run` for all these words, on all threads; what they write goes to ``found``.

        After an interrupt thread 0 takes its words up again, which finds those that are through done.
        """
        over = list[bool]()

        def work(thread: int) -> None:
            for word in words[thread :: self.threads]:
                if word.tick < end:
                    found[word].append(self._run(word, end, recorded, budget, thread))
            if thread == 0:
                over.append(True)

        self._crew.run(work, lambda: bool(over))

    def _run(
        self,
        word: _Word,
        end: int,
        recorded: npt.NDArray[np.bool_],
        budget: int,
        thread: int = 0,
    ) -> tuple[Events, Events]:
        """Run a word up to tick ``end`` or until its budget is spent: its rows of outputs and spikes."""
        index = self._words.index(word)
        firing = int(np.where(recorded, self._used, 0).sum())
        outputs, spikes = [], []
        while word.tick < end:
            fit = min(
                compiled.BUFFER_ROWS // max(1, self._most_outputs), RECORD_ROWS // max(1, firing)
            )
            some = min(end - word.tick, max(1, fit))
            buffers = arrays.TraceBuffers(
                outputs=np.empty((self._most_outputs * some, 3), np.int64),
                spikes=np.empty((firing * some, 3), np.int64),
                recorded=recorded,
                counts=np.zeros(2, np.int64),
            )
            word.spent += lanes.advance_lanes(
                self.board, self._synapses, self._lists, self._plan, word.live, self._scratch[thread], word.scratch, word.mask,
                _due(self._inputs, index, word.tick, word.tick + some), buffers,
                word.tick, some, budget,
            )  # fmt: skip
            outputs.append(buffers.outputs[: buffers.counts[0]].copy())
            spikes.append(buffers.spikes[: buffers.counts[1]].copy())
            if budget < arrays.NEVER:
                break
        none = np.zeros((0, 3), np.int64)
        return np.concatenate([none, *outputs]), np.concatenate([none, *spikes])

    def _catch_up(self) -> None:
        """Let the words that an interrupt has left behind run up to the others."""
        self._crew.finish()
        nothing, end = np.zeros(len(self._used), np.bool_), self.tick
        for word in self._words:
            self._run(word, end, nothing, arrays.NEVER)


class _Word:
    """Up to 64 lanes: their state and work space."""

    def __init__(
        self,
        plan: Abreast,
        potentials: npt.NDArray[np.int32],
        generators: npt.NDArray[np.uint32],
    ) -> None:
        count, n = generators.shape
        self.mask = np.uint64((1 << count) - 1)
        self.spent = 0
        self._count = count
        self._abreast = np.flatnonzero(plan.place >= 0)
        self._others = np.flatnonzero(plan.place < 0)
        self.potentials = layout.aligned((count, n, NEURONS), np.int32)
        self.abreast = layout.aligned((len(self._abreast), NEURONS, WORD), np.int32)
        if potentials.any():
            self._set_potentials(np.broadcast_to(potentials, (count, n, NEURONS)))
        self.generators = layout.aligned((n, WORD), np.uint32)
        self.generators[:, :count] = generators.T
        self.since = np.zeros(n, np.int64)
        self.slots = layout.aligned((SLOTS, n, AXONS + 1), np.uint64)
        self.counters = np.zeros(2 * arrays.COUNTERS, np.int64)
        self.fired = np.zeros(n, np.int64)
        self.clock = np.zeros(1, np.int64)
        self.live = lanes.LaneArrays(
            potentials=self.potentials,
            abreast=self.abreast,
            generators=self.generators,
            since=self.since,
            words=self.slots,
            waiting=np.zeros((SLOTS, -(-n // arrays.BLOCK)), np.uint64),
            awake=compiled.every_core(n),
            counters=self.counters,
            clock=self.clock,
            fired=self.fired,
        )
        self.scratch = lanes.LaneScratch(
            axons=layout.aligned((WORD, AXONS), np.uint16),
            counts=np.zeros(WORD, np.int64),
            inverted=layout.aligned((AXONS + 1, 1), np.uint64),
            different=layout.aligned((NEURONS, 1), np.uint64),
            fired=layout.aligned((NEURONS,), np.uint64),
            abreast=AbreastScratch(
                sums=layout.aligned((WORD,), np.int16),
                leak=layout.aligned((WORD,), np.int32),
                eta=layout.aligned((WORD,), np.int32),
                changed=layout.aligned((8,), np.int32),
            ),
        )

    def all_potentials(self) -> npt.NDArray[np.int32]:
        """A copy of V: int32 [lanes, n, 256]."""
        found = self.potentials.copy()
        found[:, self._abreast] = self.abreast[..., : self._count].transpose(2, 0, 1)
        return found

    def all_generators(self, board: arrays.Layout) -> npt.NDArray[np.uint32]:
        """A copy of the state of every core's noise as of the next tick: uint32 [lanes, n]."""
        found = np.ascontiguousarray(self.generators[:, : self._count].T)
        layout.catch_up(board, found, self.since, self.tick)
        self.generators[:, : self._count] = found.T
        return found

    def _set_potentials(self, potentials: npt.NDArray[np.int32]) -> None:
        """Of int32 [lanes, n, 256]."""
        self.potentials[:, self._others] = potentials[:, self._others]
        mine = potentials[:, self._abreast].transpose(1, 2, 0)
        self.abreast[..., : self._count] = mine

    @property
    def tick(self) -> int:
        return int(self.clock[0])

    def load(
        self,
        potentials: npt.NDArray[np.int32],
        generators: npt.NDArray[np.uint32],
        slots: npt.NDArray[np.uint64],
        tick: int,
    ) -> None:
        """Set the state of a word that has run nothing yet."""
        self._set_potentials(potentials)
        self.generators[:, : self._count], self.since[:] = generators.T, tick
        self.slots[..., :AXONS] = slots
        waits = np.zeros((SLOTS, self.live.waiting.shape[1] * WORD), np.bool_)
        waits[:, : slots.shape[1]] = slots.any(axis=2)
        self.live.waiting[:] = np.packbits(waits, axis=1, bitorder="little").view(np.uint64)
        self.clock[0] = tick


Found = dict[_Word, list[tuple[Events, Events]]]
"""Rows of outputs and spikes that the runs of every word have written."""


def _due(inputs: LaneInputs, index: int, begin: int, end: int) -> tuple[npt.NDArray[Any], ...]:
    """One word's inputs of ticks ``begin`` .. ``end`` - 1, as (tick, core, axon, lanes)."""
    first, last = np.searchsorted(inputs.events[:, 0], [begin, end])
    lanes_of = inputs.lanes[first:last, index]
    mine = lanes_of != 0
    events = inputs.events[first:last][mine]
    return *(np.ascontiguousarray(column) for column in events.T), lanes_of[mine]


def _unpacked(rows: Events, outputs: npt.NDArray[np.int32] | None, first: int) -> Events:
    """A row (lane, tick, connector, pin) or (lane, tick, core, neuron) for every lane of rows.

    rows: (tick, output, lanes), or (tick, neuron of all cores, lanes) where there are no ``outputs``. All
    rows of a lane stand together, in the order of ``rows``.
    """
    words = np.ascontiguousarray(rows[:, 2]).view(np.uint8).reshape(-1, 8)
    bits = np.unpackbits(words, axis=1, bitorder="little")
    lane, row = np.nonzero(np.ascontiguousarray(bits.T).view(np.bool_))
    what = rows[:, 1]
    one, other = (what >> 8, what & 255) if outputs is None else outputs[what].T
    found = np.empty((len(row), 4), np.int64)
    found[:, 0] = lane + first
    for column, values in enumerate((rows[:, 0], one, other), 1):
        found[:, column] = values[row]
    return found
