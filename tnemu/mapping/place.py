"""Where each core goes: short wires, few chip borders, no dead cores; the same for the same seed.

The cost of a placement is counted in hops, for one spike of every neuron::

    sum over wires of |dx| + |dy| + BORDER_HOPS x chip borders crossed,   plus the way off the board

Both axes are independent, and a chip border costs as if it were BORDER_HOPS cores wide, so that the
cost is a Manhattan distance in stretched coordinates. Cores are placed layer by layer, each on the
free core nearest to its sources (Sawada et al., SC16 2016, describe their placer so); then each core, in
random order, makes the swap or move that lowers the sum most, until none does or work runs out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec
from tnemu.hardware.packet import REACH
from tnemu.mapping.errors import FitError
from tnemu.mapping.order import Ticks, loops
from tnemu.mapping.room import PINS_PER_EXIT, check_cores
from tnemu.networks.logical import LogicalNetwork

Positions = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

BORDER_HOPS = 360
"""A chip border costs 832 pJ, a hop 2.3 pJ (Merolla et al., Science 345, 2014, supplement S5)."""
SWEEPS = 12
"""Most improvement steps per core."""
PARTNERS = 64
"""Cores that one step tries to swap with: those whose places would suit the core best."""
WORK = 100_000_000
"""Most wires between cores looked at in all improvement steps; bounds their time to seconds."""
_FAR = 1e12


def place(network: LogicalNetwork, board: BoardSpec, ticks: Ticks, seed: int = 0) -> Positions:
    """(unit, x, y) of every core, int32 [n, 3], all alive and all different.

    ``ticks`` [n] are the cores' wave ticks, which order the layers. Raises FitError when there are
    more cores than the board has, or more connected ones than a unit of it has.
    """
    check_cores(network, board)
    rng = np.random.default_rng(seed)
    positions = np.zeros((len(network.cores), 3), np.int32)
    units = _units(network, board)
    for unit in np.unique(units):
        members = np.flatnonzero(units == unit)
        mesh = _Mesh(network, board, int(unit), members)
        mesh.fill(np.lexsort((members, ticks[members])), rng)
        mesh.improve(rng)
        positions[members, 0] = unit
        positions[members, 1:] = mesh.at
    return positions


def in_order(network: LogicalNetwork, board: BoardSpec) -> Positions:
    """Cores on the board's usable positions in order of their numbers, int32 [n, 3].

    For networks that come with core numbers, as IBM model files do; wires are as long as they are.
    """
    check_cores(network, board)
    rank = np.argsort(np.argsort([core.number for core in network.cores], kind="stable"))
    return board.alive_positions()[rank]


def _units(network: LogicalNetwork, board: BoardSpec) -> npt.NDArray[np.int64]:
    """The unit of every core: cores that are connected share one, because packets stay in it."""
    count = len(network.cores)
    if board.units == 1:
        return np.zeros(count, np.int64)
    wires = network.wires
    inner = wires[wires["target"] >= 0]
    pairs = [(inner["core"], inner["target"])]
    leaving = wires[wires["target"] < 0]
    # All packets of one exit leave the board at one address of its edge.
    exits = np.stack([leaving["target"], leaving["pin"] // PINS_PER_EXIT], axis=1)
    _, first, exit_of = np.unique(exits, axis=0, return_index=True, return_inverse=True)
    pairs.append((leaving["core"], leaving["core"][first[exit_of.ravel()]]))
    a = np.concatenate([a for a, _ in pairs] + [b for _, b in pairs])
    b = np.concatenate([b for _, b in pairs] + [a for a, _ in pairs])
    part = loops(a, b, count)
    room = np.bincount(board.alive_positions()[:, 0], minlength=board.units)
    unit = np.zeros(count, np.int64)
    labels, sizes = np.unique(part, return_counts=True)
    for label, size in sorted(zip(labels, sizes, strict=True), key=lambda item: -item[1]):
        fits = np.flatnonzero(room >= size)
        if not len(fits):
            raise FitError(
                f"{size:,} cores of the network are connected to each other, but the freest unit of "
                f"{board.name} has {int(room.max()):,} left, and packets do not pass between "
                "units; cut the network into parts that talk through the host"
            )
        unit[part == label] = fits[0]
        room[fits[0]] -= size
    return unit


class _Mesh:
    """The cores of one unit while they are being placed. ``at`` int [n, 2] is x, y of each."""

    def __init__(
        self, network: LogicalNetwork, board: BoardSpec, unit: int, members: npt.NDArray[np.intp]
    ) -> None:
        alive = board.alive_positions()
        alive = alive[alive[:, 0] == unit]
        self.alive = np.zeros((board.width, board.height), np.bool_)
        self.alive[alive[:, 1], alive[:, 2]] = True
        self.x = _distances(board.width, board.chip.cores_x)
        self.y = _distances(board.height, board.chip.cores_y)
        self.chips = (board.chips_x, board.chips_y, board.chip.cores_x, board.chip.cores_y)
        rows = np.arange(board.height)
        self.exit_hops = np.minimum(rows + 1, board.height - rows).astype(np.float64)
        self.at = np.full((len(members), 2), -1, np.int64)
        self.holder = np.full(self.alive.shape, -1, np.int64)
        self._link(network, members)

    def _link(self, network: LogicalNetwork, members: npt.NDArray[np.intp]) -> None:
        """Neighbours of every core and the number of wires to each, both directions together."""
        place = np.full(len(network.cores), -1, np.int64)
        place[members] = np.arange(len(members))
        wires = network.wires[place[network.wires["core"]] >= 0]
        source, inner = place[wires["core"]], wires["target"] >= 0
        self.leaving = np.bincount(source[~inner], minlength=len(members)).astype(np.float64)
        a, b = source[inner], place[wires["target"][inner]]
        a, b = a[a != b], b[a != b]
        self.starts = ~np.isin(np.arange(len(members)), b)
        key = np.concatenate([a * len(members) + b, b * len(members) + a])
        pairs, weight = np.unique(key, return_counts=True)
        first, second = pairs // len(members), pairs % len(members)
        cut = np.searchsorted(first, np.arange(1, len(members)))
        self.second, self.weight = second, weight.astype(np.float64)
        self.neighbours = np.split(second, cut)
        self.weights = np.split(self.weight, cut)
        self.degree = np.bincount(first, minlength=len(members))

    def costs(self, core: int) -> tuple[Floats, Floats]:
        """(by column, by row): hops of the core's wires if it were there; unplaced ones are free."""
        near = self.neighbours[core]
        placed = self.at[near, 0] >= 0
        near, weight = near[placed], self.weights[core][placed]
        columns = np.bincount(self.at[near, 0], weight, len(self.x))
        rows = np.bincount(self.at[near, 1], weight, len(self.y))
        return self.x @ columns, self.y @ rows + self.leaving[core] * self.exit_hops

    def _put(self, core: int, x: int, y: int) -> None:
        self.at[core] = x, y
        self.holder[x, y] = core

    def fill(self, order: npt.NDArray[np.intp], rng: np.random.Generator) -> None:
        """Each core on the free position nearest to its placed neighbours; the first near anchors."""
        jitter = rng.random(self.alive.shape)  # below one hop: settles ties only
        blocked = np.where(self.alive, jitter, np.inf)
        anchors = self._anchors(order)
        for core in order.tolist():
            columns, rows = self.costs(core)
            if not (self.at[self.neighbours[core], 0] >= 0).any():
                columns, rows = self.x[anchors[core][0]], self.y[anchors[core][1]]
            cost = columns[:, None] + rows[None, :] + blocked
            x, y = divmod(int(cost.argmin()), cost.shape[1])
            self._put(core, x, y)
            blocked[x, y] = np.inf

    def _anchors(self, order: npt.NDArray[np.intp]) -> dict[int, tuple[int, int]]:
        """For every core, the middle of the chip where it goes if none of its neighbours is placed.

        Cores that only the host feeds get equal shares of as few chips as hold all cores.
        """
        chips_x, chips_y, cores_x, cores_y = self.chips
        room = self.alive.reshape(chips_x, cores_x, chips_y, cores_y).sum(axis=(1, 3))
        # In a snake, so that chips that follow each other share a border.
        chips = [
            (i, j if i % 2 == 0 else chips_y - 1 - j)
            for i in range(chips_x)
            for j in range(chips_y)
        ]
        chips = [chip for chip in chips if room[chip]]
        enough = np.cumsum([room[chip] for chip in chips]) >= len(order)
        chips = chips[: int(enough.argmax()) + 1]
        anchors = {}
        for group in (order[self.starts[order]], order[~self.starts[order]]):
            for k, core in enumerate(group.tolist()):
                i, j = chips[k * len(chips) // len(group)]
                anchors[core] = (i * cores_x + cores_x // 2, j * cores_y + cores_y // 2)
        return anchors

    def improve(self, rng: np.random.Generator) -> None:
        """Swap or move cores, in random order, while that lowers the cost; bounded in steps."""
        count = len(self.at)
        self.cost = np.array([self._cost_of(core) for core in range(count)])
        wires_of_a_step = max(1, min(PARTNERS, count) * len(self.second) // count)
        steps = min(SWEEPS * count, WORK // wires_of_a_step)
        while steps > 0:
            order = rng.permutation(count)[:steps]
            gained = sum([self._step(core) for core in order.tolist()])
            steps -= len(order)
            if not gained:
                break

    def _cost_of(self, core: int) -> float:
        columns, rows = self.costs(core)
        return float(columns[self.at[core, 0]] + rows[self.at[core, 1]])

    def _step(self, core: int) -> bool:
        """Make the best swap or move of one core, if any lowers the sum."""
        columns, rows = self.costs(core)
        partners, swaps = self._swap_gains(core, columns, rows)
        best = int(swaps.argmax())
        free = np.where(self.alive & (self.holder < 0), columns[:, None] + rows[None, :], np.inf)
        spot = int(free.argmin())
        move = self.cost[core] - free.flat[spot]
        if max(swaps[best], move) <= 0:
            return False
        x, y = self.at[core].tolist()
        if move > swaps[best]:
            self.holder[x, y] = -1
            self._move(core, *divmod(spot, len(rows)))
        else:
            other = int(partners[best])
            target = self.at[other].tolist()
            self._move(core, *target)
            self._move(other, x, y)
            self.cost[core] = self._cost_of(core)
        return True

    def _swap_gains(
        self, core: int, columns: Floats, rows: Floats
    ) -> tuple[npt.NDArray[np.intp], Floats]:
        """The cores whose places suit ``core`` best, and by how much the sum falls if they swap."""
        x, y = self.at[core]
        apart = self.x[x, self.at[:, 0]] + self.y[y, self.at[:, 1]]
        core_moved = columns[self.at[:, 0]] + rows[self.at[:, 1]]
        core_moved[core] = np.inf
        many = min(PARTNERS, len(self.at))
        partners = np.argpartition(core_moved, many - 1)[:many]
        # The wires of all partners in one row, to sum them up by partner.
        ends = np.cumsum(self.degree)[partners]
        count = self.degree[partners]
        which = np.repeat(np.arange(many), count)
        wire = np.arange(len(which)) + np.repeat(ends - np.cumsum(count), count)
        inner = np.bincount(which, self.weight[wire] * apart[self.second[wire]], many)
        partners_moved = inner + self.leaving[partners] * self.exit_hops[y]
        gains = self.cost[core] - core_moved[partners] + self.cost[partners] - partners_moved
        # For the wires between the two, both terms think that the other stays: they keep their length.
        shared = np.zeros(len(self.at))
        shared[self.neighbours[core]] = self.weights[core]
        return partners, gains - 2 * shared[partners] * apart[partners]

    def _move(self, core: int, x: int, y: int) -> None:
        """Put a core elsewhere and keep ``cost`` right for it and its neighbours."""
        near, (old_x, old_y) = self.neighbours[core], self.at[core]
        now = self.x[x, self.at[near, 0]] + self.y[y, self.at[near, 1]]
        before = self.x[old_x, self.at[near, 0]] + self.y[old_y, self.at[near, 1]]
        self.cost[near] += self.weights[core] * (now - before)
        self._put(core, x, y)
        self.cost[core] = self._cost_of(core)


def _distances(size: int, chip: int) -> Floats:
    """[size, size] hops along one axis, chip borders counted as BORDER_HOPS more each."""
    places = np.arange(size)
    hops = np.abs(places[:, None] - places[None, :]).astype(np.float64)
    borders = np.abs(places[:, None] // chip - places[None, :] // chip)
    return hops + BORDER_HOPS * borders + np.where(hops > REACH, _FAR, 0)
