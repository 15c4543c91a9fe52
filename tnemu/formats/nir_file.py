"""NIR files: graphs of spiking layers, as snnTorch, Norse, sinabs and others exchange them.

    /version       text
    /node          a graph: type "NIRGraph", nodes/NAME/..., edges [n, 2] of names
    /node/nodes/NAME/type, weight, bias, v_threshold, ...; metadata/tnemu where tnemu wrote it

:mod:`tnemu.formats.nir_nodes` has the nodes that are read, :mod:`tnemu.formats.hdf5` the limits. What
tnemu writes has, in the metadata of each layer of neurons, its whole numbers: ``step`` (what one step is
in the numbers of the graph), ``at``, ``bias``, ``reset`` (int64 [n]).
Source: Pedersen et al., Nature Communications 15, 8122 (2024), and nir 1.0.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import real, shown
from tnemu.formats.errors import FormatError
from tnemu.formats.hdf5 import need, read_tree, tree_bytes
from tnemu.formats.nir_nodes import TICK, graph_of
from tnemu.networks.graph import nodes
from tnemu.networks.graph.paths import driven
from tnemu.networks.graph.steps import in_steps

Fields = dict[str, Any]

VERSION = "1.0.8"
"""Version of nir whose files are written."""


def read_nir(path: str | Path, *, tick_s: float = TICK) -> nodes.Graph:
    """The graph in a NIR file; ``tick_s`` seconds of a Delay are a tick. FormatError for what is none."""
    tick = real("tick_s", tick_s, 1e-9, 1e3, error=FormatError)
    tree = read_tree(path)
    where = files.place(path)
    if "node" not in tree:
        raise FormatError(f"{where} is an HDF5 file without a graph of NIR; nir.write() makes one")
    return graph_of(tree["node"], where, tick)


def from_nir(graph: Any, *, tick_s: float = TICK) -> nodes.Graph:
    """The graph of a ``nir.NIRGraph``, as :func:`read_nir` has that of a file."""
    tick = real("tick_s", tick_s, 1e-9, 1e3, error=FormatError)
    as_dict = getattr(graph, "to_dict", None)
    if not callable(as_dict):
        raise FormatError(f"from_nir({shown(graph)}): give a nir.NIRGraph, or read_nir() a path")
    return graph_of(as_dict(), "NIRGraph", tick)


def to_nir(graph: nodes.Graph) -> Any:
    """The graph as a ``nir.NIRGraph``, with whole numbers in the metadata of its neurons."""
    nir = need("nir", "graphs of NIR")
    return nir.NIRGraph.from_dict(tree_of(graph) | {"type_check": False})


def write_nir(graph: nodes.Graph, path: str | Path) -> None:
    """Write the graph as a NIR file, whole or not at all. GraphError for one that is not exact."""
    data = tree_bytes({"version": VERSION, "node": tree_of(graph)})
    files.write_bytes(path, data, error=FormatError, what="NIR file")


def tree_of(graph: nodes.Graph) -> dict[str, Any]:
    """The graph as the dict that NIR makes of it."""
    layers = {layer.name: layer for layer in in_steps(graph).layers}
    shapes: dict[str, nodes.Shape] = {}
    driven(graph, shapes)
    before = {b: shapes[a] for a, b in graph.edges}
    made: dict[str, Any] = {}
    for name, node in graph.nodes.items():
        if "/" in name or not name or name == ".":
            raise FormatError(
                f"node {shown(name)} of {graph.source}: no name in a NIR file; rename it"
            )
        shape = before.get(name, shapes[name])
        made[name] = {"type": node.kind, **_FIELDS[type(node)](node, shape)}
        if name in layers:
            layer = layers[name]
            whole = {"at": layer.at, "bias": layer.bias, "reset": layer.reset, "step": layer.step}
            made[name]["metadata"] = {f"tnemu_{key}": value for key, value in whole.items()}
    edges = [list(edge) for edge in graph.edges]
    return {"type": "NIRGraph", "nodes": made, "edges": edges}


def _affine(node: nodes.Affine, _: nodes.Shape) -> Fields:
    return {"weight": node.weight} | ({} if node.bias is None else {"bias": node.bias})


def _conv(node: nodes.Conv2d, shape: nodes.Shape) -> Fields:
    return {
        "input_shape": np.array(shape[-2:]),
        "weight": node.weight,
        "stride": np.array(node.stride),
        "padding": node.padding if isinstance(node.padding, str) else np.array(node.padding),
        "dilation": np.array(node.dilation),
        "groups": node.groups,
        "bias": node.bias,
    }


def _pool(node: nodes.SumPool2d, _: nodes.Shape) -> Fields:
    pairs = {"kernel_size": node.size, "stride": node.stride, "padding": node.padding}
    return {key: np.array(pair) for key, pair in pairs.items()}


def _full(array: npt.NDArray[Any], shape: nodes.Shape) -> npt.NDArray[Any]:
    """One value for each neuron; a batch axis in front of the shape is left as it is."""
    return array if array.ndim else np.full(shape, array)


_FIELDS: dict[type, Callable[..., Fields]] = {
    nodes.Input: lambda node, _: {"shape": np.array(node.shape)},
    nodes.Output: lambda node, shape: {"shape": np.array(node.shape or shape)},
    nodes.Affine: _affine,
    nodes.Conv2d: _conv,
    nodes.SumPool2d: _pool,
    nodes.Flatten: lambda node, _: {"start_dim": node.start, "end_dim": node.end},
    nodes.Delay: lambda node, shape: {"delay": np.full(shape, node.ticks * TICK)},
    nodes.Threshold: lambda node, shape: {"threshold": _full(node.threshold, shape)},
    nodes.IF: lambda node, shape: {
        "r": _full(node.r, shape),
        "v_threshold": _full(node.threshold, shape),
        "v_reset": _full(node.reset, shape),
    },
}
