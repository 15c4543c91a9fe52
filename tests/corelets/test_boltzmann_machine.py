"""A Boltzmann machine on cores: every field a whole sum, every spike on schedule, every clamp held."""

from __future__ import annotations

import dataclasses
from math import erfc, sqrt

import numpy as np
import pytest
import rbms

import tnemu
from corelets import CoreletError
from corelets.boltzmann import BoltzmannMachine
from corelets.library.boltzmann.stages import Strategies, in_order, largest_first
from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines import registry
from tnemu.hardware.board import load_board
from tnemu.networks.boltzmann.machine import Machine
from tnemu.networks.boltzmann.sampler import SAMPLERS, Curve, Sampler

G5 = SAMPLERS["G5"]


def board(**chip):
    return load_board("ns1e").override({f"chip.{name}": value for name, value in chip.items()})


class Chip:
    """A machine on an emulator, driven by hand: pulses, clamps, and a look into the samplers."""

    def __init__(self, machine, spec, engine="compiled", seed=3):
        self.machine, self.plan = machine, tnemu.fit(machine, spec)
        self.emulator = Emulator(self.plan.image, engine=engine, noise_seed=seed)
        self.sides = {
            "visible": machine.machine.visible_fields,
            "hidden": machine.machine.hidden_fields,
        }

    def step(self, v, free, look=False):
        """One step with ``v`` held where not ``free``: what the visible units fired, the hidden units
        fired, and the potentials of the hidden and then the visible samplers once they have their fields.
        """
        m, start = self.machine, self.emulator.tick
        for pulse in m.pulses:
            self.emulator.inject_pins("control", [pulse.pin], start + pulse.tick)
        fire = start + m.LEAD
        self.emulator.inject_pins("set_on", np.flatnonzero(v & ~free), fire - 1)
        self.emulator.inject_pins("set_off", np.flatnonzero(~v & ~free), fire - 1)
        seen, spikes = [], []
        for side, t0 in (("hidden", fire), ("visible", fire + m.period)):
            until = t0 + m.accumulate + 2  # the tick before sampling begins
            spikes.append(self.emulator.run(until - self.emulator.tick))
            if look:
                at = self.plan.places(m.samplers(side))
                seen.append(self.emulator.potentials[at.core, at.neuron])
        spikes.append(self.emulator.run(max(0, start + m.step_ticks - self.emulator.tick)))
        fired = []
        for name, tick, width in (
            ("visible", fire, m.visible.width),
            ("hidden", fire + m.period, m.hidden.width),
        ):
            rows = np.concatenate([out.of(name) for out in spikes])
            assert (rows["tick"] == tick).all(), "a spike off schedule"
            fired.append(np.zeros(width, bool))
            fired[-1][rows["pin"]] = True
            assert len(rows) == fired[-1].sum()
        return *fired, *seen


def fields_are_sums(machine, spec, engine="compiled", pictures=3, steps=2):
    """Checks every accumulated field of every unit, over pictures one after the other."""
    chip, rng = Chip(machine, spec, engine), np.random.default_rng(1)
    none = np.zeros(machine.visible.width, bool)
    everything = ~none
    for _ in range(pictures):
        v = rng.random(machine.visible.width) < 0.5
        for k in range(steps):
            shown, h, hidden_V, visible_V = chip.step(v, everything if k else none, look=True)
            if k == 0:
                assert shown.tolist() == v.tolist()
            for side, V, sources in (("hidden", hidden_V, shown), ("visible", visible_V, h)):
                fields = chip.sides[side](sources[None])[0]
                shift = machine.layers[side].schedule.start(0)  # not yet raised
                np.testing.assert_array_equal(V - shift, fields, err_msg=side)


MACHINES = [
    ("two patches", rbms.patch_machine(1, side=8, patch=4), G5, 32, "1.1+2+3"),
    ("beyond T_A", rbms.patch_machine(2, side=6, patch=3, spread=3), G5, 32, "1.1+2+3"),
    ("none", rbms.patch_machine(3, side=5, patch=3), G5, 32, "none"),
    ("central", rbms.patch_machine(4, side=6, patch=4, units=2), G5, 16, "1.2:20+2"),
    ("short", rbms.patch_machine(5, side=6, patch=4), Sampler(10, 186, 9, 36, 50), 8, "1.1+3"),
    ("negative threshold, leak in parts", rbms.patch_machine(6, side=5, patch=3), SAMPLERS["P4"], 32, "2+3"),
    ("no leak", rbms.patch_machine(7, side=5, patch=3), SAMPLERS["P1"], 20, "1.1+2+3"),
    ("dense", rbms.random_machine(8, 12, 9, spread=1), SAMPLERS["G1"], 255, "1.1+2+3"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "machine", "sampler", "accumulate", "how"), MACHINES)
