"""Strongly connected components of a graph: which nodes reach each other.

Tarjan, SIAM J. Computing 1(2), 1972, without recursion, so that a chain may be as long as it likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def components(
    heads: Sequence[int], successors: Sequence[int], roots: Iterable[int]
) -> Iterator[list[int]]:
    """Every component that ``roots`` reach, each after those that it reaches itself.

    The successors of node k are ``successors[heads[k] : heads[k + 1]]``. A component begins with the
    node from which it was found, and goes on in the order in which its nodes were.
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    open_nodes: list[int] = []
    is_open = set()
    for root in roots:
        if root in index:
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
            found: list[int] = []
            while not found or found[-1] != node:
                found.append(open_nodes.pop())
            is_open.difference_update(found)
            yield found[::-1]
