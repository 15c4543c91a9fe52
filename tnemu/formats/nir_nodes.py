"""The nodes of NIR as those of :mod:`tnemu.networks.graph.nodes`, from the dicts that NIR makes of them.

A node is {"type": "Affine", "weight": array, ...}, a graph {"type": "NIRGraph", "nodes": {...}, "edges":
[[from, to], ...]}; a file holds the outermost under "node". A graph in a graph is put in its place, its
nodes called OUTER.INNER. What is outside the subset becomes a Foreign node that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.formats.errors import FormatError
from tnemu.networks.graph import nodes

TICK = 1e-3
"""Seconds of a tick, by which a Delay counts."""
MOST_DELAY = 1 << 20
MOST_DEPTH = 16

_LEAKS = (
    "its potential decays exponentially, TrueNorth's leak is a constant: train or convert it to IF, or write "
    "the layer with corelets.Leaky"
)
WHY = {
    "LIF": _LEAKS,
    "CubaLIF": _LEAKS,
    "LI": "its output is a potential, not spikes, and decays; end the graph with IF or Threshold",
    "CubaLI": "its output is a potential, not spikes, and decays; end the graph with IF or Threshold",
    "I": "its output is a potential, not spikes; take IF",
    "Scale": "it scales numbers that are no spikes; multiply it into the weights",
    "AvgPool2d": "it divides sums; take SumPool2d, and multiply thresholds or weights after it",
    "Conv1d": "it has one axis; write it as Conv2d with one row",
}
"""Types of NIR outside the subset, and what to do."""


class _NodeError(ValueError):
    """Why a node cannot be: a sentence without its subject."""


def graph_of(tree: Any, source: str, tick: float = TICK) -> nodes.Graph:
    """The graph that a dict of NIR describes. Raises FormatError where it describes none, NetworkError
    for edges that lead nowhere.
    """
    found: dict[str, nodes.Node] = {}
    edges: list[tuple[str, str]] = []
    if not isinstance(tree, Mapping) or tree.get("type") != "NIRGraph":
        kind = tree.get("type") if isinstance(tree, Mapping) else tree
        raise FormatError(
            f"{source} holds no graph of NIR: its outermost node is {shown(kind)}; write a NIRGraph"
        )
    _unfold(tree, "", source, tick, found, edges)
    return nodes.Graph(found, tuple(edges), source, {"nir": source})


def _unfold(
    tree: Mapping[str, Any],
    prefix: str,
    source: str,
    tick: float,
    found: dict[str, nodes.Node],
    edges: list[tuple[str, str]],
) -> None:
    if prefix.count(".") > MOST_DEPTH:
        raise FormatError(
            f"{source}: graphs lie deeper than {MOST_DEPTH} in each other; flatten them"
        )
    inner, listed = tree.get("nodes"), tree.get("edges")
    if not isinstance(inner, Mapping):
        raise FormatError(f"{source}: the graph {shown(prefix or '/')} has no nodes; write them")
    entry: dict[str, list[str]] = {}
    leave: dict[str, list[str]] = {}
    for name, node in inner.items():
        full = f"{prefix}{name}"
        if not isinstance(node, Mapping) or not isinstance(node.get("type"), str):
            raise FormatError(
                f"{source}: node {shown(full)} has no type; write it with nir.write()"
            )
        if node["type"] == "NIRGraph":
            _unfold(node, f"{full}.", source, tick, found, edges)
            made = node["nodes"]
            entry[name] = [f"{full}.{n}" for n, k in made.items() if _type(k) == "Input"]
            leave[name] = [f"{full}.{n}" for n, k in made.items() if _type(k) == "Output"]
            for port in (entry[name], leave[name]):
                if len(port) != 1:
                    raise FormatError(
                        f"{source}: the graph {shown(full)} inside it has {len(port)} inputs or outputs; one "
                        "each is read"
                    )
                found[port[0]] = nodes.Flatten(0, 0)  # it only passes on
        else:
            found[full] = _node(node, tick)
    for a, b in _edges(listed, prefix, source):
        for end in (a, b):
            if end not in inner:
                raise FormatError(
                    f"{source}: an edge names {shown(prefix + end)}, which is no node; its nodes are "
                    f"{shown(list(inner))}"
                )
        edges.append((leave.get(a, [f"{prefix}{a}"])[0], entry.get(b, [f"{prefix}{b}"])[0]))


def _type(node: Any) -> Any:
    return node.get("type") if isinstance(node, Mapping) else None


def _edges(listed: Any, prefix: str, source: str) -> Iterable[tuple[str, str]]:
    rows = listed.tolist() if isinstance(listed, np.ndarray) else listed
    if not isinstance(rows, list | tuple):
        raise FormatError(f"{source}: the graph {shown(prefix or '/')} has no edges; write them")
    for row in rows:
        pair = (
            [one.decode() if isinstance(one, bytes) else one for one in row]
            if isinstance(row, list | tuple)
            else []
        )
        if len(pair) != 2 or not all(isinstance(one, str) for one in pair):
            raise FormatError(f"{source}: an edge is {shown(row)}; it is a pair of names")
        yield pair[0], pair[1]


def _node(node: Mapping[str, Any], tick: float) -> nodes.Node:
    kind = node["type"]
    make = _READERS.get(kind)
    if make is None:
        return nodes.Foreign(kind, WHY.get(kind, "is not among the nodes that are read"))
    try:
        return make(node, tick)
    except _NodeError as error:
        return nodes.Foreign(kind, str(error))


# -- numbers ---------------------------------------------------------------------------------------


def _array(node: Mapping[str, Any], name: str, axes: int | None = None) -> npt.NDArray[Any]:
    value = node.get(name)
    if value is None:
        raise _NodeError(f"has no {name}; write it")
    try:
        array = np.asarray(value)
    except Exception:  # whatever a foreign __array__ raises
        raise _NodeError(f"has {name} = {shown(value)}, which is no array") from None
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise _NodeError(f"has {name} of type {array.dtype}; numbers are read")
    if not array.size:
        raise _NodeError(f"has an empty {name}; give it values")
    if axes is not None and array.ndim != axes:
        raise _NodeError(f"has {name} of shape {array.shape}; {axes} axes are read")
    if not np.isfinite(array).all():
        raise _NodeError(f"has {name} with NaN or infinity; train it again")
    return array


def _wholes(node: Mapping[str, Any], name: str) -> list[int]:
    array = _array(node, name).ravel()
    if (
        len(array) > 8
        or (array != np.floor(array)).any()
        or (np.abs(array.astype(float)) > 1 << 30).any()
    ):
        raise _NodeError(f"has {name} = {shown(array.tolist())}; small whole numbers are read")
    return [int(k) for k in array]


def _pair(node: Mapping[str, Any], name: str, least: int) -> tuple[int, int]:
    found = _wholes(node, name)
    pair = found * 2 if len(found) == 1 else found
    if len(pair) != 2 or min(pair) < least:
        raise _NodeError(f"has {name} = {found}; two numbers from {least} are read")
    return pair[0], pair[1]


def _shape(node: Mapping[str, Any]) -> tuple[int, ...]:
    value = node.get("shape")
    if isinstance(value, Mapping):  # NIR's own types, {"input": shape}
        value = next(iter(value.values()), None)
    return tuple(_wholes({"shape": value}, "shape"))


def _parameters(node: Mapping[str, Any], *names: str) -> list[npt.NDArray[Any]]:
    arrays = [_array(node, name) for name in names]
    shapes = {a.shape for a in arrays if a.size > 1}
    if len(shapes) > 1:
        raise _NodeError(f"has parameters of unlike shapes, {shown(sorted(shapes))}")
    return arrays


def _conv(node: Mapping[str, Any], _: float) -> nodes.Node:
    weight = _array(node, "weight", 4)
    bias = _array(node, "bias", 1) if node.get("bias") is not None else np.zeros(len(weight))
    if len(bias) != len(weight):
        raise _NodeError(f"has {len(bias)} biases for {len(weight)} features")
    padding = node.get("padding")
    padding = padding.decode() if isinstance(padding, bytes) else padding
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise _NodeError(f'has padding {shown(padding)}; "same", "valid" or numbers are read')
    groups = _wholes(node, "groups")
    if groups[0] < 1:
        raise _NodeError(f"has {groups[0]} groups; 1 or more are read")
    return nodes.Conv2d(
        weight,
        bias,
        _pair(node, "stride", 1),
        padding if isinstance(padding, str) else _pair(node, "padding", 0),
        _pair(node, "dilation", 1),
        groups[0],
        None if node.get("input_shape") is None else _pair(node, "input_shape", 1),
    )


def _affine(node: Mapping[str, Any], _: float) -> nodes.Node:
    weight = _array(node, "weight", 2)
    if node["type"] == "Linear":
        return nodes.Affine(weight)
    bias = _array(node, "bias").ravel()
    if len(bias) != len(weight):
        raise _NodeError(f"has {len(bias)} biases for {len(weight)} outputs")
    return nodes.Affine(weight, bias)


def _flatten(node: Mapping[str, Any], _: float) -> nodes.Node:
    return nodes.Flatten(_wholes(node, "start_dim")[0], _wholes(node, "end_dim")[0])


def _delay(node: Mapping[str, Any], tick: float) -> nodes.Node:
    ticks = np.unique(_array(node, "delay").astype(float)) / tick
    near = np.rint(ticks)
    if len(ticks) > 1:
        raise _NodeError("has unlike delays for its elements; use a Delay for each")
    if abs(ticks[0] - near[0]) > 1e-6 * max(near[0], 1) or not 0 <= near[0] <= MOST_DELAY:
        raise _NodeError(
            f"waits {ticks[0] * tick:g} s, which is {ticks[0]:g} ticks of {tick:g} s; a whole number up to "
            f"{MOST_DELAY:,} is possible"
        )
    return nodes.Delay(int(near[0]))


def _if(node: Mapping[str, Any], _: float) -> nodes.Node:
    given = dict(node)
    if given.get("v_reset") is None:
        given["v_reset"] = np.zeros_like(_array(node, "v_threshold"))
    return nodes.IF(*_parameters(given, "r", "v_threshold", "v_reset"))


_READERS: dict[str, Callable[[Mapping[str, Any], float], nodes.Node]] = {
    "Input": lambda node, _: nodes.Input(_shape(node)),
    "Output": lambda node, _: nodes.Output(_shape(node)),
    "Affine": _affine,
    "Linear": _affine,
    "Conv2d": _conv,
    "SumPool2d": lambda node, _: nodes.SumPool2d(
        _pair(node, "kernel_size", 1), _pair(node, "stride", 1), _pair(node, "padding", 0)
    ),
    "Flatten": _flatten,
    "Delay": _delay,
    "Threshold": lambda node, _: nodes.Threshold(_array(node, "threshold")),
    "IF": _if,
}