def test_every_accumulated_field_is_the_whole_sum(case, machine, sampler, accumulate, how):
    """With the ceiling of neurons without reset off: a potential may pass it on its way."""
    cores = BoltzmannMachine(machine.rounded(sampler.scale), sampler, accumulate, how)
    assert str(cores.strategies) == how
    # a window of one tick leaves none to look in: then every picture is looked at in its first step
    steps = 1 if sampler.window == 1 else 2
    fields_are_sums(cores, board(no_reset_ceiling="none"), steps=steps)


def test_every_engine_gives_the_same_fields():
    machine = rbms.patch_machine(9, side=4, patch=3).rounded(50)
    for engine in registry():
        cores = BoltzmannMachine(machine, SAMPLERS["G3"], 16)
        fields_are_sums(cores, board(no_reset_ceiling="none"), engine, pictures=2, steps=1)


def test_with_the_ceiling_fields_are_sums_wherever_potentials_stay_below_it():
    machine = rbms.patch_machine(2, side=6, patch=4, spread=3)
    cores = BoltzmannMachine(machine.rounded(50), G5)
    chip, rng = Chip(cores, board()), np.random.default_rng(1)
    for _ in range(3):
        v = rng.random(36) < 0.5
        _, _, V, _ = chip.step(v, np.zeros(36, bool), look=True)
        fields = cores.machine.hidden_fields(v[None])[0]
        weights = np.where(v[:, None], cores.machine.weights, 0)
        highest = cores.machine.hidden_bias + np.maximum(weights, 0).sum(axis=0)
        below = highest < G5.threshold + (1 << G5.mask) - 1
        assert below.any() and not below.all()
        np.testing.assert_array_equal(V[below], fields[below])
        assert V.max() <= G5.threshold + (1 << G5.mask) - 1


def test_a_bias_above_the_ceiling_is_not_cut_while_it_waits():
    """Of G1 the limit is 127; a hidden unit here has a bias of 184, from which inhibition takes away."""
    machine = rbms.random_machine(1).rounded(50)
    cores = BoltzmannMachine(machine, SAMPLERS["G1"], 8)
    assert machine.hidden_bias.max() == 184 and cores.layers["hidden"].schedule.raises > 0
    assert BoltzmannMachine(machine, G5, 8).build() and cores.layers["visible"].schedule.raises == 0
    fields_are_sums(cores, board(), steps=1)


@pytest.mark.parametrize(
    ("window", "accumulate", "layer", "sample"), [(10, 8, 20, 40), (16, 32, 50, 100)]
)
def test_a_layer_takes_its_two_windows_and_two_ticks(window, accumulate, layer, sample):
    sampler = dataclasses.replace(G5, window=window)
    machine = rbms.patch_machine(1, side=4, patch=2).rounded(50)
    cores = BoltzmannMachine(machine, sampler, accumulate)
    cores.build()
    assert (cores.period, cores.step_ticks) == (layer, sample)


@pytest.mark.parametrize("noise", ["xorshift32", "counter"])
def test_nothing_fires_while_the_board_idles_and_clamps_hold(noise):
    machine = rbms.patch_machine(1, side=6, patch=3)
    machine = dataclasses.replace(machine, visible_bias=machine.visible_bias + 8)  # eager units
    chip, rng = (
        Chip(BoltzmannMachine(machine.rounded(50)), board(noise=noise)),
        np.random.default_rng(2),
    )
    assert len(chip.emulator.run(200)) == 0
    v, free = rng.random(36) < 0.5, rng.random(36) < 0.5
    shown, *_ = chip.step(v, np.zeros(36, bool))
    assert shown.tolist() == v.tolist()
    moved = np.zeros(36, bool)
    for _ in range(8):
        shown, *_ = chip.step(v, free)
        assert shown[~free].tolist() == v[~free].tolist()
        moved |= shown != v
    assert moved[free].any()
    last = chip.emulator.run(chip.machine.step_ticks)
    assert len(last.of("hidden")) == 0  # without pulses nothing is sampled
    assert len(chip.emulator.run(200)) == 0


def chance(chi_square, freedom):
    """P(a chi-square variable is larger); Wilson and Hilferty, 1931."""
    z = (chi_square / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))
    return 0.5 * erfc(z / sqrt(2 / (9 * freedom)) / sqrt(2))


