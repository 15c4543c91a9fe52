"""Where each core goes: short wires, few chip borders, no dead cores; the same for the same seed.

What a placement costs is in :mod:`tnemu.mapping.mesh`, how it begins in :mod:`tnemu.mapping.start`, how
it is improved in :mod:`tnemu.mapping.anneal`, and which unit a core goes to in :mod:`tnemu.mapping.units`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec
from tnemu.mapping.anneal import anneal
from tnemu.mapping.mesh import Mesh
from tnemu.mapping.order import Ticks
from tnemu.mapping.room import check_cores
from tnemu.mapping.start import begin
from tnemu.mapping.units import units_of
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
    work that is done. Raises FitError when there are more cores than the board has, or more connected
    ones than a unit of it has.
    """
    check_cores(network, board)
    rng = np.random.default_rng(seed)
    positions = np.zeros((len(network.cores), 3), np.int32)
    units = units_of(network, board)
    before = 0
    for unit in np.unique(units):
        members = np.flatnonzero(units == unit)
        mesh = Mesh(network, board, int(unit), members)
        begin(mesh, np.lexsort((members, ticks[members])))
        anneal(mesh, rng, _part(told, before / len(units), len(members) / len(units)))
        before += len(members)
        positions[members, 0], positions[members, 1], positions[members, 2] = unit, mesh.x, mesh.y
    return positions


def _part(told: Callable[[float], None], start: float, share: float) -> Callable[[float], None]:
    """Tells of a share of the work as it is done."""
    return lambda done: told(start + share * done)


def in_order(network: LogicalNetwork, board: BoardSpec) -> Positions:
    """Cores on the board's usable positions in order of their numbers, int32 [n, 3].

    For networks that come with core numbers, as IBM model files do; wires are as long as they are.
    """
    check_cores(network, board)
    rank = np.argsort(np.argsort([core.number for core in network.cores], kind="stable"))
    return board.alive_positions()[rank]
