"""Wave balance: the delays that make everything a core sees belong to the same frame.

Inputs spike at tick 0. The wave tick of a core is when the last of its inputs can arrive::

    T(core) = max over its wires and taps of  T(source) + delay,    T(input) = 0

where a wire whose delay is left to the mapper (BALANCE) counts 1. Such a wire then gets the delay
T(target) - T(source), so that all of them arrive in tick T(target), however long their ways were.
Explicit delays stay as they are.

What leaves the board leaves as one wave too: cores that drive the same output wait for the last of
them, by the delays of their own inputs, as far as those are left to the mapper and none of the cores
feeds another.

Cores of a feedback loop have no order. Their wires inside the loop need explicit delays and do not
count; the loop as a whole waits for the last of its inputs from outside.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import MAX_DELAY
from tnemu.mapping.errors import FitError
from tnemu.networks.logical import BALANCE, LogicalCore, LogicalNetwork

Ticks = npt.NDArray[np.int64]

PEELED = 0.99
"""Peeling goes on while it leaves at most this share of the edges; then components are searched."""


def wave_ticks(network: LogicalNetwork) -> Ticks:
    """T of every core, int64 [cores]; FitError for a feedback loop without explicit delays."""
    count = len(network.cores)
    inner = network.wires[network.wires["target"] >= 0]
    loop = loops(inner["core"], inner["target"], count)
    inside = loop[inner["core"]] == loop[inner["target"]]
    _check_loops(network, inner[inside])

    # All cores of a loop wait together, so longest paths run over loops (most hold one core).
    first = np.zeros(count, np.int64)
    for item in network.inputs.values():
        np.maximum.at(first, loop[item.taps["core"]], _least(item.taps["delay"]))
    ways = inner[~inside]
    edges = _distinct(loop[ways["core"]], loop[ways["target"]], _least(ways["delay"]))
    first = _longest(first, edges)
    fixed = _fixed(network, loop, inner)
    for _ in network.outputs:  # aligning one output may move another
        for output in range(len(network.outputs)):
            drivers = loop[network.wires["core"][network.wires["target"] == ~output]]
            last = first[drivers].max(initial=0)
            early = drivers[~fixed[drivers] & (first[drivers] < last)]
            if len(early) and not _feeds_itself(drivers, edges):
                first[early] = last
                first = _longest(first, edges)
    return first[loop]


def _longest(first: Ticks, edges: Ticks) -> Ticks:
    """The least ticks >= ``first`` that no edge (source, target, delay) contradicts.

    ``edges`` are sorted by source and run in no circle. Each is looked at once: when all edges into
    its source have been.
    """
    first = first.copy()
    heads = np.searchsorted(edges[:, 0], np.arange(len(first) + 1))
    waiting = np.bincount(edges[:, 1], minlength=len(first))
    front = np.flatnonzero(waiting == 0)
    while len(front):
        count = heads[front + 1] - heads[front]
        skip = np.repeat(heads[front] - (np.cumsum(count) - count), count)
        source, target, delay = edges[skip + np.arange(len(skip))].T
        np.maximum.at(first, target, first[source] + delay)
        np.subtract.at(waiting, target, 1)
        front = np.unique(target[waiting[target] == 0])
    return first


def _fixed(
    network: LogicalNetwork, loop: Ticks, inner: npt.NDArray[np.void]
) -> npt.NDArray[np.bool_]:
    """bool [loops]: an explicit delay says when something arrives there, so it cannot wait."""
    fixed = np.zeros(len(loop), np.bool_)
    fixed[loop[inner["target"][inner["delay"] != BALANCE]]] = True
    for item in network.inputs.values():
        fixed[loop[item.taps["core"][item.taps["delay"] != BALANCE]]] = True
    return fixed


def _feeds_itself(members: Ticks, edges: Ticks) -> bool:
    """Whether a way leads from one of ``members`` to one of them."""
    source, target, _ = edges.T
    reached = np.zeros(int(edges[:, :2].max(initial=int(members.max()))) + 1, np.bool_)
    front = np.isin(source, members)
    while front.any():
        new = target[front][~reached[target[front]]]
        reached[new] = True
        front = np.isin(source, new)
    return bool(reached[members].any())


def balance(network: LogicalNetwork) -> tuple[LogicalNetwork, Ticks]:
    """The network with every delay set, and the wave tick of every core.

    Wires to output pins get delay 1: what counts there is the tick in which the neuron fires.
    Raises FitError for a wire that would have to wait longer than 15 ticks.
    """
    ticks = wave_ticks(network)
    wires = network.wires.copy()
    inner = wires["target"] >= 0
    needed = np.where(inner, ticks[wires["target"]] - ticks[wires["core"]], 1)
    free = wires["delay"] == BALANCE
    late = np.flatnonzero(free & (needed > MAX_DELAY))
    if len(late):
        wire = wires[late[0]]
        raise _too_long(
            f"{_name(network, wire['core'])} neuron {wire['neuron']}",
            network.cores[wire["target"]],
            int(needed[late[0]]),
        )
    wires["delay"] = np.where(free, needed, wires["delay"])
    inputs = {}
    for name, item in network.inputs.items():
        taps = item.taps.copy()
        wait = ticks[taps["core"]]
        late = np.flatnonzero((taps["delay"] == BALANCE) & (wait > MAX_DELAY))
        if len(late):
            tap = taps[late[0]]
            raise _too_long(
                f"input {name!r} pin {tap['pin']}", network.cores[tap["core"]], int(wait[late[0]])
            )
        taps["delay"] = np.where(taps["delay"] == BALANCE, wait, taps["delay"])
        inputs[name] = dataclasses.replace(item, taps=taps)
    return dataclasses.replace(network, wires=wires, inputs=inputs), ticks


def latency_ticks(network: LogicalNetwork, ticks: Ticks) -> int:
    """Ticks from the source tick of input spikes to the last fire tick of output neurons, inclusive.

    A frame that is injected at source tick t has left the board completely after tick
    t + latency - 1. Without output wires: until the last core has seen the frame.
    """
    leaving = network.wires["core"][network.wires["target"] < 0]
    return 1 + int(ticks[leaving].max() if len(leaving) else ticks.max(initial=0))


def loops(source: npt.NDArray[Any], target: npt.NDArray[Any], count: int) -> Ticks:
    """A number for every core, int64 [count]: equal for cores that reach each other.

    Strongly connected components (Tarjan, SIAM J. Computing 1972), after cores that no loop can
    hold, because nothing comes in or goes out, have been peeled off with array work.
    """
    edges = _distinct(source, target)
    edges = edges[edges[:, 0] != edges[:, 1]]
    label = np.arange(count, dtype=np.int64)
    while len(edges):
        into, out = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        out[edges[:, 0]], into[edges[:, 1]] = True, True
        kept = edges[into[edges[:, 0]] & out[edges[:, 1]]]
        if len(kept) > PEELED * len(edges):
            break
        edges = kept
    heads = np.searchsorted(edges[:, 0], np.arange(count + 1))
    successors = edges[:, 1].tolist()
    _label_components(heads.tolist(), successors, label)
    return label


def _label_components(heads: list[int], successors: list[int], label: Ticks) -> None:
    """Give every component of the graph in ``label`` the number of one of its members."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    open_nodes: list[int] = []
    is_open = set()
    for root in range(len(label)):
        if root in index or heads[root] == heads[root + 1]:
            continue
        calls = [(root, heads[root])]
        while calls:
            node, edge = calls.pop()
            if node not in index:
                index[node] = low[node] = len(index)
                open_nodes.append(node)
                is_open.add(node)
            elif edge > heads[node]:  # back from the successor before this edge
                child = successors[edge - 1]
                if child in is_open:
                    low[node] = min(low[node], low[child])
            descended = False
            while edge < heads[node + 1]:
                child = successors[edge]
                edge += 1
                if child not in index:
                    calls += [(node, edge), (child, heads[child])]
                    descended = True
                    break
                if child in is_open:
                    low[node] = min(low[node], index[child])
            if descended or low[node] != index[node]:
                continue
            while True:
                member = open_nodes.pop()
                is_open.discard(member)
                label[member] = node
                if member == node:
                    break


