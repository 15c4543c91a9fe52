"""Which cores of an image can be evaluated for many ticks at once, and when that pays (kernels/waves.py).

    a core is in the stretch  <=>  it keeps nothing between ticks, adds only +1 and -1,
                                   and every core that sends to it is in the stretch

so no cycle leads through it. Its wave is the longest way to it from a core that only the outside reaches.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engines.compiled import layout, listing
from tnemu.emulator.engines.compiled.kernels import arrays, waves
from tnemu.emulator.engines.compiled.kernels.lists import Lists
from tnemu.emulator.memory import available_bytes
from tnemu.emulator.state import Events, State
from tnemu.hardware.neuron import AXONS, NEURONS, SLOTS

LEAST_TICKS = SLOTS
"""Ticks of a run that are worth a wave: as many as there are slots to empty."""
WORDS = 4
"""Words of 64 ticks that a wave has at most."""
LEAST_CORES = 16
"""Cores of a stretch that is worth one."""
LEAST_FRAMES = 4
"""Ticks with input from outside, of those of a wave, that are worth one."""
MOST_OTHER_TICKS = 1 << 20
"""Cores beside the stretch times ticks: they are run whatever they cost, and an interrupt waits."""
PIECE = 4096
"""Cores looked at a time."""
ACTIVE_AXONS = 64
"""Of a core in a tick, in a network in use; as many neurons fire."""


def found(board: arrays.Layout) -> list[npt.NDArray[np.int64]]:
    """The cores of every wave."""
    able, n = listing.sliced(board), len(board.block)
    senders = np.zeros(n, np.int64)
    for first in range(0, n, PIECE):
        senders += np.bincount(_reached(board, slice(first, first + PIECE)), minlength=n)
    ready = np.flatnonzero(able & (senders == 0))
    stages = []
    while len(ready):
        stages.append(ready)
        reached, times = np.unique(
            np.concatenate([_reached(board, some) for some in _cut(ready)]), return_counts=True
        )
        senders[reached] -= times
        ready = reached[(senders[reached] == 0) & able[reached]]
    return stages


def likely(state: State, ticks: int) -> bool:
    """Whether a run of so many ticks has input enough for a wave to pay."""
    inputs, most = state.due(), min(ticks, arrays.BLOCK * WORDS)
    if ticks < LEAST_TICKS or not len(inputs):
        return False
    return frames(inputs, state.tick, most) >= LEAST_FRAMES


def frames(inputs: Events, tick: int, ticks: int) -> int:
    """Of the ticks from ``tick`` on, how many have input; inputs int64 [m, 3] in order of tick."""
    ends = np.searchsorted(inputs[:, 0], np.arange(tick, tick + ticks + 1))
    return int(np.count_nonzero(np.diff(ends)))


class Stretch:
    """The stretch of a board, for its threads, and what it is worked on in."""

    def __init__(self, board: arrays.Layout, stages: list[npt.NDArray[np.int64]]) -> None:
        members, threads = np.concatenate(stages), len(board.bounds) - 1
        lists = listing.made(board, members)
        inlets, sources, source_ends = _sources(board, lists, members)
        exits, exit_ends = _exits(board, lists, members)
        shares = _shares([len(stage) for stage in stages], threads)
        m, n = len(members), len(board.block)
        self._others = n - m
        self.arrays = waves.Stretch(
            lists=lists,
            cores=np.concatenate([members, inlets]),
            shares=shares,
            owner=_owner(shares, m),
            inlets=m + np.searchsorted(inlets, board.bounds),
            silent=(board.bias[board.block[members]] < 0).all(axis=1).astype(np.uint8),
            sources=sources,
            source_ends=source_ends,
            exits=exits,
            exit_ends=exit_ends,
            **_of_all(board, lists, members),
            synapses=_synapses(board, members),
            members=_bitmap(members, n),
            others=m < n,
        )
        """What compiled code is given."""
        self._buffers = dict[int, waves.Waves]()
        eights = len(lists.synapses) // 8
        self._cost = m * arrays.LIST_CORE_COST + eights * arrays.EIGHT_COST
        spike = arrays.ROW_COST + arrays.SPIKE_COST
        self._tick_cost = m * (arrays.CORE_COST + ACTIVE_AXONS * spike)

    def most_ticks(self, ticks: int) -> int:
        """Ticks of a wave that begins a run of so many."""
        affordable = max(LEAST_TICKS, MOST_OTHER_TICKS // max(1, self._others))
        return min(ticks, arrays.BLOCK * WORDS, affordable)

    def inputs(self, state: State, ticks: int) -> tuple[Events, Events]:
        """The external spikes of the next ``ticks`` ticks to cores of the stretch, and to others."""
        due = state.due()
        due = due[: np.searchsorted(due[:, 0], state.tick + ticks)]
        if not self._others:
            return due, due[:0]
        own = self.arrays.lists.place[due[:, 1]] >= 0
        return due[own], due[~own]

    def pays(self, inputs: tuple[Events, Events], tick: int, ticks: int) -> bool:
        """Whether a wave is less work than its ticks, in as many of which a core is in use as have input."""
        used = frames(inputs[0], tick, ticks)
        return ticks >= LEAST_TICKS and used * self._tick_cost > self._cost

    def buffers(self, ticks: int) -> waves.Waves:
        """What so many ticks are worked on in."""
        width = 1 if ticks <= arrays.BLOCK else WORDS
        if width not in self._buffers:
            self._buffers[width] = self._made(width)
        found = self._buffers[width]
        run = np.arange(width * arrays.BLOCK) < ticks
        found.mask[:] = np.packbits(run, bitorder="little").view(np.uint64)
        return found

    def _made(self, width: int) -> waves.Waves:
        m, threads = len(self.arrays.owner), self.arrays.shares.shape[1] - 1
        inlets = len(self.arrays.cores) - m
        return waves.Waves(
            fired=layout.aligned((m, NEURONS, width), np.uint64),
            external=layout.aligned((m, AXONS, width), np.uint64),
            fed=np.zeros(m, np.uint8),
            arrived=layout.aligned((inlets, AXONS, width), np.uint64),
            words=layout.aligned((threads, AXONS + 1, width), np.uint64),
            inverted=layout.aligned((threads, AXONS + 1, width), np.uint64),
            mask=np.zeros(width, np.uint64),
        )


def made(board: arrays.Layout) -> Stretch | None:
    """The stretch of a board; None if it has none worth it, or not the memory."""
    stages = found(board)
    if sum(len(stage) for stage in stages) < LEAST_CORES or not _fits(
        board, np.concatenate(stages)
    ):
        return None
    return Stretch(board, stages)


def _goes(targets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether a neuron sends to a core."""
    return np.asarray((targets != arrays.NOWHERE) & (targets < arrays.OUTPUT))


