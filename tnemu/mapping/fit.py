"""What a network needs against what a board has: the plan, or an error that says what is too much.

    network -> one wire per neuron -> delays -> places -> image

:func:`fit` is the whole way; :class:`Plan` is what it found, and prints as the resource table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tnemu.hardware import packet
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS
from tnemu.mapping.balance import Ticks, balance, latency_ticks
from tnemu.mapping.build import build_image
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanout import Fanout, legalise
from tnemu.mapping.place import check_count, in_order, place
from tnemu.networks.logical import LogicalNetwork

__all__ = ["Buildable", "FitError", "LayerPlan", "Plan", "fit"]


class Buildable(Protocol):
    """Anything that gives a network, as a corelet does."""

    def build(self) -> LogicalNetwork: ...


@dataclass(frozen=True)
class LayerPlan:
    """One layer on the board.

    ``cores`` compute it, ``splitters`` are further cores that only repeat its spikes. ``neurons``
    are its own, ``copies`` repeat some of them in the same core. ``axons`` have a source.
    ``longest_hop`` is the longest way |dx| + |dy| of its neurons' packets. ``wave_tick`` is the tick
    in which its (last) neurons see a frame whose source tick is 0, and fire.
    """

    name: str
    kind: str
    cores: int
    splitters: int
    axons: int
    neurons: int
    copies: int
    longest_hop: int
    wave_tick: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A network on a board.

    ``latency_ticks``: spikes injected at source tick t have left the board completely after tick
    t + latency_ticks - 1, so ``run(latency_ticks)`` from tick t gives the whole answer: the source
    tick and the last output fire tick both count. ``network`` is the network as it was loaded (core
    k of it is core k of the image) and ``wave_ticks`` [cores] the tick in which each core sees a
    frame of source tick 0. ``resources`` are the totals, named with their units.
    """

    image: BoardImage
    network: LogicalNetwork
    latency_ticks: int
    wave_ticks: Ticks
    layers: tuple[LayerPlan, ...]
    resources: Mapping[str, int | float]

    HEADINGS = ("layer", "cores", "splitters", "axons", "neurons", "copies", "longest hop", "tick")

    def rows(self) -> list[tuple[str, ...]]:
        """The resource table below its headings, as text: a row for each layer, and the total."""
        r = self.resources
        own = sum(layer.cores for layer in self.layers)
        numbers: list[tuple[str, list[int | float]]] = [
            (
                layer.name,
                [
                    layer.cores,
                    layer.splitters,
                    layer.axons,
                    layer.neurons,
                    layer.copies,
                    layer.longest_hop,
                    layer.wave_tick,
                ],
            )
            for layer in self.layers
        ]
        totals = [r[name] for name in ("splitters", "axons", "neurons", "copies", "longest_hop")]
        numbers.append(("total", [own, *totals, self.latency_ticks - 1]))
        return [(name, *(f"{value:,}" for value in values)) for name, values in numbers]

    def notes(self) -> list[str]:
        """What does not fit into columns, one sentence a line."""
        r, board = self.resources, self.image.board
        return [
            f"{r['cores']:,} of {board.core_count:,} cores of {board.name} "
            f"({100 * r['board_share']:.1f} %), {r['chips']} of {board.chip_count} chips",
            f"{self.latency_ticks} ticks from a frame's source tick to its last output spike, both "
            "included",
            f"{r['input_pins']:,} input pins land on {r['taps']:,} axons: "
            f"{r['host_spikes_per_bit']:.2f} host spikes for each bit that is set",
            f"{r['packets']:,} packets if every neuron fires once: {r['mean_hops']:.1f} hops on "
            f"average, {r['chip_crossings']:,} chip borders (leaving the board is one)",
        ]

    def __str__(self) -> str:
        table = [self.HEADINGS, *self.rows()]
        widths = [max(len(row[k]) for row in table) for k in range(len(self.HEADINGS))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in table
        ]
        lines[1:1] = lines[-1:-1] = ["-" * len(lines[0])]
        return "\n".join([*lines, "", *self.notes()])


def fit(
    thing: LogicalNetwork | Buildable, board: BoardSpec, seed: int = 0, *, keep_order: bool = False
) -> Plan:
    """Put a network, or anything with ``build()``, on a board.

    ``seed`` chooses among equally good placements; it never changes a spike. ``keep_order`` takes
    the board's positions in order of core numbers instead, for networks that come with numbers.

    Raises FitError naming what does not fit, by how much, and what to do about it.
    """
    network = thing if isinstance(thing, LogicalNetwork) else thing.build()
    if not network.cores:
        raise FitError("the network has no cores, so there is nothing to put on a board")
    network.validate()
    check_count(network, board)
    fanout = legalise(network)
    _check_splitters(fanout, board)
    legal, ticks = balance(fanout.network)
    positions = in_order(legal, board) if keep_order else place(legal, board, ticks, seed)
    origin = {**network.origin, "placement": "in order" if keep_order else f"seed {seed}"}
    image = build_image(legal, board, positions, origin)
    axons = _used_axons(legal)
    layers = _layers(fanout, legal, ticks, image, axons)
    return Plan(
        image=image,
        network=legal,
        latency_ticks=latency_ticks(legal, ticks),
        wave_ticks=ticks,
        layers=layers,
        resources=_resources(layers, legal, image) | {"axons": int(axons.sum())},
    )


