"""Small machines by enumeration: every state counted, nothing sampled.

    log Z     = log sum over v of exp(-F(v))
    Q(v, h)   = exp(-E(v, h)) / Z
    P(v, h)   = pi(v) P(h | v),  pi = pi K,  K(v, v') = sum over h of P(h | v) P(v' | h)

P is what blocked Gibbs sampling with some curve settles to; with the logistic of unrounded weights it
is Q. States are numbered by their bits, unit 0 the lowest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.networks.boltzmann.machine import Machine, Rounded
from tnemu.networks.boltzmann.sampler import Curve, Floats
from tnemu.networks.errors import NetworkError

MOST_ENUMERATED = 20
"""Units of a side that are enumerated at most: a million states."""
MOST_JOINT = 12
"""The same of each side where the chain's matrix is needed."""


def states(units: int) -> npt.NDArray[np.float32]:
    """All states of ``units`` units: float32 [2**units, units] of 0 and 1."""
    return (np.arange(1 << units)[:, None] >> np.arange(units) & 1).astype(np.float32)


def log_partition(machine: Machine) -> float:
    """log Z of a machine with at most 20 visible or 20 hidden units; NetworkError for a larger one."""
    a, b, w = machine.visible_bias, machine.hidden_bias, machine.weights
    if len(b) < len(a):  # the same sum, over the other side
        a, b, w = b, a, w.T
    if len(a) > MOST_ENUMERATED:
        raise NetworkError(
            f"{machine!r} has {len(a):,} units on its smaller side, at most {MOST_ENUMERATED} are "
            "enumerated; estimate it by annealed importance sampling"
        )
    v = states(len(a)).astype(np.float64)
    return log_sum_exp(v @ a + np.logaddexp(0, v @ w.astype(np.float64) + b).sum(axis=1))


def log_sum_exp(x: Floats) -> float:
    """log of the sum of exp(x)."""
    top = float(x.max())
    return top + float(np.log(np.exp(x - top).sum()))


def boltzmann(machine: Machine) -> Floats:
    """Q as float64 [2**visible, 2**hidden]; NetworkError for more than 12 units on a side."""
    _check_small(machine.visible, machine.hidden)
    v, h = states(machine.visible).astype(np.float64), states(machine.hidden).astype(np.float64)
    minus_energy = (v @ machine.visible_bias)[:, None] + h @ machine.hidden_bias
    minus_energy += v @ machine.weights @ h.T
    weight = np.exp(minus_energy - minus_energy.max())
    return weight / weight.sum()


def stationary(machine: Rounded, curve: Curve) -> Floats:
    """P as float64 [2**visible, 2**hidden]; NetworkError for more than 12 units on a side."""
    visible, hidden = machine.weights.shape
    _check_small(visible, hidden)
    v, h = states(visible), states(hidden)
    h_given_v = _conditional(curve(machine.hidden_fields(v)), h)
    v_given_h = _conditional(curve(machine.visible_fields(h)), v)
    kernel = h_given_v @ v_given_h
    pi = np.full(len(v), 1 / len(v))
    for _ in range(200):  # squaring: 2**200 steps at most
        kernel = kernel @ kernel
        kernel /= kernel.sum(axis=1, keepdims=True)
        new = pi @ kernel
        if np.abs(new - pi).sum() < 1e-13:
            break
        pi = new
    return pi[:, None] * h_given_v


def divergence(p: Floats, q: Floats) -> float:
    """KL(p || q) = sum of p log(p / q) in nats; infinite where q is 0 and p is not."""
    p, q = p.ravel(), q.ravel()
    there = p > 0
    with np.errstate(divide="ignore"):
        return float((p[there] * (np.log(p[there]) - np.log(q[there]))).sum())


def histogram(v: npt.NDArray[Any], h: npt.NDArray[Any]) -> Floats:
    """How often each state was seen, as a share: float64 [2**visible, 2**hidden]."""
    number = [bits.astype(np.int64) @ (1 << np.arange(bits.shape[1])) for bits in (v, h)]
    sizes = [1 << bits.shape[1] for bits in (v, h)]
    counts = np.bincount(number[0] * sizes[1] + number[1], minlength=sizes[0] * sizes[1])
    return counts.reshape(sizes) / len(v)


def _conditional(p: npt.NDArray[np.float32], of: npt.NDArray[np.float32]) -> Floats:
    """P(state | given) of independent units: [given, states] from p [given, units]."""
    p = p.astype(np.float64)
    on = of.astype(np.bool_)
    return np.stack([np.where(bits, p, 1 - p).prod(axis=1) for bits in on], axis=1)


def _check_small(visible: int, hidden: int) -> None:
    if max(visible, hidden) > MOST_JOINT:
        raise NetworkError(
            f"a machine of {visible:,} visible and {hidden:,} hidden units: at most {MOST_JOINT} of "
            "each are enumerated; sample it instead"
        )