def _distinct(*columns: npt.NDArray[Any]) -> Ticks:
    """The distinct rows of these columns, int64 [rows, columns], sorted; all values are >= 0."""
    spans = [int(column.max(initial=0)) + 1 for column in columns]
    keys = np.unique(np.ravel_multi_index(columns, spans))
    return np.stack(np.unravel_index(keys, spans), axis=1)


def _least(delays: npt.NDArray[Any]) -> Ticks:
    return np.maximum(delays.astype(np.int64), 1)


def _check_loops(network: LogicalNetwork, wires: npt.NDArray[np.void]) -> None:
    free = np.flatnonzero(wires["delay"] == BALANCE)
    if len(free):
        wire = wires[free[0]]
        raise FitError(
            f"the wire from {_name(network, wire['core'])} neuron {wire['neuron']} to "
            f"{_name(network, wire['target'])} axon {wire['pin']} is part of a feedback loop, in "
            "which no delay can be chosen for you; give it an explicit delay of 1..15 ticks "
            "(connect(..., delay=1))"
        )


def _name(network: LogicalNetwork, core: int) -> str:
    return f"core {network.cores[core].name!r}"


def _too_long(source: str, target: LogicalCore, wait: int) -> FitError:
    return FitError(
        f"spikes of {source} would have to wait {wait} ticks for the slowest other input of core "
        f"{target.name!r}, a delay holds at most {MAX_DELAY}; put a Delay of {wait - MAX_DELAY} or "
        "more ticks between the two, or give explicit delays"
    )
