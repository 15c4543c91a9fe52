"""What a network takes, before anything has a place: cores, splitters, axons, neurons, ticks.

    network -> one wire per neuron -> delays

None of it depends on the board, and nothing is placed or packed. :func:`size_of` is the way there,
:class:`Size` what it found, and :func:`tnemu.mapping.fit.fit` goes on from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.neuron import AXONS, NEURONS
from tnemu.mapping.balance import Ticks, balance, latency_ticks
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanout import Fanout, legalise
from tnemu.networks.logical import LogicalNetwork

Counts = npt.NDArray[np.int64]

PINS_PER_EXIT = AXONS
"""An exit is an address beyond the board's edge; its packets tell pins apart by their axon field."""
EXITS_PER_COLUMN = 2
"""Packets go in x first and then in y, so they leave in their own column, north or south."""


class Buildable(Protocol):
    """Anything that gives a network, as a corelet does."""

    def build(self) -> LogicalNetwork:
        """The network, flat."""
        ...


@dataclass(frozen=True)
class LayerSize:
    """What one layer takes.

    ``cores`` compute it, ``splitters`` are further cores that only repeat its spikes. ``neurons``
    are its own, ``copies`` repeat some of them in the same core. ``axons`` have a source.
    ``wave_tick`` is the tick in which its (last) neurons see a frame whose source tick is 0, and
    fire. ``kind`` is the class of the corelet that made it, empty where none did.
    """

    name: str
    kind: str
    cores: int
    splitters: int
    axons: int
    neurons: int
    copies: int
    wave_tick: int


@dataclass(frozen=True, eq=False, repr=False)
class Size:
    """What a network takes, on whatever board.

    ``latency_ticks``: spikes injected at source tick t have left the board completely after tick
    t + latency_ticks - 1: the source tick and the last output fire tick both count. ``network`` is
    legal (one wire per neuron) and balanced (every delay is set); ``wave_ticks`` int64 [cores] is
    the tick in which each of its cores sees a frame of source tick 0. ``layers`` come in order of
    their first cores. ``resources`` are the totals, named with their units.
    """

    network: LogicalNetwork
    latency_ticks: int
    wave_ticks: Ticks
    layers: tuple[LayerSize, ...]
    resources: Mapping[str, int | float]

    @property
    def cores(self) -> int:
        """Cores that it takes, splitters included."""
        return len(self.network.cores)

    def __repr__(self) -> str:
        return (
            f"<Size: {self.cores:,} cores, {self.latency_ticks} ticks, "
            f"layers {', '.join(layer.name for layer in self.layers)}>"
        )


def size_of(thing: LogicalNetwork | Buildable, board: BoardSpec | None = None) -> Size:
    """What a network, or anything with ``build()``, takes; with a board, only if it has room.

    Raises FitError for what is no network, for wires that no neuron or splitter can carry, for
    delays that cannot be balanced, and for more cores or output pins than ``board`` has, naming by
    how much. Whether packets reach their targets is known only after placement
    (:func:`tnemu.mapping.fit.fit`).
    """
    network = network_of(thing)
    network.validate()
    _check_understood(network)
    if board is not None:
        check_cores(network, board)
        _check_exits(network, board)
    fanout = legalise(network)
    if board is not None:
        _check_splitters(fanout, board)
    legal, ticks = balance(fanout.network)
    axons = _used_axons(legal)
    layers = _layers(fanout, legal, ticks, axons)
    return Size(
        network=legal,
        latency_ticks=latency_ticks(legal, ticks),
        wave_ticks=ticks,
        layers=layers,
        resources=_resources(layers, legal, axons),
    )


def network_of(thing: object) -> LogicalNetwork:
    """The network that ``thing`` is or builds; FitError if it is or does neither."""
    hint = "give a corelet, a LogicalNetwork, the name of a shipped student or the path of a file"
    if isinstance(thing, type):
        raise FitError(f"thing = {thing.__name__} is a class; make one of it first, as in Relay(8)")
    build = getattr(thing, "build", None)
    network = build() if callable(build) else thing
    if not isinstance(network, LogicalNetwork):
        found = f"built a {type(network).__name__}" if callable(build) else "is no network"
        raise FitError(f"thing = {shown(thing)} {found}; {hint}")
    if not network.cores:
        raise FitError("the network has no cores, so there is nothing to put on a board")
    return network


def _check_understood(network: LogicalNetwork) -> None:
    """What the network can say and this mapper does not do yet is refused, not ignored."""
    late = network.wires["after"].any() or network.wires["loop"].any()
    if late or any(item.taps["after"].any() for item in network.inputs.values()):
        raise FitError("wires with after or loop are not mapped yet; give delays of 1..15")
    for core in network.cores:
        if core.crossbar.shape != (AXONS, NEURONS):
            raise FitError(
                f"core {core.name!r} has {core.axon_count} axons and {core.neuron_count} neurons; "
                "only cores of 256 each are mapped yet"
            )


