"""Equation 2: monotonic, convergent and divergent leak, and the zero clamp."""

from __future__ import annotations

import pytest

from tnemu.hardware import neuron


def convergent(V0: int):
    return neuron(epsilon=1, leak=-3, V0=V0, beta=50, kappa=1)


def test_convergent_leak_stops_at_zero_with_the_clamp(lab_with):
    lab = lab_with(leak_zero_clamp=True)
    assert lab.watch(convergent(10), 6).v == [7, 4, 1, 0, 0, 0]


def test_convergent_leak_rings_around_zero_without_the_clamp(lab_with):
    lab = lab_with(leak_zero_clamp=False)
    assert lab.watch(convergent(10), 7).v == [7, 4, 1, -2, 1, -2, 1]


def test_convergent_leak_from_below_stops_at_zero_with_the_clamp(lab_with):
    lab = lab_with(leak_zero_clamp=True)
    assert lab.watch(convergent(-10), 6).v == [-7, -4, -1, 0, 0, 0]


def test_convergent_leak_from_below_rings_without_the_clamp(lab_with):
    lab = lab_with(leak_zero_clamp=False)
    assert lab.watch(convergent(-10), 7).v == [-7, -4, -1, 2, -1, 2, -1]


def test_convergent_leak_that_lands_on_zero_stays(lab):
    assert lab.watch(convergent(9), 5).v == [6, 3, 0, 0, 0]


@pytest.mark.parametrize(("V0", "course"), [(0, [0, 0, 0]), (1, [4, 7, 10]), (-1, [-4, -7, -10])])
def test_divergent_leak_runs_away_from_zero(lab, V0, course):
    assert lab.watch(neuron(epsilon=1, leak=3, V0=V0, beta=50, kappa=1), 3).v == course


def test_monotonic_leak_ignores_the_sign_of_the_potential(lab):
    course = lab.watch(neuron(leak=-3, V0=-10, beta=50, kappa=1), 16)
    assert course.v == [*range(-13, -50, -3), -50, -50, -50]


def test_the_clamp_leaves_a_monotonic_leak_alone(lab_with):
    """Only a reversed leak is clamped: a plain one crosses zero with either setting."""
    for clamp in (True, False):
        assert lab_with(leak_zero_clamp=clamp).watch(neuron(leak=-3, V0=1), 2).v == [-2, -5]


def test_the_clamp_looks_at_the_leak_alone(lab_with):
    """Synapses may carry V across zero; the leak then starts from where they left it."""
    lab = lab_with(leak_zero_clamp=True)
    n = neuron(s=-20, epsilon=1, leak=-3, V0=10, beta=50, kappa=1)
    assert lab.watch(n, 2, {0: [0]}).v == [-7, -4]
