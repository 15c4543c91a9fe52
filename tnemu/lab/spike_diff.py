"""The first difference between two files of spikes, and how many spikes they share.

    A and B are equal iff the sets of their (tick, core or connector, axon or pin, delay) are equal

Order within a file and spikes that are repeated do not count, as in a slot of a core, where spikes
merge. The delay of a spike to a connector does not count either. Files may be of different kinds.
Two files in the order of ticks are read side by side, in memory for some blocks and for the spikes
of one tick; one that is out of order is held and sorted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tnemu.files import place
from tnemu.lab.spike_sources import (
    FIRINGS,
    RECORD_DTYPE,
    Records,
    SpikeSourceError,
    kind_of,
    place_of,
)

MOST_HELD = 1 << 26
"""Spikes of a file out of order that are held: 1 GB, and as much to sort them."""


@dataclass(frozen=True)
class Spike:
    """A spike to an axon or a connector's pin, or the firing of a neuron; ``delay`` 0: none."""

    tick: int
    core: int
    axon: int
    delay: int
    holds: str

    def __str__(self) -> str:
        if self.holds == FIRINGS:
            return f"tick {self.tick}, core {self.core}, neuron {self.axon}"
        if self.core < 0:
            return f"tick {self.tick}, connector {self.core}, pin {self.axon}"
        return f"tick {self.tick}, core {self.core}, axon {self.axon}, delay {self.delay}"


@dataclass(frozen=True)
class SpikeDiff:
    """What two files have, and where they part first.

    only_a, only_b, common      different spikes in one of them, and in both
    repeated_a, repeated_b      further lines that say the same
    first                       the first spike that only one has; None for equal files
    a, b                        the first spike from there on in each: one of the two is ``first``
    held                        files out of order, which were held in memory whole
    """

    only_a: int
    only_b: int
    common: int
    repeated_a: int
    repeated_b: int
    first: Spike | None
    a: Spike | None
    b: Spike | None
    held: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether both have the same spikes."""
        return self.first is None


def diff_spikes(a: str | Path, b: str | Path) -> SpikeDiff:
    """Compare two files of spikes of any kind that is read.

    Raises SpikeSourceError for files that hold different things and for a file that is out of order
    and has more than MOST_HELD spikes, and what the readers raise.
    """
    paths = (Path(a), Path(b))
    kinds = [kind_of(path) for path in paths]
    if kinds[0].holds != kinds[1].holds:
        told = " and ".join(
            f"{place(path)} holds {_SAID[kind.holds]}"
            for path, kind in zip(paths, kinds, strict=True)
        )
        raise SpikeSourceError(f"{told}; compare two files that hold the same")
    held: set[int] = set()
    while True:
        streams = [_Stream(path, side, side in held) for side, path in enumerate(paths)]
        try:
            return _merge(streams, kinds[0].holds)
        except _OutOfOrderError as error:
            held.add(error.side)


_SAID = {"spikes": "spikes to axons and connectors", "firings": "firings of neurons"}


class _OutOfOrderError(Exception):
    def __init__(self, side: int) -> None:
        self.side = side


class _Stream:
    """One file, block by block; or, ``whole``, as a single one."""

    def __init__(self, path: Path, side: int, whole: bool) -> None:
        self.path, self.side, self.whole = path, side, whole
        self.blocks = kind_of(path).blocks(path)
        if whole:
            self.blocks = iter([self._all()])
        self.waiting = np.empty(0, RECORD_DTYPE)
        self.known: float = -1
        """No spike of an earlier tick follows; infinite after the last block."""
        self.taken: float = 0
        """Spikes of earlier ticks were taken."""

    def read(self) -> None:
        """Read one more block."""
        block = next(self.blocks, None)
        if block is None:
            self.known = math.inf
            return
        if len(block):
            if block["tick"].min() < self.taken:
                raise _OutOfOrderError(self.side)
            self.known = max(self.known, int(block["tick"].max()))
            self.waiting = np.concatenate([self.waiting, block])

    def take(self, before: float) -> Records:
        """The spikes of ticks earlier than ``before`` that wait."""
        self.taken = before
        early = self.waiting["tick"] < before
        taken, self.waiting = self.waiting[early], self.waiting[~early]
        return taken

    def _all(self) -> Records:
        blocks, count = [], 0
        for block in self.blocks:
            count += len(block)
            if count > MOST_HELD:
                raise SpikeSourceError(
                    f"{place(self.path)} is not in the order of ticks and has more than "
                    f"{MOST_HELD:,} spikes, too many to hold; sort it by tick"
                )
            blocks.append(block)
        return np.concatenate(blocks)


def _merge(streams: list[_Stream], holds: str) -> SpikeDiff:
    found = _Found(holds)
    for stream in streams:
        stream.read()
    while (slow := min(streams, key=lambda s: s.known)).known < math.inf:
        slow.read()
        before = min(stream.known for stream in streams)
        found.window([stream.take(before) for stream in streams])
    return found.result(tuple(str(s.path) for s in streams if s.whole))


class _Found:
    """What is known after the windows of ticks so far."""

    def __init__(self, holds: str) -> None:
        self.holds = holds
        self.only, self.repeated = [0, 0], [0, 0]
        self.common = 0
        self.first: Spike | None = None
        self.after: list[Spike | None] = [None, None]

    def window(self, sides: list[Records]) -> None:
        """The spikes of some ticks, all that each file has."""
        sizes = [len(records) for records in sides]
        if not sum(sizes):
            return
        records = np.concatenate(sides)
        side = np.repeat(np.array([0, 1], np.int8), sizes)
        order = np.lexsort((records["place"], records["tick"]))
        records, side = records[order], side[order]
        starts = np.flatnonzero(np.concatenate([[True], records[1:] != records[:-1]]))
        in_b = np.add.reduceat(side, starts, dtype=np.int64)
        in_a = np.diff(starts, append=len(records)) - in_b
        lone_a, lone_b = in_b == 0, in_a == 0
        self.only[0] += int(lone_a.sum())
        self.only[1] += int(lone_b.sum())
        self.common += int(len(starts) - lone_a.sum() - lone_b.sum())
        for which, count in enumerate((in_a, in_b)):
            self.repeated[which] += int((count - (count > 0)).sum())
        at = 0
        if self.first is None:
            lone = np.flatnonzero(lone_a | lone_b)
            if not len(lone):
                return
            at = int(lone[0])
            self.first = self._spike(records[starts[at]])
        for which, count in enumerate((in_a, in_b)):
            later = np.flatnonzero(count[at:])
            if self.after[which] is None and len(later):
                self.after[which] = self._spike(records[starts[at + later[0]]])

    def _spike(self, record: Any) -> Spike:
        found = place_of(int(record["place"]))
        return Spike(int(record["tick"]), found.core, found.axon, found.delay, self.holds)

    def result(self, held: tuple[str, ...]) -> SpikeDiff:
        """All of it."""
        (only_a, only_b), (repeated_a, repeated_b) = self.only, self.repeated
        a, b = self.after
        return SpikeDiff(
            only_a, only_b, self.common, repeated_a, repeated_b, self.first, a, b, held
        )
