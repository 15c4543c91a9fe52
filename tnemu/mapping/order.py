"""Order among nodes of a graph: which reach each other, and how long the longest way to each is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.networks.components import components

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

    Strongly connected components, after cores that no loop can hold, because nothing comes in or goes
    out, have been peeled off with array work.
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
    roots = np.flatnonzero(np.diff(heads)).tolist()  # one without successors is alone
    for members in components(heads.tolist(), edges[:, 1].tolist(), roots):
        if len(members) > 1:
            label[members] = members[0]
    return label


def distinct(*columns: npt.NDArray[Any]) -> Ticks:
    """The distinct rows of these columns, int64 [rows, columns], sorted; all values are >= 0."""
    spans = [int(column.max(initial=0)) + 1 for column in columns]
    keys = np.unique(np.ravel_multi_index(columns, spans))
    return np.stack(np.unravel_index(keys, spans), axis=1)
