"""The student: a network of trinary weights and binary neurons that fits TrueNorth cores, trained
with full-precision shadows.

    r = sum_i tri(w_i) x_i                    tri(w) = sign(w) if |w| > 0.5 else 0, w in [-1, 1]
                                              (or with tnemu.learn.eedn.hysteresis)
    y = (r - mu) / sqrt(var + eps) + beta     batch normalisation without gain
    bit = 1 if y >= 0 else 0                  backward: d bit / d y = max(0, 1 - |y| / width)

and, once mu and var are frozen, in integers, exactly what a core does:

    bit = 1 if r >= threshold,                threshold = ceil(mu - beta sqrt(var + eps))

    logit_a = exp(log_scale) x (bits that vote for action a) / (voters per action)

| layer   | what                                           | output         | groups | fan-in   |
|---------|------------------------------------------------|----------------|--------|----------|
| retina  | 6x6 stride 3 on (screens - background), host   | 64 x 13 x 13   | 1      | 144 grey |
| conv1   | 4x4 stride 2                                   | 256 x 5 x 5    | 8      | 128      |
| conv2   | channels shuffled, 1x1                         | 256 x 5 x 5    | 2      | 128      |
| block1  | flattened, blocks of 128 -> 128                | 6400           | 50     | 128      |
| block2  | shuffled, blocks of 128 -> 128                 | 6400           | 50     | 128      |
| predict | shuffled, blocks of 128 -> 5 per action        | 250 per action | 50     | 128      |
| vote    | count the bits of each action                  | actions        |        |          |

A student of width w has w times the features and groups; blocks may be any number from 1 on.

From conv1's output on, every feature feeds exactly one core, so a neuron and its copy suffice;
fan-in 128 with a pair of axons per input (one excites, one inhibits) fills the 256 axons of a core.

``precision="float"`` is the control: the same wiring with float weights, batch normalisation with
gain, ReLU, and a linear vote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.errors import TnemuError
from tnemu.hardware.neuron import SIGNED_INPUTS
from tnemu.learn.eedn.hysteresis import Kept, next_trinary

Precision = Literal["trinary", "float"]
VOTERS_PER_BLOCK = 5
SURROGATE_WIDTH = 2.0


class Trinary(torch.autograd.Function):
    """Hidden weight to -1, 0, 1; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor) -> Tensor:
        return hidden.gt(0.5).to(hidden.dtype).sub_(hidden.lt(-0.5).to(hidden.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class Fire(torch.autograd.Function):
    """1 where y >= 0; the gradient is a triangle around 0."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        ctx.save_for_backward(y)
        return y.ge(0).to(y.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return gradient * y.abs().mul_(-1 / SURROGATE_WIDTH).add_(1).clamp_(min=0)


class NeuronLayer(nn.Module):
    """Weighted sums in groups, then one threshold per feature.

    kind "conv": weights [out, in / groups, k, k] on [n, in, rows, columns]. kind "dense": weights
    [groups, out / groups, in / groups] on the flattened input. ``shuffle`` = s deals the inputs
    (channels of a conv) like cards: position k holds input order[k], which walks across s equal
    heaps.
    """

    def __init__(
        self,
        name: str,
        kind: Literal["conv", "dense"],
        weights_shape: tuple[int, ...],
        inputs: int,
        precision: Precision,
        stride: int = 1,
        groups: int = 1,
        shuffle: int = 1,
        eps: float = 0.01,
        linear: bool = False,
    ):
        super().__init__()
        self.name, self.kind, self.stride, self.groups, self.shuffle, self.inputs = (
            name,
            kind,
            stride,
            groups,
            shuffle,
            inputs,
        )
        self.eps, self.precision, self.linear = eps, precision, linear
        features = weights_shape[0] if kind == "conv" else weights_shape[0] * weights_shape[1]
        fan_in = math.prod(weights_shape[1:]) if kind == "conv" else weights_shape[2]
        reach = 1.0 if precision == "trinary" else math.sqrt(6 / fan_in)
        self.hidden = nn.Parameter(torch.empty(weights_shape).uniform_(-reach, reach))
        self.beta = nn.Parameter(torch.zeros(features))
        self.gain = (
            nn.Parameter(torch.ones(features)) if precision == "float" and not linear else None
        )
        self.register_buffer("mean", torch.zeros(features, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(features, dtype=torch.float64))
        self.hysteresis = 0.0
        self.register_buffer("kept", None)  # the trinary weights, if they have hysteresis

    @property
    def order(self) -> np.ndarray:
        """int32[inputs]: position k of this layer is input order[k]."""
        return np.arange(self.inputs, dtype=np.int32).reshape(self.shuffle, -1).T.ravel()

    @property
    def threshold(self) -> Tensor:
        """The folded integer threshold of each feature: it fires when its sum >= threshold."""
        spread = (self.variance + self.eps).sqrt()
        return torch.ceil(self.mean - self.beta.detach().double() * spread)

    @property
    def weights(self) -> Tensor:
        if self.kept is not None:
            return Kept.apply(self.hidden, self.kept)
        return Trinary.apply(self.hidden) if self.precision == "trinary" else self.hidden

    def sums(self, x: Tensor) -> Tensor:
        n = len(x)
        if self.kind == "conv":
            if self.shuffle > 1:
                x = x.view(n, self.shuffle, -1, *x.shape[2:]).transpose(1, 2).reshape(x.shape)
            return F.conv2d(x, self.weights, stride=self.stride, groups=self.groups)
        x = x.reshape(n, self.shuffle, -1).transpose(1, 2).reshape(n, self.groups, -1)
        return (
            torch.bmm(x.transpose(0, 1), self.weights.transpose(1, 2))
            .transpose(0, 1)
            .reshape(n, -1)
        )

    def forward(self, x: Tensor) -> Tensor:
        r = self.sums(x)
        if self.linear:
            return r + self.beta
        if self.precision == "trinary" and not self.training:
            return r.ge(self.threshold.to(r.dtype).view(-1, *[1] * (r.dim() - 2))).to(r.dtype)
        frozen = (None, None) if self.training else (self.mean.float(), self.variance.float())
        y = F.batch_norm(r, *frozen, self.gain, self.beta, self.training, eps=self.eps)
        return Fire.apply(y) if self.precision == "trinary" else F.relu(y)


def check_size(depth: int, width: int) -> None:
    """Raises TnemuError for a student that has no layers or no features."""
    for name, value in (("blocks", depth), ("width", width)):
        if value < 1:
            raise TnemuError(
                f"{name} is {value}, a student has 1 or more; choose --{name} 1 or more"
            )


def size_of(state: Mapping[str, Tensor]) -> dict[str, int]:
    """Depth and width of the student whose weights, or codes, these are."""
    weights = [state[name] for name in sorted(state) if name.endswith((".hidden", ".codes"))]
    return {"depth": len(weights) - 4, "width": len(weights[0]) // 64} if weights else {}


class Student(nn.Module):
    """Screens to one logit per action. In eval mode the trinary student is already the folded one:
    integers and thresholds. Its capacity is ``width``, which multiplies the features of every layer,
    and ``depth``, the number of block layers; all after the first are shuffled. Both are 1 or more.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        actions: int,
        precision: Precision = "trinary",
        depth: int = 2,
        width: int = 1,
    ):
        super().__init__()
        check_size(depth, width)
        self.precision, self.actions, self.depth, self.width = precision, actions, depth, width
        self.register_buffer("background", torch.zeros(shape))
        retina = NeuronLayer(
            "retina", "conv", (64 * width, shape[0], 6, 6), shape[0], precision, stride=3, eps=1.0
        )
        features, groups = 256 * width, 8 * width
        conv1 = NeuronLayer(
            "conv1", "conv", (features, 8, 4, 4), 64 * width, precision, stride=2, groups=groups
        )
        conv2 = NeuronLayer(
            "conv2", "conv", (features, SIGNED_INPUTS, 1, 1), features, precision,
            groups=2 * width, shuffle=groups,
        )  # fmt: skip
        with torch.no_grad():
            flat = conv2.sums(conv1.sums(retina.sums(torch.zeros(1, *shape)))).numel()
        blocks, voters = flat // SIGNED_INPUTS, VOTERS_PER_BLOCK * actions
        self.layers = nn.ModuleList(
            [
                retina,
                conv1,
                conv2,
                *(
                    NeuronLayer(
                        f"block{k}",
                        "dense",
                        (blocks, SIGNED_INPUTS, SIGNED_INPUTS),
                        flat,
                        precision,
                        groups=blocks,
                        shuffle=1 if k == 1 else blocks,
                    )
                    for k in range(1, depth + 1)
                ),
                NeuronLayer(
                    "predict",
                    "dense",
                    (blocks, voters, SIGNED_INPUTS),
                    flat,
                    precision,
                    groups=blocks,
                    shuffle=blocks,
                    linear=precision == "float",
                ),
            ]
        )
        if precision == "trinary":
            nn.init.uniform_(retina.beta, -1.0, 0.3)
        self.log_scale = nn.Parameter(torch.tensor(3.0))

    @property
    def classes(self) -> np.ndarray:
        """int32[voters]: the action that each output of the last layer votes for."""
        blocks = self.layers[-1].groups
        return np.tile(np.repeat(np.arange(self.actions, dtype=np.int32), VOTERS_PER_BLOCK), blocks)

    def count(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Votes per action: integers when trinary. The output of each layer goes to ``seen``."""
        x = screens.float() - self.background
        for layer in self.layers:
            x = layer(x)
            if seen is not None:
                seen.append(x)
        return x.view(len(x), -1, self.actions, VOTERS_PER_BLOCK).sum((1, 3))

    def forward(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        voters = self.layers[-1].groups * VOTERS_PER_BLOCK
        return self.log_scale.exp() * self.count(screens, seen) / voters

    @torch.no_grad()
    def clip(self) -> None:
        """After each step: hidden trinary weights stay in [-1, 1], and kept ones follow them."""
        if self.precision == "trinary":
            for layer in self.layers:
                layer.hidden.clamp_(-1, 1)
                if layer.kept is not None:
                    layer.kept.copy_(next_trinary(layer.hidden, layer.kept, layer.hysteresis))

    @torch.no_grad()
    def recalibrate(self, screens: Tensor, batch: int = 500) -> None:
        """Exact means and variances of every layer on these screens, layer by layer, each fed by
        the finished layers before it.

        Averages collected while training lag behind weights that flip; this is what makes the
        frozen student as good as the trained.
        """
        was_training = self.training
        self.eval()
        x = [part.float() - self.background for part in screens.split(batch)]
        for layer in self.layers:
            r = [layer.sums(part) for part in x]
            dims = (0, 2, 3) if r[0].dim() == 4 else (0,)
            count = sum(part.numel() for part in r) // layer.beta.numel()
            layer.mean.copy_(sum(part.double().sum(dims) for part in r) / count)
            centre = layer.mean.view(-1, *[1] * (r[0].dim() - 2))
            layer.variance.copy_(
                sum((part.double() - centre).square().sum(dims) for part in r) / count
            )
            x = [layer(part) for part in x]
        self.train(was_training)
