"""The networks that are trained: of rectifiers, and of spikes with surrogate gradients.

    s = 1 if u > 0 else 0,      ds/du := 1 / (100 |u| + 1)^2,      u = V - 1

(Zenke and Ganguli, 2018, as Hahn's SQN.py has it). What is subtracted after a spike is no part of the
gradient, so that for inflow h and G[t] = dL/ds[t] ds/du[t]

    thesis      V[t] = sum of h[r], r <= t - 2, less spikes before t      dL/dh[r] = sum of G[t], t >= r + 2
    textbook    V[t] = sum of h[r], r <= t, less spikes before t          dL/dh[r] = sum of G[t], t >= r

A layer is run for all ticks at once: one product, then a scan over the ticks in numpy, in place.
"""

from __future__ import annotations

import itertools
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.networks.spiking.dense import DenseNetwork

STEEPNESS = 100.0
LAG = {"thesis": 2, "textbook": 0}
"""Ticks until what flows into a layer is compared."""


class Net(Protocol):
    """What a training asks of a network, which is an ``nn.Module`` as well."""

    def __call__(self, x: Tensor) -> Tensor:
        """float [n, answers] for observations float [n, in]."""
        ...

    def dense(self) -> DenseNetwork:
        """Its weights as a network to convert, run or save."""
        ...


class Rectifiers(nn.Module):
    """y = W_L relu(... relu(x W_0 + b_0) ...) + b_L, of ``widths`` in, hidden ..., out."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(n, m) for n, m in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """float [n, answers]."""
        *hidden, last = self.layers
        for layer in hidden:
            x = F.relu(layer(x))
        return last(x)

    def dense(self) -> DenseNetwork:
        """The same function in numpy."""
        pairs = [(layer.weight.detach(), layer.bias.detach()) for layer in self.layers]
        return DenseNetwork(
            tuple(w.cpu().numpy().T.copy() for w, _ in pairs),
            tuple(b.cpu().numpy().copy() for _, b in pairs),
        )


class Spikes(nn.Module):
    """A spiking network without biases whose last input is a constant 1; potentials are read.

    ``widths`` count the constant input. Potentials begin at 0, spikes subtract 1, and the output is
    that of :func:`tnemu.networks.spiking.simulator.simulate` with constant encoding.
    """

    def __init__(self, *widths: int, ticks: int, order: str) -> None:
        super().__init__()
        self.ticks, self.lag = ticks, LAG[order]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(n, m) / n**0.5) for n, m in itertools.pairwise(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Potentials float [n, answers] of the last layer after the last tick."""
        x = torch.cat([x, torch.ones(len(x), 1)], 1)
        seen = self.ticks - self.lag // 2  # the last inflow waits a tick, in the thesis's order
        *hidden, last = self.weights
        if not hidden:
            return seen * (x @ last)
        inflow = (x @ hidden[0]).expand(self.ticks, -1, -1)
        for w in hidden[1:]:
            inflow = _Fire.apply(inflow, self.lag) @ w
        return _Fire.apply(inflow, self.lag)[:seen].sum(0) @ last

    def dense(self) -> DenseNetwork:
        """Its weights as a network with the constant's as biases of the first layer."""
        return DenseNetwork.with_constant_input(
            [w.detach().cpu().numpy().copy() for w in self.weights]
        )


class _Fire(torch.autograd.Function):
    """Inflow [ticks, n, out] -> spikes of the same shape, with surrogate gradients."""

    @staticmethod
    def forward(ctx: Any, inflow: Tensor, lag: int) -> Tensor:
        h = inflow.numpy()
        v, spikes = np.empty_like(h, order="C"), np.empty_like(h, order="C")
        before: Any = 0.0
        for t, now in enumerate(v):
            # as the simulator rounds: the thesis adds and then subtracts, the textbook otherwise
            if lag:
                np.add(v[t - 1] if t else 0, h[t - lag] if t >= lag else 0, out=now)
                now -= before
                np.greater(now, 1, out=spikes[t])
            else:
                np.subtract(v[t - 1] if t else 0, before, out=now)
                now += h[t]
                np.greater_equal(now, 1, out=spikes[t])
            before = spikes[t]
        ctx.save_for_backward(torch.from_numpy(v))
        ctx.lag = lag
        return torch.from_numpy(spikes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (saved,) = ctx.saved_tensors
        surrogate = (saved - 1).abs_().mul_(STEEPNESS).add_(1).square_()
        later = (gradient / surrogate).flip(0).cumsum(0).flip(0)
        if not ctx.lag:
            return later, None
        inflow = torch.zeros_like(later)
        inflow[: -ctx.lag] = later[ctx.lag :]
        return inflow, None
