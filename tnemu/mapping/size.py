"""What a network takes, before anything has a place: cores, splitters, axons, neurons, ticks.

    network -> one wire per neuron -> delays and relays -> cores of the chip

None of it depends on the board, and nothing is placed. :func:`size_of` is the way there,
:class:`Size` what it found, and :func:`tnemu.mapping.fit.fit` goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown, whole
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.neuron import NEURONS
from tnemu.hardware.places import Places
from tnemu.mapping.balance import waves
from tnemu.mapping.cut import Homes
from tnemu.mapping.divide import divide
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanin import sum_in_parts
from tnemu.mapping.fanout import Fanout
from tnemu.mapping.feedback import legalise_loops
from tnemu.mapping.order import Ticks
from tnemu.mapping.pack import Packing, pack
from tnemu.mapping.room import check_cores, check_exits
from tnemu.mapping.timing import Balanced, balance
from tnemu.networks.logical import MOST_ROWS, LogicalNetwork


def quiet(doing: str) -> None:
    """Hears what is being done, and tells nobody."""


class Buildable(Protocol):
    """Anything that gives a network, as a corelet does."""

    def build(self) -> LogicalNetwork:
        """The network, flat."""
        ...


@dataclass(frozen=True)
class LayerSize:
    """What one layer takes.

    ``parts`` are the logical cores that compute it, ``cores`` those of the chip that hold any of it,
    which it may share with other layers. ``neurons`` are its own; ``copies`` repeat some of them in
    the same core, ``splitters`` repeat them a tick later, ``relays`` let them wait. ``axons`` have a
    source. ``wave_tick`` is the tick in which its (last) neurons see a frame whose source tick is 0,
    and fire. ``kind`` is the class of the corelet that made it, empty where none did.
    """

    name: str
    kind: str
    parts: int
    cores: int
    axons: int
    neurons: int
    copies: int
    splitters: int
    relays: int
    wave_tick: int


@dataclass(frozen=True, eq=False, repr=False)
class Size:
    """What a network takes, on whatever board.

    ``latency_ticks``: spikes injected at source tick t have left the board completely after tick
    t + latency_ticks - 1: the source tick and the last output fire tick both count. ``pin_ticks``, by
    output: int64 [width], the tick in which each pin answers a frame of source tick 0 (-1: no wire
    leads there). ``neuron_waves`` and ``pin_waves`` are ``wave_ticks`` and ``pin_ticks`` without what
    ``after`` adds: in that tick spikes that were moved would have come. ``network`` is legal (one wire per neuron), balanced (every delay is set) and
    packed (its cores are those of the chip). ``wave_ticks`` int64 [cores, 256] is the tick in which
    each of its neurons sees a frame of source tick 0 (-1: not used). ``layers`` come in order of
    their first cores, ``layer_of`` int32 [cores, 256] says to which of them a neuron belongs (-1:
    not used). ``names`` are those of the network that was given, see :meth:`places`; ``homes`` are the neurons of the network that was given, see :meth:`where`.
    ``resources`` are the totals, named with their units.
    """

    network: LogicalNetwork
    latency_ticks: int
    pin_ticks: Mapping[str, Ticks]
    pin_waves: Mapping[str, Ticks]
    wave_ticks: Ticks
    neuron_waves: Ticks
    layers: tuple[LayerSize, ...]
    layer_of: npt.NDArray[np.int32]
    resources: Mapping[str, int | float]
    homes: Homes
    names: Mapping[Any, Places]

    @property
    def cores(self) -> int:
        """Cores of the chip that it takes."""
        return len(self.network.cores)

    def where(self, core: int, neuron: int) -> tuple[int, int]:
        """Core and neuron of :attr:`network` that ``neuron`` of core ``core`` of the network given is.

        Both are counted as in the network that was asked for. FitError for one that is not used.
        """
        base = self.homes.base
        core = whole("core", core, 0, len(base) - 2, error=FitError)
        neuron = whole("neuron", neuron, 0, int(base[core + 1] - base[core]) - 1, error=FitError)
        flat = base[core] + neuron
        if self.homes.core[flat] < 0:
            raise FitError(f"neuron {neuron} of core {core} is not used, so it is nowhere")
        return int(self.homes.core[flat]), int(self.homes.column[flat])

    def places(self, name: Any) -> Places:
        """Core and neuron of :attr:`network` of every pin of ``name``, as the author calls it.

        Raises the error of what named them for a name that there is not, FitError where nothing has
        names.
        """
        if not len(self.names):
            raise FitError(
                f"{shown(name)}: the neurons of this network have no names, give core and neuron; those of a "
                "corelet have"
            )
        found: Places = self.names[name]
        flat = self.homes.base[found.core] + found.neuron
        core = self.homes.core[flat]
        if (core < 0).any():
            raise FitError(
                f"{found.name}: pin {int(found.pin[np.argmin(core)])} is a neuron that was not needed and "
                "left out; name what it drives"
            )
        return found.moved(core, self.homes.column[flat])

    def __repr__(self) -> str:
        return (
            f"<Size: {self.cores:,} cores, {self.latency_ticks} ticks, "
            f"layers {', '.join(layer.name for layer in self.layers)}>"
        )


def size_of(
    thing: LogicalNetwork | Buildable,
    board: BoardSpec | None = None,
    *,
    share: bool = True,
    host_spikes: int | None = None,
    told: Callable[[str], None] = quiet,
) -> Size:
    """What a network, or anything with ``build()``, takes; with a board, only if it has room.

    ``share`` False leaves every logical core a core of its own. ``host_spikes``, from 1, is the most
    that the host is to send for one bit of an input; for what needs more, splitters on the chip
    repeat it, a tick later (None: the host sends all). ``told`` hears what is being done.

    Raises FitError for what is no network, for wires that no neuron or splitter can carry, for cycles
    in which nothing is declared to be feedback, and for more cores or output pins than ``board`` has,
    naming by how much. Whether packets reach their targets is known only after placement
    (:func:`tnemu.mapping.fit.fit`).
    """
    told("building the network")
    network = network_of(thing)
    network.validate()
    if host_spikes is not None:
        host_spikes = whole("host_spikes", host_spikes, 1, MOST_ROWS, error=FitError)
    if board is not None:
        check_cores(network, board, at_least=True)
        check_exits(network, board)
    told(f"fan-in and fan-out of {len(network.cores):,} parts")
    summed, homes = sum_in_parts(network)
    divided, moved = divide(summed)
    homes = homes.then(moved)
    fanout = legalise_loops(network, divided, homes, host_spikes)
    told("balancing delays")
    try:
        balanced = balance(fanout.network, fanout.twins, fanout.original)
    except FitError:
        waves(network)  # says the same of the neurons that the author knows
        raise
    told("putting parts into cores")
    packing = pack(balanced.network, share=share, board=board)
    if board is not None:
        check_cores(packing.network, board)
    layers, layer_of = _layers(fanout, balanced, packing)
    return Size(
        network=packing.network,
        latency_ticks=balanced.latency_ticks,
        pin_ticks=balanced.pins,
        pin_waves=balanced.pin_waves,
        wave_ticks=_of_columns(packing, balanced.ticks, -1),
        neuron_waves=_of_columns(packing, balanced.waves, -1),
        layers=layers,
        layer_of=layer_of,
        resources=_resources(layers, packing),
        homes=packing.homes_of(homes),
        names=network.names,
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


def _of_columns(packing: Packing, values: Ticks, missing: int) -> Ticks:
    """Values of the neurons of all parts as [cores, 256], ``missing`` where there is none."""
    table = np.full((len(packing.network.cores), NEURONS), missing, np.int64)
    part = np.repeat(np.arange(len(packing.core)), np.diff(packing.neuron_base))
    used = packing.columns >= 0
    table[packing.core[part[used]], packing.columns[used]] = values[used]
    return table


def _layers(
    fanout: Fanout, balanced: Balanced, packing: Packing
) -> tuple[tuple[LayerSize, ...], npt.NDArray[np.int32]]:
    """The layers, and [cores, 256] to which of them each neuron belongs."""
    network = balanced.network
    index: dict[str, int] = {}
    of = np.array(
        [index.setdefault(core.layer or core.name, len(index)) for core in network.cores], np.intp
    )
    kinds = network.origin.get("layer_kinds", {})
    used = np.array([int(core.used.sum()) for core in network.cores])
    number = np.arange(len(of))
    own = number < fanout.original
    relays = number >= balanced.original
    copies = np.pad(fanout.copies, (0, int(relays.sum()))) - balanced.spared

    def total(values: Ticks, which: npt.NDArray[np.bool_]) -> list[int]:
        sums = np.zeros(len(index), np.int64)
        np.add.at(sums, of[which], values[which])
        return sums.tolist()

    cores = np.unique(of * len(packing.network.cores) + packing.core)
    last = np.zeros(len(index), np.int64)
    part = np.repeat(number, np.diff(packing.neuron_base))
    mine = own[part] & (packing.columns >= 0)
    np.maximum.at(last, of[part[mine]], balanced.ticks[mine])
    everywhere = np.ones(len(of), np.bool_)
    columns = zip(
        index,
        [kinds.get(name, "") for name in index],
        total(np.ones_like(used), own),
        np.bincount(cores // len(packing.network.cores), minlength=len(index)).tolist(),
        total(packing.axons, everywhere),
        total(used - copies, own),
        total(copies, own),
        total(used, ~own & ~relays),
        total(used, relays),
        last.tolist(),
        strict=True,
    )
    layer_of = _of_columns(packing, of[part], -1).astype(np.int32)
    return tuple(LayerSize(*column) for column in columns), layer_of


def _resources(layers: tuple[LayerSize, ...], packing: Packing) -> dict[str, int | float]:
    network = packing.network
    taps = sum(len(item.taps) for item in network.inputs.values())
    pins = sum(item.width for item in network.inputs.values())
    return {
        "cores": len(network.cores),
        "parts": len(packing.core),
        "axons": int(packing.axons.sum()),
        "neurons": sum(layer.neurons for layer in layers),
        "copies": sum(layer.copies for layer in layers),
        "splitters": sum(layer.splitters for layer in layers),
        "relays": sum(layer.relays for layer in layers),
        "input_pins": pins,
        "taps": taps,
        "host_spikes_per_bit": taps / pins if pins else 0.0,
        "output_pins": sum(output.width for output in network.outputs.values()),
    }
