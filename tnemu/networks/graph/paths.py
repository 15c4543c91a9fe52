"""What drives each neuron: the maps of all paths from spikes to it, put together.

Between two layers of neurons a graph has only linear nodes, so what a neuron sees in a tick is

    x = sum over sources s of  M_s z_s(t - delay_s)  +  b

with one sparse map M_s for every :class:`Tap` s, kept exact (:mod:`tnemu.networks.graph.maps`).

A cycle must lead through one layer of neurons, and comes back a tick after the spike, or as many ticks
as the Delay nodes in it say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tnemu.networks.graph.maps import MOST_SYNAPSES, Map, MapError, whole_parts
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

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tap:
    """Spikes of node ``source``, ``delay`` ticks later; ``loop``: of the layer that is driven."""

    source: str
    delay: int = 0
    loop: bool = False


@dataclass(frozen=True, eq=False)
class Value:
    """What goes along an edge: an array of ``shape``, as maps of taps and a constant (a map of one column)."""

    shape: Shape
    maps: dict[Tap, Map]
    constant: Map | None = None

    def through(self, step: Map, shape: Shape) -> Value:
        """step applied to all of it."""
        constant = None if self.constant is None else step.after(self.constant)
        return Value(shape, {tap: step.after(one) for tap, one in self.maps.items()}, constant)

    def plus(self, other: Value) -> Value:
        """The sum of both, of one shape."""
        maps = dict(self.maps)
        for tap, one in other.maps.items():
            maps[tap] = maps[tap].plus(one) if tap in maps else one
        if self.constant is None or other.constant is None:
            return Value(self.shape, maps, self.constant or other.constant)
        return Value(self.shape, maps, self.constant.plus(other.constant))


class PathError(ValueError):
    """Why a node cannot be: a sentence without its subject."""


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


# -- the steps of linear nodes ---------------------------------------------------------------------


def _affine(node: Affine, value: Value) -> Value:
    shape = (node.weight.shape[0],)
    return _biased(value.through(Map.dense(node.weight), shape), node.bias)


def _biased(value: Value, bias: npt.NDArray[np.generic] | None) -> Value:
    if bias is None or not bias.any():
        return value
    return value.plus(Value(value.shape, {}, Map.dense(bias.reshape(-1, 1))))


def _conv(node: Conv2d, value: Value) -> Value:
    if len(value.shape) == 4 and value.shape[0] == 1:
        value = replace(value, shape=value.shape[1:])
    if len(value.shape) != 3:
        raise PathError(
            f"takes [channels, rows, columns], an array of shape {value.shape} comes in"
        )
    channels, *space = value.shape
    outputs, each, *kernel = node.weight.shape
    if channels != each * node.groups or outputs % node.groups:
        raise PathError(
            f"has {node.groups} groups of {each} channels and {outputs} features for {channels} channels; "
            "they do not divide evenly"
        )
    if node.input_shape is not None and tuple(space) != node.input_shape:
        raise PathError(f"takes images of {node.input_shape}, {tuple(space)} comes in")
    padding = node.padding
    if padding == "same":
        if node.stride != (1, 1):
            raise PathError('has padding "same" with a stride; give the padding in numbers')
        spans = [d * (k - 1) for d, k in zip(node.dilation, kernel, strict=True)]
        if any(span % 2 for span in spans):
            raise PathError('has padding "same" around an even kernel; give the padding in numbers')
        padding = (spans[0] // 2, spans[1] // 2)
    elif isinstance(padding, str):
        padding = (0, 0)
    entry, row, column, shape = _slide(space, kernel, node.stride, padding, node.dilation)
    positions, pixels = sizes(shape), sizes(tuple(space))
    weights = node.weight.reshape(outputs, each, -1)
    f, c, k = np.nonzero(weights)
    values, exponent = whole_parts(weights[f, c, k])
    # for each weight, all positions at which its place of the kernel is inside the image
    begins = np.searchsorted(entry, np.arange(sizes(tuple(kernel)) + 1))
    many = np.diff(begins)[k]
    _check_synapses(int(many.sum()))
    which = np.repeat(np.arange(len(k)), many)
    at = np.arange(len(which)) - np.repeat(np.cumsum(many) - many, many)
    at += np.repeat(begins[k], many)
    channel = f // (outputs // node.groups) * each + c
    step = Map.of(
        f[which] * positions + row[at],
        channel[which] * pixels + column[at],
        values[which],
        (outputs * positions, channels * pixels),
        exponent,
    )
    made = value.through(step, (outputs, *shape))
    return _biased(made, np.repeat(node.bias, positions))


def _pool(node: SumPool2d, value: Value) -> Value:
    if len(value.shape) == 4 and value.shape[0] == 1:
        value = replace(value, shape=value.shape[1:])
    if len(value.shape) != 3:
        raise PathError(
            f"takes [channels, rows, columns], an array of shape {value.shape} comes in"
        )
    channels, *space = value.shape
    _, row, column, shape = _slide(space, node.size, node.stride, node.padding, (1, 1))
    positions, pixels = sizes(shape), sizes(tuple(space))
    _check_synapses(channels * len(row))
    every = np.arange(channels)[:, None]
    rows, columns = (every * positions + row).ravel(), (every * pixels + column).ravel()
    ones = np.ones(len(rows), np.int64)
    step = Map.of(rows, columns, ones, (channels * positions, channels * pixels), 0)
    return value.through(step, (channels, *shape))


def _slide(
    space: Iterable[int],
    kernel: Iterable[int],
    stride: Iterable[int],
    padding: Iterable[int],
    dilation: Iterable[int],
) -> tuple[Ints, Ints, Ints, Shape]:
    """(place of the kernel, output position, input pixel) where it is inside, by place; output's shape."""
    axes = []
    for size, k, s, p, d in zip(space, kernel, stride, padding, dilation, strict=True):
        count = (size + 2 * p - d * (k - 1) - 1) // s + 1
        if count < 1:
            raise PathError(
                f"has windows of {d * (k - 1) + 1} on {size + 2 * p} pixels; they do not fit"
            )
        if count > MOST_PINS or k > MOST_PINS:
            raise PathError(f"has {max(count, k):,} positions, the limit is {MOST_PINS:,}")
        axes.append((count, k, s, p, d, size))
    (rows, kr, *_), (columns, kc, *_) = axes
    _check_synapses(rows * columns * kr * kc)
    index = []
    for count, k, s, p, d, size in axes:
        at = np.arange(count) * s - p + np.arange(k)[:, None] * d
        index.append((at, (at >= 0) & (at < size)))
    (y, y_in), (x, x_in) = index
    inside = y_in[:, None, :, None] & x_in[None, :, None, :]
    pixel = y[:, None, :, None] * axes[1][5] + x[None, :, None, :]
    flat = inside.reshape(kr * kc, -1)
    place, position = np.nonzero(flat)
    return place, position, pixel.reshape(flat.shape)[place, position], (rows, columns)


