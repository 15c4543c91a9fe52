"""Trinary weights that do not flip back and forth while their hidden weight hovers at a boundary.

    up_t   = w_t > 0.5 + H     or  (up_{t-1}   and  w_t >  0.5 - H)
    down_t = w_t < -0.5 - H    or  (down_{t-1} and  w_t < -0.5 + H)
    tri_t  = up_t - down_t

    w    hidden weight, in [-1, 1], as each training step leaves it
    tri  in {-1, 0, 1}; at the start the plain rule, H = 0: sign(w) if |w| > 0.5 else 0
    H    0 <= H < 0.5; with 0.5 no weight could become 1 or -1

So a weight keeps its value until the hidden weight is past the boundary by more than H. The gradient
passes straight through to the hidden weight, as without hysteresis.

Source: Esser et al. (2016), H = 0.1; they keep the old value also when one step jumps from beyond one
boundary to the band of the other, which here becomes 0.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def next_trinary(hidden: Tensor, before: Tensor, hysteresis: float) -> Tensor:
    """tri_t from w_t and tri_{t-1}, of any one shape; what up and down were is in tri_{t-1}."""
    up = hidden > 0.5 + hysteresis - 2 * hysteresis * (before > 0)
    down = hidden < -0.5 - hysteresis + 2 * hysteresis * (before < 0)
    return up.to(hidden.dtype) - down.to(hidden.dtype)


class Kept(torch.autograd.Function):
    """The kept trinary weights; the gradient goes straight to the hidden ones."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, kept: Tensor) -> Tensor:
        """The kept weights, whatever the hidden ones are now."""
        return kept.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """Straight through to the hidden weights."""
        return gradient, None
