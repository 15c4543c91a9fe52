"""Groups: neurons that read a common axon see one wave, because a spike arrives there in one tick.

A group is a connected part of the graph of a core's axons and used neurons, by its crossbar. Only
axons whose spikes have a place in the order count: those reached by a wire or tap that is no
declared feedback. Neurons that nothing of that kind reaches are *idle*; they keep step with the
rest of their core, as one group of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.networks.logical import LogicalCore, LogicalNetwork

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of a network, numbered 0..count-1 core by core.

    ``axons`` and ``neurons`` int64 hold the group of every axon and neuron of all cores in a row
    (-1: in none), from ``axon_base[core]`` and ``neuron_base[core]`` on. ``core`` [count] is the
    core of a group, ``idle`` bool [count] whether its neurons are.
    """

    axons: Ints
    neurons: Ints
    axon_base: Ints
    neuron_base: Ints
    core: Ints
    idle: Bits

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.core)

    def of_axons(self, core: npt.NDArray, axon: npt.NDArray) -> Ints:
        """The group of each axon, -1 where no spike in order reaches it."""
        return self.axons[self.axon_base[core] + axon]

    def of_neurons(self, core: npt.NDArray, neuron: npt.NDArray) -> Ints:
        """The group of each neuron, -1 where it is not used."""
        return self.neurons[self.neuron_base[core] + neuron]


def groups_of(network: LogicalNetwork) -> Groups:
    """The groups of a network."""
    axon_base = np.cumsum([0, *(core.axon_count for core in network.cores)])
    neuron_base = np.cumsum([0, *(core.neuron_count for core in network.cores)])
    driven = np.zeros(axon_base[-1], np.bool_)
    wires = network.wires
    wires = wires[(wires["target"] >= 0) & (wires["loop"] == 0)]
    driven[axon_base[wires["target"]] + wires["pin"]] = True
    for item in network.inputs.values():
        driven[axon_base[item.taps["core"]] + item.taps["axon"]] = True
    axons = np.full(axon_base[-1], -1, np.int64)
    neurons = np.full(neuron_base[-1], -1, np.int64)
    owner: list[int] = []
    idle: list[bool] = []
    for k, core in enumerate(network.cores):
        rows = slice(axon_base[k], axon_base[k + 1])
        columns = slice(neuron_base[k], neuron_base[k + 1])
        mine, count = _of_core(core, driven[rows], axons[rows], neurons[columns])
        for part in (axons[rows], neurons[columns]):
            part[part >= 0] += len(owner)
        owner += [k] * count
        idle += [False] * (mine) + [True] * (count - mine)
    return Groups(
        axons, neurons, axon_base, neuron_base, np.array(owner, np.int64), np.array(idle, np.bool_)
    )


def _of_core(core: LogicalCore, driven: Bits, axons: Ints, neurons: Ints) -> tuple[int, int]:
    """Number the groups of one core into ``axons`` and ``neurons``: (those in order, all)."""
    used = core.used
    bits = core.crossbar
    if not used.all():
        bits = bits & used
    if not driven.all():
        bits = bits & driven[:, None]
    row, column = connected(bits)
    row[driven & (row < 0)] = -2  # a spike arrives, and no neuron reads it
    silent = np.flatnonzero(row == -2)
    count = int(row.max(initial=-1)) + 1
    row[silent] = count + np.arange(len(silent))
    count = mine = max(count, 0) + len(silent)
    lone = used & (column < 0)
    if lone.any():
        column[lone] = count
        count += 1
    axons[:], neurons[:] = row, column
    return mine, count


def connected(bits: Bits) -> tuple[Ints, Ints]:
    """Connected parts of a crossbar: the part of every row and column, numbered from 0; -1: none."""
    row, column = np.full(bits.shape[0], -1, np.int64), np.full(bits.shape[1], -1, np.int64)
    packed = np.packbits(bits, axis=1)
    some = packed.any(axis=1)
    if not some.any():
        return row, column
    # Most cores are one piece: grow it from the first row until nothing is added.
    reached = packed[int(some.argmax())]
    while True:
        rows = (packed & reached).any(axis=1)
        more = np.bitwise_or.reduce(packed[rows], axis=0)
        if (more == reached).all():
            break
        reached = more
    if (rows == some).all():
        row[rows] = 0
        column[np.unpackbits(reached, count=len(column)).astype(np.bool_)] = 0
        return row, column
    return _labelled(bits, row, column)


def _labelled(bits: Bits, row: Ints, column: Ints) -> tuple[Ints, Ints]:
    """The same where there are several parts: every row takes the lowest label it is joined to."""
    i, j = np.nonzero(bits)
    by_column = np.argsort(j, kind="stable")
    heads_i = np.flatnonzero(np.diff(i, prepend=-1))
    heads_j = np.flatnonzero(np.diff(j[by_column], prepend=-1))
    rows, columns = i[heads_i], j[by_column][heads_j]
    label = np.arange(len(row))
    while True:
        lowest = np.empty(len(column), np.int64)
        lowest[columns] = np.minimum.reduceat(label[i[by_column]], heads_j)
        found = label.copy()
        found[rows] = np.minimum.reduceat(lowest[j], heads_i)
        np.minimum.at(found, label[rows], found[rows])
        found = found[found]
        if (found == label).all():
            break
        label = found
    _, numbers = np.unique(label[rows], return_inverse=True)
    row[rows] = numbers
    column[j] = row[i]
    return row, column
