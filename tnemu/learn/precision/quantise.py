"""Numbers of n bits: an integer code times one step per layer.

    code(w) = clamp( round(w / step), -(2^(n-1) - 1), 2^(n-1) - 1 )    weights: 2^n - 1 values
    code(y) = clamp( round(y / step),              0,      2^n - 1 )    activations: 2^n levels
    step    = P_p(|values|) / largest code                              P_p: their p-th percentile,
              their largest (p = 100), or the step whose codes miss the values least, in squares

    backward: d code / d value = 1 / step within the range, 0 outside (straight through)

A sum of products of codes is an integer, R. What follows it, batch normalisation, ReLU and rounding
to the next layer's codes, is one integer multiplier and one integer offset per feature:

    code = clamp( (multiplier R + offset) >> 32, 0, 2^n - 1 )
    multiplier = round(2^32 A),  offset = round(2^32 (B + 1/2)),  where y / step = A R + B

Source: fine-tuning after quantisation, McKinstry et al., arXiv 1809.04191 (ranges by layer and from
data; weights and activations rounded in the forward pass). The paper's exact formula is not at hand:
symmetric weights, unsigned activations and the percentile are the usual reading of it; the fixed-point
end of a layer is this project's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tnemu.learn.players.integers import (
    MOST_MULTIPLIER,
    MOST_OFFSET,
    SHIFT,
    QuantiseError,
    weight_limit,
)


def step_for(values: Tensor, limit: int, percentile: float) -> float:
    """The step that puts the percentile (0 < percentile <= 100) of abs(values) on ``limit``.

    Where nearly all values are 0, their maximum counts; where all are, the step does not matter and
    is 1.
    """
    if not 0 < percentile <= 100:
        raise QuantiseError(
            f"percentile = {percentile!r}: must be above 0 and at most 100; choose for instance 99.99"
        )
    sizes = np.abs(values.detach().numpy().ravel())
    reach = float(np.percentile(sizes, percentile)) or float(sizes.max())
    return reach / limit if reach else 1.0


def least_squares(values: Tensor, low: int, high: int) -> float:
    """The step with the least sum of (value - step code(value))^2, codes in low..high.

    Of steps that put 1/64, 2/64 ... 64/64 of the largest size on ``high`` the best; then, for codes as
    they are, step = sum(value code) / sum(code^2), until it stays.
    """
    numbers = values.detach().double().numpy().ravel()
    if not numbers.any():
        return 1.0
    top = float(np.abs(numbers).max()) / high

    def codes(step: float) -> Any:
        return np.clip(np.rint(numbers / step), low, high)

    def missed(step: float) -> float:
        return float(np.square(numbers - step * codes(step)).sum())

    step = min((top * k / 64 for k in range(64, 0, -1)), key=missed)
    for _ in range(20):
        chosen = codes(step)
        power = float(np.square(chosen).sum())
        better = float((numbers * chosen).sum()) / power if power else step
        if not better > 0 or missed(better) >= missed(step):
            break
        step = better
    return step


def step_by(method: str, values: Tensor, low: int, high: int, percentile: float) -> float:
    """The step of a range: the ``largest`` size, its ``percentile``, or ``least-squares``."""
    if method == "least-squares":
        return least_squares(values, low, high)
    return step_for(values, high, 100.0 if method == "largest" else percentile)


def steps_of_weights(
    weights: Tensor, bits: int, method: str, percentile: float, channels: bool
) -> Tensor:
    """One step for a layer, or one for each of its outputs: float32 [1 or outputs, 1, ...], which
    multiplies codes of the weights' shape.
    """
    limit = weight_limit(bits)
    parts = list(weights) if channels else [weights]
    steps = [step_by(method, part, -limit, limit, percentile) for part in parts]
    return torch.tensor(steps).view(-1, *[1] * (weights.dim() - 1))


def cosine(a: Tensor, b: Tensor) -> float:
    """a · b / (|a| |b|), of all numbers of both, in float64."""
    x, y = a.detach().double().ravel(), b.detach().double().ravel()
    size = float(x.norm() * y.norm())
    return float(x @ y) / size if size else 1.0


class Codes(torch.autograd.Function):
    """Real values to integer codes (as floats); the gradient passes straight through within the
    range.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, step: float | Tensor, low: int, high: int) -> Tensor:
        """Codes, as floats, of ``values``."""
        scaled = values / step
        ctx.save_for_backward((scaled >= low) & (scaled <= high))
        ctx.step = step
        return scaled.round_().clamp_(low, high)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """1 / step within the range, 0 beyond it."""
        (within,) = ctx.saved_tensors
        return gradient * within / ctx.step, None, None, None


def fixed_point(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """(multiplier, offset), int64[features], of y / step = a R + b, float64[features].

    Both are kept where no product with a sum below 2^24 leaves int64: beyond that a feature is far
    outside its range whatever the sum.
    """
    multipliers, offset = fixed_points([a], b, [MOST_MULTIPLIER])
    return multipliers[0], offset


def fixed_points(a: list[Tensor], b: Tensor, most: list[int]) -> tuple[list[Tensor], Tensor]:
    """The same of a sum of terms, y / step = sum_k a_k R_k + b; ``most`` bounds each multiplier."""
    pairs = zip(a, most, strict=True)
    multipliers = [(each * 2.0**SHIFT).round().clamp(-top, top).long() for each, top in pairs]
    offset = ((b + 0.5) * 2.0**SHIFT).round().clamp(-MOST_OFFSET, MOST_OFFSET)
    return multipliers, offset.long()
