"""Cores divided in two or more, where they are too large or where that is cheaper than splitters.

A core of more than 256 axons or neurons is cut into pieces that fit, if none of its neurons alone
reads more than 256 axons. And a core whose neurons have more wires than it has room for copies can be
helped in two ways: by splitters, which take neurons, axons and a tick; or by a second core that takes
some of its neurons, and needs the axons that they read once more, and so a further wire or tap from
whatever drives those. The cheaper way is taken; the cost is in cores::

    splitters: max(neurons, axons) / 256
    pieces:    sum over pieces of max(neurons, axons) / 256, less what the core takes as it is
               + 2 / 256 for every further wire that the core which it comes from has no room for
               + HOST_SPIKE for every further tap of an input

On equal cost pieces win, for the tick. Cores are looked at from the last to the first, so that what a
division asks of the cores before it is known when they are. A core with noise is not divided for
fan-out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import AXONS, NEURONS, is_stochastic
from tnemu.mapping.cut import Homes, cut
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanout import choose, distinct_wires, fixed_ticks
from tnemu.networks.logical import LogicalCore, LogicalNetwork

Ints = npt.NDArray[np.int64]

HOST_SPIKE = 1 / 1024
"""What one more spike from the host for a bit costs, in cores."""


def divide(network: LogicalNetwork) -> tuple[LogicalNetwork, Homes]:
    """The network with such cores in pieces, and where its neurons went.

    Raises FitError for a neuron that reads more axons than a core has.
    """
    load = _Load(network)
    pieces: dict[int, list[Ints]] = {}
    for core in range(len(network.cores) - 1, -1, -1):
        found = load.pieces_of(core)
        if found is not None:
            load.ask(core, found)
            pieces[core] = found
    if not pieces:
        return network, Homes.of(network)
    return cut(network, pieces)


def runs(bits: npt.NDArray[np.bool_], used: Ints, wires: Ints) -> list[Ints]:
    """The columns ``used`` in runs that read at most 256 rows of ``bits`` and have at most 256 wires.

    ``wires`` counts those of every column, at least 1.
    """
    reads = np.packbits(bits.T, axis=1)
    pieces: list[list[int]] = []
    room, covered = 0, np.zeros(reads.shape[1], np.uint8)
    for column in used.tolist():
        needs = min(int(wires[column]), NEURONS)
        both = covered | reads[column]
        if not pieces or needs > room or int(np.bitwise_count(both).sum()) > AXONS:
            pieces.append([])
            room, both = NEURONS, reads[column]
        pieces[-1].append(column)
        room, covered = room - needs, both
    return [np.array(piece) for piece in pieces]


class _Load:
    """How many wires every neuron of a network has, as divisions add to them."""

    def __init__(self, network: LogicalNetwork) -> None:
        self.network = network
        cores = network.cores
        wires = distinct_wires(network)
        self.base = np.cumsum([0, *(core.neuron_count for core in cores)])
        self.axon_base = np.cumsum([0, *(core.axon_count for core in cores)])
        flat = self.base[wires["core"]] + wires["neuron"]
        self.count = np.bincount(flat, minlength=self.base[-1])
        self.short = np.bincount(flat[fixed_ticks(wires) == 1], minlength=self.base[-1])
        inner = wires["target"] >= 0
        place = self.axon_base[wires["target"][inner]] + wires["pin"][inner]
        order = np.argsort(place, kind="stable")
        self.sources = flat[inner][order]
        self.heads = np.searchsorted(place[order], np.arange(self.axon_base[-1] + 1))
        self.taps = np.zeros(self.axon_base[-1], np.int64)
        for item in network.inputs.values():
            np.add.at(self.taps, self.axon_base[item.taps["core"]] + item.taps["axon"], 1)
        driven = (np.diff(self.heads) > 0) | (self.taps > 0)
        self.driven = np.split(driven, self.axon_base[1:-1])
        self.needed = np.array(
            [np.maximum(c, 1).sum() for c in np.split(self.count, self.base[1:-1])]
        )
        unused = np.array([int((~core.used).sum()) for core in cores])
        self.needed -= unused  # neurons that are not used need no place

    def pieces_of(self, core: int) -> list[Ints] | None:
        """Columns of each piece of ``core``, or None if it is to stay whole."""
        one = self.network.cores[core]
        used = np.flatnonzero(one.used)
        too_large = one.axon_count > AXONS or one.neuron_count > NEURONS
        if too_large:
            bits = one.crossbar[self.driven[core]]
            if len(bits) > AXONS or len(used) > NEURONS:
                self._check_fan_in(one, bits[:, used].sum(axis=0), used)
                return self._fill(core, used)
            return [used] if one.axon_count > AXONS or one.neuron_count > NEURONS else None
        if self.needed[core] <= NEURONS or is_stochastic(one.neurons[used]).any():
            return None
        wide = self._wires(core)[used]
        if wide.max() > NEURONS or len(used) == 1:
            return None
        pieces = self._fill(core, used)
        return pieces if self._of_pieces(core, pieces) <= self._of_splitters(core, used) else None

    def _check_fan_in(self, core: LogicalCore, axons: Ints, used: Ints) -> None:
        if axons.max(initial=0) > AXONS:
            worst = int(axons.argmax())
            raise FitError(
                f"core {core.name!r} neuron {int(used[worst])} reads {int(axons[worst]):,} axons, a "
                f"core has {AXONS}; give it fewer inputs"
            )

    def _fill(self, core: int, used: Ints) -> list[Ints]:
        bits = self.network.cores[core].crossbar[self.driven[core]]
        return runs(bits, used, np.maximum(self._wires(core), 1))

    def _rows(self, core: int, columns: Ints) -> Ints:
        """Driven axons that ``columns`` read, of all axons in a row."""
        read = self.network.cores[core].crossbar[:, columns].any(axis=1) & self.driven[core]
        return self.axon_base[core] + np.flatnonzero(read)

    def _asked(self, core: int, pieces: list[Ints]) -> tuple[Ints, int]:
        """What pieces ask for: neurons (flat) of which each needs one more wire, and taps."""
        rows, times = np.unique(
            np.concatenate([self._rows(core, piece) for piece in pieces]), return_counts=True
        )
        more = np.repeat(rows, times - 1)
        count = self.heads[more + 1] - self.heads[more]
        skip = np.repeat(self.heads[more] - (np.cumsum(count) - count), count)
        return self.sources[skip + np.arange(len(skip))], int(self.taps[more].sum())

    def ask(self, core: int, pieces: list[Ints]) -> None:
        """Count the wires that the division of ``core`` adds."""
        sources, _ = self._asked(core, pieces)
        np.add.at(self.count, sources, 1)
        home = np.searchsorted(self.base, sources, side="right") - 1
        np.add.at(self.needed, home, 1)
        self.needed[core] = 0

    def _of_pieces(self, core: int, pieces: list[Ints]) -> float:
        sources, taps = self._asked(core, pieces)
        home = np.searchsorted(self.base, sources, side="right") - 1
        asked = np.bincount(home, minlength=len(self.needed))
        room = np.maximum(NEURONS - self.needed, 0)
        beyond = np.maximum(asked - room, 0).sum()
        size = sum(
            max(len(self._rows(core, p)), int(np.maximum(self._wires(core)[p], 1).sum()))
            for p in pieces
        )
        return float((size - NEURONS + 2 * beyond) / NEURONS + HOST_SPIKE * taps)

    def _of_splitters(self, core: int, used: Ints) -> float:
        count = self._wires(core)[used]
        short = self.short[self.base[core] : self.base[core + 1]][used]
        many = count > 1
        chosen = choose(
            count[many].tolist(),
            (count - short)[many].tolist(),
            [False] * int(many.sum()),
            NEURONS - len(used),
        )
        if chosen is None:
            return float("inf")
        return max(sum(moved for _, moved in chosen), len(chosen)) / NEURONS

    def _wires(self, core: int) -> Ints:
        return self.count[self.base[core] : self.base[core + 1]]
