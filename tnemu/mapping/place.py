"""Where each core goes: short wires, few chip borders, no dead cores; the same for the same seed.

What a placement costs is in :mod:`tnemu.mapping.mesh`, how it begins in :mod:`tnemu.mapping.start`, and
how it is improved in :mod:`tnemu.mapping.anneal`. Cores that are wired to each other share a unit of the
board, because packets stay in it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec
from tnemu.mapping.anneal import anneal
from tnemu.mapping.errors import FitError
from tnemu.mapping.mesh import Mesh
from tnemu.mapping.order import Ticks, loops
from tnemu.mapping.room import PINS_PER_EXIT, check_cores
from tnemu.mapping.start import begin
from tnemu.networks.logical import LogicalNetwork

Positions = npt.NDArray[np.int32]


def place(
    network: LogicalNetwork,
    board: BoardSpec,
    ticks: Ticks,
    seed: int = 0,
    told: Callable[[float], None] = lambda done: None,
) -> Positions:
    """(unit, x, y) of every core, int32 [n, 3], all alive and all different.

    ``ticks`` [n] are the cores' wave ticks, which order the layers; ``told`` hears the share of the
    work on a unit that is done. Raises FitError when there are
    more cores than the board has, or more connected ones than a unit of it has.
    """
    check_cores(network, board)
    rng = np.random.default_rng(seed)
    positions = np.zeros((len(network.cores), 3), np.int32)
    units = _units(network, board)
    for unit in np.unique(units):
        members = np.flatnonzero(units == unit)
        mesh = Mesh(network, board, int(unit), members)
        begin(mesh, np.lexsort((members, ticks[members])))
        anneal(mesh, rng, told)
        positions[members, 0], positions[members, 1], positions[members, 2] = unit, mesh.x, mesh.y
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
