"""A graph in whole numbers of steps: what the chip computes, layer by layer, to the spike.

For neuron n with input x = sum of weights, let g be the largest number of which all its weights (of an
IF: its bias and reset / r as well) are multiples, and w = weight / g::

    Threshold    z = 1  if  sum w z_s >= at,              at    = floor((threshold - bias) / g) + 1
    IF           v <- v + sum w z_s + b;  z = v >= at, and then v <- reset
                                                          at    = floor(threshold / r g) + 1

All of it is in exact arithmetic, so a neuron fires here exactly when it would with real numbers; what
the chip has no room for is listed, node by node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.hardware.neuron import AXON_TYPES, FIELDS, POTENTIAL_MAX
from tnemu.networks.errors import NetworkError
from tnemu.networks.graph.maps import Map, MapError
from tnemu.networks.graph.nodes import IF, SPIKING, Array, Graph, Input, Output, Shape, sizes
from tnemu.networks.graph.paths import Problem, driven
from tnemu.networks.graph.value import Tap, Value

Ints = npt.NDArray[np.int64]
Raster = npt.NDArray[np.bool_]

LARGEST = FIELDS["s"].high
HIGHEST = FIELDS["alpha"].high
FLOOR = -FIELDS["beta"].high
MOST_AT = FIELDS["leak"].high + 1
"""Highest threshold of a neuron without memory: 1 - leak."""
LEAST_BITS, MOST_BITS = -128, 127
MOST_LISTED = 20


class GraphError(NetworkError):
    """What of a graph cannot be mapped exactly, by node; ``problems`` are (node, why)."""

    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, eq=False)
class Layer:
    """Neurons in whole numbers. ``weights`` are maps of whole numbers (exponent 0) of each tap.

    memory   whether they keep a potential (IF) or not (Threshold)
    at       int64 [n], fires from there on
    bias     int64 [n], added in every tick from row 0 on; without memory it is 0, or what makes of a
             threshold below 1 one of 1, where spikes before row 0 would be remembered by others
    reset    int64 [n], potential after a spike
    step     float [n], what one step is in the numbers of the graph
    """

    name: str
    shape: Shape
    memory: bool
    weights: dict[Tap, Map]
    at: Ints
    bias: Ints
    reset: Ints
    step: npt.NDArray[np.float64]

    @property
    def width(self) -> int:
        """Neurons."""
        return len(self.at)

    def most(self, sign: int) -> Ints:
        """The most that spikes of one tick can add (sign 1) or take away (-1), int64 [n]."""
        total = np.zeros(self.width, np.int64)
        for one in self.weights.values():
            here = one.values * sign > 0
            np.add.at(total, one.rows[here], np.abs(one.values[here]))
        return total

    def spread(self) -> tuple[Ints, Ints, Ints]:
        """Different weights of each neuron, its lowest and its highest, the bias among them."""
        rows = [np.flatnonzero(self.bias), *(m.rows for m in self.weights.values())]
        values = [self.bias[rows[0]], *(m.values for m in self.weights.values())]
        row, value = np.concatenate(rows), np.concatenate(values)
        pairs = np.unique(np.stack([row, value]), axis=1)
        low, high = np.zeros(self.width, np.int64), np.zeros(self.width, np.int64)
        np.minimum.at(low, row, value)
        np.maximum.at(high, row, value)
        return np.bincount(pairs[0], minlength=self.width), low, high

    def lowest_tick(self) -> int | None:
        """The first tick in which a potential could pass the chip's floor; None if it never can."""
        if not self.memory:
            return None
        fall = int((self.most(-1) - np.minimum(self.bias, 0)).max(initial=0))
        return None if fall <= 0 else -FLOOR // fall + 1


