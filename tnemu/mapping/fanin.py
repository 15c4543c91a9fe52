"""Neurons that read more than 256 axons, by exact partial sums: the same sum, two ticks later.

The axons are taken in blocks. Of a block, the inputs that excite a neuron n add up to a whole number
P in 0..255, and so do those that inhibit it. P is told in two digits of base B, each as a thermometer::

    high digit   floor(P / B):  neurons k = 1, 2, ... fire iff P >= k B                  a tick later
    low digit    P mod B:       neurons m = 1..B-1 fire iff P - B (high digit) >= m      two ticks later

The neuron then reads those with weights B and 1 (for inhibition -B and -1), which add up to P again,
in each tick, whatever its other parameters are. So it may keep a potential, leak and draw thresholds;
it may not draw its synapses, and its inputs need to be balanced with each other: one of an explicit
delay or of a loop would meet another wave. High and low digit are neurons without memory: leak
1 - threshold, alpha = 1, floor 0.

Block size and base are those that take the fewest cores. What is made are logical cores of any size,
which :mod:`tnemu.mapping.divide` cuts to those of the chip.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import AXON_TYPES, AXONS, NEURONS, POTENTIAL_MAX, neuron
from tnemu.mapping.cut import Homes, cut
from tnemu.mapping.errors import FitError
from tnemu.networks.logical import (
    BALANCE,
    WIRE_DTYPE,
    LogicalCore,
    LogicalNetwork,
)

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]
Records = npt.NDArray[np.void]

BLOCKS = (240, 224, 208, 192, 160, 128, 96, 64, 48, 32)
"""Sizes of a block that are tried."""
BASES = (4, 6, 8, 10, 12, 16, 20, 24, 32)
"""Bases that are tried."""
MOST_SUM = 255
"""Largest sum of a block: its highest threshold has to fit the leak."""


def sum_in_parts(network: LogicalNetwork) -> tuple[LogicalNetwork, Homes]:
    """The network without neurons that read more than 256 driven axons, and where its neurons went.

    Raises FitError, with the reason, for a neuron whose inputs cannot be added up in parts.
    """
    homes = Homes.of(network)
    for number, core in enumerate(network.cores):
        if core.axon_count <= AXONS:
            continue
        reads = core.crossbar & _driven(network, number)[:, None]
        wide = core.used & (reads.sum(axis=0) > AXONS)
        if not wide.any():
            continue
        network, moved = _apart(network, number, wide)
        homes = homes.then(moved)
        here = int(homes.core[homes.base[number] + int(np.flatnonzero(wide)[0])])
        network = _summed(network, here, core.name)
    return network, homes


def _driven(network: LogicalNetwork, number: int) -> Bits:
    """The axons of a core that a wire or tap reaches."""
    driven = np.zeros(network.cores[number].axon_count, np.bool_)
    driven[network.wires["pin"][network.wires["target"] == number]] = True
    for item in network.inputs.values():
        driven[item.taps["axon"][item.taps["core"] == number]] = True
    return driven


def _apart(network: LogicalNetwork, number: int, wide: Bits) -> tuple[LogicalNetwork, Homes]:
    """The wide neurons of a core in a piece of their own."""
    used = network.cores[number].used
    narrow = np.flatnonzero(used & ~wide)
    pieces = [narrow] if len(narrow) else []
    return cut(network, {number: [*pieces, np.flatnonzero(wide)]})


@dataclass(frozen=True, eq=False)
class _Block:
    """Some rows of the wide core, and the sums of them that are told: (neuron, sign, largest sum)."""

    rows: Ints
    sums: list[tuple[int, int, int]]


@dataclass(frozen=True)
class _Choice:
    cores: float
    size: int
    base: int


def _summed(network: LogicalNetwork, number: int, name: str) -> LogicalNetwork:
    """The network with the core ``number``, all of whose neurons are wide, summed in parts."""
    core = network.cores[number]
    weights = _weights(network, number, name)
    choice = _choice(weights)
    if choice is None:
        most = int((weights != 0).sum(axis=0).max())
        raise FitError(
            f"core {name!r}: a neuron reads {most:,} axons, a core has {AXONS}, and partial sums of "
            f"blocks of them would need more than {AXONS} axons at the neuron itself; give it fewer "
            "or smaller inputs, or add them up in two layers"
        )
    blocks = _blocks(weights, choice.size)
    made = _Maker(network, number, choice.base)
    for block in blocks:
        made.add(block, core, weights)
    return made.finish(core)


def _choice(weights: Ints) -> _Choice | None:
    """The block size and base that take the fewest cores, or None if none works."""
    found = [_cost(weights, size, base) for size in BLOCKS for base in BASES]
    return min(filter(None, found), key=lambda choice: choice.cores, default=None)


def _weights(network: LogicalNetwork, number: int, name: str) -> Ints:
    """The weight of every axon for every neuron [A, N], or a FitError if they cannot be split."""
    core = network.cores[number]
    wires = network.wires[network.wires["target"] == number]
    taps = [item.taps[item.taps["core"] == number] for item in network.inputs.values()]
    what = f"core {name!r}: its neurons read more than {AXONS} axons and"
    if (wires["loop"] > 0).any() or any((w["delay"] != BALANCE).any() for w in (wires, *taps)):
        raise FitError(
            f"{what} an input of them has a fixed time (an explicit delay, or loop), which partial sums "
            "would miss by two ticks; leave its delay to the mapper, or give it a relay in front"
        )
    draws = core.neurons["b"][:, core.axon_types].T.astype(np.bool_) & core.crossbar
    if draws.any():
        raise FitError(
            f"{what} neuron {int(draws.any(axis=0).argmax())} draws its synapses (b = 1), of which no "
            "partial sum is the sum; use weights without noise, or at most 256 axons"
        )
    weights = np.where(core.crossbar, core.neurons["s"][:, core.axon_types].T.astype(np.int64), 0)
    total = np.abs(weights).sum(axis=0).max()
    if total > POTENTIAL_MAX:
        raise FitError(
            f"{what} can add up to {int(total):,}, which the 20 bits of a potential (up to "
            f"{POTENTIAL_MAX:,}) do not hold, so that partial sums would not be exact; use smaller "
            "weights"
        )
    for sign, kind in ((1, "excite"), (-1, "inhibit")):
        if (core.neurons["s"] * sign > 0).all(axis=1).any():
            raise FitError(
                f"{what} all {AXON_TYPES} axon types {kind}, so that none is left for the digits of a "
                "partial sum; use at most three weights of one sign"
            )
    return weights


def _blocks(weights: Ints, size: int) -> list[_Block]:
    """Rows in runs of at most ``size`` whose sums are at most MOST_SUM for every neuron."""
    blocks, start = [], 0
    up = np.cumsum(np.pad(np.maximum(weights, 0), ((1, 0), (0, 0))), axis=0)
    down = np.cumsum(np.pad(np.maximum(-weights, 0), ((1, 0), (0, 0))), axis=0)
    while start < len(weights):
        end = min(start + size, len(weights))
        for sums in (up, down):
            above = (sums[start + 1 : end + 1] - sums[start]).max(axis=1) > MOST_SUM
            if above.any():
                end = start + max(1, int(above.argmax()))
        sums_of = [
            (n, sign, int(total))
            for n in range(weights.shape[1])
            for sign, sums in ((1, up), (-1, down))
            if (total := sums[end, n] - sums[start, n])
        ]
        blocks.append(_Block(np.arange(start, end), sums_of))
        start = end
    return blocks


def _cost(weights: Ints, size: int, base: int) -> _Choice | None:
    """What blocks of ``size`` and digits of ``base`` take, in cores; None if they do not work."""
    last = np.zeros(weights.shape[1], np.int64)
    cores = 0.0
    for block in _blocks(weights, size):
        rows = len(block.rows)
        high = sum(total // base for _, _, total in block.sums)
        low = sum(min(base - 1, total) for _, _, total in block.sums)
        for n, _, total in block.sums:
            last[n] += total // base + min(base - 1, total)
        most = max((total // base for _, _, total in block.sums), default=0)
        if rows + most > AXONS:
            return None
        pieces = max(1.0, low / NEURONS, high / max(1, AXONS - rows))
        cores += max(rows, 2 * high) / NEURONS + pieces * rows / AXONS + high / AXONS
    if last.max() > AXONS:
        return None
    return _Choice(cores + last.sum() / AXONS, size, base)


class _Maker:
    """Puts cores and wires for partial sums into a network, in place of the core ``number``."""

    def __init__(self, network: LogicalNetwork, number: int, base: int) -> None:
        self.network, self.number, self.base = network, number, base
        self.cores: list[LogicalCore] = []
        self.wires: list[Records] = []
        self.taps: dict[str, list[Records]] = {name: [] for name in network.inputs}
        self.ends: list[
            tuple[int, int, int, int, int]
        ] = []  # core, neuron -> wide neuron, digit, sign

    def add(self, block: _Block, core: LogicalCore, weights: Ints) -> None:
        """Two cores for a block: one of the high digits, and one of the low ones."""
        high = [
            (n, sign, k) for n, sign, total in block.sums for k in range(1, total // self.base + 1)
        ]
        low = [
            (n, sign, m)
            for n, sign, total in block.sums
            for m in range(1, min(self.base - 1, total) + 1)
        ]
        if high:
            first = self._core(
                core, block, weights, [(n, s, k * self.base) for n, s, k in high], []
            )
            self.ends += [(first, j, n, 0, sign) for j, (n, sign, _) in enumerate(high)]
        second = self._core(core, block, weights, low, [(n, s) for n, s, _ in high])
        self.ends += [(second, j, n, 1, sign) for j, (n, sign, _) in enumerate(low)]
        if high:
            rows = np.zeros(len(high), WIRE_DTYPE)
            rows["core"], rows["neuron"] = first, np.arange(len(high))
            rows["target"], rows["pin"] = second, len(block.rows) + np.arange(len(high))
            self.wires.append(rows)

    def _core(
        self,
        core: LogicalCore,
        block: _Block,
        weights: Ints,
        columns: list[tuple[int, int, int]],
        digits: list[tuple[int, int]],
    ) -> int:
        """A core that reads a block, and after it ``digits`` (neuron, sign), -base each; its index.

        Column (neuron, sign, threshold) fires iff the neuron's sum of that sign reaches the threshold.
        """
        index = len(self.network.cores) + len(self.cores)
        n = np.array([column[0] for column in columns])
        sign = np.array([column[1] for column in columns])
        of_block = weights[block.rows][:, n] * sign > 0
        same = np.array([digit[0] for digit in digits], np.int64)[:, None] == n
        same &= np.array([digit[1] for digit in digits], np.int64)[:, None] == sign
        records = np.repeat(np.asarray(neuron(alpha=1, beta=0, kappa=1)).reshape(1), len(columns))
        records["leak"] = 1 - np.array([column[2] for column in columns])
        records["s"] = np.maximum(core.neurons["s"][n] * sign[:, None], 0)
        free = np.array([_free_type(core.neurons[k]["s"], s) for k, s in zip(n, sign, strict=True)])
        records["s"][np.arange(len(columns)), free] = -self.base
        types = [_free_type(core.neurons[k]["s"], s) for k, s in digits]
        self.cores.append(
            LogicalCore(
                f"{core.name}.sums{len(self.cores)}",
                core.layer or core.name,
                max(c.number for c in self.network.cores) + 1 + len(self.cores),
                axon_types=np.concatenate([core.axon_types[block.rows], np.array(types, np.uint8)]),
                crossbar=np.concatenate([of_block, same]),
                neurons=records,
                used=np.ones(len(columns), np.bool_),
                elements=np.full(len(columns), -1, np.int32),
            )
        )
        self._lead(block.rows, index)
        return index

    def _lead(self, rows: Ints, index: int) -> None:
        """What drives ``rows`` of the wide core drives the first axons of core ``index``."""
        wires = self.network.wires[self.network.wires["target"] == self.number]
        mine = wires[(wires["pin"] >= rows[0]) & (wires["pin"] <= rows[-1])].copy()
        mine["target"], mine["pin"] = index, mine["pin"] - rows[0]
        self.wires.append(mine)
        for name, item in self.network.inputs.items():
            taps = item.taps[item.taps["core"] == self.number]
            mine = taps[(taps["axon"] >= rows[0]) & (taps["axon"] <= rows[-1])].copy()
            mine["core"], mine["axon"] = index, mine["axon"] - rows[0]
            self.taps[name].append(mine)

    def finish(self, core: LogicalCore) -> LogicalNetwork:
        """The network, in which the wide neurons read digits."""
        ends = np.array(self.ends, np.int64).reshape(-1, 5)
        wide, digit, sign = ends[:, 2], ends[:, 3], ends[:, 4]
        last = dataclasses.replace(
            core,
            axon_types=(digit + 2 * (sign < 0)).astype(np.uint8),
            crossbar=wide[:, None] == np.arange(core.neuron_count),
            neurons=core.neurons.copy(),
        )
        last.neurons["s"], last.neurons["b"] = (self.base, 1, -self.base, -1), 0
        rows = np.zeros(len(ends), WIRE_DTYPE)
        rows["core"], rows["neuron"], rows["target"] = ends[:, 0], ends[:, 1], self.number
        rows["pin"] = np.arange(len(ends))
        cores = [*self.network.cores, *self.cores]
        cores[self.number] = last
        wires = self.network.wires
        inputs = {
            name: dataclasses.replace(
                item,
                taps=np.concatenate(
                    [item.taps[item.taps["core"] != self.number], *self.taps[name]]
                ),
            )
            for name, item in self.network.inputs.items()
        }
        kept = wires[wires["target"] != self.number]
        return dataclasses.replace(
            self.network,
            cores=cores,
            wires=np.concatenate([kept, *self.wires, rows]),
            inputs=inputs,
            lines=(),
            line_of=np.zeros(0, np.int32),
        )


def _free_type(weights: npt.NDArray[np.int16], sign: int) -> int:
    """An axon type that no input of this sign has, for a neuron of these weights."""
    return int((weights * sign <= 0).argmax())
