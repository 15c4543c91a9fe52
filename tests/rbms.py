"""Machines for tests: random ones, and small trained ones."""

from __future__ import annotations

import numpy as np

from tnemu.networks.boltzmann.machine import Machine, patches


def random_machine(
    seed: int, visible: int = 5, hidden: int = 5, *, spread: float = 0.04, labels: int = 0
) -> Machine:
    """Pedroni et al., Fig. 8: weights N(-0.05, 1.6e-3), biases N(-0.3, 1) and N(0.5, 2.25)."""
    rng = np.random.default_rng(seed)
    return Machine(
        weights=rng.normal(-0.05, spread, (visible, hidden)).astype(np.float32),
        visible_bias=rng.normal(-0.3, 1, visible).astype(np.float32),
        hidden_bias=rng.normal(0.5, 1.5, hidden).astype(np.float32),
        connected=np.ones((visible, hidden), np.bool_),
        shape=(1, visible - labels),
        labels=labels,
        name=f"random{seed}",
    )


def patch_machine(
    seed: int, side: int = 8, patch: int = 4, stride: int = 1, units: int = 1, spread: float = 0.5
) -> Machine:
    """Random weights on patches of a square picture."""
    rng = np.random.default_rng(seed)
    connected = patches((side, side), patch, stride, units)
    visible, hidden = connected.shape
    return Machine(
        weights=(rng.normal(0, spread, connected.shape) * connected).astype(np.float32),
        visible_bias=rng.normal(0, 1, visible).astype(np.float32),
        hidden_bias=rng.normal(0, 1, hidden).astype(np.float32),
        connected=connected,
        shape=(side, side),
        name=f"patches{seed}",
    )
