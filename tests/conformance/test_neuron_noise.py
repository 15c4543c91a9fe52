"""Stochastic synapses, leak and threshold: exactly with a scripted generator, statistically with ours."""

from __future__ import annotations

from functools import partial
from math import sqrt

import numpy as np
import pytest
from laboratory import Core, every_tick, fire_ticks

from tnemu.emulator.noise import LEAK, SYNAPSE, THRESHOLD
from tnemu.hardware import neuron

TICKS = 200
DRAWS = 256 * TICKS


def within(rate: float, p: float, sigmas: float = 4) -> bool:
    """A rate of DRAWS independent draws of probability p; exact where nothing is left to chance."""
    return abs(rate - p) <= sigmas * sqrt(p * (1 - p) / DRAWS)


def always(word: int):
    return lambda kind, axon: word


# Scripted generator


@pytest.mark.parametrize(("rho", "V"), [(100, 1), (101, 0), (0, 1)])
def test_a_drawn_synapse_counts_when_its_weight_reaches_rho(oracle, rho, V):
    assert oracle.scripted(neuron(b=1, s=100), always(rho), [0]).v == [V]


def test_a_drawn_synapse_looks_at_8_bits(oracle):
    assert oracle.scripted(neuron(b=1, s=100), always(0x12345664), [0]).v == [1]
    assert oracle.scripted(neuron(b=1, s=100), always(0x00000065), [0]).v == [0]


def test_every_hit_draws_for_itself(oracle):
    words = {(SYNAPSE, 0): 128, (SYNAPSE, 4): 129, (SYNAPSE, 8): 0}
    n = neuron(b=1, s=128)
    assert oracle.scripted(n, lambda kind, axon: words[kind, axon], [0, 4, 8]).v == [2]


def test_a_drawn_weight_of_0_adds_nothing(oracle):
    assert oracle.scripted(neuron(b=1, s=0), always(0), [0]).v == [0]


@pytest.mark.parametrize(
    ("leak", "rho", "V"), [(64, 64, 1), (64, 65, 0), (-64, 64, -1), (-64, 65, 0), (0, 0, 0)]
)
def test_a_drawn_leak_is_one_unit_of_its_sign(oracle, leak, rho, V):
    words = {(LEAK, 0): rho}
    n = neuron(c=1, leak=leak, beta=50)
    assert oracle.scripted(n, lambda kind, axon: words[kind, axon]).v == [V]


def test_a_drawn_leak_is_reversed_below_zero(oracle):
    assert oracle.scripted(neuron(c=1, leak=64, epsilon=1, V0=-5, beta=50), always(64)).v == [-6]
    assert oracle.scripted(neuron(c=1, leak=-64, epsilon=1, V0=-5, beta=50), always(64)).v == [-4]


@pytest.mark.parametrize(("gamma", "V"), [(0, 3), (1, 2), (2, 13)])
def test_noise_raises_the_threshold_and_the_linear_reset_subtracts_it(oracle, gamma, V):
    """eta = 5 AND 3 = 1: 13 >= 10 + 1 fires, and gamma 1 takes 11 away."""
    words = {(THRESHOLD, 0): 5}
    n = neuron(alpha=10, TM=2, V0=13, gamma=gamma, VR=2)
    course = oracle.scripted(n, lambda kind, axon: words[kind, axon])
    assert (course.v, course.fired) == ([V], [0])


def test_noise_keeps_a_neuron_below_its_threshold(oracle):
    course = oracle.scripted(neuron(alpha=10, TM=2, V0=12), always(3))
    assert (course.v, course.fired) == ([12], [])


@pytest.mark.parametrize(
    ("kappa", "gamma", "V"), [(0, 0, -7), (0, 1, -2), (0, 2, -9), (1, 0, -5), (1, 1, -5)]
)
def test_noise_lowers_the_floor_only_when_it_resets(oracle, kappa, gamma, V):
    """beta + eta = 7 < 9 bounces by R, by 7, or not at all; saturation is at -beta without noise."""
    n = neuron(beta=5, TM=2, V0=-9, kappa=kappa, gamma=gamma, VR=3)
    assert oracle.scripted(n, always(2)).v == [V]


