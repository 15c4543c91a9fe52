"""The machine, its rounding, its chain and its exact distribution."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rbms
from hypothesis import given, settings
from hypothesis import strategies as st

from tnemu.networks.boltzmann.chain import Chain
from tnemu.networks.boltzmann.exact import (
    boltzmann,
    divergence,
    histogram,
    log_partition,
    states,
    stationary,
)
from tnemu.networks.boltzmann.machine import Machine, patches
from tnemu.networks.boltzmann.sampler import SAMPLERS, Curve
from tnemu.networks.errors import NetworkError


def energy(machine, v, h):
    """By three loops over the definition."""
    found = 0.0
    for i, vi in enumerate(v):
        found -= vi * float(machine.visible_bias[i])
        for j, hj in enumerate(h):
            found -= vi * hj * float(machine.weights[i, j])
    return found - sum(hj * float(b) for hj, b in zip(h, machine.hidden_bias, strict=True))


def test_the_exact_distribution_is_that_of_the_energy():
    machine = rbms.random_machine(1, 3, 4, spread=1)
    q = boltzmann(machine)
    weights = [[np.exp(-energy(machine, v, h)) for h in states(4)] for v in states(3)]
    np.testing.assert_allclose(q, np.array(weights) / np.sum(weights), rtol=1e-5)
    assert log_partition(machine) == pytest.approx(np.log(np.sum(weights)), rel=1e-6)
    marginal = np.exp(-machine.free_energy(states(3)))
    np.testing.assert_allclose(q.sum(axis=1), marginal / marginal.sum(), rtol=1e-5)
    wide = rbms.random_machine(1, 30, 4)  # enumerated over its smaller side
    assert np.isfinite(log_partition(wide))


def test_the_chain_of_the_logistic_settles_to_the_exact_distribution():
    """At a scale at which rounding is nothing."""
    machine = rbms.random_machine(2, spread=0.8)
    sampler = dataclasses.replace(SAMPLERS["G5"], scale=2000)
    p = stationary(machine.rounded(2000), Curve(sampler, ideal=True))
    assert divergence(p, boltzmann(machine)) < 1e-6


def test_samples_of_the_chain_are_distributed_as_its_matrix_says():
    machine = rbms.random_machine(3, 3, 2, spread=0.6).rounded(50)
    curve = Curve(SAMPLERS["G3"])
    chain, p = Chain(machine, curve, seed=4), stationary(machine, curve)
    v = chain.run(np.zeros((20_000, 3), bool), 30)
    found = histogram(v, chain.hidden(v)).ravel()
    variance = np.maximum(p.ravel() * (1 - p.ravel()), 1e-9) / len(v)
    assert np.abs((found - p.ravel()) / np.sqrt(variance)).max() < 4.5


def test_a_longer_window_comes_nearer_to_the_machine_on_the_mean_and_g5_to_g3_on_each():
    """Pedroni et al., Fig. 9: G1 > G3 > G5, exactly, on ten random 5 x 5 machines."""
    found = {name: [] for name in ("G1", "G3", "G5", "ideal")}
    for seed in range(10):
        machine = rbms.random_machine(seed)
        for name, kl in found.items():
            curve = Curve(SAMPLERS.get(name, SAMPLERS["G5"]), ideal=name == "ideal")
            kl.append(divergence(stationary(machine.rounded(50), curve), boltzmann(machine)))
    mean = {name: np.mean(kl) for name, kl in found.items()}
    assert mean["G1"] > 3 * mean["G3"] and mean["G3"] > mean["G5"] > 10 * mean["ideal"]
    assert (np.array(found["G3"]) > found["G5"]).all()


@given(st.integers(0, 2**32 - 1), st.floats(1, 300))
@settings(max_examples=20)
def test_fields_are_the_whole_sums(seed, scale):
    machine = rbms.random_machine(seed, 7, 4, spread=2).rounded(scale)
    rng = np.random.default_rng(seed)
    v, h = rng.random((3, 7)) < 0.5, rng.random((3, 4)) < 0.5
    for k in range(3):
        for j in range(4):
            own = machine.weights[v[k], j].tolist()
            assert machine.hidden_fields(v)[k, j] == machine.hidden_bias[j] + sum(own)
        for i in range(7):
            own = machine.weights[i, h[k]].tolist()
            assert machine.visible_fields(h)[k, i] == machine.visible_bias[i] + sum(own)


def test_what_is_clamped_never_changes():
    machine = rbms.random_machine(5, 9, 6, spread=1).rounded(50)
    rng = np.random.default_rng(0)
    v, free = rng.random((40, 9)) < 0.5, rng.random(9) < 0.5
    end = Chain(machine, Curve(SAMPLERS["G5"])).run(v, 10, free)
    assert (end[:, ~free] == v[:, ~free]).all()
    assert (end[:, free] != v[:, free]).any()


def test_a_patch_for_every_place_gives_441_hidden_units_of_28_pixels_and_8():
    found = patches((28, 28), 8)
    assert found.shape == (784, 441)
    assert (found.sum(axis=0) == 64).all() and found.sum(axis=1).max() == 64
    assert found[0].sum() == 1  # a corner is seen once
    assert patches((6, 4), 3, 2, units=5).shape == (24, 2 * 1 * 5)


def test_machines_that_cannot_be_are_refused():
    good = rbms.random_machine(1)
    for change, message in (
        ({"shape": (2, 5)}, r"weights is .*; with 2 x 5 pixels, 0 labels and 5 hidden units it is"),
        ({"weights": good.weights * np.nan}, "weights holds NaN or infinity; train it again"),
        ({"connected": ~good.connected}, "a weight is set where no connection is; set it to 0"),
        ({"labels": -1}, "labels = -1: must be a whole number"),
    ):
        with pytest.raises(NetworkError, match=f"^machine 'random1': {message}"):
            dataclasses.replace(good, **change)
    with pytest.raises(
        NetworkError, match=r"^patch size = 9: must be a whole number in 1..8; a pa"
    ):
        patches((8, 9), 9)
    with pytest.raises(NetworkError, match="hidden units: at most 12 of each are enumerated"):
        boltzmann(rbms.random_machine(1, 13, 3))
    with pytest.raises(NetworkError, match="21 units on its smaller side, at most 20 are enum"):
        log_partition(rbms.random_machine(1, 21, 30))
    huge = dataclasses.replace(good, weights=good.weights * 0 + 1e5)
    with pytest.raises(NetworkError, match="times 1000 its largest weight is 100,000,000, at most"):
        huge.rounded(1000)
    with pytest.raises(NetworkError, match=r"visible unit .: its weights and bias add up to 25,0"):
        huge.rounded(50)
    with pytest.raises(NetworkError, match=r"^states are .*; the machine has 5 visible units"):
        Chain(good.rounded(50), Curve(SAMPLERS["G5"])).run(np.zeros((1, 4), bool), 1)
    assert repr(good).startswith("<Machine 'random1': 5 visible units, 0 of them labels, 5 hidden")
    assert isinstance(good, Machine)
