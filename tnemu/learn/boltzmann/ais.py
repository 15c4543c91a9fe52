"""Annealed importance sampling: the partition function of a machine that is too large to enumerate.

    log Z = log Z_0 + log mean over chains of exp(sum over k of F_k-1(v_k) - F_k(v_k)) ,  F = free energy
    machine k: weights and hidden biases times beta_k, visible biases (1 - beta_k) a_0 + beta_k a

beta goes from 0 to 1; v_k+1 comes from v_k by one step of Gibbs sampling of machine k. Machine 0 has
pixels that are independent, each as often on as in the data: a_0 = log(p / (1 - p)).

Source: Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tnemu.networks.boltzmann.exact import log_sum_exp
from tnemu.networks.boltzmann.machine import Machine, Singles
from tnemu.networks.boltzmann.sampler import logistic

NEVER_CERTAIN = 0.05
"""Pixels of machine 0 are on and off at least this often, in share of one image each way."""


@dataclass(frozen=True)
class Partition:
    """``log_z`` and its standard error over chains, both in nats."""

    log_z: float
    error: float


def partition(
    machine: Machine, base: Singles, *, steps: int = 2000, chains: int = 50, seed: int = 0
) -> Partition:
    """log Z of ``machine``; ``base`` float32 [visible] is a_0 (:func:`independent`)."""
    rng = np.random.default_rng(seed)
    w, b = machine.weights, machine.hidden_bias
    v = _drawn(rng, np.broadcast_to(logistic(base), (chains, len(base))))
    log_weight = np.zeros(chains)
    betas = np.linspace(0, 1, steps + 1)
    for before, beta in pairwise(betas):
        field, slope = v @ w + b, v @ (machine.visible_bias - base)
        log_weight += (beta - before) * slope
        log_weight += _softplus(beta * field) - _softplus(before * field)
        h = _drawn(rng, logistic(beta * field))
        v = _drawn(rng, logistic(h @ w.T * beta + (1 - beta) * base + beta * machine.visible_bias))
    log_z0 = float(np.logaddexp(0, base.astype(np.float64)).sum()) + machine.hidden * np.log(2)
    log_mean = log_sum_exp(log_weight) - np.log(chains)
    share = np.exp(log_weight - log_weight.max())
    return Partition(log_z0 + float(log_mean), float(share.std() / share.mean() / np.sqrt(chains)))


def independent(data: npt.NDArray[np.bool_]) -> Singles:
    """a_0 of machine 0: log(p / (1 - p)) of each unit, float32 [visible] of data bool [n, visible]."""
    on = data.sum(axis=0) + NEVER_CERTAIN
    return np.log(on / (len(data) + 2 * NEVER_CERTAIN - on)).astype(np.float32)


def _drawn(rng: np.random.Generator, p: npt.NDArray[np.floating]) -> Singles:
    return (rng.random(p.shape, np.float32) < p).astype(np.float32)


def _softplus(x: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Sum over units of log(1 + exp(x)), float64 [chains]."""
    return np.logaddexp(0, x).sum(axis=1, dtype=np.float64)
