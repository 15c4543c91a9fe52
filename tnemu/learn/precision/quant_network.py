"""A traced network in n bits as it learns; folded it is integers (tnemu.learn.precision.folding).

    x_hat = step_x code(x)        where a value is rounded        w_hat = step_w code(w)

A value is rounded where something reads it that works on codes: a convolution or linear layer, a pool, a
concatenation. What comes between, bias, batch normalisation, the sum with a shortcut, is not rounded;
a rectifier always is, and is then the lower end of the codes. Values that cannot be negative have codes
0..2^n - 1, others ±(2^(n-1) - 1). In eval mode the network is its integers alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tnemu.learn.players.integers import activation_limit, weight_limit
from tnemu.learn.precision.integer_network import pictures_at_once
from tnemu.learn.precision.named import Network
from tnemu.learn.precision.network_settings import QuantiseSettings
from tnemu.learn.precision.quantise import Codes, cosine, step_by, steps_of_weights
from tnemu.learn.precision.trace import Node, in_floats, trace

MOST_VALUES = 1 << 18
"""Values of one layer and batch that count for its range."""
_CODES = ("conv", "linear")
_PLAIN = ("max", "mean", "adaptive", "pad", "take", "flatten", "cat")
_THROUGH = ("max", "pad", "take", "flatten")


@dataclass
class Rounding:
    """Where and how a value is rounded; ``step`` is found by calibration."""

    bits: int
    positive: bool
    step: float = 1.0
    top: float | None = None
    """Largest value, of a rectifier that has one."""
    seen: list[Tensor] = field(default_factory=list)

    @property
    def low(self) -> int:
        """Smallest code."""
        return 0 if self.positive else -weight_limit(self.bits)

    @property
    def limit(self) -> int:
        """Largest code that the bits allow."""
        return activation_limit(self.bits) if self.positive else weight_limit(self.bits)

    @property
    def high(self) -> int:
        """Largest code."""
        if self.top is None:
            return self.limit
        return max(1, min(self.limit, round(self.top / self.step)))


def where_rounded(nodes: list[Node], bits: int, edge_bits: int) -> dict[int, Rounding]:
    """The values that are rounded, by node: each by the rule of this module."""
    readers: list[list[int]] = [[] for _ in nodes]
    for k, node in enumerate(nodes):
        for i in node.inputs:
            readers[i].append(k)
    last = max((k for k, node in enumerate(nodes) if node.kind in _CODES), default=0)
    level, positive, found = [0] * len(nodes), [False] * len(nodes), {}
    for k, node in enumerate(nodes):
        kinds = {nodes[r].kind for r in readers[k]}
        needs = 2 if kinds & set(_CODES) else 1 if kinds & set(_PLAIN) else 0
        if node.kind in _PLAIN:
            positive[k] = all(positive[i] for i in node.inputs)
            level[k] = level[node.inputs[0]] if node.kind in _THROUGH else 1
        if node.kind == "relu" or level[k] < needs:
            level[k], positive[k] = 2, positive[k] or node.kind == "relu"
            edge = k == 0 or last in readers[k]
            top = node.numbers.get("top")
            found[k] = Rounding(edge_bits if edge else bits, positive[k], top=top)
    return found


class QuantNetwork(nn.Module):
    """``full`` quantised, ready to be trained on: logits [n, classes] of pictures uint8.

    ``images`` set the ranges of activations, in full precision; they stay as they are from then on, and
    so do the weights' steps.
    """

    @torch.no_grad()
    def __init__(self, full: Network, bits: int, images: Tensor, s: QuantiseSettings):
        super().__init__()
        self.full, self.bits = full, bits
        self.root, self.nodes = trace(full.module)
        self.rounding = where_rounded(self.nodes, bits, s.edge_bits)
        layers = [k for k, node in enumerate(self.nodes) if node.kind in _CODES]
        self.weight_bits = {
            k: s.edge_bits if k in (layers[0], layers[-1]) else bits for k in layers
        }
        self.weight_steps = {
            k: steps_of_weights(
                self.weight(k), n, s.weight_range, s.weight_percentile, bool(s.channels)
            )
            for k, n in self.weight_bits.items()
        }
        self.shapes: list[tuple[int, ...]] = []
        self._calibrate(images, s)
        self._folded: Any = None
        self.eval()

    def weight(self, k: int) -> Tensor:
        """What node ``k`` learns, in full precision."""
        weight: Tensor = self.nodes[k].module.weight  # type: ignore[union-attr, assignment]
        return weight

    def codes(self, k: int) -> Tensor:
        """The weights of node ``k`` as codes, floats."""
        limit = weight_limit(self.weight_bits[k])
        return Codes.apply(self.weight(k), self.weight_steps[k], -limit, limit)

    def _calibrate(self, images: Tensor, s: QuantiseSettings) -> None:
        for some in images.split(max(1, pictures_at_once(images.shape[1:]) // 5)):
            values = self._values(some, rounded=False)
            self.shapes = [tuple(v.shape[1:]) for v in values]
            for k, rounding in self.rounding.items():
                flat = values[k].ravel()
                rounding.seen.append(flat[:: max(1, len(flat) // MOST_VALUES)])
        for rounding in self.rounding.values():
            seen = torch.cat(rounding.seen)
            rounding.seen = []
            if s.activation_range == "least-squares":  # the mean over a sample is enough
                seen = seen[:: max(1, len(seen) // MOST_VALUES)]
            rounding.step = step_by(
                s.activation_range, seen, rounding.low, rounding.limit, s.percentile
            )

    def _values(self, images: Tensor, rounded: bool = True) -> list[Tensor]:
        """Of every node, in floats."""
        values: list[Tensor] = []
        for k, node in enumerate(self.nodes):
            if k == 0:
                value = self.full.normalised(images)
            else:
                weight = None
                if rounded and k in self.weight_steps:
                    weight = self.codes(k) * self.weight_steps[k]
                value = in_floats(node, [values[i] for i in node.inputs], weight)
            if rounded and k in self.rounding:
                r = self.rounding[k]
                value = Codes.apply(value, r.step, r.low, r.high) * r.step
            values.append(value)
        return values

    def train(self, mode: bool = True) -> QuantNetwork:
        """Learning, or the integers of what was learnt."""
        self._folded = None
        super().train(mode)
        return self

    def folded(self) -> Any:
        """The integers of what the network has learnt: a FoldedNetwork. Call in eval mode."""
        from tnemu.learn.precision.folding import FoldedNetwork

        if self._folded is None:
            self._folded = FoldedNetwork(self)
        return self._folded

    def forward(self, images: Tensor) -> Tensor:
        """Logits; in eval mode float64, as the integers give them."""
        if self.training:
            return self._values(images)[-1]
        return self.folded()(images)

    @torch.no_grad()
    def clip(self) -> None:
        """After each step: weights stay where a code can follow them."""
        for k, step in self.weight_steps.items():
            reach = step * weight_limit(self.weight_bits[k])
            weight = self.weight(k)
            weight.copy_(torch.minimum(torch.maximum(weight, -reach), reach))

    @torch.no_grad()
    def cosines(self) -> dict[str, float]:
        """Per layer, the cosine between its quantised weights and those of the network it was made
        of; "all" is that of all of them in one.
        """
        before = dict(self.full.module.named_parameters())
        pairs = {}
        for k, step in self.weight_steps.items():
            name = self.nodes[k].name
            pairs[name] = (self.codes(k) * step).ravel(), before[f"{name}.weight"].ravel()
        found = {name: cosine(*pair) for name, pair in pairs.items()}
        whole = [torch.cat(parts) for parts in zip(*pairs.values(), strict=True)]
        return {**found, "all": cosine(whole[0], whole[1])}

    def bytes_of_weights(self) -> int:
        """All weights in their bits, without steps and offsets."""
        return sum(self.weight(k).numel() * n for k, n in self.weight_bits.items()) // 8
