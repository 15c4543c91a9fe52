"""What drives each neuron: the maps of all paths from spikes to it, put together.

Between two layers of neurons a graph has only linear nodes, so what a neuron sees in a tick is

    x = sum over sources s of  M_s z_s(t - delay_s)  +  b

with one sparse map M_s for every :class:`Tap` s, kept exact (:mod:`tnemu.networks.graph.maps`).

A cycle must lead through one layer of neurons, and comes back a tick after the spike, or as many ticks
as the Delay nodes in it say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tnemu.networks.components import components
from tnemu.networks.graph import linear
from tnemu.networks.graph.maps import Map, MapError
from tnemu.networks.graph.nodes import (
    MOST_PINS,
    SPIKING,
    Affine,
    Conv2d,
    Delay,
    Flatten,
    Foreign,
    Graph,
    Input,
    Node,
    Output,
    Shape,
    SumPool2d,
    sizes,
)
from tnemu.networks.graph.value import PathError, Tap, Value

Problem = tuple[str, str]
"""A node's name, and why it cannot be mapped exactly."""


def driven(
    graph: Graph, shapes: dict[str, Shape] | None = None
) -> tuple[dict[str, Value | None], list[Problem]]:
    """What drives each neuron and output of ``graph``, in an order in which they can be computed, and
    what cannot be; ``shapes`` takes the shape of what leaves each node. A node that depends on one that cannot be has None, and is not a problem itself.
    """
    problems = [(n, node.why) for n, node in graph.nodes.items() if isinstance(node, Foreign)]
    rings, order = _rings(graph), []
    for ring in rings:
        inside = [n for n in ring if isinstance(graph.nodes[n], SPIKING)]
        if len(ring) > 1 or (ring[0], ring[0]) in graph.edges:
            problems += _ring_problem(graph, ring, inside)
        # the neurons of a ring come first: what they fired before goes round it
        order += [*_inside_out(graph, ring, inside), *inside]
    ring_of = {name: k for k, ring in enumerate(rings) for name in ring}
    lost = {name for name, _ in problems}
    values: dict[str, Value | None] = {}
    found: dict[str, Value | None] = {}
    into: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for a, b in graph.edges:
        into[b].append(a)
    for name in order:
        node = graph.nodes[name]
        coming: list[Value | None] = []
        for source in into[name]:
            if isinstance(graph.nodes[source], SPIKING):
                looped = ring_of[source] == ring_of[name]
                coming.append(None if source in lost else _spikes(graph, source, looped, found))
            else:
                coming.append(None if source in lost else values.get(source))
        whole = [value for value in coming if value is not None]
        values[name] = None
        if name not in lost and len(whole) == len(coming):
            try:
                values[name] = _at(node, whole, name)
            except (PathError, MapError) as error:
                problems.append((name, str(error)))
        value = values[name]
        if value is None:
            lost.add(name)
        elif shapes is not None:
            shapes[name] = value.shape
        if isinstance(node, (*SPIKING, Output)):
            found[name] = values[name]
    return found, problems


def _spikes(graph: Graph, name: str, loop: bool, found: dict[str, Value | None]) -> Value | None:
    """The spikes of a layer. In a loop its shape is that of its parameters, what drives it comes later."""
    if loop:
        node = graph.nodes[name]
        shape = np.shape(getattr(node, "threshold", 0))
        if sizes(shape) < 2 and not shape:
            return None
    else:
        value = found.get(name)
        if value is None:
            return None
        shape = value.shape
    return Value(shape, {Tap(name, loop=loop): Map.identity(sizes(shape))})


def _at(node: Node, coming: list[Value], name: str) -> Value:
    """The value of a node, of what comes in."""
    if isinstance(node, Input):
        if coming:
            raise PathError("has an edge to it; spikes come into an Input from outside only")
        _check_size(node.shape)
        return Value(node.shape, {Tap(name): Map.identity(sizes(node.shape))})
    wanted = _wanted(node)
    if not coming:
        if isinstance(node, SPIKING) and wanted:
            return Value(wanted, {})
        raise PathError("has no edge to it; connect what drives it, or take it out")
    total = _fitting(coming[0], wanted)
    for value in coming[1:]:
        more = _fitting(value, wanted)
        if more.shape != total.shape:
            raise PathError(
                f"adds up arrays of unlike shapes, {total.shape} and {more.shape}; flatten them first"
            )
        total = total.plus(more)
    made = _STEPS.get(type(node))
    return _back(total) if made is None else made(node, total)


