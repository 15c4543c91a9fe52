"""Equation 4, negative side: saturation (kappa 1) and reset (kappa 0) at the threshold -beta."""

from __future__ import annotations

import pytest

from tnemu.hardware import neuron


def test_the_negative_compare_is_strict(lab):
    """-5 itself stays because it is not below -5; with kappa 0 a reset to -R would show."""
    assert lab.watch(neuron(beta=5, kappa=1, leak=-1), 7).v == [-1, -2, -3, -4, -5, -5, -5]
    assert lab.watch(neuron(beta=5, kappa=0, leak=-1), 7).v == [-1, -2, -3, -4, -5, 0, -1]


@pytest.mark.parametrize("gamma", [0, 1, 2])
def test_kappa_1_saturates_at_minus_beta_in_every_reset_mode(lab, gamma):
    course = lab.watch(neuron(beta=5, kappa=1, leak=-2, gamma=gamma, VR=3), 5)
    assert (course.v, course.fired) == ([-2, -4, -5, -5, -5], [])


def test_kappa_0_gamma_0_resets_to_minus_r(lab):
    assert lab.watch(neuron(beta=5, leak=-2, VR=3), 5).v == [-2, -4, -7, -7, -7]


def test_kappa_0_gamma_1_adds_beta(lab):
    course = lab.watch(neuron(beta=5, leak=-2, gamma=1), 8)
    assert (course.v, course.fired) == ([-2, -4, -1, -3, -5, -2, -4, -1], [])


def test_kappa_0_gamma_2_goes_on_below_minus_beta(lab):
    assert lab.watch(neuron(beta=5, leak=-2, gamma=2), 6).v == [-2, -4, -6, -8, -10, -12]


@pytest.mark.parametrize("kappa", [0, 1])
def test_the_positive_compare_goes_first(lab, kappa):
    """V = alpha = -beta = 0 fires; were the floor looked at first, nothing would fire."""
    course = lab.watch(neuron(alpha=0, beta=0, kappa=kappa, VR=2), 1)
    assert (course.v, course.fired) == ([3], [0])