def _flatten(node: Flatten, value: Value) -> Value:
    n = len(value.shape)
    start, end = (k + n if k < 0 else k for k in (node.start, node.end))
    if not 0 <= start <= end < n:
        raise PathError(
            f"flattens the axes {node.start}..{node.end} of an array of shape {value.shape}, which has {n}"
        )
    shape = value.shape
    return replace(value, shape=(*shape[:start], sizes(shape[start : end + 1]), *shape[end + 1 :]))


def _delay(node: Delay, value: Value) -> Value:
    if value.constant is not None:
        raise PathError("delays a bias, which would begin later; put it before the bias")
    maps = {replace(tap, delay=tap.delay + node.ticks): m for tap, m in value.maps.items()}
    return replace(value, maps=maps)


def _back(value: Value) -> Value:
    """What a layer gets of itself: a tick later, unless a Delay says when."""
    maps = {replace(t, delay=t.delay or 1) if t.loop else t: m for t, m in value.maps.items()}
    if len(maps) < len(value.maps):  # some by a Delay of a tick, some without
        total = Value(value.shape, {})
        for tap, one in value.maps.items():
            key = replace(tap, delay=tap.delay or 1) if tap.loop else tap
            total = total.plus(Value(value.shape, {key: one}))
        maps = total.maps
    return replace(value, maps=maps)


def _output(node: Output, value: Value) -> Value:
    one = list(value.maps.items())
    if len(one) != 1 or value.constant is not None or not one[0][1].is_identity:
        raise PathError("shows numbers, not spikes; end the graph with IF or Threshold before it")
    return value


def _check_size(shape: Shape) -> None:
    if not 1 <= sizes(shape) <= MOST_PINS or min(shape, default=1) < 1:
        raise PathError(f"has the shape {shape}; 1 to {MOST_PINS:,} elements are possible")


def _check_synapses(count: int) -> None:
    if count > MOST_SYNAPSES:
        raise PathError(f"takes {count:,} synapses, the limit is {MOST_SYNAPSES:,}")


_STEPS: dict[type, Callable] = {
    Affine: _affine,
    Conv2d: _conv,
    SumPool2d: _pool,
    Flatten: _flatten,
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
    """Strongly connected components, sources first (Tarjan, without recursion)."""
    onward: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for a, b in graph.edges:
        onward[a].append(b)
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    held: set[str] = set()
    rings: list[list[str]] = []
    for root in graph.nodes:
        if root in number:
            continue
        work = [(root, iter(onward[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        held.add(root)
        while work:
            name, following = work[-1]
            for after in following:
                if after not in number:
                    number[after] = low[after] = len(number)
                    stack.append(after)
                    held.add(after)
                    work.append((after, iter(onward[after])))
                    break
                if after in held:
                    low[name] = min(low[name], number[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == number[name]:
                    cut = stack.index(name)
                    rings.append(stack[cut:])
                    held -= set(stack[cut:])
                    del stack[cut:]
    return rings[::-1]
