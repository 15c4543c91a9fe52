"""The student: a network of trinary weights and binary neurons that fits TrueNorth cores, trained
with full-precision shadows.

    r = sum_i tri(w_i) x_i                    tri(w) = sign(w) if |w| > 0.5 else 0, w in [-1, 1]
                                              (or with tnemu.learn.eedn.hysteresis)
    y = (r - mu) / sqrt(var + eps) + beta     batch normalisation without gain
    bit = 1 if y >= 0 else 0                  backward: d bit / d y = max(0, 1 - |y| / width)

and, once mu and var are frozen, in integers, exactly what a core does:

    bit = 1 if r >= threshold,                threshold = ceil(mu - beta sqrt(var + eps))

    logit_a = exp(log_scale) x (bits that vote for action a) / (voters per action)

Its layers are those of tnemu.learn.eedn.wiring. ``precision="float"`` is the control: the same wiring with
float weights, batch normalisation with gain, ReLU, and a linear vote.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.learn.eedn.hysteresis import Kept, next_trinary
from tnemu.learn.eedn.limits import check_hysteresis
from tnemu.learn.eedn.wiring import Wiring, classes_of, voters_of, wiring_of

Precision = Literal["trinary", "float"]
SURROGATE_WIDTH = 2.0


class Trinary(torch.autograd.Function):
    """Hidden weight to -1, 0, 1; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor) -> Tensor:
        """-1, 0 or 1 of each hidden weight."""
        return hidden.gt(0.5).to(hidden.dtype).sub_(hidden.lt(-0.5).to(hidden.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Straight through."""
        return gradient


class Fire(torch.autograd.Function):
    """1 where y >= 0; the gradient is a triangle around 0."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        """1.0 where y >= 0, else 0.0."""
        ctx.save_for_backward(y)
        return y.ge(0).to(y.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """The gradient times max(0, 1 - |y| / SURROGATE_WIDTH)."""
        (y,) = ctx.saved_tensors
        return gradient * y.abs().mul_(-1 / SURROGATE_WIDTH).add_(1).clamp_(min=0)


class NeuronLayer(nn.Module):
    """Weighted sums in groups, then one threshold per feature; wired as ``wiring`` says.

    The last layer of a float control is ``linear``: its sums plus beta, without a neuron.
    """

    def __init__(self, wiring: Wiring, precision: Precision):
        super().__init__()
        self.wiring, self.precision = wiring, precision
        self.linear = wiring.last and precision == "float"
        reach = 1.0 if precision == "trinary" else math.sqrt(6 / wiring.fan_in)
        self.hidden = nn.Parameter(torch.empty(wiring.weights).uniform_(-reach, reach))
        self.beta = nn.Parameter(torch.zeros(wiring.features))
        gain = precision == "float" and not self.linear
        self.gain = nn.Parameter(torch.ones(wiring.features)) if gain else None
        self.register_buffer("mean", torch.zeros(wiring.features, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(wiring.features, dtype=torch.float64))
        self.hysteresis = 0.0
        self.register_buffer("kept", None)  # the trinary weights, if they have hysteresis

    @property
    def threshold(self) -> Tensor:
        """The folded integer threshold of each feature: it fires when its sum >= threshold."""
        spread = (self.variance + self.wiring.eps).sqrt()
        return torch.ceil(self.mean - self.beta.detach().double() * spread)

    @property
    def weights(self) -> Tensor:
        """What the sums are taken with: trinary, kept trinary, or the hidden weights themselves."""
        if self.kept is not None:
            return Kept.apply(self.hidden, self.kept)
        return Trinary.apply(self.hidden) if self.precision == "trinary" else self.hidden

    def sums(self, x: Tensor) -> Tensor:
        """Weighted sums [n, features, rows, columns] of a conv, [n, features] of a dense layer."""
        n, w = len(x), self.wiring
        if w.kind == "conv":
            if w.shuffle > 1:
                x = x.view(n, w.shuffle, -1, *x.shape[2:]).transpose(1, 2).reshape(x.shape)
            return F.conv2d(x, self.weights, stride=w.stride, groups=w.groups)
        x = x.reshape(n, w.shuffle, -1).transpose(1, 2).reshape(n, w.groups, -1)
        return (
            torch.bmm(x.transpose(0, 1), self.weights.transpose(1, 2))
            .transpose(0, 1)
            .reshape(n, -1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Bits or, of a float layer, values; in eval mode a trinary layer is its integers."""
        r = self.sums(x)
        if self.linear:
            return r + self.beta.view(-1, *[1] * (r.dim() - 2))
        if self.precision == "trinary" and not self.training:
            return r.ge(self.threshold.to(r.dtype).view(-1, *[1] * (r.dim() - 2))).to(r.dtype)
        frozen = (None, None) if self.training else (self.mean.float(), self.variance.float())
        eps = self.wiring.eps
        y = F.batch_norm(r, *frozen, self.gain, self.beta, self.training, eps=eps)
        return Fire.apply(y) if self.precision == "trinary" else F.relu(y)


class Student(nn.Module):
    """Screens uint8[n, stack, rows, columns] to one logit per action, float[n, actions].

    In eval mode the trinary student is already the folded one: integers and thresholds. Its
    capacity is ``width``, which multiplies the features of every layer, and ``depth``, the number
    of block layers; all after the first are shuffled. Both are 1 or more. ``voters`` per block and
    action, if not given, are those of tnemu.learn.eedn.wiring.voters_of. Raises TnemuError for a size
    below 1 and for screens that are too small.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        actions: int,
        precision: Precision = "trinary",
        depth: int = 2,
        width: int = 1,
        voters: int | None = None,
    ):
        super().__init__()
        self.voters = voters or voters_of(actions)
        wiring = wiring_of(shape, actions, depth, width, self.voters)
        self.precision, self.actions, self.depth, self.width = precision, actions, depth, width
        self.register_buffer("background", torch.zeros(shape))
        self.layers = nn.ModuleList([NeuronLayer(each, precision) for each in wiring])
        if precision == "trinary":
            nn.init.uniform_(self.layers[0].beta, -1.0, 0.3)
        self.log_scale = nn.Parameter(torch.tensor(3.0))

    @property
    def classes(self) -> np.ndarray:
        """int32[voters]: the action that each output of the last layer votes for."""
        return classes_of(self.layers[-1].wiring, self.actions)

    def count(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Votes per action: integers when trinary. The output of each layer goes to ``seen``."""
        x = screens.float() - self.background
        for layer in self.layers:
            x = layer(x)
            if seen is not None:
                seen.append(x)
        return x.view(len(x), -1, self.actions, self.voters).sum((1, 3))

    def forward(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Logits float[n, actions]; the output of each layer goes to ``seen``."""
        voters = self.layers[-1].wiring.groups * self.voters
        return self.log_scale.exp() * self.count(screens, seen) / voters

    @torch.no_grad()
    def clip(self) -> None:
        """After each step: hidden trinary weights stay in [-1, 1], and kept ones follow them."""
        if self.precision == "trinary":
            for layer in self.layers:
                layer.hidden.clamp_(-1, 1)
                if layer.kept is not None:
                    layer.kept.copy_(next_trinary(layer.hidden, layer.kept, layer.hysteresis))

    def recalibrate(self, screens: Tensor, batch: int = 500) -> None:
        """Exact means and variances of every layer on these screens."""
        self.settle([partial(self.centre, part) for part in screens.split(batch)])

    def centre(self, screens: Tensor) -> Tensor:
        """What the first layer is shown: screens minus the background, float."""
        return screens.float() - self.background

    @torch.no_grad()
    def settle(self, shown: Sequence[Callable[[], Tensor]]) -> None:
        """Exact means and variances of every layer on the parts that ``shown`` give the first layer,
        layer by layer, each fed by the finished layers before it.

        Averages collected while training lag behind weights that flip; this is what makes the
        frozen student as good as the trained. Sums are taken three times rather than kept: of 30,000
        screens they are gigabytes.
        """
        was_training = self.training
        self.eval()
        for layer in self.layers:
            dims = (0, 2, 3) if layer.wiring.kind == "conv" else (0,)
            total, count = torch.zeros_like(layer.mean), 0
            for part in shown:
                r = layer.sums(part())
                total += r.double().sum(dims)
                count += r.numel() // layer.beta.numel()
            layer.mean.copy_(total / count)
            centre = layer.mean.view(-1, *[1] * (r.dim() - 2))
            total.zero_()
            for part in shown:
                r = layer.sums(part()).double()
                total += r.sub_(centre).square_().sum(dims)  # in place: wide layers are large
            layer.variance.copy_(total / count)
            shown = [_kept(layer(part()), self.precision) for part in shown]
        self.train(was_training)


def _kept(values: Tensor, precision: Precision) -> Callable[[], Tensor]:
    """A layer's outputs in memory: those of binary neurons in a byte each."""
    return values.bool().float if precision == "trinary" else lambda: values


@torch.no_grad()
def add_hysteresis(student: Student, hysteresis: float) -> None:
    """From now on each ``student.clip`` moves the trinary weights by the rule of
    tnemu.learn.eedn.hysteresis. They are stored with the student's state, because hidden weights
    alone no longer say what they are.
    """
    check_hysteresis(hysteresis)
    for layer in student.layers:
        layer.hysteresis, layer.kept = hysteresis, layer.weights.clone()