def test_a_potential_between_the_noisy_and_the_plain_floor_stays(oracle):
    assert oracle.scripted(neuron(beta=5, TM=2, V0=-7), always(2)).v == [-7]
    assert oracle.scripted(neuron(beta=5, TM=2, V0=-7, kappa=1), always(2)).v == [-5]


def test_a_deterministic_neuron_draws_nothing(oracle):
    def refuse(kind: int, axon: int) -> int:
        raise AssertionError("a draw that no mode asked for")

    assert oracle.scripted(neuron(s=3, leak=2), refuse, [0]).v == [5]


# Both engines, their own generator


@pytest.mark.parametrize("sign", [1, -1])
def test_a_drawn_weight_of_255_always_counts(lab, sign):
    n = neuron(b=1, s=sign * 255, beta=100)
    assert lab.watch(n, 3, every_tick(0, 4, 8, 12, 16)).v == [sign * 5, sign * 10, sign * 15]


def test_a_drawn_type_and_a_certain_type_add_up(lab):
    assert lab.watch(neuron(b=[1, 0, 0, 0], s=[255, 4]), 2, every_tick(0, 1)).v == [5, 10]


def test_a_drawn_weight_of_0_adds_nothing_in_any_tick(lab):
    assert lab.watch(neuron(b=1, s=0), 100, every_tick(0)).v == [0] * 100


@pytest.mark.parametrize("s", [1, 128, 254])
def test_synapse_rate_is_weight_plus_one_over_256(lab, s):
    rate, _ = lab.crowd(neuron(b=1, s=s, alpha=1), TICKS, every_tick(0))
    assert within(rate, (s + 1) / 256, sigmas=3)


def test_two_hits_of_a_neuron_are_independent(lab):
    """Two hits less a leak of 1 reach alpha = 1 when both count: p squared, not p of a shared draw."""
    both = neuron(b=[1, 1], s=[127, 127], leak=-1, alpha=1, beta=0, kappa=1)
    rate, _ = lab.crowd(both, TICKS, every_tick(0, 1))
    assert within(rate, 0.25)


@pytest.mark.parametrize("leak", [1, 200])
@pytest.mark.parametrize("sign", [1, -1])
def test_leak_rate_is_leak_plus_one_over_256(lab, leak, sign):
    _, V = lab.crowd(neuron(c=1, leak=sign * leak), TICKS)
    assert within(sign * V.sum() / DRAWS, (leak + 1) / 256)


@pytest.mark.parametrize(("V", "p"), [(9, 0), (10, 0.25), (12, 0.75), (13, 1)])
def test_threshold_noise_makes_a_staircase_of_rates(lab, V, p):
    rate, _ = lab.crowd(neuron(alpha=10, TM=2, V0=V, gamma=2), TICKS)
    assert within(rate, p)


def test_the_same_seed_gives_the_same_raster(lab):
    raster = partial(raster_of, lab)
    first = raster(5, {})
    assert first.size
    assert np.array_equal(first, raster(5, {}))
    assert not np.array_equal(first, raster(6, {}))


def test_a_neuron_draws_for_its_hits_then_its_leak_then_its_threshold(oracle):
    drawn = []

    def word(kind, axon):
        drawn.append((kind, axon))
        return 0

    n = neuron(s=(1, 1, 1, 1), b=(1, 0, 1, 1), c=1, leak=1, TM=3)  # axon i has type i mod 4
    oracle.scripted(n, word, [9, 2, 7, 4])
    assert drawn == [(SYNAPSE, 2), (SYNAPSE, 4), (SYNAPSE, 7), (LEAK, 0), (THRESHOLD, 0)]


def test_keyed_draws_do_not_depend_on_what_others_draw(lab_with):
    raster = partial(raster_of, lab_with(noise="counter"))
    others = dict.fromkeys(range(1, 256), neuron(alpha=3, TM=3, c=1, leak=90))
    assert np.array_equal(raster(5, {}), raster(5, others))


def raster_of(lab, seed: int, extra: dict) -> np.ndarray:
    """Ticks in which neuron 0 of a core with these others fires."""
    n = neuron(alpha=10, TM=4, V0=17, gamma=2)
    emulator = lab.load(Core({0: n, **extra}, seed=seed))
    return np.array(fire_ticks(emulator, 200, core=0, neuron=0))
