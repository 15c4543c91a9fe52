"""Order among nodes of a graph: which reach each other, and how long the longest way to each is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ticks = npt.NDArray[np.int64]

PEELED = 0.99
"""Peeling goes on while it leaves at most this share of the edges; then components are searched."""


def longest(first: Ticks, edges: Ticks) -> Ticks:
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


def loops(source: npt.NDArray[Any], target: npt.NDArray[Any], count: int) -> Ticks:
    """A number for every core, int64 [count]: equal for cores that reach each other.

    Strongly connected components (Tarjan, SIAM J. Computing 1972), after cores that no loop can
    hold, because nothing comes in or goes out, have been peeled off with array work.
    """
    edges = distinct(source, target)
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


def distinct(*columns: npt.NDArray[Any]) -> Ticks:
    """The distinct rows of these columns, int64 [rows, columns], sorted; all values are >= 0."""
    spans = [int(column.max(initial=0)) + 1 for column in columns]
    keys = np.unique(np.ravel_multi_index(columns, spans))
    return np.stack(np.unravel_index(keys, spans), axis=1)