def layers_of(network: LogicalNetwork) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Names of the layers in order of their first cores, and the layer of every core [cores]."""
    index: dict[str, int] = {}
    of = [index.setdefault(core.layer or core.name, len(index)) for core in network.cores]
    return list(index), np.array(of, np.intp)


def check_cores(network: LogicalNetwork, board: BoardSpec) -> None:
    """The board has a core for every core of the network, or a FitError names the largest layer."""
    needed, has = len(network.cores), board.core_count
    if needed <= has:
        return
    names, of = layers_of(network)
    count = np.bincount(of)
    largest, most = names[int(count.argmax())], int(count.max())
    kind = network.origin.get("layer_kinds", {}).get(largest, "layer")
    if most > has:
        text = f"{kind} {largest!r} needs {most:,} cores, {board.name} has {has:,}"
    else:
        text = (
            f"the network needs {needed:,} cores, {board.name} has {has:,}; {kind} {largest!r} "
            f"takes most of them, {most:,}"
        )
    raise FitError(f"{text}: use a larger board, or fewer features or more groups in that layer")


def _check_exits(network: LogicalNetwork, board: BoardSpec) -> None:
    """The board's edge has an exit for every 256 pins of every output."""
    pins = sum(output.width for output in network.outputs.values())
    needed = sum(-(-output.width // PINS_PER_EXIT) for output in network.outputs.values())
    has = EXITS_PER_COLUMN * board.width * board.units
    if needed > has:
        raise FitError(
            f"the network's {pins:,} output pins need {needed:,} exits, one for every "
            f"{PINS_PER_EXIT} pins of an output; {board.name} has {has:,}, two for each column: use "
            "fewer output pins or a wider board"
        )


def _check_splitters(fanout: Fanout, board: BoardSpec) -> None:
    cores = fanout.network.cores
    if len(cores) <= board.core_count:
        return
    names, of = layers_of(fanout.network)
    count = np.bincount(of[fanout.original :], minlength=len(names))
    raise FitError(
        f"the network needs {fanout.original:,} cores and {len(cores) - fanout.original:,} more as "
        f"splitters, {board.name} has {board.core_count:,}; {names[int(count.argmax())]!r} has the "
        f"widest fan-out, {int(count.max()):,} splitters: use a larger board, or fewer neurons per "
        "core in that layer so that copies fit beside them"
    )


def _layers(
    fanout: Fanout, network: LogicalNetwork, ticks: Ticks, axons: Counts
) -> tuple[LayerSize, ...]:
    names, of = layers_of(network)
    kinds = network.origin.get("layer_kinds", {})
    own = of[: fanout.original]

    def total(values: Counts) -> list[int]:
        """Sum by layer, over the cores that compute it."""
        sums = np.zeros(len(names), np.int64)
        np.add.at(sums, own, values[: len(own)])
        return sums.tolist()

    used = np.array([core.used.sum() for core in network.cores])
    last = np.zeros(len(names), np.int64)
    np.maximum.at(last, own, ticks[: len(own)])
    columns = zip(
        names,
        [kinds.get(name, "") for name in names],
        total(np.ones_like(used)),
        np.bincount(of[fanout.original :], minlength=len(names)).tolist(),
        total(axons),
        total(used - fanout.copies),
        total(fanout.copies),
        last.tolist(),
        strict=True,
    )
    return tuple(LayerSize(*column) for column in columns)


def _used_axons(network: LogicalNetwork) -> Counts:
    """Axons of each core that something drives."""
    driven = np.zeros((len(network.cores), AXONS), np.bool_)
    inner = network.wires[network.wires["target"] >= 0]
    driven[inner["target"], inner["pin"]] = True
    for item in network.inputs.values():
        driven[item.taps["core"], item.taps["axon"]] = True
    return driven.sum(axis=1)


def _resources(
    layers: tuple[LayerSize, ...], network: LogicalNetwork, axons: Counts
) -> dict[str, int | float]:
    taps = sum(len(item.taps) for item in network.inputs.values())
    pins = sum(item.width for item in network.inputs.values())
    return {
        "cores": len(network.cores),
        "splitters": sum(layer.splitters for layer in layers),
        "axons": int(axons.sum()),
        "neurons": sum(layer.neurons for layer in layers),
        "copies": sum(layer.copies for layer in layers),
        "input_pins": pins,
        "taps": taps,
        "host_spikes_per_bit": taps / pins if pins else 0.0,
        "output_pins": sum(item.width for item in network.outputs.values()),
    }
