"""Noisy potentials are kept in 16 bits while they fit; noisy cores sleep, and their generators jump."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from random_boards import SWITCHES, make_case
from test_narrow import one

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled import draws, layout
from tnemu.emulator.engines.compiled.kernels import arrays
from tnemu.emulator.xorshift import jump
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import neuron

NOISES = ["xorshift32", "counter"]


def noisy(kind: np.void, noise: str = "xorshift32", **switches: str) -> BoardImage:
    """One core of that kind, every neuron connected to all axons."""
    image = one(kind)
    image.types[:], image.crossbar[:] = 1, ~np.uint64(0)
    changes = {f"chip.{key}": value for key, value in (switches | {"noise": noise}).items()}
    board = image.board.override(changes)
    return replace(image, board=board, seeds=np.array([77], np.uint32))


def where(emulator: Emulator) -> int:
    return int(emulator._engine._live.wide[0])


def course(image: BoardImage, axons: int, ticks: int) -> Emulator:
    """The compiled engine after ticks with so many active axons; as the reference, tick by tick."""
    both = [Emulator(image, engine=engine) for engine in ("reference", "compiled")]
    for tick in range(ticks):
        for emulator in both:
            emulator.inject(0, np.arange(axons), tick)
            emulator.run(1)
        assert np.array_equal(both[0].potentials, both[1].potentials), tick
        assert both[0].counters == both[1].counters
        assert np.array_equal(both[0]._state.generators, both[1]._state.generators)
    return both[1]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("s", [1, -1, 3, 120, 200])
@pytest.mark.parametrize(
    "kind",
    [
        {"TM": 8, "alpha": 300},
        {"TM": 14, "alpha": 9000, "gamma": 1},
        {"c": 1, "leak": 100, "alpha": 50},
        {"c": 1, "leak": -9, "TM": 3, "alpha": 60, "gamma": 1, "beta": 100},
        {"TM": 5, "alpha": 40, "beta": 70, "kappa": 1, "gamma": 1},
        {"TM": 5, "alpha": 40, "beta": 70, "VR": 3, "leak": -1},
        {"c": 1, "leak": 77, "beta": 30, "gamma": 2, "alpha": 200},
    ],
)
def test_noise_in_16_bits_is_that_of_the_reference(noise, s, kind):
    image = noisy(neuron(s=[s] * 4, **kind), noise)
    assert layout.load(image, threads=1).flags[0] & arrays.NOISY
    for axons in (0, 3, 129):
        course(image, axons, ticks=6)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("leak", [{"leak": 1}, {"leak": 200, "c": 1}])
def test_a_noisy_potential_that_outgrows_16_bits_draws_once_in_that_tick(noise, leak):
    """What has been drawn before the tick is evaluated again in 32 bits is not drawn anew."""
    kind = neuron(s=[250] * 4, TM=8, alpha=100_000, gamma=1, **leak)
    emulator = course(noisy(kind, noise), axons=40, ticks=12)
    assert where(emulator) == arrays.IN_32_BITS
    kind = neuron(s=[250] * 4, TM=8, alpha=9000, gamma=1, **leak)
    emulator = course(noisy(kind, noise), axons=36, ticks=12)
    assert where(emulator) == arrays.IN_16_BITS_WITH_NOISE


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("V", [32_511, 32_512, -32_512, -32_513])
def test_the_edges_of_16_bits_are_exact_with_noise(noise, V):
    start = V - 255 if V > 0 else V + 255
    kind = neuron(s=[255 if V > 0 else -255] * 4, TM=14, alpha=25_000, beta=25_000, V0=start)
    course(noisy(kind, noise), axons=1, ticks=3)


@pytest.mark.parametrize(
    "kind",
    [
        {"TM": 15},
        {"TM": 1, "epsilon": 1, "leak": 1},
        {"TM": 1, "gamma": 2},
        {"TM": 1, "VR": 16},
        {"b": 1, "s": 1},
    ],
)
def test_what_16_bits_do_not_hold_or_has_a_rarer_feature_is_kept_in_32(kind):
    flags = layout.load(noisy(neuron(**kind)), threads=1).flags[0]
    assert flags & arrays.SEQUENCE
    assert not flags & (arrays.NOISY | arrays.NARROW)


# Sleep


def awake(emulator: Emulator) -> bool:
    return bool(emulator._engine._live.awake[0] & np.uint64(1))


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(
    ("kind", "sleeps"),
    [
        ({"alpha": 10, "V0": 9}, True),
        ({"alpha": 10, "V0": 10, "gamma": 1}, False),
        ({"alpha": 300, "beta": 5, "V0": -5}, True),
        ({"alpha": 300, "beta": 5, "V0": -6, "gamma": 1}, False),
        ({"alpha": 300, "beta": 5, "V0": -9, "kappa": 1, "leak": -2}, True),
        ({"alpha": 300, "leak": 1}, False),
        ({"alpha": 300, "c": 1, "leak": 0}, False),
        ({"alpha": 300, "epsilon": 1, "leak": -3, "gamma": 2, "V0": 2}, True),
        ({"alpha": 300, "epsilon": 1, "leak": 3, "V0": 0}, True),
        ({"alpha": 9, "epsilon": 1, "leak": 3, "V0": 9, "TM": 18, "VR": 4}, False),
    ],
)
def test_a_core_sleeps_where_no_noise_of_a_threshold_can_matter(noise, kind, sleeps):
    image = noisy(neuron(**{"s": [1] * 4, "TM": 8} | kind), noise)
    emulator = Emulator(image)
    emulator.run(2)
    assert awake(emulator) != sleeps
    course(image, axons=0, ticks=4)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_generator_that_slept_is_where_it_would_have_been(threads):
    """256 words a tick; the state of a sleeping core is brought up to date where it is read."""
    emulator = Emulator(noisy(neuron(TM=3, alpha=500)), threads=threads)
    for ticks in (1, 1, 7, 1000, 123_456, 10**7):
        emulator.run(ticks)
        expected = jump(77, 256 * emulator.tick)
        emulator.potentials  # noqa: B018  settles the state
        assert emulator._state.generators[0] == expected


def test_a_core_that_wakes_for_a_tick_goes_on_as_one_that_never_slept():
    kind = neuron(s=[60] * 4, alpha=100, TM=6, gamma=1, c=0)
    image = noisy(kind)
    both = [Emulator(image, engine=engine) for engine in ("reference", "compiled")]
    for emulator in both:
        emulator.inject(0, [1, 2, 3], [3, 40, 41])
        emulator.run(60, record_spikes=True)
    assert np.array_equal(both[0].potentials, both[1].potentials)
    records = [emulator.last_spikes.records.tolist() for emulator in both]
    assert records[0] == records[1] != []


# Tables and cases


def test_every_entry_of_the_tables_is_the_jump_that_it_stands_for():
    tables = draws.jumps()
    steps = [
        [16 * i for i in range(16)],
        [1 << i for i in range(16)],
        [1 << i + 16 for i in range(16)],
    ]
    for table, by in zip(tables, steps, strict=True):
        for lane in (0, 1, 7, 15):
            for group in range(8):
                for value in (0, 1, 6, 15):
                    expected = jump(value << 4 * group, by[lane])
                    assert table[group, value, lane] == expected
    assert draws.jumps() is tables
    assert not tables.flags.writeable


def test_random_boards_reach_every_way_that_a_core_is_evaluated():
    """Or else the agreement of engines on them would say little."""
    reached: Counter[str] = Counter()
    names = ["NARROW", "NOISY", "SEQUENCE", "DRAWS_LEAK", "DRAWS_ETA", "DRAWS_WEIGHTS"]
    names += ["REVERSES", "LIMITED"]
    for seed in range(120):
        chip = SWITCHES[seed % len(SWITCHES)]
        case = make_case(seed, 1, 1, 0, 0.5, noise=seed % 3 > 0, chip=chip)
        flags = int(layout.load(case.image, threads=1).flags[0])
        reached.update(name for name in names if flags & getattr(arrays, name))
        if flags & arrays.SEQUENCE:
            kinds = ("DRAWS_LEAK", "DRAWS_ETA", "DRAWS_WEIGHTS")
            drawn = [name for name in kinds if flags & getattr(arrays, name)]
            reached.update(["in order: " + ", ".join(drawn)])
    assert len([name for name in reached if name.startswith("in order")]) == 7
    assert all(reached[name] >= 5 for name in names), reached
