"""Machines for tests: random ones, and small trained ones."""

from __future__ import annotations

import numpy as np

from tnemu.networks.boltzmann.machine import Machine, patches, random_machine

__all__ = ["patch_machine", "random_machine"]


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