@dataclass(frozen=True, eq=False)
class Steps:
    """A graph in whole numbers: inputs by name and shape, layers in order, outputs by name and tap."""

    graph: Graph
    inputs: dict[str, Shape]
    layers: tuple[Layer, ...]
    outputs: dict[str, tuple[Tap, Shape]]

    def run(self, inputs: dict[str, Raster]) -> dict[str, Raster]:
        """Spikes of all outputs, bool [T, *shape], for those of all inputs; nothing came before row 0."""
        ticks = len(next(iter(inputs.values())))
        spikes = {n: np.asarray(x, np.bool_).reshape(ticks, -1) for n, x in inputs.items()}
        for layer in self.layers:
            spikes[layer.name] = run_layer(layer, spikes, ticks)
        return {
            name: _late(spikes[tap.source], tap.delay).reshape(ticks, *shape)
            for name, (tap, shape) in self.outputs.items()
        }

    def notes(self) -> list[str]:
        """Where the chip would differ after a long time: potentials that can pass its floor."""
        return [
            f"{layer.name}: potentials may reach the chip's floor of {FLOOR:,} steps, after {tick:,} ticks of "
            "full inhibition at the earliest, and stay there"
            for layer in self.layers
            if (tick := layer.lowest_tick()) is not None
        ]


def in_steps(graph: Graph) -> Steps:
    """The graph in whole numbers, or a GraphError that lists every node that is not exact, with why."""
    found, problems = driven(graph)
    layers: dict[str, Layer] = {}
    for name, value in found.items():
        node = graph.nodes[name]
        if isinstance(node, SPIKING) and value is not None:
            made = _layer(name, node, value)
            if isinstance(made, Layer):
                layers[name] = made
            else:
                problems.append((name, made))
    ends = {n: v for n, v in found.items() if v is not None and isinstance(graph.nodes[n], Output)}
    inputs = {n: node.shape for n, node in graph.nodes.items() if isinstance(node, Input)}
    outputs = {n: (next(iter(v.maps)), v.shape) for n, v in ends.items()}
    for name in _to_silence(layers, outputs):
        layers[name] = _silent_before(layers[name])
    for layer in layers.values():
        if why := _limits(layer):
            problems.append((layer.name, why))
    if problems:
        raise _refused(graph, problems)
    return Steps(graph, inputs, tuple(layers.values()), outputs)


def _to_silence(layers: dict[str, Layer], outputs: dict[str, tuple[Tap, Shape]]) -> set[str]:
    """Layers that have to be silent before row 0: what they drive remembers it, or hears it later.

    A wave takes a tick through every layer, in which those further on run already.
    """
    found = {tap.source for tap, _ in outputs.values() if tap.delay}
    for name, layer in reversed(layers.items()):
        taps = list(layer.weights)
        lasting = layer.memory or any(tap.loop for tap in taps) or name in found
        if lasting:
            found.add(name)
        found |= {tap.source for tap in taps if lasting or tap.delay}
    return {name for name in found if name in layers and not layers[name].memory}


def _silent_before(layer: Layer) -> Layer:
    """The layer with thresholds of 1 or more, and a bias from row 0 on instead."""
    bias = np.maximum(1 - layer.at, 0)
    return replace(layer, at=layer.at + bias, bias=bias)


def _refused(graph: Graph, problems: list[Problem]) -> GraphError:
    lines = [f"  {shown(n)} ({graph.nodes[n].kind}) {why}" for n, why in problems[:MOST_LISTED]]
    if len(problems) > MOST_LISTED:
        lines.append(f"  and {len(problems) - MOST_LISTED:,} more")
    bad, total = len({n for n, _ in problems}), len(graph.nodes)
    error = GraphError(
        f"{graph.source}: {bad:,} of {total:,} nodes cannot be mapped exactly:\n" + "\n".join(lines)
    )
    error.problems = tuple(problems)
    return error


