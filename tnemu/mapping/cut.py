"""Cores cut by columns: each piece takes some of the neurons, and the axons that those read.

An axon that neurons of two pieces read is in both, so what drives it gets a second wire or tap. A
piece computes what its neurons computed; the first keeps the core's place, name and noise seed.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.networks.logical import LogicalCore, LogicalNetwork

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Homes:
    """Where the neurons of a network went: ``core`` and ``column`` int64, for all of them in a row.

    Those of core c begin at ``base[c]``; -1: not used any more.
    """

    base: Ints
    core: Ints
    column: Ints

    @classmethod
    def of(cls, network: LogicalNetwork) -> Homes:
        """Every neuron where it is."""
        counts = [core.neuron_count for core in network.cores]
        base = np.cumsum([0, *counts])
        core = np.repeat(np.arange(len(counts)), counts)
        return cls(base, core, np.arange(base[-1]) - base[core])

    def then(self, further: Homes) -> Homes:
        """Where they are after they moved on, as ``further`` says."""
        flat = further.base[self.core] + self.column
        lost = (self.core < 0) | (self.column < 0)
        flat[lost] = 0
        return Homes(
            self.base,
            np.where(lost, -1, further.core[flat]),
            np.where(lost, -1, further.column[flat]),
        )


def cut(
    network: LogicalNetwork, pieces: Mapping[int, Sequence[Ints]]
) -> tuple[LogicalNetwork, Homes]:
    """The network with core c in pieces of the columns ``pieces[c]``, and where its neurons went.

    Columns that no piece names are dropped: they are not used. Further pieces come after all cores.
    """
    homes = Homes.of(network)
    cores = list(network.cores)
    number = max((core.number for core in cores), default=-1) + 1
    joins: list[Ints] = []  # core, row -> piece, its row
    for c, columns in pieces.items():
        whole = network.cores[c]
        start = homes.base[c]
        homes.core[start : homes.base[c + 1]] = -1
        for k, mine in enumerate(columns):
            index = c if k == 0 else len(cores)
            rows = np.flatnonzero(whole.crossbar[:, mine].any(axis=1))
            piece = _piece(whole, rows, mine, k, number)
            if k == 0:
                cores[c] = piece
            else:
                cores.append(piece)
                number += 1
            homes.core[start + mine], homes.column[start + mine] = index, np.arange(len(mine))
            here = np.arange(len(rows))
            joins.append(
                np.stack([np.full(len(rows), c), rows, np.full(len(rows), index), here], 1)
            )
    homes.column[homes.core < 0] = -1
    cut_up = np.zeros(len(network.cores), np.bool_)
    cut_up[list(pieces)] = True
    table = np.concatenate([np.zeros((0, 4), np.int64), *joins])
    wires = network.wires
    inner = wires["target"] >= 0
    taken = np.zeros(len(wires), np.bool_)
    taken[inner] = cut_up[wires["target"][inner]]
    again, target, pin = _joined(table, wires["target"][taken], wires["pin"][taken])
    ends = wires[taken][again]
    ends["target"], ends["pin"] = target, pin
    wires = np.concatenate([wires[~taken], ends])
    flat = homes.base[wires["core"]] + wires["neuron"]
    alive = homes.core[flat] >= 0
    wires, flat = wires[alive], flat[alive]
    wires["core"], wires["neuron"] = homes.core[flat], homes.column[flat]
    inputs = {}
    for name, item in network.inputs.items():
        taken = cut_up[item.taps["core"]]
        again, target, pin = _joined(table, item.taps["core"][taken], item.taps["axon"][taken])
        ends = item.taps[taken][again]
        ends["core"], ends["axon"] = target, pin
        taps = np.concatenate([item.taps[~taken], ends])
        inputs[name] = dataclasses.replace(item, taps=taps)
    return (
        dataclasses.replace(
            network,
            cores=cores,
            wires=wires,
            inputs=inputs,
            lines=(),
            line_of=np.zeros(0, np.int32),
        ),
        homes,
    )


def _piece(whole: LogicalCore, rows: Ints, columns: Ints, k: int, number: int) -> LogicalCore:
    if not len(rows):
        rows = np.zeros(1, np.int64)  # a core has an axon at least
    return LogicalCore(
        whole.name if k == 0 else f"{whole.name}.piece{k}",
        whole.layer or whole.name,
        whole.number if k == 0 else number,
        whole.seed if k == 0 else zlib.crc32(f"{whole.seed} {k}".encode()),
        axon_types=whole.axon_types[rows],
        crossbar=whole.crossbar[np.ix_(rows, columns)],
        neurons=whole.neurons[columns],
        used=whole.used[columns],
        elements=whole.elements[columns],
    )


def _joined(table: Ints, core: Rows, row: Rows) -> tuple[Ints, Ints, Ints]:
    """For rows of cut cores: which of them (once for each piece), its piece, and the row there."""
    key = table[:, 0] << 32 | table[:, 1]
    table = table[np.argsort(key, kind="stable")]
    key = np.sort(key)
    wanted = core.astype(np.int64) << 32 | row
    low, high = np.searchsorted(key, wanted), np.searchsorted(key, wanted, side="right")
    count = high - low
    again = np.repeat(np.arange(len(wanted)), count)
    skip = np.repeat(low - (np.cumsum(count) - count), count)
    place = skip + np.arange(len(again))
    return again, table[place, 2], table[place, 3]
