"""One wire per neuron: copies in the same core while neurons last, splitters beyond that.

A hardware neuron sends to one axon. A neuron with n > 1 wires becomes

* n identical neurons of its core, each with one wire: no extra tick. Identical neurons stay
  identical only without noise, so stochastic neurons are never copied; or
* one neuron that sends to a *splitter*, a cell (:mod:`tnemu.mapping.cells`) of n neurons that repeat
  the spike one tick later. Widest fan-outs move there first, which needs fewest axons.

Balancing delays (:mod:`tnemu.mapping.balance`) takes care of the tick. A wire that takes a fixed time
d >= 2, by an explicit delay or as declared feedback, keeps its length, in two parts; with d = 1 there
is no room for a splitter.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import NEURON_DTYPE, NEURONS, is_stochastic
from tnemu.mapping.cells import Cells
from tnemu.mapping.errors import FitError
from tnemu.networks.logical import WIRE_DTYPE, LogicalCore, LogicalNetwork

Wires = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fanout:
    """The legal network, whose cores beyond ``original`` are splitters.

    ``copies`` int64 [cores] counts the neurons of each that repeat another one of it. ``twins`` int64
    [neurons of all cores in a row]: the first neuron that spikes exactly as each does.
    """

    network: LogicalNetwork
    original: int
    copies: Ints
    twins: Ints


def legalise(network: LogicalNetwork) -> Fanout:
    """The network with at most one wire per neuron, computing the same.

    Raises FitError for a neuron whose wires of delay 1 are more than its core has neurons for.
    """
    original = len(network.cores)
    wires = _distinct(_alive(network))
    cells = Cells(network, "splitter")
    done: list[Wires] = []  # wires out of splitters: one per neuron
    while True:
        crowded, settled = _crowded(wires)
        moves = [
            request
            for number, crowd in crowded.items()
            for request in _moves(network.cores[number], crowd)
        ]
        if not moves:
            break
        kept = wires[~np.isin(_keys(wires), _keys(np.concatenate(moves)))]
        feeds = []
        for run in moves:
            core = network.cores[run["core"][0]]
            feed, out = _split(cells, core.layer or core.name, run)
            feeds.append(feed)
            done.append(out)
        wires = np.concatenate([kept, *feeds])
    cores, copies = list(network.cores), np.zeros(original, np.int64)
    twins: dict[int, Ints] = {}
    spread_wires = [settled, *done]
    for number, crowd in crowded.items():
        cores[number], spread, twins[number] = _copy(cores[number], crowd)
        copies[number] = len(crowd) - len(np.unique(crowd["neuron"]))
        spread_wires.append(spread)
    splitters = cells.cores()
    legal = dataclasses.replace(
        network,
        cores=cores + splitters,
        wires=_sorted(np.concatenate(spread_wires)),
        lines=(),
        line_of=np.zeros(0, np.int32),
    )
    return Fanout(
        legal,
        original,
        np.concatenate([copies, np.zeros(len(splitters), np.int64)]),
        _twins(legal, twins, cells.fans),
    )


def _alive(network: LogicalNetwork) -> Wires:
    """The wires of neurons that are used; the others never spike."""
    wires = network.wires
    base = np.cumsum([0, *(core.neuron_count for core in network.cores)])
    used = np.concatenate([np.zeros(0, np.bool_), *(core.used for core in network.cores)])
    return wires[used[base[wires["core"]] + wires["neuron"]]]


def _sorted(wires: Wires) -> Wires:
    """By source core, neuron, delay, target, pin, and what comes later or back."""
    source = (wires["core"].astype(np.int64) << 32) | wires["neuron"]
    sink = wires["target"].astype(np.int64) << 32 | wires["pin"]
    extra = wires["after"].astype(np.int64) << 32 | wires["loop"]
    keys = [sink, wires["delay"], source]
    return wires[np.lexsort([extra, *keys] if extra.any() else keys)]


def _distinct(wires: Wires) -> Wires:
    """Each wire once, sorted."""
    wires = _sorted(wires)
    again = np.zeros(len(wires), np.bool_)
    again[1:] = wires[1:] == wires[:-1]
    return wires[~again]


def _crowded(wires: Wires) -> tuple[dict[int, Wires], Wires]:
    """By core, the wires of all neurons that have more than one, by neuron; and all other wires."""
    wires = _sorted(wires)
    place = (wires["core"].astype(np.int64) << 32) | wires["neuron"]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    count = np.diff(first, append=len(wires))
    many = np.repeat(count > 1, count)
    crowd = wires[many]
    cores, first = np.unique(crowd["core"], return_index=True)
    by_core = zip(cores.tolist(), np.split(crowd, first[1:]), strict=True)
    return dict(by_core) if len(crowd) else {}, wires[~many]


def _moves(core: LogicalCore, crowd: Wires) -> list[Wires]:
    """What has to move to splitters so that the core has a neuron for every wire that stays.

    Each item is a run of wires of one neuron that one splitter can serve.
    """
    noisy = is_stochastic(core.neurons)
    neurons, first = np.unique(crowd["neuron"], return_index=True)
    free = NEURONS - int(core.used.sum())
    room = free - (len(crowd) - len(neurons))
    if room >= 0 and not noisy[neurons].any():
        return []
    moves: list[Wires] = []
    by_neuron = np.split(crowd, first[1:])
    for must, wires in sorted(
        ((bool(noisy[wires["neuron"][0]]), wires) for wires in by_neuron),
        key=lambda item: (not item[0], -len(item[1]), int(item[1]["neuron"][0])),
    ):
        if room >= 0 and not must:
            break
        ticks = _fixed_ticks(wires)
        movable = wires[
            np.argsort(ticks == 0, kind="stable")
        ]  # those without a fixed time go first
        movable = movable[_fixed_ticks(movable) != 1]  # the rest is long enough to be cut in two
        runs = _runs(movable)
        if must and (len(runs) >= len(movable) or len(movable) < len(wires)):
            raise _no_room(core, wires, "it draws noise, so that copies of it would differ")
        saved = len(movable) - len(runs)
        if saved <= 0:
            continue
        spare = 0 if must else min(max(room + saved, 0), len(movable) - 2)
        room += saved - spare
        moves += _runs(movable[spare:])
    if room < 0 and not moves:
        raise _no_room(
            core, max(by_neuron, key=len), f"{free} neurons of its core are free for copies"
        )
    return moves


def _fixed_ticks(wires: Wires) -> npt.NDArray[np.int32]:
    """The ticks that each wire takes whatever else happens, by its delay or loop; 0: none."""
    return np.where(wires["loop"] > 0, wires["loop"], wires["delay"])


def _runs(wires: Wires) -> list[Wires]:
    """Wires of one neuron, cut into runs of at most 256, for one splitter each."""
    return [wires[start : start + NEURONS] for start in range(0, len(wires), NEURONS)]


def _no_room(core: LogicalCore, wires: Wires, reason: str) -> FitError:
    return FitError(
        f"core {core.name!r} neuron {int(wires['neuron'][0])} has {len(wires)} wires and a neuron "
        f"sends one: {reason}, and a splitter adds a tick, for which a wire of explicit delay 1 has "
        "no room; give its wires a delay of 2 or more, or use fewer neurons in that core"
    )


def _keys(wires: Wires) -> npt.NDArray[np.void]:
    """Every wire as one opaque value that can be looked up."""
    packed = np.ascontiguousarray(wires)
    return packed.view(np.dtype((np.void, WIRE_DTYPE.itemsize)))


def _split(cells: Cells, layer: str, wires: Wires) -> tuple[Wires, Wires]:
    """A splitter for ``wires`` of one neuron: the one wire that feeds it, and those out of it."""
    core, axon, neuron = cells.make(layer, len(wires))
    feed, out = wires[:1].copy(), wires.copy()
    feed["target"], feed["pin"] = core, axon
    feed["delay"] = feed["after"] = feed["loop"] = 0
    out["core"], out["neuron"] = core, neuron + np.arange(len(wires))
    ticks = _fixed_ticks(wires)
    fixed = ticks > 0
    if fixed.any():
        feed["loop" if (wires["loop"] > 0).all() else "delay"] = 1
        for column in ("delay", "loop"):
            out[column] -= wires[column] > 0
    return feed, out


def _copy(core: LogicalCore, crowd: Wires) -> tuple[LogicalCore, Wires, Ints]:
    """The core with one identical neuron for every wire, and the wires spread over them.

    Also the first neuron that is identical to each of the core's.
    """
    spread = crowd.copy()
    source = spread["neuron"].copy()
    again = np.concatenate([[False], source[1:] == source[:-1]])
    needed = int(again.sum())
    copies = np.flatnonzero(~core.used)[:needed]
    more = needed - len(copies)
    copies = np.concatenate([copies, core.neuron_count + np.arange(more)])
    core = dataclasses.replace(
        core,
        crossbar=np.pad(core.crossbar, ((0, 0), (0, more))),
        neurons=np.concatenate([core.neurons, np.zeros(more, NEURON_DTYPE)]),
        used=np.pad(core.used, (0, more)),
        elements=np.pad(core.elements, (0, more), constant_values=-1),
    )
    originals = source[again]
    spread["neuron"][again] = copies
    core.crossbar[:, copies] = core.crossbar[:, originals]
    core.neurons[copies] = core.neurons[originals]
    core.elements[copies] = core.elements[originals]
    core.used[copies] = True
    twins = np.arange(core.neuron_count)
    twins[copies] = originals
    return core, spread, twins


def _twins(network: LogicalNetwork, copied: dict[int, Ints], fans: list[list[int]]) -> Ints:
    """:attr:`Fanout.twins`, from the twins in cores with copies and the fans of splitters."""
    base = np.cumsum([0, *(core.neuron_count for core in network.cores)])
    twins = np.arange(base[-1])
    for number, mine in copied.items():
        twins[base[number] : base[number + 1]] = base[number] + mine
    for k, each in enumerate(fans):
        start = base[len(network.cores) - len(fans) + k]
        first = np.cumsum([0, *each[:-1]])
        twins[start : start + sum(each)] = start + np.repeat(first, each)
    return twins
