"""Which unit of a board each core goes to. Packets stay in their unit: nothing joins the meshes of two.

The units of a board, such as the four of an NS16e-4, are joined through their hosts. So cores that are
connected, by wires or because they drive pins of one exit, share a unit; and parts that are not
connected share a core only if they are meant for the same unit. (Splitters and relays of one layer share
cores, and those of one input pin serve all that it reaches: they connect what they serve.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec
from tnemu.hardware.neuron import AXONS, NEURONS
from tnemu.mapping.errors import FitError
from tnemu.mapping.order import loops
from tnemu.mapping.room import PINS_PER_EXIT, Bits, largest_parts
from tnemu.networks.logical import LogicalNetwork

Ints = npt.NDArray[np.int64]


def units_of(network: LogicalNetwork, board: BoardSpec) -> Ints:
    """The unit of every core, int64 [cores]; FitError where connected ones are too many for any."""
    count = len(network.cores)
    return _fill(network, np.ones(count), _connected(network), board)


def units_of_parts(
    network: LogicalNetwork, axons: Ints, neurons: Ints, board: BoardSpec | None
) -> Ints:
    """The unit of every part before parts share cores, int64 [parts]; 0 where one unit is enough.

    ``axons`` and ``neurons`` [parts] are what each takes. One that fills more than half a core is
    counted as a core, as it may find none to share it.
    """
    filled = np.maximum(axons / AXONS, neurons / NEURONS)
    size = np.where(filled > 0.5, 1.0, filled)
    if board is None:
        return np.zeros(len(size), np.int64)
    room = int(np.bincount(board.alive_positions()[:, 0], minlength=board.units).min())
    if board.units == 1 or size.sum() <= room:
        return np.zeros(len(size), np.int64)
    return _fill(network, size, _connected(network), board)


def _connected(network: LogicalNetwork) -> Ints:
    """A number for every core, equal for those that have to share a unit."""
    wires = network.wires
    inner = wires[wires["target"] >= 0]
    leaving = wires[wires["target"] < 0]
    # All packets of one exit leave the board at one address of its edge.
    exits = np.stack([leaving["target"], leaving["pin"] // PINS_PER_EXIT], axis=1)
    _, first, exit_of = np.unique(exits, axis=0, return_index=True, return_inverse=True)
    a = np.concatenate([inner["core"], leaving["core"]])
    b = np.concatenate([inner["target"], leaving["core"][first[exit_of.ravel()]]])
    return loops(np.concatenate([a, b]), np.concatenate([b, a]), len(network.cores))


def _fill(
    network: LogicalNetwork, size: npt.NDArray[np.float64], part: Ints, board: BoardSpec
) -> Ints:
    """Each component to the first unit with room for it, the largest first."""
    if board.units == 1:
        return np.zeros(len(size), np.int64)
    room = np.bincount(board.alive_positions()[:, 0], minlength=board.units).astype(np.float64)
    labels, number = np.unique(part, return_inverse=True)
    sizes = np.bincount(number, size)
    unit = np.zeros(len(labels), np.int64)
    for label in np.argsort(-sizes, kind="stable").tolist():
        fits = np.flatnonzero(room >= sizes[label])
        if not len(fits):
            raise _too_many(network, number == label, float(sizes[label]), room.max(), board)
        unit[label] = fits[0]
        room[fits[0]] -= sizes[label]
    return unit[number]


def _too_many(
    network: LogicalNetwork, mine: Bits, size: float, room: float, board: BoardSpec
) -> FitError:
    named, advice = largest_parts(network, mine)
    return FitError(
        f"{int(np.ceil(size)):,} cores of {network.origin.get('corelet', 'the network')} are connected "
        f"to each other, and the freest unit of {board.name} has {int(room):,} left: {named}. Its "
        f"{board.units} meshes are not joined, packets stay in one; cut the network into parts that talk "
        f"through the host, or use {advice}"
    )
