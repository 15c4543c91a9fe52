"""One wire per neuron: copies in the same core while neurons last, splitters beyond that.

A hardware neuron sends to one axon. A neuron with n > 1 wires becomes

* n identical neurons of its core, each with one wire: no extra tick. Identical neurons stay
  identical only without noise, so stochastic neurons are never copied; or
* one neuron that sends to a *splitter*, a cell (:mod:`tnemu.mapping.cells`) of n neurons that repeat
  the spike one tick later. Widest fan-outs move there first, which needs fewest axons.

Balancing delays (:mod:`tnemu.mapping.balance`) takes care of the tick. A wire that takes a fixed time
d >= 2, by an explicit delay or as declared feedback, keeps its length, in two parts; with d = 1 there
is no room for a splitter. Where a second core for some of the neurons is cheaper than splitters,
:mod:`tnemu.mapping.divide` has made one before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import NEURONS, is_stochastic
from tnemu.mapping.cells import Cells
from tnemu.mapping.errors import FitError
from tnemu.networks.logical import BALANCE, WIRE_DTYPE, LogicalCore, LogicalNetwork

Wires = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]


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


def legalise(network: LogicalNetwork, host_spikes: int | None = None) -> Fanout:
    """The network with at most one wire per neuron, computing the same.

    Where an input pin has more than ``host_spikes`` taps, splitters on the chip serve it. Raises
    FitError for a neuron whose wires of delay 1 are more than its core has neurons for.
    """
    original = len(network.cores)
    wires = distinct_wires(network)
    free = np.array([NEURONS - int(core.used.sum()) for core in network.cores], np.int64)
    noisy = [np.flatnonzero(is_stochastic(core.neurons)) for core in network.cores]
    cells = Cells(network, "splitter")
    done: list[Wires] = []  # wires out of splitters: one per neuron
    if host_spikes is not None:
        network, out = _split_inputs(network, cells, host_spikes)
        done.append(out)
    while True:
        sources = Sources(wires)
        runs = [
            run
            for core in sources.crowded(free, noisy).tolist()
            for run in _moves(network.cores[core], sources, core, int(free[core]), noisy[core])
        ]
        if not runs:
            break
        feeds, out, moved = _split(network, cells, wires, runs)
        wires = in_order(np.concatenate([wires[~moved], feeds]))
        done.append(out)
    cores, copies = list(network.cores), np.zeros(original, np.int64)
    twins: dict[int, Ints] = {}
    wires = wires.copy()
    sending = np.bincount(sources.core, minlength=original)
    for core in np.unique(sources.core[sources.count > 1]).tolist():
        mine = sources.wires_of(core)
        cores[core], wires["neuron"][mine], twins[core] = _copy(cores[core], wires["neuron"][mine])
        copies[core] = mine.stop - mine.start - sending[core]
    splitters = cells.cores()
    legal = dataclasses.replace(
        network,
        cores=cores + splitters,
        wires=in_order(np.concatenate([wires, *done])),
        lines=(),
        line_of=np.zeros(0, np.int32),
    )
    return Fanout(
        legal,
        original,
        np.concatenate([copies, np.zeros(len(splitters), np.int64)]),
        _twins(legal, twins, cells.fans),
    )


def distinct_wires(network: LogicalNetwork) -> Wires:
    """The wires of neurons that are used, as the others never spike; each once, in order."""
    wires = network.wires
    base = np.cumsum([0, *(core.neuron_count for core in network.cores)])
    used = np.concatenate([np.zeros(0, np.bool_), *(core.used for core in network.cores)])
    wires = in_order(wires[used[base[wires["core"]] + wires["neuron"]]])
    again = np.zeros(len(wires), np.bool_)
    again[1:] = wires[1:] == wires[:-1]
    return wires[~again]


def fixed_ticks(wires: Wires) -> npt.NDArray[np.int32]:
    """The ticks that each wire takes whatever else happens, by its delay or loop; 0: none."""
    return np.where(wires["loop"] > 0, wires["loop"], wires["delay"])


def in_order(wires: Wires) -> Wires:
    """By core and neuron; of one neuron, those that can go to a splitter come last.

    So first those that take one tick, then those that take a fixed number, then the others; and
    within these by target, pin, and when they arrive.
    """
    ticks = fixed_ticks(wires).astype(np.int64)
    kind = np.where(ticks == 0, 2, np.where(ticks > 1, 1, 0))
    source = (wires["core"].astype(np.int64) << 32) | (wires["neuron"].astype(np.int64) << 2) | kind
    sink = wires["target"].astype(np.int64) << 32 | wires["pin"]
    keys = [sink, source]
    if ticks.any() or wires["after"].any():
        extra = (wires["after"].astype(np.int64) << 5 | wires["delay"]) << 32 | wires["loop"]
        keys = [extra, sink, source]
    return wires[np.lexsort(keys)]


class Sources:
    """The neurons that send ``wires``, which are in order: their cores, first wires and counts."""

    def __init__(self, wires: Wires) -> None:
        place = (wires["core"].astype(np.int64) << 32) | wires["neuron"]
        self.first = np.flatnonzero(np.diff(place, prepend=-1))
        self._ends = np.append(self.first, len(wires))
        self.count = np.diff(self._ends)
        self.core = wires["core"][self.first].astype(np.int64)
        self.neuron = wires["neuron"][self.first].astype(np.int64)
        # wires of one tick are first, so the movable ones of a neuron are the last of its wires
        short = np.concatenate([[0], np.cumsum(fixed_ticks(wires) == 1)])
        self.movable = self.count - (short[self.first + self.count] - short[self.first])

    def crowded(self, free: Ints, noisy: list[Ints]) -> Ints:
        """Cores that have no neuron for every wire, or noisy neurons with more than one."""
        needed = np.bincount(self.core, self.count - 1, len(free))
        found = needed > free
        many = self.count > 1
        for core in np.unique(self.core[many]).tolist():
            if len(noisy[core]) and not found[core]:
                mine = self.neurons_of(core)
                found[core] = np.isin(self.neuron[mine][many[mine]], noisy[core]).any()
        return np.flatnonzero(found)

    def neurons_of(self, core: int) -> slice:
        """The sources that are neurons of ``core``."""
        return slice(*np.searchsorted(self.core, [core, core + 1]).tolist())

    def wires_of(self, core: int) -> slice:
        """The wires that neurons of ``core`` send."""
        return slice(*self._ends[np.searchsorted(self.core, [core, core + 1])].tolist())


def _moves(
    core: LogicalCore, sources: Sources, number: int, free: int, noisy: Ints
) -> list[tuple[int, int]]:
    """Runs of wires (first, end), of one neuron each, that have to move to a splitter.

    Then the core has a neuron for every wire that stays.
    """
    mine = sources.neurons_of(number)
    neuron, first, count, movable = (
        values[mine][sources.count[mine] > 1].tolist()
        for values in (sources.neuron, sources.first, sources.count, sources.movable)
    )
    draws = set(noisy.tolist())
    must = [column in draws for column in neuron]
    for k in np.flatnonzero(must).tolist():
        if movable[k] < count[k] or movable[k] < 2:
            raise _no_room(
                core, neuron[k], count[k], "it draws noise, so that copies of it would differ"
            )
    chosen = choose(count, movable, must, free)
    if chosen is None:
        widest = max(range(len(count)), key=count.__getitem__)
        reason = f"{free} neurons of its core are free for copies"
        raise _no_room(core, neuron[widest], count[widest], reason)
    return [
        (at, min(at + NEURONS, first[k] + count[k]))
        for k, moved in chosen
        for at in range(first[k] + count[k] - moved, first[k] + count[k], NEURONS)
    ]


def choose(
    count: Sequence[int], movable: Sequence[int], must: Sequence[bool], free: int
) -> list[tuple[int, int]] | None:
    """Which neurons of a core leave how many of their ``count`` wires to splitters: (which, moved).

    Copies for the wires that stay need a neuron each, of which ``free`` are to be had; a splitter
    saves all but one for each 256. Widest first; those that ``must`` leave all of them. None: even
    all ``movable`` wires are not enough.
    """
    room = free - sum(count) + len(count)
    chosen: list[tuple[int, int]] = []
    for k in sorted(range(len(count)), key=lambda k: (not must[k], -count[k])):
        if room >= 0 and not must[k]:
            break
        saved = movable[k] - -(-movable[k] // NEURONS)
        if saved <= 0:
            continue
        spare = 0 if must[k] else min(max(room + saved, 0), movable[k] - 2)
        room += saved - spare
        chosen.append((k, movable[k] - spare))
    return chosen if room >= 0 or chosen else None


def _no_room(core: LogicalCore, neuron: int, count: int, reason: str) -> FitError:
    return FitError(
        f"core {core.name!r} neuron {neuron} has {count} wires and a neuron sends one: {reason}, and a "
        "splitter adds a tick, for which a wire of one tick (delay=1 or loop=1) has no room; give its "
        "wires 2 ticks or more, or use fewer neurons in that core"
    )


def _split(
    network: LogicalNetwork, cells: Cells, wires: Wires, runs: Sequence[tuple[int, int]]
) -> tuple[Wires, Wires, Bits]:
    """A splitter for each run: the wires that feed them, those out of them, and which were moved."""
    first, end = np.array(runs).T
    layers = [core.layer or core.name for core in network.cores]
    sources = wires["core"][first].tolist()
    made = [
        cells.make(layers[core], count)
        for core, count in zip(sources, (end - first).tolist(), strict=True)
    ]
    core, axon, neuron = np.array(made).T
    run = np.repeat(np.arange(len(first)), end - first)
    within = np.arange(len(run)) - np.repeat(np.cumsum(end - first) - (end - first), end - first)
    index = first[run] + within
    out = wires[index]
    ticks = fixed_ticks(out)
    out["core"], out["neuron"] = core[run], neuron[run] + within
    for column in ("delay", "loop"):
        out[column] -= out[column] > 0
    feeds = wires[first].copy()
    feeds["target"], feeds["pin"] = core, axon
    feeds["delay"] = feeds["after"] = feeds["loop"] = 0
    some = np.zeros(len(first), np.bool_)
    some[run[ticks > 0]] = True
    all_loops = np.ones(len(first), np.bool_)
    all_loops[run[wires["loop"][index] == 0]] = False
    feeds["loop"][all_loops] = 1
    feeds["delay"][some & ~all_loops] = 1
    moved = np.zeros(len(wires), np.bool_)
    moved[index] = True
    return feeds, out, moved


def _split_inputs(network: LogicalNetwork, cells: Cells, most: int) -> tuple[LogicalNetwork, Wires]:
    """Splitters for pins with more than ``most`` taps, as far as these can wait a tick; their wires."""
    inputs, done = {}, [network.wires[:0]]
    for name, item in network.inputs.items():
        taps = item.taps[np.argsort(item.taps["pin"], kind="stable")]
        many = np.bincount(taps["pin"], minlength=item.width)[taps["pin"]] > most
        moved = many & (taps["delay"] != 1)
        moved &= np.bincount(taps["pin"][moved], minlength=item.width)[taps["pin"]] > 1
        first = np.flatnonzero(np.diff(taps["pin"][moved], prepend=-1))
        feeds = []
        for mine in np.split(taps[moved], first[1:]) if len(first) else []:
            for start in range(0, len(mine), NEURONS):
                run = mine[start : start + NEURONS]
                core, axon, neuron = cells.make(name, len(run))
                out = np.zeros(len(run), WIRE_DTYPE)
                out["core"], out["neuron"] = core, neuron + np.arange(len(run))
                out["target"], out["pin"] = run["core"], run["axon"]
                out["delay"], out["after"] = run["delay"] - (run["delay"] > 0), run["after"]
                done.append(out)
                feed = run[:1].copy()
                feed["core"], feed["axon"], feed["after"] = core, axon, 0
                feed["delay"] = 1 if out["delay"].any() else BALANCE
                feeds.append(feed)
        inputs[name] = dataclasses.replace(item, taps=np.concatenate([taps[~moved], *feeds]))
    return dataclasses.replace(network, inputs=inputs), np.concatenate(done)


def _copy(core: LogicalCore, sources: npt.NDArray) -> tuple[LogicalCore, npt.NDArray, Ints]:
    """The core with one identical neuron for every wire, of which ``sources`` [wires] are the sources.

    Also the neuron that sends each wire then, and the first neuron that is identical to each.
    """
    again = np.concatenate([[False], sources[1:] == sources[:-1]])
    originals = sources[again]
    used = core.used
    copies = np.flatnonzero(~used)[: len(originals)]
    more = len(originals) - len(copies)
    copies = np.concatenate([copies, len(used) + np.arange(more)])
    twins = np.arange(len(used) + more)
    twins[copies] = originals
    old = np.minimum(twins, len(used) - 1)  # the column that each is made from
    neurons, elements = core.neurons[old], core.elements[old]
    crossbar, used = np.take(core.crossbar, old, axis=1), used[old]
    used[copies] = True
    spread = sources.copy()
    spread[again] = copies
    core = dataclasses.replace(
        core, crossbar=crossbar, neurons=neurons, used=used, elements=elements
    )
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
