"""One wire per neuron: copies in the same core while neurons last, splitter cores beyond that.

A hardware neuron sends to one axon. A neuron with n > 1 wires becomes

* n identical neurons of its core, each with one wire: no extra tick. Identical neurons stay
  identical only without noise, so stochastic neurons are never copied; or
* one neuron that sends to an axon of a *splitter core*, whose neurons repeat the spike one tick
  later: one axon and n neurons there. Widest fan-outs move there first, which needs fewest axons.

A splitter core serves sources of one layer and one wave tick only, so that balancing delays
(:mod:`tnemu.mapping.balance`) costs no more than the one tick. An explicit delay d >= 2 keeps its
length, in two parts; with d = 1 there is no room for a splitter.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import AXONS, NEURONS, RELAY_NEURON, is_stochastic
from tnemu.mapping.balance import Ticks, wave_ticks
from tnemu.mapping.errors import FitError
from tnemu.networks.logical import BALANCE, WIRE_DTYPE, LogicalCore, LogicalNetwork

Wires = npt.NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Fanout:
    """The legal network, whose cores beyond ``original`` are splitters, and ``copies`` [cores]."""

    network: LogicalNetwork
    original: int
    copies: npt.NDArray[np.int64]


def legalise(network: LogicalNetwork) -> Fanout:
    """The network with at most one wire per neuron, computing the same.

    Raises FitError for a neuron whose wires of delay 1 are more than its core has neurons for.
    """
    original = len(network.cores)
    network = dataclasses.replace(network, wires=_distinct(network.wires))
    while True:
        crowded, settled = _crowded(network)
        moves = [
            request
            for number, wires in crowded.items()
            for request in _moves(network.cores[number], wires)
        ]
        if not moves:
            break
        network = _split(network, wave_ticks(network), moves)
    cores, copies = list(network.cores), np.zeros(len(network.cores), np.int64)
    wires = [settled]
    for number, crowd in crowded.items():
        cores[number], spread = _copy(cores[number], crowd)
        copies[number] = len(crowd) - len(np.unique(crowd["neuron"]))
        wires.append(spread)
    legal = dataclasses.replace(network, cores=cores, wires=_sorted(np.concatenate(wires)))
    return Fanout(legal, original, copies)


def _sorted(wires: Wires) -> Wires:
    """By source core, neuron, delay, target and pin."""
    source = (wires["core"].astype(np.int64) * NEURONS + wires["neuron"]) << 4 | wires["delay"]
    sink = wires["target"].astype(np.int64) << 32 | wires["pin"]
    return wires[np.lexsort((sink, source))]


def _distinct(wires: Wires) -> Wires:
    """Each wire once, sorted."""
    wires = _sorted(wires)
    again = np.zeros(len(wires), np.bool_)
    again[1:] = wires[1:] == wires[:-1]
    return wires[~again]


def _crowded(network: LogicalNetwork) -> tuple[dict[int, Wires], Wires]:
    """By core, the wires of all neurons that have more than one, by neuron; and all other wires."""
    wires = _sorted(network.wires)
    place = wires["core"].astype(np.int64) * NEURONS + wires["neuron"]
    _, count = np.unique(place, return_counts=True)
    many = np.repeat(count > 1, count)
    crowd = wires[many]
    cores, first = np.unique(crowd["core"], return_index=True)
    by_core = zip(cores.tolist(), np.split(crowd, first[1:]), strict=True)
    return dict(by_core) if len(crowd) else {}, wires[~many]


def _moves(core: LogicalCore, crowd: Wires) -> list[Wires]:
    """What has to move to splitters so that the core has a neuron for every wire that stays.

    Each item is a run of wires of one neuron that one splitter axon can serve.
    """
    noisy = is_stochastic(core.neurons)
    neurons, first = np.unique(crowd["neuron"], return_index=True)
    room = int((~core.used).sum()) - (len(crowd) - len(neurons))
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
        movable = wires[wires["delay"] != 1]  # BALANCE, or long enough to be cut in two
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
        free = int((~core.used).sum())
        raise _no_room(
            core, max(by_neuron, key=len), f"{free} neurons of its core are free for copies"
        )
    return moves


def _runs(wires: Wires) -> list[Wires]:
    """Wires of one neuron, cut into runs of at most 256, for one splitter axon each."""
    return [wires[start : start + NEURONS] for start in range(0, len(wires), NEURONS)]


def _no_room(core: LogicalCore, wires: Wires, reason: str) -> FitError:
    return FitError(
        f"core {core.name!r} neuron {int(wires['neuron'][0])} has {len(wires)} wires and a neuron "
        f"sends one: {reason}, and a splitter adds a tick, for which a wire of explicit delay 1 has "
        "no room; give its wires a delay of 2 or more, or use fewer neurons in that core"
    )


def _split(network: LogicalNetwork, ticks: Ticks, moves: list[Wires]) -> LogicalNetwork:
    """The network with ``moves`` taken over by new splitter cores."""
    first = len(network.cores)
    number = max(core.number for core in network.cores) + 1
    splitters: list[LogicalCore] = []
    opened: dict[tuple[Any, ...], list[_Splitter]] = {}
    done: list[Wires] = []
    for wires in moves:
        source = int(wires["core"][0])
        layer = network.cores[source].layer or network.cores[source].name
        mine = opened.setdefault(_company(wires, source, layer, int(ticks[source])), [])
        splitter = next((s for s in mine if s.fits(wires)), None)
        if splitter is None:
            splitter = _Splitter(first + len(splitters), layer, number + len(splitters))
            splitters.append(splitter.core)
            mine.append(splitter)
        done += splitter.take(wires)
    moved = np.concatenate(moves)
    kept = network.wires[~np.isin(_keys(network.wires), _keys(moved))]
    return dataclasses.replace(
        network, cores=network.cores + splitters, wires=np.concatenate([kept, *done])
    )


def _company(wires: Wires, source: int, layer: str, tick: int) -> tuple[Any, ...]:
    """Runs with the same answer may share a splitter core, because they arrive there together."""
    free = wires["delay"] == BALANCE
    if free.any() and not free.all():
        return "mixed", source  # its explicit part fixes when it arrives, its free part needs that
    return "free" if free.all() else "explicit", layer, tick


def _keys(wires: Wires) -> npt.NDArray[np.void]:
    """Every wire as one opaque value that can be looked up."""
    packed = np.ascontiguousarray(wires)
    return packed.view(np.dtype((np.void, WIRE_DTYPE.itemsize)))


class _Splitter:
    """A splitter core that is being filled."""

    def __init__(self, index: int, layer: str, number: int) -> None:
        self.index, self.axons, self.neurons = index, 0, 0
        self.core = LogicalCore(f"{layer}.splitter{index}", layer, number)

    def fits(self, wires: Wires) -> bool:
        return self.axons < AXONS and self.neurons + len(wires) <= NEURONS

    def take(self, wires: Wires) -> tuple[Wires, Wires]:
        """Give ``wires`` a neuron each; returns the one wire that feeds them, and those wires."""
        here = slice(self.neurons, self.neurons + len(wires))
        self.core.crossbar[self.axons, here] = True
        self.core.neurons[here] = RELAY_NEURON
        self.core.used[here] = True
        feed, out = wires[:1].copy(), wires.copy()
        feed["target"], feed["pin"] = self.index, self.axons
        out["core"], out["neuron"] = self.index, np.arange(here.start, here.stop)
        explicit = wires["delay"] != BALANCE
        if explicit.any():
            feed["delay"] = max(1, int(wires["delay"].min()) - 1)
            out["delay"][explicit] -= feed["delay"]
        self.axons, self.neurons = self.axons + 1, here.stop
        return feed, out


def _copy(core: LogicalCore, crowd: Wires) -> tuple[LogicalCore, Wires]:
    """The core with one identical neuron for every wire, and the wires spread over them."""
    core = dataclasses.replace(
        core,
        crossbar=core.crossbar.copy(),
        neurons=core.neurons.copy(),
        used=core.used.copy(),
        elements=core.elements.copy(),
    )
    spread = crowd.copy()
    source = spread["neuron"].copy()
    again = np.concatenate([[False], source[1:] == source[:-1]])
    copies = np.flatnonzero(~core.used)[: again.sum()]
    originals = source[again]
    spread["neuron"][again] = copies
    core.crossbar[:, copies] = core.crossbar[:, originals]
    core.neurons[copies] = core.neurons[originals]
    core.elements[copies] = core.elements[originals]
    core.used[copies] = True
    return core, spread
