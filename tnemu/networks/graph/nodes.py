"""A graph as other tools describe it: nodes with real numbers, and edges between them.

The nodes are those of the Neuromorphic Intermediate Representation (NIR) that TrueNorth can compute
to the spike, read in steps of one tick; x and y are what comes in and goes out in a tick::

    Affine      y = W x + b                      (Linear: without b)
    Conv2d      y[f] = sum over channels of W[f, c] * x[c], plus b[f]
    SumPool2d   y = sum of a window of x
    Flatten     y = x, its axes from ``start`` to ``end`` as one
    Delay       y(t) = x(t - delay)
    Threshold   z = 1 if x > threshold, else 0
    IF          v <- v + r x;  z = 1 if v > threshold;  where z: v <- reset.   v is 0 at first

Several edges to a node add up. Shapes have no batch axis. What a node of another kind is, and why it is
not here, is a :class:`Foreign`. Source: Pedersen et al., Nature Communications 15, 8122 (2024).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tnemu.errors import did_you_mean, shown
from tnemu.networks.errors import NetworkError

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Pair = tuple[int, int]

MOST_NODES = 10_000
MOST_PINS = 1 << 22
"""Elements of one input, output or layer."""


@dataclass(frozen=True, eq=False)
class Input:
    """Spikes from outside: 0 or 1 for each element of ``shape``."""

    kind: ClassVar[str] = "Input"
    shape: Shape


@dataclass(frozen=True, eq=False)
class Output:
    """Spikes to outside. ``shape`` () takes that of what comes in."""

    kind: ClassVar[str] = "Output"
    shape: Shape = ()


@dataclass(frozen=True, eq=False)
class Affine:
    """y = W x + b: weight [out, in], bias [out] or None."""

    weight: Array
    bias: Array | None = None

    @property
    def kind(self) -> str:
        """Its name in NIR."""
        return "Linear" if self.bias is None else "Affine"


@dataclass(frozen=True, eq=False)
class Conv2d:
    """Convolution: weight [out, in / groups, rows, columns], bias [out]; ``padding`` may be "same"."""

    kind: ClassVar[str] = "Conv2d"
    weight: Array
    bias: Array
    stride: Pair = (1, 1)
    padding: Pair | str = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    input_shape: Pair | None = None


@dataclass(frozen=True, eq=False)
class SumPool2d:
    """Sums of windows of ``size``, every ``stride``; ``padding`` zeros around."""

    kind: ClassVar[str] = "SumPool2d"
    size: Pair
    stride: Pair
    padding: Pair = (0, 0)


@dataclass(frozen=True, eq=False)
class Flatten:
    """The axes ``start``..``end`` (both included, negative ones from the end) become one."""

    kind: ClassVar[str] = "Flatten"
    start: int = 0
    end: int = -1


@dataclass(frozen=True, eq=False)
class Delay:
    """y(t) = x(t - ``ticks``), one whole number for all elements."""

    kind: ClassVar[str] = "Delay"
    ticks: int


@dataclass(frozen=True, eq=False)
class Threshold:
    """z = x > threshold: no memory."""

    kind: ClassVar[str] = "Threshold"
    threshold: Array


@dataclass(frozen=True, eq=False)
class IF:
    """v <- v + r x; z = v > threshold, and then v <- reset. Arrays of one shape, or of one element."""

    kind: ClassVar[str] = "IF"
    r: Array
    threshold: Array
    reset: Array


@dataclass(frozen=True, eq=False)
class Foreign:
    """A node that is not in the subset: its ``kind`` where it came from, and ``why`` it is not."""

    kind: str
    why: str


Node = Input | Output | Affine | Conv2d | SumPool2d | Flatten | Delay | Threshold | IF | Foreign
SPIKING = (Threshold, IF)


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """Nodes by name, and edges (from, to). ``source`` is what errors call it.

    ``origin`` says what it was made from. Raises NetworkError for edges to nodes that there are not,
    for edges that come twice, and for a graph without an Input or Output.
    """

    nodes: Mapping[str, Node]
    edges: tuple[tuple[str, str], ...]
    source: str = "graph"
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.nodes) > MOST_NODES:
            raise NetworkError(
                f"{self.source} has {len(self.nodes):,} nodes, the limit is {MOST_NODES:,}; a node is a "
                "layer, so put the neurons of a layer into one"
            )
        for edge in self.edges:
            for name in edge:
                if name not in self.nodes:
                    hint = did_you_mean(name, self.nodes) or "add it, or take the edge out"
                    raise NetworkError(
                        f"{self.source}: the edge {shown(edge)} has {shown(name)}, which is no node; {hint}"
                    )
        if len(set(self.edges)) < len(self.edges):
            twice = next(e for e in self.edges if self.edges.count(e) > 1)
            raise NetworkError(
                f"{self.source}: the edge {shown(twice)} comes twice; keep one, and double the weights if "
                "both are meant"
            )
        for kind in (Input, Output):
            if not any(isinstance(node, kind) for node in self.nodes.values()):
                raise NetworkError(
                    f"{self.source} has no {kind.kind} node; add one, and an edge, for what goes in or comes out"
                )

    def __repr__(self) -> str:
        return f"<Graph {self.source!r}: {len(self.nodes)} nodes, {len(self.edges)} edges>"

    def __str__(self) -> str:
        lines = [f"{self.source}: {len(self.nodes)} nodes"]
        for name, node in self.nodes.items():
            to = ", ".join(b for a, b in self.edges if a == name)
            lines.append(f"  {name}: {node.kind}" + (f" -> {to}" if to else ""))
        return "\n".join(lines)

    @staticmethod
    def chain(*nodes: Node, source: str = "graph") -> Graph:
        """Nodes one after the other, named by kind and number: ``input``, ``affine``, ``if``, ``if_1``."""
        names: list[str] = []
        for node in nodes:
            base = node.kind.lower()
            same = sum(n == base or n.startswith(f"{base}_") for n in names)
            names.append(f"{base}_{same}" if same else base)
        edges = tuple(itertools.pairwise(names))
        return Graph(dict(zip(names, nodes, strict=True)), edges, source)


def sizes(start: Shape) -> int:
    """Elements of a shape."""
    return int(np.prod(start, dtype=object)) if start else 1
