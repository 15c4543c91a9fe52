"""Every delay set, by the waves of a network, and when a frame passes its neurons and pins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tnemu.hardware.neuron import MAX_DELAY
from tnemu.mapping.balance import Waves, Wires, waves
from tnemu.mapping.order import Ticks, longest
from tnemu.mapping.relays import Relays, Way
from tnemu.networks.logical import (
    BALANCE,
    LogicalInput,
    LogicalNetwork,
    taps_from,
    wires_from,
)

NEVER = -1
"""The tick of a neuron that is not used, and of a pin that nothing drives."""


@dataclass(frozen=True, eq=False)
class Balanced:
    """A network whose delays are all set.

    Its cores from ``original`` on are relays. ``spared`` int64 [cores] counts neurons that relays
    made superfluous: copies of a neuron whose wires now begin at a relay. ``ticks``, int64 for the neurons of all cores in a
    row: when each sees the wave of source tick 0, ``after`` included (-1: not used). ``pins``, by
    output: int64 [width], when each pin answers that wave (-1: no wire leads there). ``waves`` and
    ``pin_waves`` are the same without ``after``: whatever moved against its wave, the tick of the wave.
    ``latency_ticks``: spikes of source tick t have left the board completely after tick
    t + latency_ticks - 1; spikes that go round a loop do not count.
    """

    network: LogicalNetwork
    original: int
    spared: Ticks
    ticks: Ticks
    pins: Mapping[str, Ticks]
    waves: Ticks
    pin_waves: Mapping[str, Ticks]
    latency_ticks: int


def balance(
    network: LogicalNetwork, twins: Ticks | None = None, own: int | None = None
) -> Balanced:
    """Set every delay; relays take over where one holds too little.

    ``twins`` int64 [neurons of all cores in a row]: the first neuron that spikes exactly as each
    does; they may share a chain of relays. The cores from ``own`` on are splitters. Wires to output pins get delay 1: what counts there is
    the tick in which the neuron fires. Raises FitError for a cycle in which nothing is declared.
    """
    found = waves(network, own)
    wires, wait = network.wires, _waits(network, found)
    relays = Relays(network)
    late = wait > np.where(wires["target"] >= 0, MAX_DELAY, 0)
    kept = wires[~late].copy()
    kept["delay"] = np.where(kept["target"] >= 0, wait[~late], np.maximum(kept["delay"], 1))
    kept["after"] = kept["loop"] = 0
    feeds, spare = _chains(network, found, relays, wires[late], wait[late], twins)
    inputs = {
        name: _reach_late(relays, network, found, item) for name, item in network.inputs.items()
    }
    rows = feeds + relays.rows
    done = np.concatenate([kept, wires_from(rows)]) if rows else kept
    cores = network.cores + relays.cores()
    for core, neuron in spare:
        if cores[core] is network.cores[core]:
            cores[core] = dataclasses.replace(cores[core], used=cores[core].used.copy())
        cores[core].used[neuron] = False
    first, last = _passes(network, found, wait)
    group = found.groups.neurons
    ticks, bare = (
        np.where(group >= 0, values[group], NEVER) if len(first) else np.zeros(0, np.int64)
        for values in (first, found.ticks)
    )
    pins, latency = _leaving(network, found, wait, first, last)
    bare_wait = wait - wires["after"] * (wires["delay"] == BALANCE)
    pin_waves, _ = _leaving(network, found, bare_wait, found.ticks, last)
    return Balanced(
        network=dataclasses.replace(
            network, cores=cores, wires=done, inputs=inputs, lines=(), line_of=_NO_LINES
        ),
        original=len(network.cores),
        spared=np.bincount([core for core, _ in spare], minlength=len(cores)).astype(np.int64),
        ticks=np.concatenate([ticks, relays.ticks()]),
        pins=pins,
        waves=np.concatenate([bare, relays.ticks()]),
        pin_waves=pin_waves,
        latency_ticks=latency,
    )


_NO_LINES = np.zeros(0, np.int32)


def _waits(network: LogicalNetwork, found: Waves) -> Ticks:
    """Ticks from firing to arrival of every wire; to an output, ticks that it has to be held back."""
    wires, groups = network.wires, found.groups
    source = groups.of_neurons(wires["core"], wires["neuron"])
    from_tick = np.where(source >= 0, found.ticks[source], 0)
    wait = np.zeros(len(wires), np.int64)
    inner = wires["target"] >= 0
    if inner.any():
        target = groups.of_axons(wires["target"][inner], wires["pin"][inner])
        wait[inner] = np.where(target >= 0, found.ticks[target], 0) - from_tick[inner]
        wait[inner] += wires["after"][inner]
    out = ~inner
    if out.any():
        held = found.leave[~wires["target"][out]] - from_tick[out]
        patient = (source[out] >= 0) & found.patient[source[out]]
        wait[out] = np.where(patient, held, 0) + wires["after"][out]
    wait = np.where(wires["loop"] > 0, wires["loop"], wait)
    return np.where(wires["delay"] == BALANCE, wait, np.where(inner, wires["delay"], 0))


def _chains(
    network: LogicalNetwork,
    found: Waves,
    relays: Relays,
    wires: Wires,
    wait: Ticks,
    twins: Ticks | None,
) -> tuple[list[tuple[int, int, int, int, int]], list[tuple[int, int]]]:
    """Relays for wires that wait too long: the wires that feed them, and neurons then to spare."""
    base = found.groups.neuron_base
    flat = base[wires["core"]] + wires["neuron"]
    root = flat if twins is None else twins[flat]
    feeds: list[tuple[int, int, int, int, int]] = []
    spare: list[tuple[int, int]] = []
    order = np.lexsort((flat, root))
    for mine in np.split(order, np.flatnonzero(np.diff(root[order])) + 1) if len(order) else []:
        ways = [Way(int(wires["target"][k]), int(wires["pin"][k]), int(wait[k])) for k in mine]
        core = int(wires["core"][mine[0]])
        tick = int(found.of_sources(wires[mine[:1]])[0])
        layer = network.cores[core].layer or network.cores[core].name
        needed = relays.reach(layer, tick, ways)
        senders = list(dict.fromkeys(wires["neuron"][mine].tolist()))
        for k, row in enumerate(needed):
            feeds.append((core, senders[min(k, len(senders) - 1)], *row))
        if twins is not None:
            spare += [(core, neuron) for neuron in senders[len(needed) :]]
    return feeds, spare


def _reach_late(
    relays: Relays, network: LogicalNetwork, found: Waves, item: LogicalInput
) -> LogicalInput:
    """An input whose taps all have a delay, some of them by relays."""
    taps = item.taps.copy()
    group = found.groups.of_axons(taps["core"], taps["axon"])
    free = taps["delay"] == BALANCE
    wait = np.where(free, found.ticks[group] + taps["after"], taps["delay"])
    late = np.flatnonzero(wait > MAX_DELAY)
    taps["after"] = 0
    taps["delay"] = np.minimum(wait, MAX_DELAY)
    rows = []
    order = late[np.argsort(taps["pin"][late], kind="stable")]
    cuts = np.flatnonzero(np.diff(taps["pin"][order])) + 1
    for mine in np.split(order, cuts) if len(order) else []:
        ways = [Way(int(taps["core"][k]), int(taps["axon"][k]), int(wait[k])) for k in mine]
        core = network.cores[ways[0].target]
        pin = int(taps["pin"][mine[0]])
        rows += [(pin, *row) for row in relays.reach(core.layer or core.name, 0, ways)]
    if rows:
        taps = np.concatenate([np.delete(taps, late), taps_from(rows)])
    return dataclasses.replace(item, taps=taps)


def _passes(network: LogicalNetwork, found: Waves, wait: Ticks) -> tuple[Ticks, Ticks]:
    """By group: the tick of the wave with ``after``, and the last tick that spikes of it arrive."""
    groups, wires = found.groups, network.wires
    ordered = (wires["target"] >= 0) & (wires["loop"] == 0)
    source = groups.of_neurons(wires["core"], wires["neuron"])
    ordered &= source >= 0
    inner = wires[ordered]
    source, target = source[ordered], groups.of_axons(inner["target"], inner["pin"])
    onward = found.label[source] != found.label[target]  # the rest leads back in time
    source, target, inner = source[onward], target[onward], inner[onward]
    last = found.ticks.copy()
    moved = _Moved(found)
    for item in network.inputs.values():
        group = groups.of_axons(item.taps["core"], item.taps["axon"])
        free = item.taps["delay"] == BALANCE
        arrives = np.where(free, found.ticks[group] + item.taps["after"], item.taps["delay"])
        np.maximum.at(last, group, arrives)
        moved.add(None, group, item.taps)
    edges = np.stack([source, target, wait[ordered][onward]], axis=1)
    last = longest(last, edges[np.argsort(source, kind="stable")])
    moved.add(source, target, inner)
    return found.ticks + moved.ticks(), last


class _Moved:
    """How many ticks behind its wave each group is: the least that leads there by ``after``."""

    def __init__(self, found: Waves) -> None:
        self._found = found
        self._edges = [np.zeros((0, 4), np.int64)]

    def add(self, source: Ticks | None, target: Ticks, rows: Wires) -> None:
        """Wires from groups ``source``, or taps (None), to groups ``target``."""
        free = rows["delay"] == BALANCE
        begin = np.full(len(target), -1) if source is None else source
        self._edges.append(np.stack([begin, target, rows["after"], free], axis=1).astype(np.int64))

    def ticks(self) -> Ticks:
        """int64 [groups]. Explicit delays count only where a group has no others."""
        count = len(self._found.ticks)
        edges = np.concatenate(self._edges)
        if not edges[:, 2].any():
            return np.zeros(count, np.int64)
        ordered = np.zeros(count, np.bool_)
        ordered[edges[edges[:, 3] == 1, 1]] = True
        edges = edges[(edges[:, 3] == 1) | ~ordered[edges[:, 1]]]
        far = np.iinfo(np.int64).max // 2
        moved = np.zeros(count + 1, np.int64)  # the last is the source of all taps
        moved[edges[:, 1]] = far
        tick = self._found.ticks[edges[:, 1]]
        edges = edges[np.argsort(tick, kind="stable")]
        for level in np.split(edges, np.flatnonzero(np.diff(np.sort(tick))) + 1):
            np.minimum.at(moved, level[:, 1], moved[level[:, 0]] + level[:, 2])
        return moved[:-1]


def _leaving(
    network: LogicalNetwork, found: Waves, wait: Ticks, first: Ticks, last: Ticks
) -> tuple[dict[str, Ticks], int]:
    """When each pin of each output answers, and the ticks from source to the last answer."""
    wires = network.wires
    group = found.groups.of_neurons(wires["core"], wires["neuron"])
    pins = {}
    latest = NEVER
    for index, (name, output) in enumerate(network.outputs.items()):
        mine = (wires["target"] == ~index) & (group >= 0)
        ticks = np.full(output.width, np.iinfo(np.int64).max)
        np.minimum.at(ticks, wires["pin"][mine], first[group[mine]] + wait[mine])
        pins[name] = np.where(ticks == np.iinfo(np.int64).max, NEVER, ticks)
        latest = max(latest, int((last[group[mine]] + wait[mine]).max(initial=NEVER)))
    return pins, 1 + (latest if latest >= 0 else int(last.max(initial=0)))
