"""The student in n bits as it learns; folded it is the integers that play (tnemu.learn.players.integers).

    R     = sum_i code(w_i) x_i                             integers; x: codes, or grey levels
    y     = gain (r - mu) / sqrt(var + eps) + beta,         r = w_step x_step R
    x_out = code(max(y, 0))                                 the next layer's input
    logit_a = unit x votes_a,  votes_a = sum over the voters of a of (R + round(beta / scale))

All layers of the float control (tnemu.learn.eedn.student) in the same wiring, every one with n-bit weights
and, between layers, n-bit activations; what enters is the screen minus the background, integers in
-255..255. While it trains, mu and var are those of the batch; in eval mode the layers are integers
alone, and the learning student equals the playing one to the bit.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.learn.eedn.student import NeuronLayer, Student
from tnemu.learn.players.integers import (
    IntegerStudent,
    QuantiseError,
    activation_limit,
    check_layers,
    requantise,
    weight_limit,
)
from tnemu.learn.precision.quantise import Codes, cosine, fixed_point, step_for


class QuantLayer(NeuronLayer):
    """A layer of the control, with n-bit numbers. It learns shadow weights in full precision; its
    sums, and so ``mean`` and ``variance``, are of codes. ``steps`` are those of its weights, its
    inputs and its outputs.
    """

    def __init__(self, of: NeuronLayer, bits: int, steps: tuple[float, float, float]):
        super().__init__(of.wiring, "float")
        self.bits = bits
        self.weight_step, self.input_step, self.output_step = steps
        self.scale = self.weight_step * self.input_step
        self.eps = of.wiring.eps / self.scale**2  # the variance of codes is that much smaller
        with torch.no_grad():
            self.hidden.copy_(of.hidden)
            self.beta.copy_(of.beta)
            if self.gain is not None and of.gain is not None:
                self.gain.copy_(of.gain)

    @property
    def weights(self) -> Tensor:
        """Codes, as floats."""
        limit = weight_limit(self.bits)
        return Codes.apply(self.hidden, self.weight_step, -limit, limit)

    @torch.no_grad()
    def integers(self) -> tuple[Tensor, Tensor]:
        """(multiplier, offset), int64[features]; the last layer has no multiplier."""
        beta = self.beta.double()
        if self.gain is None:  # the last layer: linear
            return torch.zeros(0, dtype=torch.int64), (beta / self.scale).round().long()
        slope = self.gain.double() / (self.variance + self.eps).sqrt()
        return fixed_point(slope / self.output_step, (beta - slope * self.mean) / self.output_step)

    def forward(self, x: Tensor) -> Tensor:
        """The next layer's codes as floats; votes of the last layer, integers in eval mode."""
        sums = self.sums(x)
        if self.training and self.linear:
            return sums * self.scale + self.beta
        if self.training:
            y = F.batch_norm(sums, None, None, self.gain, self.beta, True, eps=self.eps)
            return Codes.apply(y, self.output_step, 0, activation_limit(self.bits))
        multiplier, offset = self.integers()
        if self.linear:
            return sums.long() + offset
        return requantise(sums.long(), multiplier, offset, activation_limit(self.bits)).to(x.dtype)


class QuantStudent(Student):
    """The float control, quantised, ready to be fine-tuned by ``tnemu.learn.distil.training.train``.

    ``screens`` set the activations' ranges: the ``percentile`` of every layer's outputs, zeros
    included, in the control. The weights' range is the ``weight_percentile`` of their size. Both
    stay as they are from then on. Call ``recalibrate`` before use.
    """

    @torch.no_grad()
    def __init__(
        self,
        control: Student,
        bits: int,
        screens: Tensor,
        percentile: float = 99.99,
        weight_percentile: float = 100.0,
    ):
        limit, weights = activation_limit(bits), weight_limit(bits)
        if control.precision != "float":
            raise QuantiseError(
                f"the student to quantise has precision {control.precision!r}, needs 'float'; "
                "pass the float control"
            )
        if (control.background != control.background.round()).any():
            raise QuantiseError(
                "the background has fractions; round it before training, so that what enters "
                "the first layer is an integer"
            )
        stack, rows, columns = control.background.shape
        size = (control.depth, control.width, control.voters)
        super().__init__((stack, rows, columns), control.actions, "float", *size)
        self.bits = bits
        self.background.copy_(control.background)
        self.log_scale.copy_(control.log_scale)
        check_layers([layer.wiring for layer in control.layers], bits)
        layers: list[QuantLayer] = []
        input_step, x = 1.0, screens.float() - control.background
        for layer in control.layers:
            x = layer(x)
            steps = (
                step_for(layer.hidden, weights, weight_percentile),
                input_step,
                1.0 if layer.linear else step_for(x, limit, percentile),
            )
            layers.append(QuantLayer(layer, bits, steps))
            input_step = steps[2]
        self.layers = nn.ModuleList(layers)

    @property
    def unit(self) -> Tensor:
        """Logit per vote, float64."""
        last = self.layers[-1]
        voters = last.wiring.groups * self.voters
        return self.log_scale.detach().double().exp() * last.scale / voters

    def forward(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Logits; in eval mode float64, as the integers give them."""
        if self.training:
            return super().forward(screens, seen)
        return self.unit * self.count(screens, seen)

    @torch.no_grad()
    def clip(self) -> None:
        """After each step: shadow weights stay where a code can follow them."""
        for layer in self.layers:
            reach = layer.weight_step * weight_limit(self.bits)
            layer.hidden.clamp_(-reach, reach)

    @torch.no_grad()
    def cosines(self, control: Student) -> dict[str, float]:
        """Per layer, the cosine between its quantised weights and the control's."""
        pairs = zip(self.layers, control.layers, strict=True)
        return {a.wiring.name: cosine(a.weights, b.hidden) for a, b in pairs}

    @torch.no_grad()
    def fold(self) -> IntegerStudent:
        """The integers that play. Call ``recalibrate`` first."""
        arrays = {
            "background": self.background.numpy().astype(np.int16),
            "unit": self.unit.numpy(),
        }
        for k, layer in enumerate(self.layers):
            multiplier, offset = layer.integers()
            arrays[f"layers.{k}.codes"] = layer.weights.numpy().astype(np.int8)
            arrays[f"layers.{k}.multiplier"] = multiplier.numpy()
            arrays[f"layers.{k}.offset"] = offset.numpy()
        stack, rows, columns = self.background.shape
        size = {"depth": self.depth, "width": self.width, "voters": self.voters}
        return IntegerStudent((stack, rows, columns), self.actions, self.bits, arrays, **size)
