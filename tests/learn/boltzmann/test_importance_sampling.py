"""Annealed importance sampling against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
import rbms

from tnemu.learn.boltzmann.ais import independent, partition
from tnemu.networks.boltzmann.exact import log_partition


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_estimate_is_within_a_twentieth_of_the_exact_log_partition(seed):
    machine = rbms.random_machine(seed, 16, 10, spread=0.5)
    base = independent(np.random.default_rng(seed).random((200, 16)) < 0.4)
    found = partition(machine, base, steps=2000, chains=100, seed=seed)
    assert found.log_z == pytest.approx(log_partition(machine), abs=0.05)
    assert found.error < 0.05


def test_the_first_machine_of_the_way_has_the_pixels_rates():
    data = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 1], [1, 0, 0]], bool)
    rates = 1 / (1 + np.exp(-independent(data)))
    np.testing.assert_allclose(rates, [4.05 / 4.1, 0.05 / 4.1, 0.5], rtol=1e-5)
