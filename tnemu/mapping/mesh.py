"""The mesh of one unit while cores are being placed on it, and what their wires cost.

The cost of a placement is counted in hops, for one spike of every neuron::

    sum over wires of |dx| + |dy| + BORDER_HOPS x chip borders crossed,   plus the way off the board

Both axes are independent, and a chip border costs as if it were BORDER_HOPS cores wide, so that the
cost is a Manhattan distance in stretched coordinates.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec
from tnemu.hardware.packet import REACH
from tnemu.networks.logical import LogicalNetwork

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BORDER_HOPS = 360
"""A chip border costs 832 pJ, a hop 2.3 pJ (Merolla et al., Science 345, 2014, supplement S5)."""
FAR = 1e9
"""What a wire costs that is longer than a packet goes."""


class Mesh:
    """The cores of one unit and their places: ``x``, ``y`` int64 [n], -1 as long as they have none.

    ``holder`` int64 [width, height] is the core at each place, -1: none; ``alive`` the places that
    can hold one. Core k has the neighbours ``second[heads[k]:heads[k + 1]]``, by ``weight`` wires
    each, both directions together; ``first`` is k for all of these. ``leaving`` [n] counts the wires
    that leave the board, whose way is ``exit_hops`` [height].
    """

    def __init__(self, network: LogicalNetwork, board: BoardSpec, unit: int, members: Ints) -> None:
        alive = board.alive_positions()
        alive = alive[alive[:, 0] == unit]
        self.width, self.height = board.width, board.height
        self.alive = np.zeros((self.width, self.height), np.bool_)
        self.alive[alive[:, 1], alive[:, 2]] = True
        self.chips = board.chips_x, board.chips_y
        self.chip = board.chip.cores_x, board.chip.cores_y
        x, y = np.arange(self.width), np.arange(self.height)
        self.stretched_x = (x + BORDER_HOPS * (x // self.chip[0])).astype(np.float64)
        self.stretched_y = (y + BORDER_HOPS * (y // self.chip[1])).astype(np.float64)
        self.exit_hops = np.minimum(y + 1, self.height - y).astype(np.float64)
        self.limited = max(self.width, self.height) > REACH + 1
        self.count = len(members)
        self.x, self.y = np.full(self.count, -1), np.full(self.count, -1)
        self.holder = np.full(self.alive.shape, -1)
        self._link(network, members)

    def _link(self, network: LogicalNetwork, members: Ints) -> None:
        place = np.full(len(network.cores), -1)
        place[members] = np.arange(self.count)
        wires = network.wires[place[network.wires["core"]] >= 0]
        source, inner = place[wires["core"]], wires["target"] >= 0
        self.leaving = np.bincount(source[~inner], minlength=self.count).astype(np.float64)
        a, b = source[inner], place[wires["target"][inner]]
        a, b = a[a != b], b[a != b]
        self.starts = ~np.isin(np.arange(self.count), b)
        key = np.concatenate([a * self.count + b, b * self.count + a])
        pairs, weight = np.unique(key, return_counts=True)
        self.first, self.second = pairs // self.count, pairs % self.count
        self.weight = weight.astype(np.float64)
        self.heads = np.searchsorted(self.first, np.arange(self.count + 1))
        self.degree = np.diff(self.heads)

    def put(self, cores: Ints, x: Ints, y: Ints) -> None:
        """Give cores their places, which are free."""
        self.x[cores], self.y[cores] = x, y
        self.holder[x, y] = cores

    def clear(self) -> None:
        """Take all cores off."""
        self.x[:] = self.y[:] = -1
        self.holder[:] = -1

    def way(self, x: Ints, y: Ints, to_x: Ints, to_y: Ints) -> Floats:
        """The cost of a wire from (x, y) to (to_x, to_y), elementwise."""
        u, v = self.stretched_x, self.stretched_y
        cost = np.abs(u[x] - u[to_x]) + np.abs(v[y] - v[to_y])
        if self.limited:
            cost += FAR * ((np.abs(x - to_x) > REACH) | (np.abs(y - to_y) > REACH))
        return cost

    def cost(self) -> float:
        """The cost of all wires, as the module says."""
        a, b = self.first, self.second
        wires = self.weight * self.way(self.x[a], self.y[a], self.x[b], self.y[b])
        return float(wires.sum() / 2 + (self.leaving * self.exit_hops[self.y]).sum())
