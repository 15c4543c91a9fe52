"""A placed network as the bits that a board is loaded with.

Core k of the network is core k of the image; where it lies changes only its position and its
packets' hops. So noise seeds, neuron numbers and connector pins, and with them every spike, are the
same for every placement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.hardware import packet
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.errors import RangeError
from tnemu.hardware.exact import exact
from tnemu.hardware.image import TAP_DTYPE, BoardImage, InputConnector, OutputConnector
from tnemu.hardware.neuron import AXONS, NEURON_DTYPE, NEURONS, neuron
from tnemu.hardware.packet import REACH
from tnemu.mapping.errors import FitError
from tnemu.mapping.place import Positions
from tnemu.mapping.room import PINS_PER_EXIT
from tnemu.networks.logical import LogicalNetwork

Exit = tuple[int, int, int]


def build_image(
    network: LogicalNetwork, board: BoardSpec, positions: Positions, origin: dict[str, Any]
) -> BoardImage:
    """The image of a legal, balanced network at ``positions`` int32 [n, 3]; validated.

    Every neuron has at most one wire, every delay is 1..15. Raises FitError for a wire that is
    longer than a packet can go, and for outputs that no free place at the edge can serve.
    """
    outputs = _outputs(network, board, positions)
    types, table = _neuron_types(network)
    image = BoardImage(
        board=board,
        positions=positions,
        core_ids=exact([core.number for core in network.cores], np.int64, "core number", FitError),
        seeds=exact([core.seed for core in network.cores], np.uint32, "core seed", FitError),
        axon_types=exact(
            [core.axon_types for core in network.cores], np.uint8, "axon types", FitError
        ),
        crossbar=np.array([_pack(core.crossbar) for core in network.cores], np.uint64),
        neuron_types=table,
        types=types,
        targets=_targets(network, positions, outputs),
        inputs=tuple(InputConnector(n, i.width, _taps(i.taps)) for n, i in network.inputs.items()),
        outputs=outputs,
        origin=origin,
    )
    image.validate()
    return image


def _taps(taps: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Taps of a logical input, whose delays are all set, as those of an image."""
    made = np.zeros(len(taps), TAP_DTYPE)
    for name in TAP_DTYPE.names or ():
        made[name] = exact(taps[name], TAP_DTYPE[name], f"tap {name}", FitError)
    return made


def _pack(crossbar: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """Bit j % 64 of word j // 64 of row i is synapse (i, j)."""
    bits = exact(crossbar, np.bool_, "crossbar", FitError)
    packed = np.packbits(bits, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8")  # it has the order of axes of what came


def _neuron_types(
    network: LogicalNetwork,
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.void]]:
    """Index of every neuron's record [n, 256], 0 where unused, and the table of distinct records."""
    used = np.array([core.used for core in network.cores])
    records = np.concatenate([core.neurons[core.used] for core in network.cores])
    opaque = np.ascontiguousarray(records).view(np.dtype((np.void, NEURON_DTYPE.itemsize)))
    distinct, kind = np.unique(opaque, return_inverse=True)
    if len(distinct) > np.iinfo(np.uint16).max:
        raise FitError(
            f"the network has {len(distinct):,} different kinds of neurons, an image holds "
            f"{np.iinfo(np.uint16).max:,}; use fewer distinct parameters"
        )
    types = np.zeros(used.shape, np.uint16)
    types[used] = kind.ravel() + 1
    unused = np.asarray(neuron()).reshape(1)
    return types, np.concatenate([unused, distinct.view(NEURON_DTYPE)])


def _targets(
    network: LogicalNetwork, positions: Positions, outputs: tuple[OutputConnector, ...]
) -> npt.NDArray[np.uint32]:
    """The destination packet word of every neuron, uint32 [n, 256]."""
    wires = network.wires
    inner = wires["target"] >= 0
    goal = np.zeros((len(wires), 3), np.int64)
    goal[inner] = positions[wires["target"][inner]]
    for index, connector in enumerate(outputs):
        mine = wires["target"] == ~index
        goal[mine] = np.array(connector.exits)[wires["pin"][mine] // PINS_PER_EXIT]
    here = positions[wires["core"]]
    words = np.zeros((len(network.cores), NEURONS), np.uint32)
    way = goal - here
    far = (np.abs(way[:, 1:]) > REACH).any(axis=1) | (way[:, 0] != 0)
    if far.any():
        raise _unreachable(network, positions, wires[far][0], way[far][0])
    try:
        words[wires["core"], wires["neuron"]] = packet.encode(
            way[:, 1], way[:, 2], wires["pin"] % AXONS, wires["delay"]
        )
    except RangeError as error:
        raise FitError(f"a wire of the network cannot be sent: {error}") from error
    return words


def _unreachable(
    network: LogicalNetwork, positions: Positions, wire: np.void, way: npt.NDArray[np.int64]
) -> FitError:
    source, target = int(wire["core"]), int(wire["target"])
    to = f"core {network.cores[target].name!r}" if target >= 0 else "an exit of the board"
    if way[0]:
        return FitError(
            f"core {network.cores[source].name!r} sends to {to} on another unit, and packets stay "
            "in their unit; place the two on one unit"
        )
    return FitError(
        f"core {network.cores[source].name!r} at x={positions[source, 1]} y={positions[source, 2]} "
        f"sends to {to}, {int(np.abs(way[1:]).max())} cores away, a packet goes {REACH}; place the "
        "two closer or put a Relay between"
    )


def _outputs(
    network: LogicalNetwork, board: BoardSpec, positions: Positions
) -> tuple[OutputConnector, ...]:
    """An exit at the board's edge for every 256 pins of every output."""
    taken: set[Exit] = set()
    connectors = []
    for index, (name, output) in enumerate(network.outputs.items()):
        mine = network.wires[network.wires["target"] == ~index]
        exits = []
        for first in range(0, output.width, PINS_PER_EXIT):
            wired = mine[(mine["pin"] // PINS_PER_EXIT) == first // PINS_PER_EXIT]
            last = min(first + PINS_PER_EXIT, output.width) - 1
            what = f"pins {first}..{last} of output {name!r}"
            exits.append(_exit(board, positions[wired["core"]], taken, what))
            taken.add(exits[-1])
        connectors.append(OutputConnector(name, output.width, output.number, tuple(exits)))
    return tuple(connectors)


def _exit(board: BoardSpec, sources: Positions, taken: set[Exit], what: str) -> Exit:
    """The free exit with the shortest way from ``sources``, which all reach it.

    Packets go in x first and then in y, so they leave in their own column only to the north or the
    south: exits lie at y = -1 and y = height.
    """
    unit = int(sources[0, 0]) if len(sources) else 0
    if (sources[:, 0] != unit).any():
        raise FitError(
            f"{what} come from several units of {board.name}, and all packets of one exit leave one "
            "unit; use an output for each unit"
        )
    places = [
        (unit, x, y)
        for x in range(board.width)
        for y in (-1, board.height)
        if (unit, x, y) not in taken
    ]
    if places:
        ends = np.array(places)[:, None, 1:]
        way = np.abs(ends - sources[None, :, 1:].astype(np.int64))
        total = np.where((way > REACH).any(axis=(1, 2)), np.inf, way.sum(axis=(1, 2)))
        best = int(total.argmin())
        if np.isfinite(total[best]):
            return places[best]
    raise FitError(
        f"{what} find no free place at the northern or southern edge of {board.name} (unit {unit}) "
        f"that all of their cores reach within {REACH} hops; use fewer output pins"
    )
