"""A graph of layers, such as a NIR file holds, as a corelet: the same spikes in the same rows."""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.group import NeuronGroup
from corelets.language.kinds import Kind
from corelets.language.neuron_types import LEAST, Accumulator, Threshold
from corelets.language.pins import Pins
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.language.weights import Term
from corelets.library.entry import Entry
from tnemu.errors import shown
from tnemu.formats.nir_file import from_nir
from tnemu.hardware.neuron import AXON_TYPES, AXONS
from tnemu.networks.graph import nodes
from tnemu.networks.graph.maps import Map
from tnemu.networks.graph.steps import Layer, in_steps, run_layer
from tnemu.networks.graph.value import Tap

Ints = npt.NDArray[np.int64]


class GraphLayer(Corelet):
    """One layer of a graph: z[n] = sum of weights x + bias >= at[n], with or without memory.

    ``x`` are its sources, in order of ``layer.weights`` without what it gets of itself; ``on`` spikes
    in every tick from row 0 on. Neurons are put into cores position by position, so that those of a
    core see the same part of an image.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        taps = [tap for tap in layer.weights if not tap.loop]
        if taps:
            self.x = [Input(layer.weights[tap].size[1]) for tap in taps]
        if layer.bias.any():
            self.on = Input(1)
        self.z = Output(layer.width)
        order, groups = _order(layer.shape), []
        different, low, high = layer.spread()
        wide = _axons(layer) > AXONS
        split = different > AXON_TYPES
        for many in (False, True):
            for wider in (False, True):
                mine = order[(split[order] == many) & (wide[order] == wider)]
                if len(mine):
                    group = self._kind(mine)[len(mine)]()
                    setattr(self, f"neurons{'_bits' * many}{'_wide' * wider}", group)
                    bits = _bits(int(low[mine].min()), int(high[mine].max())) if many else 0
                    groups.append((mine, group, bits))
        # a layer that drives itself does so from all of its groups
        place = np.argsort(np.concatenate([mine for mine, _, _ in groups]))
        fired: Pins = groups[0][1].flat
        for _, group, _ in groups[1:]:
            fired = fired + group.flat
        fired = fired[place]
        for mine, group, bits in groups:
            inputs = iter(self.x if taps else ())
            for tap, one in layer.weights.items():
                pins = fired.loop(tap.delay) if tap.loop else next(inputs)
                if not tap.loop and tap.delay:
                    pins = pins.after(tap.delay)
                self._drive(group, pins, mine, one.rows, one.columns, one.values, bits)
            if layer.bias[mine].any():
                rows = np.flatnonzero(layer.bias)
                zeros = np.zeros(len(rows), np.int64)
                self._drive(group, self.on, mine, rows, zeros, layer.bias[rows], bits)
        fired >> self.z

    def _kind(self, mine: Ints) -> Kind:
        layer = self.layer
        if not layer.memory:
            return Threshold(at=layer.at[mine])
        reset = layer.reset[mine]
        exponent = np.rint(np.log2(np.abs(reset) + 1)).astype(np.int64)
        return Accumulator(
            at=layer.at[mine], floor=LEAST, VR=exponent, sigma_VR=np.where(reset < 0, -1, 1)
        )

    def _drive(
        self,
        group: NeuronGroup,
        pins: Pins,
        mine: Ints,
        rows: Ints,
        columns: Ints,
        values: Ints,
        bits: int,
    ) -> None:
        """The entries of a map that lead to the neurons ``mine``, which are ``group`` in that order."""
        column = np.full(self.layer.width, -1)
        column[mine] = np.arange(len(mine))
        here = column[rows] >= 0
        if here.any():
            term = Term(pins, columns[here], column[rows[here]], values[here], (len(mine),))
            (replace(term, base=bits) if bits else term) >> group

    def model(self, x: Sequence[Raster] = (), on: Raster | None = None, ticks: int = 0) -> Raster:
        """Sums and thresholds, in numpy."""
        layer = self.layer
        given: dict[str, Raster] = {}
        weights: dict[Tap, Map] = {}
        for tap, one in layer.weights.items():
            source = tap if tap.loop else replace(tap, source=f"x[{len(given)}]")
            weights[source] = one
            if not tap.loop:
                given[source.source] = x[len(given)]
        if on is not None:
            rows = np.flatnonzero(layer.bias)
            column = layer.bias[rows]
            given["on"] = on
            weights[Tap("on")] = Map.of(rows, 0 * rows, column, (layer.width, 1), 0)
        ticks = len(next(iter(given.values()))) if given else ticks
        return run_layer(replace(layer, weights=weights, bias=0 * layer.bias), given, ticks)


class Graph(Corelet):
    """A graph of other tools, neuron for neuron: what comes in and goes out are its Input and Output nodes.

    ``graph`` is a ``nir.NIRGraph`` or a :class:`tnemu.networks.graph.nodes.Graph`;
    ``corelets.load("x.nir")`` reads one from a file. Row t of an output is step t of the graph for row t of its inputs. ``steps`` are its layers in whole
    numbers, ``notes`` where the chip would differ after a long time. A node's name is that of its port or part;
    characters that no name has are ``_``.

    Raises GraphError, which lists every node that cannot be mapped exactly, with why.
    """

    def __init__(self, graph: Any) -> None:
        if not isinstance(graph, nodes.Graph):
            if not callable(getattr(graph, "to_dict", None)):
                raise CoreletError(
                    f"Graph({shown(graph)}): expected a nir.NIRGraph or a graph of tnemu.networks.graph.nodes; "
                    "corelets.load(path) makes the corelet of a NIR file"
                )
            graph = from_nir(graph)
        self.steps = steps = in_steps(graph)
        self.notes = steps.notes()
        self.names = _names([*steps.inputs, *(la.name for la in steps.layers), *steps.outputs])
        pins: dict[str, Pins] = {}
        for name, shape in steps.inputs.items():
            port = Input(shape)
            setattr(self, self.names[name], port)
            pins[name] = port.flat
        on: Pins | None = None
        for layer in steps.layers:
            part = GraphLayer(layer)
            self._add(self.names[layer.name], part)
            for tap, port in zip(
                (tap for tap in layer.weights if not tap.loop), getattr(part, "x", ()), strict=True
            ):
                pins[tap.source] >> port
            if layer.bias.any():
                if on is None:
                    on = Threshold(at=0)[1]()
                on >> part.on
            pins[layer.name] = part.z
        for name, (tap, shape) in steps.outputs.items():
            out = Output(shape)
            setattr(self, self.names[name], out)
            source = pins[tap.source]
            (source.after(tap.delay) if tap.delay else source) >> out.flat

    def model(self, **inputs: Raster) -> dict[str, Raster]:
        """The graph in whole numbers, step by step."""
        given = {name: inputs[self.names[name]] for name in self.steps.inputs}
        return {self.names[name]: x for name, x in self.steps.run(given).items()}

    def origin(self) -> dict[str, Any]:
        """What the graph was made from."""
        return {"corelet": "Graph", "graph": self.steps.graph.source, **self.steps.graph.origin}


def _order(shape: nodes.Shape) -> Ints:
    """The neurons of a layer position by position, in squares of squares (Morton's order), channel by channel."""
    every = np.arange(nodes.sizes(shape))
    if len(shape) != 3:
        return every
    _, y, x = np.unravel_index(every, shape)
    place = np.zeros(len(every), np.int64)
    for bit in range(16):
        place |= (x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1
    return np.argsort(place, kind="stable")


def _axons(layer: Layer) -> Ints:
    """Sources of each neuron, int64 [n]: as many axons as it takes at least."""
    found = (layer.bias != 0).astype(np.int64)
    for one in layer.weights.values():
        found += np.bincount(one.rows, minlength=layer.width)
    return found


def _bits(low: int, high: int) -> int:
    """Bits of whole numbers in low..high, 2 or more."""
    return next(b for b in range(2, 65) if -(1 << b - 1) <= low and high < 1 << b - 1)


def _names(given: Iterable[str]) -> dict[str, str]:
    """Attribute names for the names of nodes, each its own."""
    found: dict[str, str] = {}
    taken = set(dir(Corelet)) - {"add", "path"}
    for name in given:
        plain = re.sub(r"\W", "_", name) or "_"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        plain = f"{plain}_" if keyword.iskeyword(plain) else plain
        free = plain
        for k in itertools.count(2):
            if free not in taken:
                break
            free = f"{plain}_{k}"
        taken.add(free)
        found[name] = free
    return found


def _drawn(seed: int) -> nodes.Graph:
    """Every kind of node on 2 x 6 x 6 pixels, with weights from a seed."""
    rng = np.random.default_rng(seed)
    conv = rng.integers(-1, 2, (3, 2, 3, 3)) * 0.25
    full = rng.integers(-2, 3, (5, 12)).astype(float)
    return nodes.Graph.chain(
        nodes.Input((2, 6, 6)),
        nodes.Conv2d(conv, np.zeros(3)),
        nodes.Threshold(rng.integers(-1, 4, (3, 4, 4)) / 4 + 0.125),
        nodes.SumPool2d((2, 2), (2, 2)),
        nodes.Flatten(),
        nodes.Affine(full, rng.integers(-1, 2, 5).astype(float)),
        nodes.IF(np.ones(5), rng.integers(1, 9, 5) + 0.5, np.zeros(5)),
        nodes.Output((5,)),
    )


_NIR = "Pedersen et al., Nature Communications 15, 8122 (2024): nodes of NIR, in steps of a tick"

ENTRIES = (
    Entry(
        GraphLayer,
        source=_NIR,
        latency_ticks=lambda _: 2,
        examples=(lambda: GraphLayer(in_steps(_drawn(2)).layers[0]),),
    ),
    Entry(
        Graph,
        source=_NIR,
        latency_ticks=lambda graph: 1 + len(graph.steps.layers),
        examples=(lambda: Graph(_drawn(0)), lambda: Graph(_drawn(1))),
    ),
)
