"""Better places: cores swap or move, many at once, as long as it pays, and at first also where it does not.

Simulated annealing (Kirkpatrick, Gelatt, Vecchi, Science 220, 1983). In a step, a share of the cores
each look at one other place: mostly one near the middle (weighted medians of x and y) of what they
are wired to, sometimes one near where they are. What swapping with whoever is there would change of
the cost is computed for all of them together. Those that gain, or lose less than a random number of
mean ``temperature``, swap; of two that want the same place, the one that gains more. Temperature and
the distance from the middle fall to nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tnemu.mapping.mesh import Floats, Ints, Mesh

LOOKS = 300
"""How often a core looks at another place, in a small network; fewer if that makes too many in all."""
MOST_LOOKS = 1_000_000
"""Looks in all, beyond which every core has fewer, but never fewer than LEAST_LOOKS."""
LEAST_LOOKS = 60
SHARE = 0.25
"""Share of the cores that look in one step."""
HEAT = 0.2
"""First temperature, as a share of the mean cost of a core."""
SPREAD = 0.2
"""First distance from the middle, in square roots of the number of cores."""
MIDDLE = 0.8
"""Share of the looks that are near the middle of the neighbours."""
COLD = 0.95
"""Share of the steps after which the temperature is 0."""
_MEDIANS_EVERY, _HEAT_EVERY = 10, 50


def anneal(
    mesh: Mesh, rng: np.random.Generator, told: Callable[[float], None] = lambda done: None
) -> None:
    """Improve the places of ``mesh``; the best that was found is kept. ``told`` hears the share done."""
    count = mesh.count
    batch = min(count, max(16, int(SHARE * count)))
    looks = min(LOOKS, max(LEAST_LOOKS, MOST_LOOKS // count)) * count
    steps = looks // batch
    before = mesh.x.copy(), mesh.y.copy(), mesh.cost()
    scale, middle = 0.0, (mesh.x, mesh.y)
    for step in range(steps):
        done = step / steps
        if step % _MEDIANS_EVERY == 0:
            middle = _median(mesh, mesh.x), _median(mesh, mesh.y)
        if step % _HEAT_EVERY == 0:
            scale = 2 * mesh.cost() / count
            told(done)
        spread = max(1.0, SPREAD * np.sqrt(count) * (1 - done) ** 2)
        cores = rng.choice(count, batch, replace=False)
        near = rng.random(batch) < MIDDLE
        x, y = (
            np.clip(
                np.rint(np.where(near, there[cores], here[cores]) + rng.normal(0, spread, batch)),
                0,
                size - 1,
            ).astype(np.int64)
            for there, here, size in zip(
                middle, (mesh.x, mesh.y), (mesh.width, mesh.height), strict=True
            )
        )
        heat = HEAT * scale * max(0.0, 1 - done / COLD) ** 2
        swap(mesh, cores, x, y, heat * rng.standard_exponential(batch))
    if mesh.cost() > before[2]:
        mesh.clear()
        mesh.put(np.arange(count), *before[:2])


def swap(mesh: Mesh, cores: Ints, x: Ints, y: Ints, allowed: Floats) -> int:
    """Different ``cores`` take the places (x, y), and who is there takes theirs; how many did.

    Where the cost rises by less than ``allowed``, and nobody who gains more wants one of the places.
    """
    there = np.where(mesh.alive[x, y], mesh.holder[x, y], cores)
    willing = there != cores
    cores, there, x, y, allowed = (part[willing] for part in (cores, there, x, y, allowed))
    rise = _rise(mesh, cores, there, x, y)
    chosen = np.flatnonzero(rise < allowed)
    chosen = chosen[np.argsort(rise[chosen], kind="stable")]
    here = mesh.x[cores[chosen]] * mesh.height + mesh.y[cores[chosen]]
    goal = x[chosen] * mesh.height + y[chosen]
    rank = np.arange(len(chosen))
    best = np.full(mesh.holder.size, len(chosen))
    np.minimum.at(best, here, rank)
    np.minimum.at(best, goal, rank)
    chosen = chosen[(best[here] == rank) & (best[goal] == rank)]
    cores, there, x, y = (part[chosen] for part in (cores, there, x, y))
    old_x, old_y = mesh.x[cores], mesh.y[cores]
    other = there >= 0
    mesh.holder[old_x, old_y] = there
    mesh.x[there[other]], mesh.y[there[other]] = old_x[other], old_y[other]
    mesh.put(cores, x, y)
    return len(cores)


def _rise(mesh: Mesh, cores: Ints, there: Ints, x: Ints, y: Ints) -> Floats:
    """By how much the cost rises if each of ``cores`` alone swaps with ``there`` (-1: nobody) at x, y."""
    other = np.flatnonzero(there >= 0)
    moved = np.concatenate([cores, there[other]])
    by = np.concatenate([there, cores[other]])  # a wire between the two keeps its length
    to_x = np.concatenate([x, mesh.x[cores[other]]])
    to_y = np.concatenate([y, mesh.y[cores[other]]])
    degree = mesh.degree[moved]
    which = np.repeat(np.arange(len(moved)), degree)
    wire = np.repeat(mesh.heads[moved] - (np.cumsum(degree) - degree), degree)
    wire += np.arange(len(which))
    end = mesh.second[wire]
    end_x, end_y = mesh.x[end], mesh.y[end]
    now = mesh.way(mesh.x[moved][which], mesh.y[moved][which], end_x, end_y)
    then = mesh.way(to_x[which], to_y[which], end_x, end_y)
    change = mesh.weight[wire] * (then - now) * (end != by[which])
    total: Floats = np.bincount(which, change, len(moved)).astype(np.float64)
    total += mesh.leaving[moved] * (mesh.exit_hops[to_y] - mesh.exit_hops[mesh.y[moved]])
    rise = total[: len(cores)]
    rise[other] += total[len(cores) :]
    return rise


def _median(mesh: Mesh, places: Ints) -> Ints:
    """The weighted median of the places of each core's neighbours; its own where it has none."""
    value = places[mesh.second]
    order = np.lexsort([value, mesh.first])
    weight = np.cumsum(mesh.weight[order])
    ends = np.concatenate([[0.0], weight])[mesh.heads]
    middle = np.searchsorted(weight, (ends[:-1] + ends[1:]) / 2)
    found = places.copy()
    some = mesh.degree > 0
    found[some] = value[order][middle[some]]
    return found
