"""Where cores begin: two ways to a first placement, of which the cheaper one is improved.

*Along the waves*: layer by layer, each core on the free place nearest to its sources (Sawada et al.,
SC16 2016, describe their placer so). *By spectrum*: the two slowest modes of a random walk along the
wires (Hall, Management Science 17, 1970) say which cores belong together; ranks of the first give
columns, of the second rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.mapping.mesh import Floats, Ints, Mesh

WALKS = 200
"""Steps of the random walk; what is still moving then is coarse enough to begin with."""
_DIGITS = 6


def begin(mesh: Mesh, order: Ints) -> None:
    """Place all cores; ``order`` are they along the waves."""
    along_waves(mesh, order)
    first, cost = (mesh.x.copy(), mesh.y.copy()), mesh.cost()
    mesh.clear()
    by_spectrum(mesh)
    if mesh.cost() >= cost:
        mesh.clear()
        mesh.put(np.arange(mesh.count), *first)


def along_waves(mesh: Mesh, order: Ints) -> None:
    """Each core in turn goes to the free place nearest to its neighbours that have one."""
    anchors = _anchors(mesh, order)
    blocked = np.where(mesh.alive, 0.0, np.inf)
    columns, rows = np.arange(mesh.width), np.arange(mesh.height)
    for core in order.tolist():
        near = slice(mesh.heads[core], mesh.heads[core + 1])
        placed = mesh.second[near][mesh.x[mesh.second[near]] >= 0]
        if len(placed):
            weight = mesh.weight[near][mesh.x[mesh.second[near]] >= 0]
            x, y = mesh.x[placed], mesh.y[placed]
        else:
            weight, x, y = np.ones(1), *np.array(anchors[core])[:, None]
        zero = np.zeros(1, np.int64)
        by_column = mesh.way(columns[:, None], zero, x, zero) @ weight
        by_row = mesh.way(zero, rows[:, None], zero, y) @ weight
        by_row += mesh.leaving[core] * mesh.exit_hops
        cost = by_column[:, None] + by_row[None, :] + blocked
        spot = np.array(divmod(int(cost.argmin()), mesh.height))
        mesh.put(np.array([core]), spot[:1], spot[1:])
        blocked[spot[0], spot[1]] = np.inf


def _anchors(mesh: Mesh, order: Ints) -> dict[int, tuple[int, int]]:
    """For every core, the middle of the chip where it goes if none of its neighbours is placed.

    Cores that only the host feeds get equal shares of as few chips as hold all cores.
    """
    chips = _chips(mesh)
    wide, high = mesh.chip
    anchors = {}
    for group in (order[mesh.starts[order]], order[~mesh.starts[order]]):
        for k, core in enumerate(group.tolist()):
            i, j = chips[k * len(chips) // len(group)]
            anchors[core] = (i * wide + wide // 2, j * high + high // 2)
    return anchors


def _chips(mesh: Mesh) -> list[tuple[int, int]]:
    """As few chips as hold all cores, in a snake, so that those that follow each other touch."""
    (across, up), (wide, high) = mesh.chips, mesh.chip
    room = mesh.alive.reshape(across, wide, up, high).sum(axis=(1, 3))
    chips = [(i, j if i % 2 == 0 else up - 1 - j) for i in range(across) for j in range(up)]
    for chip in chips:  # one that holds all, if there is any
        if room[chip] >= mesh.count:
            return [chip]
    chips = [chip for chip in chips if room[chip]]
    enough = np.cumsum([room[chip] for chip in chips]) >= mesh.count
    return chips[: int(enough.argmax()) + 1]


def by_spectrum(mesh: Mesh) -> None:
    """Ranks of the slowest mode give chips and columns, of the second slowest rows."""
    modes = _modes(mesh)
    order = np.argsort(modes[:, 0], kind="stable")
    chips = _chips(mesh)
    wide, high = mesh.chip
    alive = [mesh.alive[i * wide : (i + 1) * wide, j * high : (j + 1) * high] for i, j in chips]
    ends = _shares([int(part.sum()) for part in alive], mesh.count)
    start = 0
    for (i, j), part, end in zip(chips, alive, ends, strict=True):
        mine = order[start:end]
        start = end
        x0, x1, y1 = _box(part, len(mine))
        columns = [np.flatnonzero(part[x, :y1]) for x in range(x0, x1)]
        first = 0
        for x, rows, last in zip(
            range(x0, x1), columns, _shares([len(c) for c in columns], len(mine)), strict=True
        ):
            cores = mine[first:last]
            first = last
            cores = cores[np.argsort(modes[cores, 1], kind="stable")]
            y = rows[np.arange(len(cores)) * len(rows) // max(1, len(cores))]
            mesh.put(cores, np.full(len(cores), i * wide + x), j * high + y)


def _box(part: npt.NDArray[np.bool_], count: int) -> tuple[int, int, int]:
    """Columns x0..x1-1 and rows 0..y1-1 of a chip that hold ``count`` cores, nearly square."""
    wide = len(part)
    side = min(wide, int(np.ceil(np.sqrt(count))))
    while True:
        x0 = (wide - side) // 2
        held = np.cumsum(part[x0 : x0 + side].sum(axis=0))
        if held[-1] >= count:
            return x0, x0 + side, int((held >= count).argmax()) + 1
        side = min(wide, side + 1)


def _shares(rooms: list[int], count: int) -> list[int]:
    """Ends of shares of ``count`` things, in proportion to ``rooms`` and never above them."""
    held = np.cumsum(rooms)
    ends = held * count // held[-1]
    return [int(end) for end in ends]


def _modes(mesh: Mesh) -> Floats:
    """The two slowest modes of a lazy random walk along the wires [n, 2], rounded.

    Rounded so that no computer's last digit decides which core comes first.
    """
    degree = np.bincount(mesh.first, mesh.weight, mesh.count) + 1e-9
    modes = np.random.default_rng(0).normal(size=(mesh.count, 2))
    for _ in range(WALKS):
        near = [np.bincount(mesh.first, mesh.weight * m[mesh.second], mesh.count) for m in modes.T]
        modes = (modes + np.stack(near, axis=1) / degree[:, None]) / 2
        modes -= (degree[:, None] * modes).sum(axis=0) / degree.sum()
        modes[:, 0] /= np.sqrt((degree * modes[:, 0] ** 2).sum()) + 1e-30
        modes[:, 1] -= modes[:, 0] * (degree * modes[:, 0] * modes[:, 1]).sum()
        modes[:, 1] /= np.sqrt((degree * modes[:, 1] ** 2).sum()) + 1e-30
    return np.round(modes / (np.abs(modes).max(axis=0) + 1e-30), _DIGITS)
