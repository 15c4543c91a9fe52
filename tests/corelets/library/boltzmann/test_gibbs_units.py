"""Units on a board fire as likely as the chain says, whatever the generator of the chip."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import pytest

import tnemu
from corelets import Corelet, CoreletError, Input, Output
from corelets.library.boltzmann.schedule import Leak, Reset, Schedule
from corelets.library.boltzmann.units import GibbsUnits
from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines import registry
from tnemu.emulator.lanes import LaneEmulator
from tnemu.hardware.board import load_board
from tnemu.networks.boltzmann.sampler import SAMPLERS, Sampler

LANES = 64


def board(noise, ceiling="alpha+mask"):
    spec = load_board("tiny")
    chip = spec.chip.model_copy(update={"noise": noise, "no_reset_ceiling": ceiling})
    return spec.model_copy(update={"chip": chip})


def potentials(sampler, count=20):
    """Across the curve, where neither answer is certain."""
    V = np.unique(np.round(np.linspace(-4, 4, count) * sampler.scale).astype(int))
    p = sampler.probability(V)
    return V[(p > 1e-3) & (p < 1 - 1e-3)]


def samples(plan, units, windows, lanes=LANES, name="sample"):
    """How often each unit fired, int [windows, lanes, units]; every spike on schedule, one at most."""
    pulses = units.pulses()
    found = np.zeros((windows, lanes, len(units.biases)), int)
    with LaneEmulator(plan.image, lanes, noise_seed=list(range(1, lanes + 1))) as chip:
        for window in range(windows):
            start = chip.tick
            for t, row in enumerate(pulses):
                chip.inject_pins("control", np.broadcast_to(row, (lanes, 5)), start + t)
            out = chip.run(units.period)
            assert (out.spikes.records["tick"] == start + units.window_end + 1).all()
            found[window] = out.counts(name)
    assert found.max(initial=0) <= 1
    return found


def chance(chi_square, freedom):
    """P(a chi-square variable is larger); Wilson and Hilferty, 1931."""
    z = (chi_square / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))
    return 0.5 * erfc(z / sqrt(2 / (9 * freedom)) / sqrt(2))


def check_distribution(name, noise, windows):
    sampler = SAMPLERS[name]
    units = GibbsUnits(sampler, potentials(sampler))
    found = samples(tnemu.fit(units, board(noise)), units, windows).reshape(-1, len(units.biases))
    p, n = sampler.probability(units.biases), len(found)
    chi_square = ((found.sum(axis=0) - n * p) ** 2 / (n * p * (1 - p))).sum()
    assert 1e-3 < chance(chi_square, len(p)) < 1 - 1e-3
    # of rarer answers a single pair that comes together is beyond any normal bound
    found = found[:, n * np.minimum(p, 1 - p) ** 2 >= 5]
    between = np.corrcoef(found.T)[~np.eye(found.shape[1], dtype=bool)] * sqrt(n)
    assert 0.7 < sqrt((between**2).mean()) < 1.3  # units do not know of each other
    assert np.abs(between).max() < 4.5
    later = [np.corrcoef(unit[:-LANES], unit[LANES:])[0, 1] * sqrt(n) for unit in found.T]
    assert np.abs(later).max() < 4.5  # nor of their last window


@pytest.mark.parametrize("noise", ["xorshift32", "counter"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_unit_fires_as_likely_as_the_chain_says(name, noise):
    check_distribution(name, noise, windows=24)


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["xorshift32", "counter"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_unit_fires_as_likely_as_the_chain_says_in_ten_thousand_windows(name, noise):
    check_distribution(name, noise, windows=160)


@pytest.mark.parametrize("noise", ["xorshift32", "counter"])
@pytest.mark.parametrize("name", ["P4", "G5"])
def test_every_engine_draws_the_same_samples(name, noise):
    units = GibbsUnits(SAMPLERS[name], potentials(SAMPLERS[name], 6))
    plan = tnemu.fit(units, board(noise))
    lanes = samples(plan, units, 3, lanes=2)
    for engine in registry():
        for lane in range(2):
            with Emulator(plan.image, engine=engine, noise_seed=lane + 1) as chip:
                for window in range(3):
                    start = chip.tick
                    for t, row in enumerate(units.pulses()):
                        chip.inject_pins("control", np.flatnonzero(row), start + t)
                    counts = np.zeros(len(units.biases), int)
                    counts[chip.run(units.period).of("sample")["pin"]] = 1
                    assert counts.tolist() == lanes[window, lane].tolist()


def test_spikes_move_the_potential_and_every_window_begins_at_the_bias_again():
    """Of a sampler that draws nothing: fires iff bias + plus - minus reaches the threshold."""
    units = GibbsUnits(Sampler(2, 5, 0, 0, 1), [-3, 0, 4, 5], reach=9)
    with Emulator(tnemu.fit(units, board("counter", "none")).image, engine="reference") as chip:
        for plus, minus in ((0, 0), (1, 0), (8, 0), (2, 3), (0, 9), (0, 0), (5, 0), (0, 0)):
            start = chip.tick + max(plus, minus)
            for k in range(max(plus, minus)):
                chip.inject_pins("control", [units.CLEAR_PIN], chip.tick + k)
                for name, count in (("plus", plus), ("minus", minus)):
                    chip.inject_pins(name, range(4) if k < count else [], chip.tick + k)
            for t, row in enumerate(units.pulses()):
                chip.inject_pins("control", np.flatnonzero(row), start + t)
            out = chip.run(start + units.period - chip.tick).of("sample")
            fired = (units.biases + plus - minus >= 5).nonzero()[0]
            assert out["pin"].tolist() == fired.tolist(), (plus, minus)


class Twins(Corelet):
    """Two cores of the same units; with seeds that are equal, or not."""

    def __init__(self, sampler, biases, seeds):
        self.control, self.silent = Input(5), Input(len(biases))
        self.sample = Output(2 * len(biases))
        self.units = [GibbsUnits(sampler, biases) for _ in seeds]
        for k, (units, seed) in enumerate(zip(self.units, seeds, strict=True)):
            units.cores[0].seed = seed
            self.connect(self.control, units.control)
            self.connect(self.silent, units.plus)
            self.connect(self.silent, units.minus)
            self.connect(units.sample, self.sample[k * len(biases) : (k + 1) * len(biases)])


@pytest.mark.parametrize("noise", ["xorshift32", "counter"])
@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet", "ignore::corelets.SharedNoise")
def test_units_of_cores_that_share_a_seed_draw_alike(noise):
    """So every core of a machine needs a seed of its own, which names give it."""
    sampler = SAMPLERS["G3"]
    for seeds, alike in (((7, 7), True), ((7, 8), False)):
        twins = Twins(sampler, [-40, 0, 0, 40], seeds)
        plan = tnemu.fit(twins, board(noise), keep_order=True)  # else they share a core
        units = twins.units[0]
        units_of_both = GibbsUnits(sampler, np.tile(units.biases, 2))
        units_of_both.build()
        found = samples(plan, units_of_both, 20).reshape(-1, 8)
        assert ((found[:, :4] == found[:, 4:]).all()) == alike
        if not alike:
            across = [np.corrcoef(found[:, k], found[:, 4 + k])[0, 1] for k in range(4)]
            assert np.abs(across).max() * sqrt(len(found)) < 4


def test_the_reset_takes_few_axons_and_comes_in_time():
    for ticks, weight, room, reach in (
        (52, 36, 1800, 2400),
        (22, 77, 900, 900),
        (6, 125, 400, 500),
    ):
        reset = Reset.within(ticks, weight, room, reach)
        assert reset.ticks <= ticks
        assert reset.room == reset.lift_ticks * reset.lifts * weight >= room
        assert reset.drop_ticks * reset.drops * 255 >= reach + reset.room
    assert Reset.within(52, 36, 1800, 2400).drops + Reset.within(52, 36, 1800, 2400).lifts <= 3


def test_a_leak_is_cut_into_equal_parts():
    parts = [(leak, Leak.of(Sampler(1, 0, 1, leak, 1))) for leak in (0, 36, 255, 300, 4080)]
    assert [(n, leak.weight, leak.parts, leak.ticks) for n, leak in parts] == [
        (0, 0, 0, 1), (36, 36, 1, 1), (255, 255, 1, 1), (300, 150, 2, 2), (4080, 255, 16, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Leak.of(Sampler(1, 0, 1, 257, 1)),
            "leak = 257 is no sum of up to 64 equal weights",
        ),
        (
            lambda: Leak.of(Sampler(1, 0, 1, -1, 1)),
            "leak = -1: must be .*; a chip's unit leaks upw",
        ),
        (
            lambda: Reset.within(5, 1, 9000, 1),
            "whose fields span -9,000..1 do not get back to their",
        ),
        (
            lambda: Schedule(SAMPLERS["G5"], 256, 1, 1, (0, 0)),
            r"accumulate = 256: must be .*0..255",
        ),
        (
            lambda: Schedule(Sampler(255, 0, 1, 1, 1), 3, 1, 1, (0, 0)),
            "window = 255: must be .*1..254",
        ),
        (
            lambda: Schedule(Sampler(4, 262143, 1, 1, 1), 3, 1, 1, (0, 0)),
            "the threshold of a sampler would be 262,145, a neuron holds 262,143; take a smaller",
        ),
        (
            lambda: Schedule(SAMPLERS["G5"], 32, 10, 10, (-300_000, 0)),
            "the floor of a sampler would be 300,036, a neuron holds 262,143",
        ),
        (
            lambda: Schedule(SAMPLERS["G5"], 32, 10, 600_000, (0, 0), 4000),
            "the highest potential of a sampler would be 600,576, a neuron holds 524,287",
        ),
        (
            lambda: GibbsUnits(SAMPLERS["G5"], np.zeros(90)),
            "90 units need 2.. axons and 180 neurons",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")
def test_units_that_a_chip_cannot_hold_are_refused(make, message):
    with pytest.raises(CoreletError, match=message):
        make()


@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")
def test_a_unit_that_draws_has_no_model_but_a_probability():
    units = GibbsUnits(SAMPLERS["G5"], [0])
    units.build()
    with pytest.raises(
        CoreletError, match=r"draws noise, so no model says when it fires; how likel"
    ):
        units.model(*(np.zeros((3, width), bool) for width in (1, 1, 5)))
