"""Without reset (gamma 2) the potential has a ceiling; its variants are values of a switch."""

from __future__ import annotations

import numpy as np
import pytest
from laboratory import Core, every_tick

from tnemu.emulator.noise import THRESHOLD
from tnemu.hardware import neuron

CLIMBER = {"alpha": 10, "leak": 1, "gamma": 2}


def top(lab, **parameters) -> int:
    """Where a potential that climbs by 1 a tick ends; a second run proves that it stays there."""
    course = lab.watch(neuron(**CLIMBER | parameters), 400)
    assert course.v == [min(tick + 1, max(course.v)) for tick in range(400)]
    return max(course.v)


@pytest.mark.parametrize(("TM", "highest"), [(0, 10), (1, 11), (2, 13), (8, 265)])
def test_the_ceiling_is_the_highest_threshold_that_noise_can_make(lab_with, TM, highest):
    assert top(lab_with(no_reset_ceiling="alpha+mask"), TM=TM) == highest


@pytest.mark.parametrize("TM", [0, 2, 8])
def test_the_other_variant_is_alpha_plus_255(lab_with, TM):
    assert top(lab_with(no_reset_ceiling="alpha+255"), TM=TM) == 265


def test_without_the_switch_there_is_no_ceiling(lab_with):
    assert top(lab_with(no_reset_ceiling="none"), TM=2) == 400


def test_a_potential_that_begins_above_the_ceiling_comes_down_to_it(lab_with):
    lab = lab_with(no_reset_ceiling="alpha+mask")
    course = lab.watch(neuron(alpha=10, TM=2, V0=40, gamma=2), 2)
    assert (course.v, course.fired) == ([13, 13], [0, 1])
    # Also one so high, and a threshold so high, that 16 bits do not hold them.
    course = lab.watch(neuron(alpha=100_000, V0=400_000, leak=-1, gamma=2), 2)
    assert (course.v, course.fired) == ([100_000, 99_999], [0])


def test_the_ceiling_comes_after_the_synapses_and_the_leak(lab_with):
    """12 + 7 - 3 is 16, limited to 13; a limit before the leak would leave 10."""
    lab = lab_with(no_reset_ceiling="alpha+mask")
    n = neuron(alpha=10, TM=2, V0=12, s=7, leak=-3, gamma=2)
    assert lab.watch(n, 1, {0: [0]}).v == [13]


def test_the_ceiling_comes_before_the_compare(oracle_with):
    """alpha + 255 can lie below alpha + eta: then what was high enough is so no more."""
    n = neuron(alpha=10, TM=10, V0=2000, gamma=2)
    for ceiling, course in (("none", ([2000], [0])), ("alpha+255", ([265], []))):
        found = oracle_with(no_reset_ceiling=ceiling).scripted(
            n, lambda kind, axon: 1023 if kind == THRESHOLD else 0
        )
        assert (found.v, found.fired) == course


def test_the_ceiling_comes_before_the_rail(lab_with):
    """Above the rail a neuron fires and stays at 393216; the ceiling keeps it from getting there."""
    lab = lab_with(no_reset_ceiling="alpha+mask", potential_range="rails393216")
    assert lab.watch(neuron(alpha=100, V0=400_000, gamma=2), 1).v == [100]
    assert lab.watch(neuron(TM=18, V0=400_000, gamma=2), 1).v == [393_216]


@pytest.mark.parametrize("ceiling", ["alpha+mask", "alpha+255", "none"])
def test_other_reset_modes_have_no_ceiling(lab_with, ceiling):
    course = lab_with(no_reset_ceiling=ceiling).watch(neuron(alpha=10, V0=600, gamma=1), 3)
    assert (course.v, course.fired) == ([590, 580, 570], [0, 1, 2])


@pytest.mark.parametrize("ceiling", ["alpha+mask", "alpha+255", "none"])
def test_the_floor_of_a_neuron_without_reset_is_left_alone(lab_with, ceiling):
    n = neuron(beta=5, leak=-200, gamma=2)
    assert lab_with(no_reset_ceiling=ceiling).watch(n, 3).v == [-200, -400, -600]


def climbing(ceiling: float) -> list[int]:
    """Spikes a tick of 64 neurons, by the rules alone: +15 in ticks 0..79, then down by 3 to 0."""
    y, V, fired = 0xFFFFFFFF, [0] * 64, []
    for tick in range(300):
        spikes = 0
        for j in range(64):
            v = V[j] + 15 * (tick < 80)
            v = min(max(0, v - 3), ceiling)  # reversed, clamped at 0
            spikes += v >= 62 + (y & 255)
            y ^= y << 13 & 0xFFFFFFFF
            y ^= y >> 17
            y ^= y << 5 & 0xFFFFFFFF
            V[j] = v
        fired.append(spikes)
    return fired


@pytest.mark.parametrize(("name", "ceiling"), [("alpha+mask", 317), ("none", 1 << 30)])
def test_a_driven_crowd_falls_silent_when_its_potentials_had_a_ceiling(lab_with, name, ceiling):
    """The neuron of the recording: without a ceiling all fire for hundreds of ticks after the drive."""
    lab = lab_with(no_reset_ceiling=name, noise="xorshift32")
    n = neuron(s=15, leak=-3, epsilon=1, alpha=62, beta=0, TM=8, gamma=2, kappa=1)
    emulator = lab.load(Core(dict.fromkeys(range(64), n), [(0, j) for j in range(64)]))
    for tick, axons in every_tick(0, ticks=80).items():
        emulator.inject(0, axons, tick)
    emulator.run(300, record_spikes=True)
    fired = np.bincount(emulator.last_spikes.records["tick"].astype(int), minlength=300)
    assert fired.tolist() == climbing(ceiling)
    after, last = fired[100:200].sum(), fired.nonzero()[0][-1]
    assert (after, last) == ((1623, 162) if name == "alpha+mask" else (6400, 299))