def _wanted(node: Node) -> Shape:
    """The shape of what has to come in, () where any may."""
    if isinstance(node, Affine):
        return (node.weight.shape[1],)
    if isinstance(node, SPIKING):
        shape = np.broadcast_shapes(*[np.shape(p) for p in _parameters(node)])
        return shape if sizes(shape) > 1 else ()
    if isinstance(node, Output):
        return node.shape
    return ()


def _parameters(node: Node) -> list[npt.NDArray[np.generic]]:
    return [getattr(node, n) for n in ("r", "threshold", "reset") if hasattr(node, n)]


def _fitting(value: Value, wanted: Shape) -> Value:
    """``value`` in the shape that is wanted; a batch axis of 1 in front is left out."""
    if not wanted or value.shape == wanted:
        return value
    extra = len(value.shape) - len(wanted)
    longer, shorter = (value.shape, wanted) if extra > 0 else (wanted, value.shape)
    if longer[: abs(extra)] == (1,) * abs(extra) and longer[abs(extra) :] == shorter:
        return replace(value, shape=wanted)
    raise PathError(
        f"takes an array of shape {wanted}, {value.shape} comes in; put a Flatten between"
    )


# -- nodes that change no numbers, or none of another time ----------------------------------------


def _delay(node: Delay, value: Value) -> Value:
    if value.constant is not None:
        raise PathError("delays a bias, which would begin later; put it before the bias")
    maps = {replace(tap, delay=tap.delay + node.ticks): m for tap, m in value.maps.items()}
    return replace(value, maps=maps)


def _back(value: Value) -> Value:
    """What a layer gets of itself: a tick later, unless a Delay says when."""
    total = Value(value.shape, {}, value.constant)
    for tap, one in value.maps.items():
        key = replace(tap, delay=tap.delay or 1) if tap.loop else tap
        total = total.plus(Value(value.shape, {key: one}))  # a Delay of a tick is as good as none
    return total


def _output(node: Output, value: Value) -> Value:
    one = list(value.maps.items())
    if len(one) != 1 or value.constant is not None or not one[0][1].is_identity:
        raise PathError("shows numbers, not spikes; end the graph with IF or Threshold before it")
    return value


def _check_size(shape: Shape) -> None:
    if not 1 <= sizes(shape) <= MOST_PINS or min(shape, default=1) < 1:
        raise PathError(f"has the shape {shape}; 1 to {MOST_PINS:,} elements are possible")


_STEPS: dict[type, Callable] = {
    Affine: linear.affine,
    Conv2d: linear.conv,
    SumPool2d: linear.pool,
    Flatten: linear.flatten,
    Delay: _delay,
    Output: _output,
}


# -- the order of nodes ----------------------------------------------------------------------------


def _ring_problem(graph: Graph, ring: list[str], inside: list[str]) -> list[Problem]:
    if len(inside) == 1:
        shape = np.shape(getattr(graph.nodes[inside[0]], "threshold", 0))
        if not shape:
            return [
                (
                    inside[0],
                    "is in a loop and its parameters have no shape; give one value for each neuron",
                )
            ]
        return []
    if not inside:
        return [(ring[0], f"is in a loop without neurons ({', '.join(ring)}); it would never end")]
    return [
        (
            inside[0],
            f"is in a loop with {', '.join(repr(n) for n in inside[1:])}: a core answers in the next tick, so a "
            "loop of several layers cannot keep the ticks of the graph; only a layer may drive itself",
        )
    ]


def _inside_out(graph: Graph, ring: list[str], inside: list[str]) -> list[str]:
    """The linear nodes of a ring in order, from its neurons on."""
    rest = [n for n in ring if n not in inside]
    edges = [(a, b) for a, b in graph.edges if a in rest and b in rest]
    order: list[str] = []
    while rest:
        ready = [n for n in rest if not any(b == n and a in rest for a, b in edges)]
        if not ready:  # a loop without neurons, which is a problem already
            return order + rest
        order += ready
        rest = [n for n in rest if n not in ready]
    return order


def _rings(graph: Graph) -> list[list[str]]:
    """The components of the graph, sources first."""
    names = list(graph.nodes)
    number = {name: k for k, name in enumerate(names)}
    edges = sorted(((number[a], number[b]) for a, b in graph.edges), key=lambda edge: edge[0])
    heads = np.searchsorted([a for a, _ in edges], np.arange(len(names) + 1)).tolist()
    found = components(heads, [b for _, b in edges], range(len(names)))
    return [[names[k] for k in members] for members in found][::-1]
