"""Equation 4, positive side: the three reset modes gamma, and the coding of R."""

from __future__ import annotations

import pytest
from laboratory import every_tick

from tnemu.hardware import neuron


def test_gamma_0_resets_to_r_and_loses_the_overshoot(lab):
    course = lab.watch(neuron(alpha=11, leak=2), 18)
    assert course.fired == [5, 11, 17]
    assert [course.v[tick] for tick in course.fired] == [0, 0, 0]


def test_gamma_0_resets_to_a_positive_r(lab):
    course = lab.watch(neuron(alpha=5, leak=1, VR=2, sigma_VR=1), 9)
    assert (course.v, course.fired) == ([1, 2, 3, 4, 3, 4, 3, 4, 3], [4, 6, 8])


def test_gamma_0_resets_to_a_negative_r(lab):
    course = lab.watch(neuron(alpha=3, beta=100, leak=1, VR=3, sigma_VR=-1), 23)
    assert course.fired == [2, 12, 22]
    assert course.v[2:12] == [-7, -6, -5, -4, -3, -2, -1, 0, 1, 2]


def test_gamma_1_subtracts_the_threshold(lab):
    course = lab.watch(neuron(alpha=10, s=7, gamma=1), 20, every_tick(0))
    assert course.v == [7, 4, 1, 8, 5, 2, 9, 6, 3, 0] * 2
    assert course.fired == [1, 2, 4, 5, 7, 8, 9, 11, 12, 14, 15, 17, 18, 19]


def test_gamma_2_never_resets(lab_with):
    course = lab_with(no_reset_ceiling="none").watch(neuron(alpha=10, leak=1, gamma=2), 13)
    assert course.v == list(range(1, 14))
    assert course.fired == [9, 10, 11, 12]


@pytest.mark.parametrize(
    ("VR", "sign", "R"),
    [(0, 1, 0), (0, -1, 0), (1, 1, 1), (1, -1, -1), (4, -1, -15), (8, 1, 255), (8, -1, -255)],
)
def test_r_is_two_to_the_vr_minus_one(lab, VR, sign, R):
    assert lab.watch(neuron(alpha=300, V0=300, VR=VR, sigma_VR=sign), 1).v == [R]
