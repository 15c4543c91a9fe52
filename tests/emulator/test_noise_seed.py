"""The seed of a run: other noise from the same image, on every engine and in every lane."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from random_boards import Case, make_case

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines import registry
from tnemu.emulator.errors import EmulatorError, InputError
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.noise import generators, philox
from tnemu.emulator.state import State
from tnemu.hardware import neuron
from tnemu.hardware.neuron import NEURON_DTYPE

ENGINES = list(registry())
NOISES = ["xorshift32", "counter"]
FIRST = 0xFFFFFFFF


KINDS = [
    neuron(b=1, s=[90, -90, 120, 200], alpha=3, kappa=1, beta=5),
    neuron(s=[1, -1, 1, 1], c=1, leak=60, alpha=4, gamma=1, kappa=1, beta=5),
    neuron(s=[2, -1, 1, 1], leak=1, TM=3, alpha=9, gamma=1, kappa=1, beta=5),
]


def board(noise: str = "xorshift32", cores: int = 2) -> Case:
    """Cores whose neurons draw synapses, leaks and thresholds, and feed each other."""
    case = make_case(5, cores, 12, 900, 0.8, noise=True, chip={"noise": noise})
    kinds = np.array([neuron(), *KINDS], NEURON_DTYPE)
    types = 1 + np.arange(256, dtype=np.uint16) % len(KINDS)
    image = replace(case.image, neuron_types=kinds, types=np.tile(types, (cores, 1)))
    return replace(case, image=image)


def ran(emulator: Any, case: Case) -> Any:
    """The emulator after the case's inputs and ticks."""
    emulator.inject(case.cores, case.axons, case.ticks)
    emulator.run(case.length, record_spikes=True)
    return emulator


def raster(emulator: Any, case: Case) -> list[Any]:
    return ran(emulator, case).last_spikes.records.tolist()


@pytest.mark.parametrize("noise", NOISES)
def test_without_one_the_cores_begin_with_their_seeds(noise):
    image = board(noise).image
    assert np.array_equal(generators(image), image.seeds)
    assert np.array_equal(State.initial(image).generators, image.seeds)


@pytest.mark.parametrize("noise_seed", [0, 1, 2**32 - 1])
def test_with_one_a_core_begins_with_a_word_of_both_seeds(noise_seed):
    """By the rule: word 0 of Philox2x32-10 with the run's seed as key and the core's as counter."""
    image = board(cores=4).image
    expected = [philox(noise_seed, seed, 0)[0] for seed in image.seeds.tolist()]
    found = generators(image, noise_seed)
    assert found.tolist() == expected
    assert found.dtype == np.uint32
    assert len(set(expected)) == 4


def test_cores_of_equal_seeds_draw_alike_with_one_too():
    image = replace(board().image, seeds=np.array([FIRST, FIRST], np.uint32))
    one, other = generators(image, 7).tolist()
    assert one == other != FIRST


def test_a_word_of_0_gives_way_to_32_ones(monkeypatch):
    """No run's seed may make a generator that is stuck."""
    monkeypatch.setattr("tnemu.emulator.noise.philox", lambda key, low, high: (low * 0, high))
    assert generators(board().image, 3).tolist() == [FIRST, FIRST]


def test_a_seed_of_the_run_helps_a_core_whose_own_is_0():
    image = replace(board().image, seeds=np.zeros(2, np.uint32))
    with pytest.raises(EmulatorError, match="core 0 draws noise and its seed is 0"):
        Emulator(image)
    assert Emulator(image, noise_seed=0).step() is not None


@pytest.mark.parametrize("noise", NOISES)
def test_it_decides_the_noise_on_every_engine_alike(noise):
    case = board(noise)
    found = {
        (engine, seed): raster(Emulator(case.image, engine=engine, noise_seed=seed), case)
        for engine in ENGINES
        for seed in (None, 1, 2)
    }
    for seed in (None, 1, 2):
        assert found["reference", seed] == found["compiled", seed]
    assert found["reference", None] != found["reference", 1] != found["reference", 2]
    assert found["reference", None] != found["reference", 2]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("seeds", [None, 9, [1, 2, 1], np.array([3, 0, 7], np.uint32)])
def test_every_lane_has_the_noise_of_its_seed(noise, seeds):
    case = board(noise)
    boards = ran(LaneEmulator(case.image, 3, noise_seed=seeds), case)
    each = [seeds] * 3 if np.ndim(seeds) == 0 else list(seeds)
    for lane, seed in enumerate(each):
        single = Emulator(case.image, noise_seed=seed)
        assert boards.last_spikes.of(lane).records.tolist() == raster(single, case)
        assert np.array_equal(boards.potentials[lane], single.potentials)


def test_a_snapshot_goes_on_with_the_noise_of_its_run(tmp_path):
    case = board()
    one = Emulator(case.image, noise_seed=4)
    one.inject(case.cores, case.axons, case.ticks)
    one.run(5)
    one.snapshot(tmp_path / "one")
    boards = LaneEmulator(case.image, 2, noise_seed=[4, 5])
    boards.inject(case.cores, case.axons, case.ticks)
    boards.run(5)
    boards.snapshot(tmp_path / "lanes")
    expected = one.run(7).records.tolist()
    assert Emulator.restore(case.image, tmp_path / "one").run(7).records.tolist() == expected
    again = LaneEmulator.restore(case.image, tmp_path / "lanes").run(7)
    assert again.of(0).records.tolist() == expected
    assert np.array_equal(again.spikes.records, boards.run(7).spikes.records)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, "1"])
def test_one_that_is_none_is_refused(seed):
    words = (
        f"noise_seed = {seed!r}: must be a whole number in 0..4294967295; choose one in that range"
    )
    for make in (Emulator, lambda image, **more: LaneEmulator(image, 2, **more)):
        with pytest.raises(EmulatorError) as refusal:
            make(board().image, noise_seed=seed)
        assert str(refusal.value) == words


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (
            [1],
            r"noise_seed = \[1\]: is of shape \(1,\); give one for all, or a list of 2, one a lane",
        ),
        ([1, 2, 3], r"is of shape \(3,\); give one for all, or a list of 2, one a lane"),
        ([[1, 2]], r"is of shape \(1, 2\); give one for all, or a list of 2, one a lane"),
        (
            [1, 2**32],
            r"noise_seed\[1\] = 4294967296: must be a whole number in 0..4294967295; give",
        ),
        (
            [1.5, 2],
            r"noise_seed = \[1.5, 2\]: must be a whole number in 0..4294967295; give one for",
        ),
    ],
)
def test_seeds_of_lanes_are_one_for_each(seeds, message):
    with pytest.raises(InputError, match=message):
        LaneEmulator(board().image, 2, noise_seed=seeds)