def _reached(board: arrays.Layout, cores: slice | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The cores that neurons of these send to, one for each neuron that sends."""
    targets = board.target[cores].ravel()
    return (targets[_goes(targets)] & arrays.AXON_MASK) >> 8


def _cut(cores: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    return [cores[first : first + PIECE] for first in range(0, len(cores), PIECE)]


def _shares(sizes: list[int], threads: int) -> npt.NDArray[np.int64]:
    """Where every thread's part of every wave begins and ends: [waves, threads + 1]."""
    first = np.concatenate([[0], np.cumsum(sizes)])
    parts = np.arange(threads + 1) / threads
    return (first[:-1, None] + np.diff(first)[:, None] * parts).round().astype(np.int64)


def _owner(shares: npt.NDArray[np.int64], cores: int) -> npt.NDArray[np.uint8]:
    """The thread of every core."""
    owner = np.zeros(cores, np.uint8)
    for bounds in shares:
        for thread, (first, last) in enumerate(pairwise(bounds)):
            owner[first:last] = thread
    return owner


def _synapses(board: arrays.Layout, members: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
    """1 bits of every crossbar row: uint16 [m, 256]."""
    counts = np.zeros((len(members), AXONS), np.uint16)
    for first in range(0, len(members), PIECE):
        rows = board.crossbar[members[first : first + PIECE]]
        counts[first : first + PIECE] = np.bitwise_count(rows).sum(axis=2, dtype=np.uint16)
    return counts


def _bitmap(members: npt.NDArray[np.int64], cores: int) -> npt.NDArray[np.uint64]:
    """uint64 [blocks], a bit for each of ``cores`` cores."""
    bits = np.zeros(-(-cores // arrays.BLOCK) * arrays.BLOCK, np.bool_)
    bits[members] = True
    return np.packbits(bits, bitorder="little").view(np.uint64)


def _sources(
    board: arrays.Layout, lists: Lists, members: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], ...]:
    """Cores reached that are no members; sources by the place of the core that they reach; their ends."""
    pieces = [np.zeros((0, 2), np.int64)]
    for first in range(0, len(members), PIECE):
        some = members[first : first + PIECE]
        targets = board.target[some]
        m, j = np.nonzero(_goes(targets))
        to = targets[m, j]
        m += first
        source = (m << 8 | lists.stands[m, j]) << waves.SOURCE_AT
        source |= (to >> arrays.DELAY_AT & 15) << waves.SOURCE_DELAY_AT | to & 255
        pieces.append(np.stack([(to & arrays.AXON_MASK) >> 8, source], axis=1))
    rows = np.concatenate(pieces)
    place = lists.place.astype(np.int64)
    inlets = np.unique(rows[place[rows[:, 0]] < 0, 0])
    place[inlets] = len(members) + np.arange(len(inlets))
    reached = place[rows[:, 0]]
    order = np.argsort(reached, kind="stable")
    ends = np.searchsorted(reached[order], np.arange(len(members) + len(inlets) + 1))
    return inlets, rows[order, 1], ends


def _exits(
    board: arrays.Layout, lists: Lists, members: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The neurons that send to outputs, and where those of every core end."""
    targets = board.target[members]
    m, j = np.nonzero(targets >= arrays.OUTPUT)
    numbers = targets[m, j] & arrays.NUMBER_MASK
    exits = lists.stands[m, j].astype(np.int64) << 32 | numbers
    return exits, np.searchsorted(m, np.arange(len(members) + 1))


def _of_all(
    board: arrays.Layout, lists: Lists, members: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.int64]]:
    """Of every neuron that stands for others: how many, and the hops and crossings of all."""
    targets = board.target[members]
    sends = targets != arrays.NOWHERE
    number = (lists.first[:-1, None] + lists.stands).ravel()
    size = int(lists.first[-1])

    def total(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.bincount(number, values.ravel(), size).astype(np.int64)

    return {
        "twins": np.bincount(number, minlength=size),
        "hops": total(np.where(sends, targets >> arrays.HOPS_AT & 1023, 0)),
        "crossings": total(np.where(sends, targets >> arrays.CROSSINGS_AT & 1023, 0)),
    }


def _fits(board: arrays.Layout, members: npt.NDArray[np.int64]) -> bool:
    """Whether the memory that is left holds the stretch, with half as much to spare."""
    synapses = sum(int(np.bitwise_count(board.crossbar[some]).sum()) for some in _cut(members))
    buffers = len(members) * (NEURONS + AXONS) * 8 * WORDS
    tables = len(members) * NEURONS * (8 + 2 + 3 * 8 + 2 + 2 + 2)
    available = available_bytes()
    return available is None or 1.5 * (2 * synapses + buffers + tables) < available
