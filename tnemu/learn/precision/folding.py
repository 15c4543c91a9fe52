"""A quantised network as steps of integers, and the torch side of running them.

Every value of the traced network is an affine expression of integers,

    value[c] = sum_k gain_k[c] x_k[c] + offset[c]

A layer begins a new integer, R, with gain = step_w step_x; batch normalisation scales gains and offset;
a sum joins the terms of both sides. Where a value is rounded, gains and offset over the value's step
become multipliers and an offset of 32 binary places, and the expression is one code times its step
again. Sources: tnemu.learn.precision.quantise has the fixed-point form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tnemu.learn.players.integers import QuantiseError
from tnemu.learn.precision.integer_network import (
    IntegerNetwork,
    Step,
    exact_float,
    pictures_at_once,
    run,
)
from tnemu.learn.precision.named import Network
from tnemu.learn.precision.quantise import fixed_points
from tnemu.learn.precision.trace import Node

_ANSWER = 2.0**48
"""Size of the largest answer in units, about."""


@dataclass
class Expression:
    """terms: (number of a step, gain float64 [features] or [1]); offset float64 likewise."""

    terms: list[tuple[int, Tensor]]
    offset: Tensor


class TorchSums:
    """Sums as torch's convolutions, float32 or float64, whichever is exact."""

    def conv(self, x: Tensor, codes: Tensor, step: Step) -> Tensor:
        """int64."""
        kind = torch.float32 if exact_float(step) is np.float32 else torch.float64
        if step.kind == "linear":
            return F.linear(x.to(kind), codes.to(kind)).long()
        n = step.numbers
        more = (None, n["stride"], n["pad"], n["dilation"], n["groups"])
        return F.conv2d(x.to(kind), codes.to(kind), *more).long()

    def pooled(self, x: Tensor, step: Step) -> Tensor:
        """int64."""
        n = step.numbers
        if step.kind == "max":
            x = self.padded(x, (*n["edges"], 0, 0), -(2**62))
        else:
            x = self.padded(x, (*n["edges"], 0, 0))
        for axis in (0, 1):  # one after the other: both are sums, or both the largest
            reach = n["window"][axis]
            dilation = n.get("dilation", (1, 1))[axis]
            windows = x.unfold(2 + axis, dilation * (reach - 1) + 1, n["stride"][axis])
            windows = windows[..., ::dilation]
            x = windows.amax(-1) if step.kind == "max" else windows.sum(-1)
        return x

    def padded(self, x: Tensor, edges: Sequence[int], value: int = 0) -> Tensor:
        """More rows, columns and features, of ``value``."""
        return F.pad(x, list(edges), value=value) if any(edges) else x

    def joined(self, parts: list[Tensor]) -> Tensor:
        """Along the features."""
        return torch.cat(parts, 1)


class Foldable(Protocol):
    """What is folded: a QuantNetwork, which can itself ask for it."""

    full: Network
    nodes: list[Node]
    rounding: Mapping[int, Any]
    weight_steps: Mapping[int, Tensor]
    shapes: list[tuple[int, ...]]

    def codes(self, k: int) -> Tensor:
        """Whole weights of node k."""