def _layer(name: str, node: Any, value: Value) -> Layer | str:
    """The layer in whole numbers, or why it cannot be."""
    width, memory = sizes(value.shape), isinstance(node, IF)
    threshold = _each(node.threshold, value.shape)
    r = _each(node.r, value.shape) if memory else np.ones(width)
    reset = _each(node.reset, value.shape) if memory else np.zeros(width)
    if (r <= 0).any():
        return (
            f"has r = {r[r <= 0][0]:g}; above 0 only is r a scale, by which thresholds are divided"
        )
    held = [m for m in value.maps.values() if len(m.values)]
    constant = value.constant
    exponent = min([m.exponent for m in held], default=constant.exponent if constant else 0)
    if memory and constant is not None:
        exponent = min(exponent, constant.exponent)
    try:
        maps = {tap: m.at(exponent) for tap, m in value.maps.items()}
        bias = np.zeros(width, np.int64)
        if memory and constant is not None:
            constant = constant.at(exponent)
            bias[constant.rows] = constant.values
    except MapError as error:
        return f"has weights and a bias that cannot be added: {error}"
    before = [Fraction(0)] * width
    if not memory and constant is not None:
        scale = Fraction(2) ** constant.exponent
        for row, number in zip(constant.rows.tolist(), constant.values.tolist(), strict=True):
            before[row] = number * scale
    unit, common = Fraction(2) ** exponent, np.gcd(_row_gcd(maps, width), np.abs(bias)).tolist()
    at, back, times, by = (np.zeros(width, np.int64) for _ in range(4))
    step = np.zeros(width)
    known: dict[tuple[Any, ...], tuple[int, int, int, int, float]] = {}
    for n in range(width):
        key = (common[n], threshold[n], r[n], reset[n], before[n])
        if key not in known:
            known[key] = _numbers(*key, unit)
        at[n], back[n], times[n], by[n], step[n] = known[key]
    if (times > 1 << 20).any():
        return "has a v_reset that is no multiple of a step of its weights; choose 0"
    weights = {}
    for tap, m in maps.items():
        largest = int(np.abs(m.values // by[m.rows]).max(initial=0))
        if largest > LARGEST:
            return _too_fine(m, by, step, r)
        weights[tap] = replace(m, values=m.values // by[m.rows] * times[m.rows], exponent=0)
    made = Layer(name, value.shape, memory, weights, at, bias // by * times, back, step)
    return _clipped(made)


def _numbers(
    common: int, threshold: float, r: float, reset: float, before: Fraction, unit: Fraction
) -> tuple[int, int, int, int, float]:
    """(at, reset, times, by, step) of a neuron: its weights in units, times / by, are those in steps."""
    resistance, rest = Fraction(float(r)), Fraction(float(reset))
    aim, g = rest / resistance, common * unit
    g = _gcd(g, aim) or Fraction(1)
    level = ((Fraction(float(threshold)) - before) / (resistance * g)).__floor__() + 1
    factor = g / unit if common else Fraction(1)
    most = 1 << 60
    level, back = (max(min(int(k), most), -most) for k in (level, aim / g))
    times, by = min(factor.denominator, most), min(factor.numerator, most)
    return level, back, times, by, float(g * resistance)


def _row_gcd(maps: dict[Tap, Map], width: int) -> Ints:
    """The greatest common divisor of each row, 0 where there is no weight."""
    found = np.zeros(width, np.int64)
    for m in maps.values():
        if len(m.values):
            first = np.flatnonzero(np.diff(m.rows, prepend=-1))
            rows = m.rows[first]
            found[rows] = np.gcd(found[rows], np.gcd.reduceat(np.abs(m.values), first))
    return found


def _too_fine(m: Map, by: Ints, step: npt.NDArray[np.float64], r: npt.NDArray[np.float64]) -> str:
    """Weights that are no small multiples of anything."""
    worst = int(np.abs(m.values // by[m.rows]).argmax())
    row = int(m.rows[worst])
    here = m.values[m.rows == row] // by[row]
    size = float(step[row] / r[row])
    found = ", ".join(f"{k * size:.7g}" for k in np.unique(here)[:4].tolist())
    return (
        f"has weights that are no whole multiples of one step: neuron {row} sees {found}"
        f"{', ...' if len(np.unique(here)) > 4 else ''}, which are multiples of {size:.3g} only, up to "
        f"{int(np.abs(here).max()):,} of it; the chip has {LARGEST}: quantise them"
    )


def _limits(layer: Layer) -> str:
    """What the chip has no room for; empty if it has."""
    for one in layer.weights.values():
        if int(np.abs(one.values).max(initial=0)) > LARGEST:
            return (
                f"has a weight of {int(np.abs(one.values).max()):,} steps; the chip has {LARGEST}: quantise "
                "the weights, or choose v_reset 0"
            )
    if (np.abs(layer.bias) > LARGEST).any():
        worst = int(layer.bias[np.abs(layer.bias).argmax()])
        return (
            f"has a bias of {worst:,} steps of its weights; the chip has {LARGEST}: scale it down"
        )
    different, low, high = layer.spread()
    if ((different > AXON_TYPES) & ((low < LEAST_BITS) | (high > MOST_BITS))).any():
        n = int(np.argmax((different > AXON_TYPES) & ((low < LEAST_BITS) | (high > MOST_BITS))))
        return (
            f"has {different[n]} different weights at neuron {n}, {low[n]}..{high[n]} steps; more than "
            f"{AXON_TYPES} are made of 8 bits, {LEAST_BITS}..{MOST_BITS}: quantise them"
        )
    if not layer.memory:
        return ""
    reach = layer.at + layer.most(1) + np.maximum(layer.bias, 0)
    for bad, what in (
        (layer.at < 1, "fires without input: v_threshold is below 0; set it to 0 or more"),
        (
            layer.at > HIGHEST,
            f"has a threshold of {int(layer.at.max()):,} steps; the chip has {HIGHEST:,}",
        ),
        (
            reach > POTENTIAL_MAX,
            f"adds up to {int(reach.max()):,} steps, beyond 20 bits ({POTENTIAL_MAX:,})",
        ),
        (
            (np.abs(layer.reset) & (np.abs(layer.reset) + 1)) != 0,
            "has a v_reset of {} steps of its weights; the chip has 0, 1, 3, 7, ... 2**18 - 1 and their "
            "negatives: choose 0",
        ),
        (
            np.abs(layer.reset) > HIGHEST,
            "has a v_reset of {} steps; the chip has 2**18 - 1: choose 0",
        ),
    ):
        if bad.any():
            return what.format(int(layer.reset[bad][0]))
    return ""


def _clipped(layer: Layer) -> Layer | str:
    """Thresholds that no sum reaches or misses, as the nearest of those; why not, for one out of range."""
    if layer.memory:
        return layer
    at = np.clip(layer.at, -layer.most(-1), layer.most(1) + 1)
    if (np.abs(at - 1) >= MOST_AT).any():
        worst = int(at[np.abs(at - 1).argmax()])
        return (
            f"has a threshold of {worst:,} steps of its weights; neurons without memory have "
            f"{2 - MOST_AT}..{MOST_AT}: take smaller weights, or IF"
        )
    return replace(layer, at=at)


def run_layer(layer: Layer, spikes: Mapping[str, Raster], ticks: int) -> Raster:
    """Spikes bool [ticks, n] of a layer, from those of what drives it."""
    given = np.zeros((ticks, layer.width), np.int64)
    loops = []
    for tap, one in layer.weights.items():
        if tap.loop:
            loops.append((tap, one))
        else:
            given += _product(one, _late(spikes[tap.source], tap.delay))
    if not layer.memory and not loops:
        return np.asarray(given + layer.bias >= layer.at)
    found = np.zeros((ticks, layer.width), np.bool_)
    v = np.zeros(layer.width, np.int64)
    for t in range(ticks):
        v = v + given[t] + layer.bias
        for tap, one in loops:
            if t >= tap.delay:
                v += _product(one, found[t - tap.delay][None])[0]
        found[t] = v >= layer.at
        v = np.where(found[t], layer.reset, v) if layer.memory else 0 * v
    return found


def _product(one: Map, x: Raster) -> Ints:
    """The map times every row of x, int64 [ticks, n]."""
    sums = np.zeros((len(x), one.size[0]), np.int64)
    if len(one.values):
        first = np.flatnonzero(np.diff(one.rows, prepend=-1))
        for t, row in enumerate(x):
            sums[t, one.rows[first]] = np.add.reduceat(one.values * row[one.columns], first)
    return sums


def _late(x: Raster, ticks: int) -> Raster:
    """Row t is row t - ticks, silence before row 0."""
    if not ticks:
        return x
    moved = np.zeros_like(x)
    moved[ticks:] = x[: max(len(x) - ticks, 0)]
    return moved


def _gcd(a: Fraction, b: Fraction) -> Fraction:
    """The largest number of which both are whole multiples."""
    return Fraction(
        gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator
    )


def _each(numbers: Array, shape: Shape) -> npt.NDArray[np.float64]:
    """One number for each neuron, flat."""
    given = np.asarray(numbers, np.float64)
    return np.broadcast_to(
        given.reshape(shape) if given.size > 1 else given.reshape(()), shape
    ).ravel()