@pytest.mark.parametrize("noise", ["xorshift32", "counter"])
@pytest.mark.parametrize("ceiling", ["alpha+mask", "none"])
def test_units_of_a_held_picture_fire_as_likely_as_the_chain_says(noise, ceiling):
    """Chi-square over all hidden units of three pictures; with the ceiling, which some of them meet."""
    from tnemu.lab.dreams import BoardDreamer

    machine = rbms.patch_machine(1, side=6, patch=4, spread=0.9)
    cores = BoltzmannMachine(machine.rounded(50))
    v = np.random.default_rng(4).random((3, 36)) < 0.5
    with BoardDreamer(cores, board(noise=noise, no_reset_ceiling=ceiling), lanes=63) as boards:
        found = boards.dream(np.repeat(v, 21, axis=0), np.zeros(36, bool), 40)
    fired = found.hidden.reshape(40, 3, 21, -1).sum(axis=(0, 2)).ravel()
    p = Curve(G5)(cores.machine.hidden_fields(v)).astype(float).ravel()
    n, open_ = 40 * 21, (p > 0.01) & (p < 0.99)
    assert (fired[p == 0] == 0).all() and (fired[p == 1] == n).all()
    chi_square = ((fired - n * p) ** 2 / (n * p * (1 - p) + (~open_)))[open_].sum()
    assert open_.sum() > 8
    assert 1e-3 < chance(chi_square, int(open_.sum())) < 1 - 1e-3


# -- packing ---------------------------------------------------------------------------------------


def sizes(machine, how, **more):
    network = BoltzmannMachine(machine.rounded(50), strategies=how, **more).build()
    return len(network.cores), [core for core in network.cores if core.layer != "control"]


def test_strategies_need_fewer_cores_and_every_core_has_a_seed_of_its_own():
    machine = rbms.patch_machine(1, side=10, patch=4)
    found = {how: sizes(machine, how) for how in ("none", "2+3", "1.1+2+3")}
    counts = {how: count for how, (count, _) in found.items()}
    assert counts["1.1+2+3"] < counts["2+3"] < counts["none"] / 4
    units = sum(machine.connected.shape)
    alone = [core for core in found["none"][1] if "refractory" not in core.layer]
    assert len(alone) == 2 * units
    seeds = [core.seed for core in found["none"][1]]
    assert len(set(seeds)) == len(seeds)


def test_bins_are_filled_largest_first_or_in_order():
    needs = [np.array([3, 7, 2, 6, 2]), np.array([1, 1, 1, 1, 1])]
    assert largest_first(needs, [10, 3]) == [[1, 0], [3, 2, 4]]
    assert in_order(needs, [10, 3]) == [[0, 1], [2, 3, 4]]
    assert in_order(needs, [10, 2]) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("text", ["", "1.1+1.2", "2+2", "1.1+4", "none+2", "1.1:3+2"])
def test_strategies_that_are_none_are_refused(text):
    with pytest.raises(
        CoreletError, match=r"give none, or some of 1\.1|a central weight is a whole"
    ):
        Strategies.of(text)
    assert str(Strategies.of("3+2+1.2:7")) == "1.2:7+2+3"


def one_weight(weight, visible=2, hidden=1):
    """All weights of hidden unit 0 alike; the others have one weight of 1."""
    weights = np.zeros((visible, hidden), np.float32)
    weights[0], weights[:, 0] = 1, weight
    zeros = [np.zeros(n, np.float32) for n in (visible, hidden)]
    return Machine(weights, *zeros, np.ones((visible, hidden), bool), (1, visible))


@pytest.mark.parametrize(
    ("machine", "more", "message"),
    [
        (
            one_weight(8000),
            {},
            r"^hidden unit 0: its weights take 501 axons of a sampling core, which has \d+ beside",
        ),
        (
            one_weight(10_000, 1),
            {"strategies": "none"},
            r"^hidden unit 0: its weight 10,000 takes more than 256 neurons of 32 spikes each; take",
        ),
        (
            one_weight(2, 600),
            {"strategies": "1.1"},
            r"^hidden unit 0 is needed in 601 places, a core has 256 neurons that can fire with it; let",
        ),
        (one_weight(2), {"accumulate": 0}, "^accumulate = 0: must be a whole number in 1..255"),
        (
            one_weight(-300_000),
            {"accumulate": 255},
            r"^hidden unit 0: samplers whose fields span -600,000\.\.\S+ do not get back to their start within",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")
def test_a_machine_that_cores_cannot_hold_is_refused_by_unit_need_and_limit(machine, more, message):
    rounded = machine.rounded(1)
    with pytest.raises(CoreletError, match=message):
        BoltzmannMachine(rounded, **more)