class FoldedNetwork:
    """The steps and arrays of a network in eval mode; called, its logits float64 in torch."""

    def __init__(self, net: Foldable) -> None:
        self.net = net
        self.steps: list[Step] = []
        self.arrays: dict[str, Tensor] = {}
        with torch.no_grad():
            self.unit = self._folded()

    def __call__(self, images: Tensor) -> Tensor:
        """Logits float64 [n, classes] of pictures uint8."""
        return self.answers(images).double() * self.unit

    def answers(self, images: Tensor) -> Tensor:
        """int64 [n, classes]."""
        return answers_of(self.steps, self.arrays, images)

    def numpy(self) -> IntegerNetwork:
        """The same without torch."""
        arrays = {name: array.numpy() for name, array in self.arrays.items()}
        return IntegerNetwork(self.steps, arrays, self.unit)

    def _folded(self) -> float:
        values: list[Expression] = []
        for k, node in enumerate(self.net.nodes):
            value = self._value(k, node, [values[i] for i in node.inputs])
            values.append(self._rounded(k, value) if k in self.net.rounding else value)
        return self._answer(values[-1])

    def _step(
        self, kind: str, inputs: tuple[int, ...], bound: int, name: str = "", **numbers: Any
    ) -> int:
        self.steps.append(Step(kind, inputs, numbers, int(bound), name))
        return len(self.steps) - 1

    def _value(self, k: int, node: Node, given: list[Expression]) -> Expression:
        zero = torch.zeros(1, dtype=torch.float64)
        if node.kind == "image":
            full = self.net.full
            mean, deviation = (torch.tensor(v).double() for v in (full.mean, full.deviation))
            image = self._step("image", (), 255)
            return Expression([(image, 1 / (255 * deviation))], -mean / deviation)
        first = given[0]
        if node.kind in ("conv", "linear"):
            return self._layer(k, node, first)
        if node.kind == "norm":
            m: Any = node.module
            slope = (m.running_var.double() + m.eps).rsqrt()
            slope = slope if m.weight is None else slope * m.weight.double()
            shift = zero if m.bias is None else m.bias.double()
            terms = [(i, gain * slope) for i, gain in first.terms]
            return Expression(terms, (first.offset - m.running_mean.double()) * slope + shift)
        if node.kind == "add":
            return Expression(first.terms + given[1].terms, first.offset + given[1].offset)
        if node.kind in ("relu", "same"):
            return first
        return self._moved(k, node, given)

    def _layer(self, k: int, node: Node, x: Expression) -> Expression:
        (source, gain), codes = x.terms[0], self.net.codes(k)
        each = codes.abs().flatten(1).sum(1).max()
        bound = int(each) * self.steps[source].bound
        at = self._step(node.kind, (source,), bound, node.name, **node.numbers)
        self.arrays[f"{at}.codes"] = codes.to(torch.int8)
        m: Any = node.module
        offset = torch.zeros(1).double() if m.bias is None else m.bias.double()
        return Expression([(at, self.net.weight_steps[k].double().ravel() * gain)], offset)

    def _moved(self, k: int, node: Node, given: list[Expression]) -> Expression:
        """Pools, concatenation and what moves codes: of single codes without an offset."""
        (source, gain), n = given[0].terms[0], node.numbers
        bound = self.steps[source].bound
        zero = torch.zeros(1, dtype=torch.float64)
        before, after = self.net.shapes[node.inputs[0]], self.net.shapes[k]
        if node.kind == "cat":
            sources = [g.terms[0] for g in given]
            gains = [
                g.expand(self.net.shapes[i][0])
                for (_, g), i in zip(sources, node.inputs, strict=True)
            ]
            inputs = tuple(i for i, _ in sources)
            most = max(self.steps[i].bound for i in inputs)
            return Expression([(self._step("cat", inputs, most), torch.cat(gains))], zero)
        if node.kind in ("mean", "adaptive"):
            window, stride, pad = _means(node, before, after)
            count = window[0] * window[1]
            edges = (pad[1], pad[1], pad[0], pad[0])
            at = self._step(
                "sum", (source,), bound * count, window=window, stride=stride, edges=edges
            )
            return Expression([(at, gain / count)], zero)
        if node.kind == "max":
            more = {name: n[name] for name in ("window", "stride", "dilation")}
            at = self._step("max", (source,), bound, edges=_edges(n, before, after), **more)
        elif node.kind == "flatten":
            at = self._step("flatten", (source,), bound)
            if len(gain) > 1:
                gain = gain.repeat_interleave(after[0] // before[0])
        else:
            at = self._step(node.kind, (source,), bound, **n)
        if node.kind == "take" and len(gain) > 1:
            gain = F.pad(gain, (n["more"], n["more"]), value=1.0)
        return Expression([(at, gain)], zero)

    def _rounded(self, k: int, x: Expression) -> Expression:
        r, features = self.net.rounding[k], self.net.shapes[k][0]
        gains = [(gain / r.step).expand(features) for _, gain in x.terms]
        inputs = tuple(i for i, _ in x.terms)
        most = [2**61 // (max(1, self.steps[i].bound) * len(inputs)) for i in inputs]
        multipliers, offset = fixed_points(gains, (x.offset / r.step).expand(features), most)
        at = self._step("round", inputs, max(-r.low, r.high), low=r.low, high=r.high)
        self._keep(at, multipliers, offset)
        return Expression([(at, torch.tensor([r.step]).double())], torch.zeros(1).double())

    def _answer(self, x: Expression) -> float:
        features, inputs = self.net.shapes[-1][0], tuple(i for i, _ in x.terms)
        reach = sum(float(gain.abs().max()) * self.steps[i].bound for i, gain in x.terms)
        unit = max(reach, float(x.offset.abs().max()), 1e-30) / _ANSWER
        multipliers = [(gain.expand(features) / unit).round().long() for _, gain in x.terms]
        offset = (x.offset.expand(features) / unit).round().long()
        self._keep(self._step("answer", inputs, 2**62), multipliers, offset)
        return unit

    def _keep(self, at: int, multipliers: list[Tensor], offset: Tensor) -> None:
        self.arrays[f"{at}.offset"] = offset.clone()
        for i, multiplier in enumerate(multipliers):
            self.arrays[f"{at}.multiplier{i}"] = multiplier.clone()


def _means(node: Node, before: Any, after: Any) -> tuple[Any, Any, Any]:
    """Window, stride and padding of a mean."""
    n = node.numbers
    if node.kind == "mean":
        return n["window"], n["stride"], n["pad"]
    if before[1] % after[1] or before[2] % after[2]:
        raise QuantiseError(
            f"layer {node.name!r}: a mean of {before[1]} x {before[2]} over {after[1]} x {after[2]} windows of "
            "different sizes; choose pictures of which every window is the same"
        )
    window = before[1] // after[1], before[2] // after[2]
    return window, window, (0, 0)


def _edges(n: dict[str, Any], before: Any, after: Any) -> tuple[int, int, int, int]:
    """(left, right, above, below): with ``ceil`` a window may go beyond the padding."""
    found = []
    for axis in (1, 0):
        reach = n["dilation"][axis] * (n["window"][axis] - 1) + 1
        needs = (after[1 + axis] - 1) * n["stride"][axis] + reach
        pad = n["pad"][axis]
        found += [pad, max(pad, needs - before[1 + axis] - pad)]
    return found[0], found[1], found[2], found[3]


def answers_of(steps: Sequence[Step], arrays: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """int64 [n, classes] of pictures uint8, some at a time."""
    some = images.split(pictures_at_once(images.shape[1:]))
    return torch.cat([run(steps, arrays, x.long(), TorchSums()) for x in some])


def runnable(net: IntegerNetwork) -> Callable[[Tensor], Tensor]:
    """Logits float64 of the integers of a file, in torch, which is faster than numpy."""
    arrays = {name: torch.from_numpy(array) for name, array in net.arrays.items()}
    return lambda images: answers_of(net.steps, arrays, images).double() * net.unit
