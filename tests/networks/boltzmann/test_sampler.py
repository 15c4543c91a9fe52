"""The Markov chain of a sampling neuron: the papers' figures, and two answers of another kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tnemu.networks.boltzmann.sampler import RULES, SAMPLERS, Curve, Sampler, logistic
from tnemu.networks.errors import NetworkError

GOLDEN = {
    "G1": (0.4878, 0.4811),
    "G3": (0.0741, 0.0801),
    "G5": (0.0415, 0.0428),
    "P1": (0.5111, 0.5279),
    "P2": (0.3158, 0.3376),
    "P3": (0.6442, 0.6122),
    "P4": (0.7212, 0.7067),
    "P5": (0.1002, 0.1084),
    "P6": (0.1010, 0.1082),
    "P7": (0.1988, 0.1958),
}
"""Sums of squared errors, strict and literal; those of G1, G3 and G5 under strict are printed."""

samplers = st.builds(
    Sampler,
    st.integers(1, 6),
    st.integers(-40, 40),
    st.integers(0, 5),
    st.integers(-9, 9),
    st.floats(1, 100),
)
rules = st.sampled_from(sorted(RULES))


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_sum_of_squared_errors_is_the_published_one(name):
    sums = [SAMPLERS[name].squared_errors(rule) for rule in ("strict", "literal")]
    assert np.round(sums, 4).tolist() == list(GOLDEN[name])


def matrix_chain(sampler, rule, low, high):
    """(P_leak P_thr)**T over potentials low..high and the absorbing state; its last column."""
    V = np.arange(low, high + 1)
    n = len(V)
    leak, threshold = np.zeros((2, n + 1, n + 1))
    leak[n, n] = threshold[n, n] = 1
    for i in range(n):
        leak[i, i] += 0.5
        leak[i, np.clip(i + sampler.leak, 0, n - 1)] += 0.5
        # eta is drawn uniformly: count the values that fire
        eta = np.arange(1 << sampler.mask)
        at = sampler.threshold + eta
        fires = np.mean(V[i] >= at if rule == "literal" else V[i] > at)
        threshold[i, i], threshold[i, n] = 1 - fires, fires
    return np.linalg.matrix_power(leak @ threshold, sampler.window)[:n, n]


@given(samplers, rules)
@settings(max_examples=25, deadline=None)
def test_the_probability_is_the_last_column_of_the_chains_matrix(sampler, rule):
    wide = matrix_chain(sampler, rule, -130, 130)
    inner = slice(60, 201)  # so far from the ends that no leak is clipped
    V = np.arange(-70, 71)
    np.testing.assert_allclose(sampler.probability(V, rule), wide[inner], atol=1e-12)


def test_it_is_what_a_neuron_does_that_is_ticked_by_hand():
    rng = np.random.default_rng(5)
    sampler, V, runs = Sampler(3, 4, 3, 5, 9), np.arange(-12, 16), 4000
    for rule in RULES:
        now, fired = np.repeat(V[:, None], runs, 1), np.zeros((len(V), runs), bool)
        for _ in range(sampler.window):
            now = now + sampler.leak * rng.integers(0, 2, now.shape)
            at = sampler.threshold + rng.integers(0, 8, now.shape)
            fired |= now >= at if rule == "literal" else now > at
        p = sampler.probability(V, rule)
        z = (fired.mean(1) - p) / np.sqrt(np.maximum(p * (1 - p), 1e-12) / runs)
        assert np.abs(z).max() < 4.5


@given(samplers, rules, st.booleans())
def test_a_curve_is_the_probability_wherever_it_is_asked(sampler, rule, ideal):
    curve = Curve(sampler, rule, ideal=ideal)
    V = np.array([-(2**31), -900, -50, -1, 0, 1, 37, 900, 2**31])
    expected = sampler.ideal(V) if ideal else sampler.probability(V, rule)
    np.testing.assert_allclose(curve(V), expected, atol=1e-6)


def test_the_logistic_overflows_nowhere():
    with np.errstate(all="raise"):
        assert logistic([-1e9, 0, 1e9]).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 0, 1, 1, 1), r"^sampler: window = 0: must be a whole number in 1..1024; choose"),
        ((1, 1 << 18, 1, 1, 1), r"^sampler: threshold = 262144: must be .* in -262143..262143"),
        ((1, 0, 19, 1, 1), r"^sampler: mask = 19: must be a whole number in 0..18"),
        ((1, 0, 1, 0.5, 1), r"^sampler: leak = 0.5: must be a whole number in -4096..4096"),
        ((1, 0, 1, 1, 0), r"^sampler: scale = 0: must be a finite number in 0.001..1000000.0"),
    ],
)
def test_a_sampler_that_cannot_be_is_refused(values, message):
    with pytest.raises(NetworkError, match=message):
        Sampler(*values)


def test_a_rule_and_potentials_that_cannot_be_are_refused():
    with pytest.raises(NetworkError, match=r"^rule = 'litteral': .* did you mean 'literal'"):
        SAMPLERS["G5"].probability([0], "litteral")
    with pytest.raises(NetworkError, match="potentials"):
        SAMPLERS["G5"].probability([0.5])
