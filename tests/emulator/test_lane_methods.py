"""Lanes have an Emulator's methods, and each lane does what that board would do alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_boards import cases, make_case

from tnemu.emulator.emulator import Emulator, EmulatorError
from tnemu.emulator.engines.compiled import engine as compiled
from tnemu.emulator.errors import SnapshotError
from tnemu.emulator.lanes import LaneEmulator

quick = settings(max_examples=15, suppress_health_check=list(HealthCheck))


def loaded(case, lanes: int, seed: int) -> tuple[LaneEmulator, np.ndarray]:
    """Lanes whose inputs go to any lane, and which."""
    lane = np.random.default_rng(seed).integers(0, lanes, len(case.cores))
    boards = LaneEmulator(case.image, lanes)
    boards.inject(case.cores, case.axons, case.ticks, lane)
    return boards, lane


def pair(case, lanes: int, seed: int):
    """The same lanes, and single boards with the same inputs."""
    boards, lane = loaded(case, lanes, seed)
    singles = [Emulator(case.image) for _ in range(lanes)]
    for k, single in enumerate(singles):
        single.inject(case.cores[lane == k], case.axons[lane == k], case.ticks[lane == k])
    return boards, singles


def assert_same(boards, singles):
    for k, single in enumerate(singles):
        assert np.array_equal(boards.potentials[k], single.potentials), f"lane {k}"
    assert boards.in_flight == sum(single.in_flight for single in singles)
    assert np.array_equal(boards.firings, sum(single.firings for single in singles))


@quick
@given(cases(max_cores=3, max_ticks=9), st.sampled_from([1, 3, 65]), st.integers(0, 99))
def test_every_lane_has_its_own_inputs_and_recorded_firings(case, lanes, seed):
    boards, singles = pair(case, lanes, seed)
    together = boards.run(case.length, record_spikes=True)
    for k, single in enumerate(singles):
        alone = single.run(case.length, record_spikes=True)
        assert together.of(k).records.tolist() == alone.records.tolist()
        mine = boards.last_spikes.of(k)
        assert mine.records.tolist() == single.last_spikes.records.tolist()
        assert not mine.truncated
    assert_same(boards, singles)


def test_firings_of_chosen_cores_stop_at_every_lanes_share_of_the_limit():
    case = make_case(3, cores=3, ticks=30, inputs=2000, feedback=1.0, noise=False, chip={})
    boards, singles = pair(case, 3, 1)
    boards.run(30, record_spikes=[1], spike_limit=3 * 40 + 2)
    for k, single in enumerate(singles):
        single.run(30, record_spikes=[1], spike_limit=40)
        assert boards.last_spikes.of(k).records.tolist() == single.last_spikes.records.tolist()
        assert boards.last_spikes.of(k).truncated == single.last_spikes.truncated
    assert boards.last_spikes.truncated.any()


@quick
@given(cases(max_cores=2, max_ticks=12), st.sampled_from([2, 65]), st.data())
def test_a_snapshot_of_lanes_at_any_tick_changes_nothing(tmp_path_factory, case, lanes, data):
    path = tmp_path_factory.mktemp("lanes") / "boards.npz"
    cut = data.draw(st.integers(0, case.length))
    boards, singles = pair(case, lanes, 5)
    expected, _ = loaded(case, lanes, 5)
    boards.run(cut)
    expected.run(cut)
    boards.snapshot(path)
    again = LaneEmulator.restore(case.image, path)
    assert (again.tick, again.lanes, again.counters) == (cut, lanes, boards.counters)
    assert again.in_flight == boards.in_flight
    rest = case.length - cut
    found, wanted = again.run(rest), expected.run(rest)
    assert found.spikes.records.tolist() == wanted.spikes.records.tolist()
    assert again.counters == expected.counters
    for single in singles:
        single.run(case.length)
    assert_same(again, singles)


def test_step_and_drain_are_those_of_an_emulator(relay):
    boards = LaneEmulator(relay(), 3)
    boards.inject(0, 0, [0, 50], lane=[0, 2])
    assert len(boards.step()) == 0
    out = boards.drain()
    assert list(zip(out.lane.tolist(), out.spikes.tick.tolist(), strict=True)) == [(0, 1), (2, 51)]
    assert (boards.tick, boards.in_flight) == (52, 0)
    boards.inject(0, 0, 999)
    with pytest.raises(EmulatorError, match="3 spikes are still in flight after 25 ticks of drain"):
        boards.drain(limit_ticks=25)
    assert boards.tick == 77


@quick
@given(cases(max_cores=2, max_ticks=20), st.sampled_from([2, 65]))
def test_a_run_that_is_cut_after_every_tick_by_its_cost_is_the_same(case, lanes):
    results = []
    for budget in (compiled.BUDGET, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "BUDGET", budget)
            boards, _ = loaded(case, lanes, 7)
            out = boards.run(case.length, record_spikes=True)
            spikes = boards.last_spikes
            results.append(
                (
                    *(out.lane.tolist(), out.spikes.records.tolist()),
                    *(boards.counters, boards.in_flight),
                    *(spikes.lane.tolist(), spikes.spikes.records.tolist()),
                )
            )
    assert results[0] == results[1]


def forged(path, **changes):
    with np.load(path) as file:
        arrays = dict(file)
    for name, change in changes.items():
        change(arrays[name])
    np.savez(path, **arrays)


def put(at, value):
    def change(array):
        array[at] = value

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"potentials": put((0, 0, 0), 1 << 20)}, "a potential is outside"),
        ({"potentials": put((0, 0, 9), 1)}, "a neuron that is not used has a potential"),
        (
            {"potentials": put((1, 0, 0), 1)},
            "a neuron that keeps nothing between ticks has a poten",
        ),
        ({"slots": put((0, 0, 0, 0), 1 << 2)}, "a spike is in a lane after the last of 2"),
        ({"pending_lanes": put((0, 0), 1 << 63)}, "a spike is in a lane after the last of 2"),
        ({"pending": put((0, 1), 2)}, "a pending input is in the past or on no axon"),
        ({"counters": put(0, -1)}, "a counter is negative"),
    ],
)
def test_a_snapshot_of_lanes_that_does_not_fit_is_refused(relay, tmp_path, changes, message):
    """Compiled code checks no bounds, so the file must be checked before it runs."""
    image = relay()
    kinds = image.neuron_types.copy()
    kinds["beta"][1], kinds["kappa"][1] = 0, 1  # keeps nothing
    image = replace(image, neuron_types=kinds)
    boards = LaneEmulator(image, 2)
    boards.inject(0, 0, [3, 40])
    boards.run(2)
    boards.snapshot(tmp_path / "boards.npz")
    LaneEmulator.restore(image, tmp_path / "boards.npz")
    forged(tmp_path / "boards.npz", **changes)
    with pytest.raises(SnapshotError, match=message):
        LaneEmulator.restore(image, tmp_path / "boards.npz")


def test_snapshots_of_a_board_and_of_lanes_are_not_taken_for_each_other(relay, tmp_path):
    Emulator(relay()).snapshot(tmp_path / "one")
    LaneEmulator(relay(), 2).snapshot(tmp_path / "two")
    with pytest.raises(
        SnapshotError, match="has format 'tnemu-snapshot-2', this reads 'tnemu-lanes-2'; use Emul"
    ):
        LaneEmulator.restore(relay(), tmp_path / "one")
    with pytest.raises(
        SnapshotError, match=r"has format 'tnemu-lanes-2', this reads .*; use LaneEmulator\.restore"
    ):
        Emulator.restore(relay(), tmp_path / "two")
