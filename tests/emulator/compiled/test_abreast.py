"""Cores of few neurons run in 64 lanes neuron by neuron; each lane does what that board would do alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_boards import SWITCHES, cases, make_case
from test_narrow import one

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled import abreast
from tnemu.emulator.lanes import LaneEmulator
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import neuron

plan = abreast.plan
IN_ORDER = [switches for switches in SWITCHES if switches["potential_range"] == "saturate20"]


@pytest.fixture
def whenever_it_can(monkeypatch):
    """Every core that can be is evaluated neuron by neuron, whatever it costs."""
    monkeypatch.setattr(
        abreast, "plan", lambda board, image, rows, _: plan(board, image, rows, 1 << 30)
    )


def taken(boards: LaneEmulator) -> list[bool]:
    return (boards._engine._plan.place >= 0).tolist()


def core(kind: np.void, neurons: int = 256, synapses: bool = True, **switches: str) -> BoardImage:
    """One core whose first neurons are of that kind, all connected to all axons or none."""
    image = one(kind)
    image.types[:, :neurons], image.axon_types[:] = 1, np.arange(256) % 4
    if synapses:
        image.crossbar[:] = ~np.uint64(0)
    changes = {f"chip.{key}": value for key, value in switches.items()}
    return replace(image, board=image.board.override(changes), seeds=np.array([77], np.uint32))


@pytest.mark.usefixtures("whenever_it_can")
@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(cases(max_cores=3, max_ticks=12), st.sampled_from([1, 3, 65]), st.data())
def test_every_lane_is_that_board_alone(case, lanes, data):
    lane = np.random.default_rng(1).integers(0, lanes, len(case.cores))
    seeds = np.arange(lanes) + 5
    cut = data.draw(st.integers(0, case.length))
    boards = LaneEmulator(case.image, lanes, noise_seed=seeds)
    boards.inject(case.cores, case.axons, case.ticks, lane)
    some = [boards.run(ticks).spikes.records for ticks in (cut, case.length - cut)]
    spikes = 0
    for k in {0, 1, lanes - 1} & set(range(lanes)):
        alone = Emulator(case.image, noise_seed=int(seeds[k]))
        alone.inject(case.cores[lane == k], case.axons[lane == k], case.ticks[lane == k])
        alone.run(case.length)
        assert np.array_equal(boards.potentials[k], alone.potentials)
        assert np.array_equal(boards._engine.generators[k], alone._state.generators)
        spikes += alone.counters.output_spikes
    assert sum(map(len, some)) == boards.counters.output_spikes >= spikes


@pytest.mark.usefixtures("whenever_it_can")
@pytest.mark.parametrize("chip", IN_ORDER, ids=lambda chip: "-".join(map(str, chip.values())))
@pytest.mark.parametrize(
    "kind",
    [
        {"TM": 8, "alpha": 300, "s": [3, -2, 200, 0]},
        {"TM": 9, "alpha": 186, "gamma": 2, "kappa": 1, "beta": 900, "s": [90, -1, 99, -4]},
        {"alpha": 100, "gamma": 2, "s": [50, -50, 7, -25], "beta": 20},
        {"b": [0, 0, 1, 1], "s": [2, -3, 127, -200], "alpha": 4, "kappa": 1},
        {"b": [1, 1, 0, 0], "s": [0, 255, 3, -1], "c": 1, "leak": 90, "TM": 2, "alpha": 9},
        {"c": 1, "leak": -9, "TM": 3, "alpha": 60, "gamma": 1, "beta": 30, "s": [9, 9, 9, -9]},
        {"gamma": 1, "alpha": 1, "kappa": 1, "s": [31, 32, 0, 1]},
    ],
)  # fmt: skip
def test_a_core_of_each_kind_is_as_alone(kind, chip):
    image = core(neuron(**kind), neurons=5, **chip)
    draws = any(name in kind for name in ("TM", "b", "c"))
    boards = LaneEmulator(image, 4, noise_seed=[1, 2, 3, 4])
    assert taken(boards) == [not draws or chip["noise"] == "xorshift32"]
    rng = np.random.default_rng(0)
    events = rng.integers(0, [256, 30, 4], (400, 3))
    boards.inject(0, events[:, 0], events[:, 1], events[:, 2])
    boards.run(40)
    total = 0
    for lane in range(4):
        alone = Emulator(image, noise_seed=lane + 1)
        mine = events[events[:, 2] == lane]
        alone.inject(0, mine[:, 0], mine[:, 1])
        alone.run(40)
        assert np.array_equal(boards.potentials[lane], alone.potentials)
        assert np.array_equal(boards._engine.generators[lane], alone._state.generators)
        total += alone.counters.spikes
    assert boards.counters.spikes == total > 0


def test_a_sleeping_core_is_woken_with_the_generator_of_that_tick(whenever_it_can):
    image = core(neuron(s=[200, 1, 1, 1], TM=6, alpha=100, gamma=0), neurons=3)
    boards, alone = LaneEmulator(image, 2, noise_seed=[8, 9]), Emulator(image, noise_seed=9)
    for tick in (0, 700):
        boards.inject(0, np.arange(4), tick, 1)
        alone.inject(0, np.arange(4), tick)
    boards.run(702)
    alone.run(702)
    assert int(boards._engine._words[0].since[0]) < 705
    assert np.array_equal(boards._engine.generators[1], alone._state.generators)
    assert np.array_equal(boards.potentials[1], alone.potentials)


@pytest.mark.usefixtures("whenever_it_can")
def test_a_snapshot_of_lanes_goes_on_as_before(tmp_path):
    case = make_case(3, cores=3, ticks=20, inputs=2000, feedback=1.0, noise=True, chip=SWITCHES[0])
    boards = LaneEmulator(case.image, 3, noise_seed=[1, 2, 3])
    boards.inject(case.cores, case.axons, case.ticks, case.cores % 3)
    boards.run(9)
    boards.snapshot(tmp_path / "boards.npz")
    again = LaneEmulator.restore(case.image, tmp_path / "boards.npz")
    for each in (boards, again):
        each.run(11)
    assert np.array_equal(boards.potentials, again.potentials)
    assert boards.counters == again.counters


def test_cores_are_chosen_that_cost_less_than_lane_by_lane():
    few, many = core(neuron(gamma=2), neurons=20), core(neuron(gamma=2))
    assert taken(LaneEmulator(few, 64)) == [True]
    assert taken(LaneEmulator(few, 2)) == [False]
    assert taken(LaneEmulator(many, 64)) == [False]
    assert taken(LaneEmulator(core(neuron(gamma=2), synapses=False), 64)) == [True]


@pytest.mark.usefixtures("whenever_it_can")
@pytest.mark.parametrize(
    "kind",
    [
        {"s": [255] * 4, "gamma": 2},  # 256 x 255 are more than 16 bits
        {"leak": 1, "epsilon": 1, "gamma": 2},
        {"s": [1, -1, 0, 0], "alpha": 1, "beta": 0, "kappa": 1},  # for all lanes at once
    ],
)
def test_cores_of_other_kinds_are_left_to_others(kind):
    assert taken(LaneEmulator(core(neuron(**kind)), 64)) == [False]
