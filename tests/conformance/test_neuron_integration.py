"""Equation 1 and the positive compare: what the synapses add, and when a neuron fires."""

from __future__ import annotations

import pytest
from laboratory import Core, every_tick

from tnemu.hardware import neuron

OPEN = [(axon, 0) for axon in range(256)]


def test_threshold_is_inclusive(lab):
    course = lab.watch(neuron(alpha=10, V0=10), 1)
    assert (course.v, course.fired) == ([0], [0])
    assert lab.watch(neuron(alpha=10, V0=9), 1).fired == []


def test_leak_comes_before_the_compare(lab):
    assert lab.watch(neuron(alpha=10, V0=9, leak=1), 1).fired == [0]
    course = lab.watch(neuron(alpha=10, V0=10, leak=-1), 1)
    assert (course.v, course.fired) == ([9], [])


def test_leak_comes_after_the_synapses(lab):
    """Reversal looks at the V that the synapses have already changed: -1 + 3 > 0, so +2, not -2."""
    grows = neuron(s=3, epsilon=1, leak=2, V0=-1)
    assert lab.watch(grows, 1, {0: [0]}).v == [4]


def test_constant_leak_fires_with_period_alpha(lab):
    assert lab.watch(neuron(alpha=10, leak=1), 40).fired == [9, 19, 29, 39]


@pytest.mark.parametrize("types", [{0: 0, 1: 1}, {0: 1, 1: 0}], ids=["plus-first", "minus-first"])
def test_all_synapses_are_summed_before_one_compare(lab, types):
    course = lab.watch(neuron(s=[20, -20], alpha=10), 1, {0: [0, 1]}, axon_types=types)
    assert (course.v, course.fired) == ([0], [])


def test_axon_type_selects_the_weight(lab):
    n = neuron(s=[1, 10, 100, -255], beta=0, kappa=1)
    assert lab.watch(n, 2, {0: [0, 1, 2], 1: [3]}).v == [111, 0]


def test_two_neurons_weigh_the_same_axon_differently(lab):
    pair = {0: neuron(s=[0, 0, 5]), 1: neuron(s=[0, 0, -7], beta=100)}
    emulator = lab.load(Core(pair, [(2, 0), (2, 1)]))
    emulator.inject(0, 2, 0)
    emulator.step()
    assert emulator.potentials[0, :2].tolist() == [5, -7]


def test_every_active_axon_of_a_type_adds_its_weight(lab):
    assert lab.watch(neuron(s=3), 1, {0: [0, 4]}).v == [6]


def test_crossbar_bit_0_means_no_synapse(lab):
    emulator = lab.load(Core({0: neuron(s=[9, 9, 9, 9])}, OPEN[1:]))
    emulator.inject(0, 0, 0)
    emulator.step()
    assert emulator.potentials[0, 0] == 0


def test_256_axons_of_plus_255(lab):
    course = lab.watch(neuron(s=[255] * 4), 6, every_tick(*range(256)))
    assert course.v == [65280, 130560, 195840, 261120, 0, 65280]
    assert course.fired == [4]


def test_256_axons_of_minus_255_saturate_at_minus_beta(lab):
    course = lab.watch(neuron(s=[-255] * 4, kappa=1), 7, every_tick(*range(256)))
    assert course.v == [-65280, -130560, -195840, -261120, -262143, -262143, -262143]
    assert course.fired == []


def test_alpha_0_fires_in_every_tick_without_input(lab):
    assert lab.watch(neuron(alpha=0, beta=0), 5).fired == [0, 1, 2, 3, 4]


def test_alpha_0_waits_for_the_floor_to_lift_a_negative_potential(lab):
    course = lab.watch(neuron(alpha=0, beta=0, kappa=1, V0=-1), 5)
    assert (course.v, course.fired) == ([0, 0, 0, 0, 0], [1, 2, 3, 4])


def test_at_most_one_spike_per_neuron_and_tick(lab):
    course = lab.watch(neuron(alpha=10, gamma=1, V0=35), 6)
    assert (course.v, course.fired) == ([25, 15, 5, 5, 5, 5], [0, 1, 2])
