"""Packing: small parts share a core, because a core is 256 axons and 256 neurons, whoever they are.

A *part* is a core of the legal, balanced network, which may be smaller than a core of the chip. Parts
keep their own axons with their types, so nothing of one reaches the neurons of another: packing
changes no spike of a network without noise, whichever parts come together.

A core is filled from the largest part left, with what fits and has most wires to and from it, so
that fewer packets leave it, and among those with the largest. Where that takes more cores than sizes
alone would ("first fit decreasing": Johnson et al., SIAM J. Computing 3, 1974), sizes alone decide. A
part that shares its core with none keeps the rows and columns that it has.

Noise: of parts that share a core, none takes a draw of another's. (With the noise ``xorshift32`` they draw
in turn, so what one draws depends on who is there; its distribution does not.) A core of one part keeps
its seed, and that of a shared core is made from those of its stochastic parts; but no two cores that draw
noise have one seed, or they would draw alike: the later one gets another. The same network always gets
the same. Where every part keeps a core of its own, all keep their seeds.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec
from tnemu.hardware.neuron import AXONS, NEURONS, is_stochastic
from tnemu.mapping.cut import Homes
from tnemu.mapping.driven import driven_of, totals
from tnemu.mapping.units import units_of_parts
from tnemu.networks.logical import LogicalCore, LogicalInput, LogicalNetwork

Ints = npt.NDArray[np.int64]
Links = list[tuple[Ints, npt.NDArray[np.float64]]]


@dataclass(frozen=True, eq=False)
class Packing:
    """A network whose cores are those of the chip, and where its parts went.

    ``core`` int64 [parts] is the core of each part. ``columns``, int64 for the neurons of all parts
    in a row, from ``neuron_base[part]`` on: the column of each in its core, -1 where not used.
    ``axons`` int64 [parts] counts those that something drives.
    """

    network: LogicalNetwork
    core: Ints
    columns: Ints
    neuron_base: Ints
    axons: Ints

    def homes_of(self, parts: Homes) -> Homes:
        """Where neurons are that were those of parts; -1 for one that is not used."""
        columns = Homes(self.neuron_base, self._core_of_neurons(), self.columns)
        return parts.then(columns)

    def _core_of_neurons(self) -> Ints:
        core = np.repeat(self.core, np.diff(self.neuron_base))
        return np.where(self.columns >= 0, core, -1)


def pack(network: LogicalNetwork, *, share: bool = True, board: BoardSpec | None = None) -> Packing:
    """The parts of a legal, balanced network in as few cores as found; ``share`` False: one in each.

    Parts share no core that cannot share a unit of ``board``, whose meshes are not joined.
    """
    axon_base = np.cumsum([0, *(core.axon_count for core in network.cores)])
    neuron_base = np.cumsum([0, *(core.neuron_count for core in network.cores)])
    driven = driven_of(network, axon_base)
    used = np.concatenate([np.zeros(0, np.bool_), *(core.used for core in network.cores)])
    axons = totals(driven, axon_base)
    neurons = totals(used, neuron_base)
    if share:
        unit = units_of_parts(network, axons, neurons, board)
        core = _share(network, axons, neurons, unit)
    else:
        core = np.arange(len(network.cores))
    rows, columns = np.full(len(driven), -1), np.full(len(used), -1)
    members = np.split(np.argsort(core, kind="stable"), np.cumsum(np.bincount(core))[:-1])
    for mine in members:
        row = column = 0
        for part in mine.tolist():
            of_rows = slice(axon_base[part], axon_base[part + 1])
            of_columns = slice(neuron_base[part], neuron_base[part + 1])
            if len(mine) == 1:
                rows[of_rows] = np.arange(axon_base[part + 1] - axon_base[part])
                columns[of_columns] = np.arange(neuron_base[part + 1] - neuron_base[part])
                continue
            rows[of_rows][driven[of_rows]] = row + np.arange(axons[part])
            columns[of_columns][used[of_columns]] = column + np.arange(neurons[part])
            row, column = row + axons[part], column + neurons[part]
    columns[~used] = -1
    cores = [
        _filled(network, mine.tolist(), rows, columns, axon_base, neuron_base) for mine in members
    ]
    if share:
        _unlike_seeds(network, cores, members)
    wires = network.wires.copy()
    inner = wires["target"] >= 0
    wires["neuron"] = columns[neuron_base[wires["core"]] + wires["neuron"]]
    wires["core"] = core[wires["core"]]
    wires["pin"][inner] = rows[axon_base[wires["target"][inner]] + wires["pin"][inner]]
    wires["target"][inner] = core[wires["target"][inner]]
    inputs = {name: _moved(item, core, rows, axon_base) for name, item in network.inputs.items()}
    packed = replace(
        network,
        cores=cores,
        wires=wires[np.lexsort([wires["neuron"], wires["core"]])],
        inputs=inputs,
    )
    return Packing(packed, core, columns, neuron_base, axons)


def _share(network: LogicalNetwork, axons: Ints, neurons: Ints, unit: Ints) -> Ints:
    """The core of each part; cores are numbered in order of their first parts."""
    where, opened = np.zeros(len(axons), np.int64), 0
    for each in np.unique(unit):
        mine = np.flatnonzero(unit == each)
        near = _fill(axons[mine], neurons[mine], _links(network, mine))
        tight = _fill(axons[mine], neurons[mine], None)
        found = near if near.max(initial=0) <= tight.max(initial=0) else tight
        where[mine] = opened + found
        opened += int(found.max()) + 1
    _, first, core = np.unique(where, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[core]


def _fill(axons: Ints, neurons: Ints, links: Links | None) -> Ints:
    """Fill one core after the other: from the largest part left, add what is nearest to those in it.

    Nearest has most wires to them, and is the largest of those; without ``links``, just the largest.
    """
    order = np.argsort(-np.maximum(axons, neurons), kind="stable")
    least = axons.min(initial=AXONS), neurons.min(initial=NEURONS)
    alone = (axons + least[0] > AXONS) | (neurons + least[1] > NEURONS)
    where = np.full(len(axons), -1)
    where[alone] = np.arange(int(alone.sum()))
    opened = int(alone.sum())
    left = order[~alone[order]]
    drawn = np.zeros(len(axons))
    while len(left):
        part, room = int(left[0]), np.array([AXONS, NEURONS])
        touched = []
        while part >= 0:
            where[part] = opened
            room -= axons[part], neurons[part]
            if links is not None:
                ends, weight = links[part]
                drawn[ends] += weight
                touched.append(ends)
            fits = left[(axons[left] <= room[0]) & (neurons[left] <= room[1]) & (where[left] < 0)]
            part = int(fits[drawn[fits].argmax()]) if len(fits) else -1
        for ends in touched:
            drawn[ends] = 0
        left = left[where[left] < 0]
        opened += 1
    return where


def _links(network: LogicalNetwork, parts: Ints) -> Links:
    """For each of ``parts``, those of them that it is wired to, and by how many wires."""
    count = len(parts)
    number = np.full(len(network.cores), -1)
    number[parts] = np.arange(count)
    inner = network.wires[network.wires["target"] >= 0]
    a, b = number[inner["core"]], number[inner["target"]]
    a, b = a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]
    pairs, weight = np.unique(np.concatenate([a * count + b, b * count + a]), return_counts=True)
    cuts = np.searchsorted(pairs, np.arange(1, count) * count)
    ends = np.split(pairs % max(count, 1), cuts)
    return list(zip(ends, np.split(weight.astype(np.float64), cuts), strict=True))


def _filled(
    network: LogicalNetwork,
    parts: list[int],
    rows: Ints,
    columns: Ints,
    axon_base: Ints,
    neuron_base: Ints,
) -> LogicalCore:
    """The core of the chip that holds ``parts``."""
    first = network.cores[parts[0]]
    if len(parts) == 1 and first.crossbar.shape == (AXONS, NEURONS):
        return first
    layers = {network.cores[part].layer for part in parts}
    core = LogicalCore(
        first.name if len(parts) == 1 else f"{first.name} + {len(parts) - 1} more",
        first.layer if len(layers) == 1 else "",
        first.number,
        first.seed,
    )
    for part in parts:
        one = network.cores[part]
        row = rows[axon_base[part] : axon_base[part + 1]]
        column = columns[neuron_base[part] : neuron_base[part + 1]]
        i, j = np.flatnonzero(row >= 0), np.flatnonzero(column >= 0)
        core.axon_types[row[i]] = one.axon_types[i]
        core.crossbar[np.ix_(row[i], column[j])] = one.crossbar[np.ix_(i, j)]
        core.neurons[column[j]] = one.neurons[j]
        core.elements[column[j]] = one.elements[j]
        core.used[column[j]] = True
    return core


def _unlike_seeds(network: LogicalNetwork, cores: list[LogicalCore], members: list[Ints]) -> None:
    """Let no two cores that draw noise have one seed; those that hold one part keep theirs first."""
    parts = network.cores
    noisy = [bool(is_stochastic(part.neurons[part.used]).any()) for part in parts]
    taken: set[int] = set()
    for shared in (False, True):
        for k, mine in enumerate(members):
            seeds = [parts[part].seed for part in mine.tolist() if noisy[part]]
            if not seeds or (len(mine) > 1) != shared:
                continue
            seed = zlib.crc32(" ".join(map(str, seeds)).encode()) if shared else seeds[0]
            tries = itertools.count(1)
            while seed in taken or (
                shared and not seed
            ):  # 0 is a seed that some noise never leaves
                seed = zlib.crc32(f"{seeds} {next(tries)}".encode())
            taken.add(seed)
            if seed != cores[k].seed:
                cores[k] = replace(cores[k], seed=seed)


def _moved(item: LogicalInput, core: Ints, rows: Ints, axon_base: Ints) -> LogicalInput:
    taps = item.taps.copy()
    taps["axon"] = rows[axon_base[taps["core"]] + taps["axon"]]
    taps["core"] = core[taps["core"]]
    return replace(item, taps=taps)
