"""Every lane is identical to a board run alone."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_boards import cases, random_image

from tnemu.emulator.emulator import Emulator, EmulatorError
from tnemu.emulator.engines.compiled import layout
from tnemu.emulator.engines.compiled.kernels import arrays
from tnemu.emulator.inputs import InputError
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.state import Counters
from tnemu.hardware import ImageError, InputConnector, neuron
from tnemu.hardware.image import TAP_DTYPE
from tnemu.hardware.neuron import NEURON_DTYPE

WIDTH = 60


def with_pins(image, rng):
    """The image with an input connector whose pins land anywhere, one to three times."""
    taps = np.zeros(2 * WIDTH, TAP_DTYPE)
    taps["pin"] = np.concatenate([np.arange(WIDTH), rng.integers(0, WIDTH, WIDTH)])
    taps["core"] = rng.integers(0, image.core_count, len(taps))
    taps["axon"] = rng.integers(0, 256, len(taps))
    taps["delay"] = rng.integers(1, 16, len(taps))
    return replace(image, inputs=(InputConnector("pins", WIDTH, taps),))


def assert_lanes_equal_single_runs(image, lanes, rng, runs=(1, 5, 9)):
    boards = LaneEmulator(image, lanes)
    singles = [Emulator(image) for _ in range(lanes)]
    for ticks in runs:
        pins = rng.random((lanes, WIDTH)) < 0.3
        together = boards.run(ticks, {"pins": pins})
        for lane, single in enumerate(singles):
            alone = single.run(ticks, {"pins": pins[lane]})
            assert together.of(lane).records.tolist() == alone.records.tolist(), f"lane {lane}"
    for lane, single in enumerate(singles):
        assert np.array_equal(boards.potentials[lane], single.potentials), f"lane {lane}"
    total = Counters(
        **{f.name: sum(getattr(s.counters, f.name) for s in singles) for f in fields(Counters)}
    )
    assert boards.counters == total


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(cases(max_cores=3, max_ticks=8), st.integers(0, 99), st.sampled_from([1, 3, 64, 65]))
def test_a_lane_of_any_board_equals_that_board_alone(case, seed, lanes):
    rng = np.random.default_rng(seed)
    assert_lanes_equal_single_runs(with_pins(case.image, rng), lanes, rng, runs=(1, 7))


def trinary_kinds(rng, count):
    """Stateless neurons with weights +1, -1 and any leak the hardware has."""
    kinds = np.zeros(count, NEURON_DTYPE)
    for i in range(count):
        leak = int(rng.choice([-255, -254, -9, -1, 0, 1, 2, 9, 255]))
        kinds[i] = neuron(
            s=(1, -1, 0, 0), leak=leak, alpha=int(rng.integers(0, 2)), beta=0, kappa=1
        )
    return kinds


@pytest.mark.parametrize("density", [0.02, 0.5, 1.0])
@pytest.mark.parametrize("lanes", [2, 64, 100])
def test_a_lane_of_trinary_cores_equals_that_board_alone(density, lanes):
    """These cores are evaluated for all lanes at once, up to 256 rows of one sign at the rails."""
    rng = np.random.default_rng(lanes)
    image = random_image(rng, 4, trinary_kinds(rng, 9), used=0.9, density=density)
    types = image.axon_types % 3
    types[0], types[1] = 0, 1
    image = with_pins(replace(image, axon_types=types), rng)
    board = layout.load(image, threads=1)
    assert (board.flags & arrays.SLICED).all(), "the cores must take the path under test"
    assert_lanes_equal_single_runs(image, lanes, rng)


def test_inputs_may_wait_longer_than_the_slots_do():
    rng = np.random.default_rng(0)
    image = with_pins(random_image(rng, 2, trinary_kinds(rng, 3)), rng)
    boards, single = LaneEmulator(image, 2), Emulator(image)
    pins = rng.random((2, WIDTH)) < 0.5
    boards.inject_pins("pins", pins, tick=40)
    single.inject_pins("pins", pins[1], tick=40)
    boards.run(30), boards.run(30), single.run(60)
    assert np.array_equal(boards.potentials[1], single.potentials)
    assert boards.counters.input_spikes > 0


def test_closed_lanes_say_so_whatever_they_are_asked():
    rng = np.random.default_rng(0)
    image = with_pins(random_image(rng, 1, trinary_kinds(rng, 1)), rng)
    with LaneEmulator(image, 2) as boards:
        boards.run(3)
    assert boards.tick == 3
    for ask in (
        lambda: boards.run(1),
        lambda: boards.run(1, {"pins": np.zeros((2, WIDTH), bool)}),
        lambda: boards.inject_pins("pins", np.zeros((2, WIDTH), bool)),
        lambda: boards.counters,
        lambda: boards.potentials,
    ):
        with pytest.raises(EmulatorError, match="the lanes are closed and their boards are gone; "):
            ask()
    assert boards.tick == 3


def test_an_emulator_is_one_board_and_says_who_has_lanes():
    rng = np.random.default_rng(0)
    image = with_pins(random_image(rng, 1, trinary_kinds(rng, 1)), rng)
    with pytest.raises(EmulatorError) as error:
        Emulator(image, lanes=3)
    assert str(error.value) == (
        "an Emulator is one board; for 3 in lockstep use tnemu.LaneEmulator(image, lanes=3)"
    )
    with pytest.raises(
        EmulatorError, match="the engine 'reference' has no lanes; these have: comp"
    ):
        LaneEmulator(image, 3, engine="reference")


def test_refusals_name_what_is_wrong():
    rng = np.random.default_rng(0)
    image = with_pins(random_image(rng, 1, trinary_kinds(rng, 1)), rng)
    with pytest.raises(InputError, match=r"lanes = 0: must be a whole number in 1..1048576"):
        LaneEmulator(image, 0)
    with pytest.raises(InputError, match=r"lanes = 2.5: must be a whole number in"):
        LaneEmulator(image, 2.5)
    boards = LaneEmulator(image, 2)
    for ticks in (-1, 1.5):
        with pytest.raises(
            EmulatorError, match=rf"a run of {ticks} ticks is not possible; run a whole"
        ):
            boards.run(ticks)
    with pytest.raises(InputError, match=r"takes bool \[2, 60\], not bool \[60\]"):
        boards.run(1, {"pins": np.zeros(WIDTH, bool)})
    with pytest.raises(ImageError, match="no output connector 'votes'"):
        boards.run(1).counts("votes")