def _check_splitters(fanout: Fanout, board: BoardSpec) -> None:
    cores = fanout.network.cores
    if len(cores) <= board.core_count:
        return
    layers: dict[str, int] = {}
    for core in cores[fanout.original :]:
        layers[core.layer] = layers.get(core.layer, 0) + 1
    widest = max(layers, key=lambda name: layers[name])
    raise FitError(
        f"the network needs {fanout.original:,} cores and {len(cores) - fanout.original:,} more as "
        f"splitters, {board.name} has {board.core_count:,}; {widest!r} has the widest fan-out, "
        f"{layers[widest]:,} splitters: use a larger board, or fewer neurons per core in that layer "
        "so that copies fit beside them"
    )


def _hops(image: BoardImage) -> npt.NDArray[np.int64]:
    """|dx| + |dy| of every neuron's packet, int [n, 256]; -1 where none is sent."""
    dx, dy, _, delay = packet.decode(image.targets)
    return np.where(delay > 0, np.abs(dx).astype(np.int64) + np.abs(dy), -1)


def _crossings(image: BoardImage) -> int:
    """Chip borders that the packets cross if every neuron fires once; leaving the board is one."""
    board = image.board
    dx, dy, _, delay = packet.decode(image.targets)
    total = 0
    for step, start, chip in (
        (dx, image.positions[:, 1, None], board.chip.cores_x),
        (dy, image.positions[:, 2, None], board.chip.cores_y),
    ):
        total += int(np.abs((start + step) // chip - start // chip)[delay > 0].sum())
    return total


def _used_axons(network: LogicalNetwork) -> npt.NDArray[np.int64]:
    """Axons of each core that something drives."""
    inner = network.wires[network.wires["target"] >= 0]
    keys = [inner["target"].astype(np.int64) * AXONS + inner["pin"]]
    for item in network.inputs.values():
        keys.append(item.taps["core"].astype(np.int64) * AXONS + item.taps["axon"])
    return np.bincount(np.unique(np.concatenate(keys)) // AXONS, minlength=len(network.cores))


def _layers(
    fanout: Fanout,
    network: LogicalNetwork,
    ticks: Ticks,
    image: BoardImage,
    axons: npt.NDArray[np.int64],
) -> tuple[LayerPlan, ...]:
    """The layers in order of their first core."""
    names = [core.layer or core.name for core in network.cores]
    kinds = network.origin.get("layer_kinds", {})
    hops = _hops(image)
    used = np.array([int(core.used.sum()) for core in network.cores])
    members: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        members.setdefault(name, []).append(index)
    layers = []
    for name, indices in members.items():
        own = np.array([i for i in indices if i < fanout.original], np.intp)
        extra = [i for i in indices if i >= fanout.original]
        copies = int(fanout.copies[own].sum())
        layers.append(
            LayerPlan(
                name=name,
                kind=kinds.get(name, ""),
                cores=len(own),
                splitters=len(extra),
                axons=int(axons[own].sum()),
                neurons=int(used[own].sum()) - copies,
                copies=copies,
                longest_hop=max(0, int(hops[indices].max())),
                wave_tick=int(ticks[own].max()),
            )
        )
    return tuple(layers)


def _resources(
    layers: tuple[LayerPlan, ...], network: LogicalNetwork, image: BoardImage
) -> dict[str, int | float]:
    board, hops = image.board, _hops(image)
    sent = hops[hops >= 0]
    taps = sum(len(item.taps) for item in network.inputs.values())
    pins = sum(item.width for item in network.inputs.values())
    chip = image.positions // np.array([1, board.chip.cores_x, board.chip.cores_y])
    return {
        "cores": image.core_count,
        "splitters": sum(layer.splitters for layer in layers),
        "neurons": sum(layer.neurons for layer in layers),
        "copies": sum(layer.copies for layer in layers),
        "board_share": image.core_count / board.core_count,
        "chips": len(np.unique(chip, axis=0)),
        "input_pins": pins,
        "taps": taps,
        "host_spikes_per_bit": taps / pins if pins else 0.0,
        "output_pins": sum(item.width for item in network.outputs.values()),
        "packets": len(sent),
        "mean_hops": float(sent.mean()) if len(sent) else 0.0,
        "longest_hop": int(sent.max(initial=0)),
        "chip_crossings": _crossings(image),
    }
