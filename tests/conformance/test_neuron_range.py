"""The range of the potential: saturation to 20 bits, or the rails at 393216."""

from __future__ import annotations

import pytest
from laboratory import every_tick

from tnemu.emulator.noise import THRESHOLD
from tnemu.hardware import neuron

DRIVEN = neuron(s=255, gamma=2, V0=393200)
NO_CEILING = {"no_reset_ceiling": "none"}


def all_ones(kind: int, axon: int) -> int:
    return 0xFFFFFFFF if kind == THRESHOLD else 0


def test_rails_hold_the_potential_at_393216_and_spike(lab_with):
    course = lab_with(potential_range="rails393216", **NO_CEILING).watch(DRIVEN, 4, every_tick(0))
    assert (course.v, course.fired) == ([393216] * 4, [0, 1, 2, 3])


def test_saturate20_holds_the_potential_at_524287(lab_with):
    course = lab_with(potential_range="saturate20", **NO_CEILING).watch(DRIVEN, 520, every_tick(0))
    assert course.v[:2] == [393455, 393710]
    assert course.v[-3:] == [524287] * 3
    assert course.fired == list(range(520))


def test_a_rail_spike_performs_no_reset(lab_with):
    """gamma 0 with R = 0 would put V to 0; 393216 itself is not above the rail and fires normally."""
    lab = lab_with(potential_range="rails393216")
    assert lab.watch(neuron(s=255, V0=393200), 1, {0: [0]}).v == [393216]
    course = lab.watch(neuron(V0=393216), 1)
    assert (course.v, course.fired) == ([0], [0])


@pytest.mark.parametrize(
    ("potential_range", "lowest"), [("rails393216", -393216), ("saturate20", -524288)]
)
def test_the_floor_of_the_range(lab_with, potential_range, lowest):
    n = neuron(s=[-255] * 4, gamma=2, V0=-393216)
    course = lab_with(potential_range=potential_range).watch(n, 4, every_tick(*range(256)))
    assert course.v[-1] == lowest
    assert course.fired == []


def test_the_lower_rail_goes_on_to_the_compare(lab_with):
    """Clipped to -393216 it is still below -beta, so kappa 1 lifts it to -beta in the same tick."""
    lab = lab_with(potential_range="rails393216")
    n = neuron(s=[-255] * 4, beta=100, kappa=1, V0=-393216)
    assert lab.watch(n, 1, {0: range(256)}).v == [-100]


def test_rails_spike_below_a_noisy_threshold(oracle_with):
    """alpha + eta = 524286 lies above the rail: only the rail makes this neuron fire."""
    oracle = oracle_with(potential_range="rails393216", **NO_CEILING)
    for V0, fired in ((393217, [0]), (393216, [])):
        course = oracle.scripted(neuron(TM=18, gamma=2, V0=V0), all_ones)
        assert (course.v, course.fired) == ([393216], fired)


def test_saturate20_reaches_the_highest_noisy_threshold(oracle_with):
    oracle = oracle_with(potential_range="saturate20", **NO_CEILING)
    for V0, fired in ((524285, []), (524286, [0])):
        course = oracle.scripted(neuron(TM=18, gamma=2, V0=V0), all_ones)
        assert (course.v, course.fired) == ([V0], fired)


@pytest.mark.parametrize("first_type", [0, 1], ids=["plus-first", "minus-first"])
def test_the_range_is_applied_once_and_not_per_synapse(lab, first_type):
    """128 hits of +255 and 128 of -255 cancel, although a partial sum leaves the range."""
    n = neuron(s=[255, -255], alpha=1000, gamma=1, V0=393000)
    types = {axon: first_type ^ (axon >= 128) for axon in range(256)}
    assert lab.watch(n, 1, {0: range(256)}, axon_types=types).v == [392000]
