"""The student in n bits: one that learns (QuantStudent) and the integers that play (IntegerStudent).

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

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.learn.eedn.student import VOTERS_PER_BLOCK, NeuronLayer, Student
from tnemu.learn.players.quantise import (
    Codes,
    QuantiseError,
    activation_limit,
    check_exact,
    fixed_point,
    requantise,
    step_for,
    weight_limit,
)

GREY_LIMIT = 255


class _Layer(NeuronLayer):
    """The geometry of another layer, with n-bit numbers."""

    def __init__(self, of: NeuronLayer, bits: int, input_limit: int):
        super().__init__(
            of.name,
            of.kind,
            tuple(of.hidden.shape),
            of.inputs,
            "float",
            of.stride,
            of.groups,
            of.shuffle,
            of.eps,
            of.linear,
        )
        self.bits = bits
        fan_in = math.prod(of.hidden.shape[1 if of.kind == "conv" else 2 :])
        check_exact(of.name, fan_in * weight_limit(bits) * input_limit)

    def integers(self) -> tuple[Tensor, Tensor]:
        """(multiplier, offset), int64[features]."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        sums, (multiplier, offset) = self.sums(x), self.integers()
        if self.linear:
            return sums.long() + offset
        return requantise(sums, multiplier, offset, activation_limit(self.bits)).to(x.dtype)


class QuantLayer(_Layer):
    """Learns shadow weights in full precision; its sums, and so ``mean`` and ``variance``, are of
    codes.
    """

    def __init__(
        self, of: NeuronLayer, bits: int, input_limit: int, steps: tuple[float, float, float]
    ):
        super().__init__(of, bits, input_limit)
        self.weight_step, self.input_step, self.output_step = steps
        self.scale = self.weight_step * self.input_step
        with torch.no_grad():
            self.hidden.copy_(of.hidden)
            self.beta.copy_(of.beta)
            if self.gain is not None and of.gain is not None:
                self.gain.copy_(of.gain)

    @property
    def weights(self) -> Tensor:
        limit = weight_limit(self.bits)
        return Codes.apply(self.hidden, self.weight_step, -limit, limit)

    @torch.no_grad()
    def integers(self) -> tuple[Tensor, Tensor]:
        beta = self.beta.double()
        if self.gain is None:  # the last layer: linear
            return torch.zeros(0, dtype=torch.int64), (beta / self.scale).round().long()
        slope = self.gain.double() / (self.variance + self.eps / self.scale**2).sqrt()
        return fixed_point(slope / self.output_step, (beta - slope * self.mean) / self.output_step)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        sums = self.sums(x)
        if self.linear:
            return sums * self.scale + self.beta
        eps = self.eps / self.scale**2  # the variance of codes is that much smaller
        y = F.batch_norm(sums, None, None, self.gain, self.beta, True, eps=eps)
        return Codes.apply(y, self.output_step, 0, activation_limit(self.bits))


class QuantStudent(Student):
    """The float control, quantised, ready to be fine-tuned by ``tnemu.learn.distil.distil.train``.

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
        shape = tuple(control.background.shape)
        super().__init__(shape, control.actions, "float", control.depth, control.width)
        self.bits = bits
        self.background.copy_(control.background)
        self.log_scale.copy_(control.log_scale)
        layers: list[QuantLayer] = []
        input_step, x = 1.0, screens.float() - control.background
        for layer in control.layers:
            x = layer(x)
            steps = (
                step_for(layer.hidden, weights, weight_percentile),
                input_step,
                1.0 if layer.linear else step_for(x, limit, percentile),
            )
            layers.append(QuantLayer(layer, bits, limit if layers else GREY_LIMIT, steps))
            input_step = steps[2]
        self.layers = nn.ModuleList(layers)

    @property
    def unit(self) -> Tensor:
        """Logit per vote, float64."""
        last = self.layers[-1]
        voters = last.groups * VOTERS_PER_BLOCK
        return self.log_scale.detach().double().exp() * last.scale / voters

    def forward(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
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
        return {
            a.name: float(F.cosine_similarity(a.weights.ravel(), b.hidden.ravel(), 0))
            for a, b in pairs
        }

    @torch.no_grad()
    def fold(self) -> IntegerStudent:
        """The integers that play. Call ``recalibrate`` first."""
        shape = tuple(self.background.shape)
        student = IntegerStudent(shape, self.actions, self.bits, self.depth, self.width)
        student.background.copy_(self.background)
        student.unit.copy_(self.unit)
        for target, layer in zip(student.layers, self.layers, strict=True):
            target.codes.copy_(layer.weights)
            target.multiplier, target.offset = layer.integers()
        return student.eval()


class IntegerLayer(_Layer):
    """codes int8 in the shape of the weights, multiplier and offset int64[features]; a last layer
    has no multiplier.
    """

    def __init__(self, of: NeuronLayer, bits: int, input_limit: int):
        super().__init__(of, bits, input_limit)
        shape, features = self.hidden.shape, len(self.beta)
        self.hidden = self.beta = self.gain = self.mean = self.variance = None
        multipliers = 0 if self.linear else features
        self.register_buffer("codes", torch.zeros(shape, dtype=torch.int8))
        self.register_buffer("multiplier", torch.zeros(multipliers, dtype=torch.int64))
        self.register_buffer("offset", torch.zeros(features, dtype=torch.int64))

    @property
    def weights(self) -> Tensor:
        return self.codes.float()

    def integers(self) -> tuple[Tensor, Tensor]:
        return self.multiplier, self.offset


class IntegerStudent(Student):
    """Plays in integers; only the logits are multiplied by a number that is none, ``unit``."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        actions: int,
        bits: int,
        depth: int = 2,
        width: int = 1,
    ):
        super().__init__(shape, actions, "float", depth, width)
        self.bits, self.log_scale = bits, None
        self.register_buffer("background", torch.zeros(shape, dtype=torch.int16))
        self.register_buffer("unit", torch.zeros((), dtype=torch.float64))
        limits = [GREY_LIMIT] + [activation_limit(bits)] * (len(self.layers) - 1)
        self.layers = nn.ModuleList(
            IntegerLayer(layer, bits, limit)
            for layer, limit in zip(self.layers, limits, strict=True)
        )

    def forward(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        return self.unit * self.count(screens, seen)
