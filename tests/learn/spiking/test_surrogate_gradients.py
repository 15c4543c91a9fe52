"""Spiking networks that are trained: the simulator's output, and the gradients of plain BPTT."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from tnemu.learn.spiking.nets import Rectifiers, Spikes
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.simulator import simulate

ORDERS = ("thesis", "textbook")


class Step(torch.autograd.Function):
    """1 where u > 0, with the surrogate derivative 1 / (100 |u| + 1)^2."""

    @staticmethod
    def forward(ctx: Any, u: Any) -> Any:
        ctx.save_for_backward(u)
        return (u > 0).double()

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (u,) = ctx.saved_tensors
        return gradient / (100 * u.abs() + 1) ** 2


def slowly(weights: list[Any], x: Any, ticks: int, order: str) -> Any:
    """Layer by layer in every tick, torch's own autograd through all of it, in float64."""
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    mem = [torch.zeros(len(x), w.shape[1], dtype=x.dtype) for w in weights]
    syn = [m.clone() for m in mem]
    for _ in range(ticks):
        flow = x
        for k, w in enumerate(weights):
            h = flow @ w
            if order == "textbook":
                mem[k] = mem[k] + h
            out = Step.apply(mem[k] - 1)
            reset = out.detach() if k < len(weights) - 1 else 0
            mem[k] = mem[k] - reset
            if order == "thesis":
                mem[k] = mem[k] + syn[k]
                syn[k] = h
            flow = out
    return mem[-1]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("widths", [(5, 2), (5, 7, 2), (4, 9, 8, 3), (3, 6, 5, 4, 2)])
@pytest.mark.parametrize("ticks", [1, 4, 20])
def test_gradients_are_those_of_plain_backpropagation_through_time(
    order: str, widths: tuple[int, ...], ticks: int
) -> None:
    torch.manual_seed(sum(widths))
    net = Spikes(*widths, ticks=ticks, order=order)
    x = torch.randn(11, widths[0] - 1)
    found = net(x)
    weights = [w.detach().double().requires_grad_() for w in net.weights]
    expected = slowly(weights, x.double(), ticks, order)
    np.testing.assert_allclose(found.detach(), expected.detach(), atol=1e-4)
    wanted = torch.randn(found.shape)
    ((found - wanted) ** 2).sum().backward()
    nothing = sum(w.sum() for w in weights) * 0  # so that all have a gradient, of few ticks too
    (((expected - wanted.double()) ** 2).sum() + nothing).backward()
    for mine, theirs in zip(net.weights, weights, strict=True):
        scale = float(theirs.grad.abs().max()) + 1e-6
        np.testing.assert_allclose(mine.grad / scale, theirs.grad / scale, atol=2e-3)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("widths", [(5, 2), (5, 17, 17, 2), (5, 9, 8, 7, 3)])
def test_what_is_trained_is_what_the_simulator_runs(order: str, widths: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    net = Spikes(*widths, ticks=20, order=order)
    x = torch.randn(64, 4)
    found = simulate(net.dense(), Recipe(20, order=order), x.numpy(), np.random.default_rng(0))
    np.testing.assert_allclose(net(x).detach(), found, atol=1e-4)


def test_rectifiers_leave_as_the_same_function() -> None:
    torch.manual_seed(2)
    net = Rectifiers(4, 16, 16, 2)
    x = torch.randn(32, 4)
    np.testing.assert_allclose(net.dense().values(x.numpy()), net(x).detach(), atol=1e-6)


def test_weights_begin_with_a_variance_of_one_over_the_inputs() -> None:
    torch.manual_seed(3)
    net = Spikes(100, 400, 50, ticks=5, order="thesis")
    for w, n in zip(net.weights, (100, 400), strict=True):
        assert float(w.detach().std()) == pytest.approx(n**-0.5, rel=0.03)
    assert [tuple(w.shape) for w in net.weights] == list(itertools.pairwise((100, 400, 50)))
