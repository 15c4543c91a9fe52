"""A large board keeps spikes to come in a calendar, and nobody can tell."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_boards import make_case

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled import sizes
from tnemu.emulator.engines.compiled.kernels import arrays
from tnemu.hardware import BoardImage
from tnemu.lab.bench.measure import EngineMachine
from tnemu.lab.bench.networks import recurrent, start_potentials

WIDE = {"cores_x": 40}
NEVER = 1 << 40


def everything(case, cut: int, **options):
    """All that can be seen of a run in two pieces, with spikes on their way between them."""
    emulator = Emulator(case.image, **options)
    emulator.inject(case.cores, case.axons, case.ticks)
    seen = []
    for ticks in (cut, case.length - cut):
        outputs = emulator.run(ticks, record_spikes=True).records.tolist()
        seen += [outputs, emulator.last_spikes.records.tolist(), emulator.counters]
        seen += [emulator.in_flight, emulator.potentials.tolist()]
    return seen


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 140),
    st.sampled_from([1, 3, 1000]),
    st.integers(0, 12),
)
@pytest.mark.slow
def test_a_calendar_gives_the_reference_result_however_little_room_its_pages_have(
    seed, cores, room, cut
):
    """Also what merges, and what is in flight where a run is cut."""
    case = make_case(seed, cores, 12, 800, 0.9, False, WIDE)
    expected = everything(case, cut, engine="reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "CALENDAR_CORES", 1)
        patch.setattr(arrays, "PAGE_ROOM", room)
        for threads in (1, 2):
            assert everything(case, cut, threads=threads) == expected


@cache
def busy(cores: int, rate_hz: float) -> tuple[BoardImage, np.ndarray]:
    image = recurrent(cores, rate_hz)
    return image, start_potentials(image)


@pytest.fixture(scope="module")
def slots() -> EngineMachine:
    """8,320 cores after 33 ticks, without a calendar."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "CALENDAR_CORES", NEVER)
        return after_33_ticks(1)


def after_33_ticks(threads: int) -> EngineMachine:
    machine = EngineMachine(*busy(8320, 50.0), threads)
    for ticks in (1, 30, 2):
        machine.run(ticks)
    machine.engine.settle(machine.state)
    return machine


@pytest.mark.parametrize(
    ("threads", "room"), [(1, 100), (1, arrays.PAGE_ROOM), (2, arrays.PAGE_ROOM), (3, 100)]
)
def test_pages_of_many_cores_and_last_ones_that_are_not_full(monkeypatch, slots, threads, room):
    """8,320 cores are two pages and a bit on one thread, a page and a bit for either of two."""
    monkeypatch.setattr(arrays, "PAGE_ROOM", room)
    monkeypatch.setattr(arrays, "CALENDAR_CORES", 1)
    calendar = after_33_ticks(threads)
    pages = calendar.engine.board.page_of
    assert pages[-1] + 1 == {1: 3, 2: 4, 3: 3}[threads]
    assert np.bincount(pages).max() <= arrays.PAGE // arrays.BLOCK
    assert slots.counters == calendar.counters
    assert slots.counters.spikes > 8320 * 256
    for name in ("potentials", "slots", "firings"):
        np.testing.assert_array_equal(getattr(calendar.state, name), getattr(slots.state, name))


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_a_small_board_has_no_calendar_and_a_large_one_is_charged_for_it(threads):
    """1 kB a core for each of up to four threads."""
    for cores in (arrays.CALENDAR_CORES - 1, arrays.CALENDAR_CORES):
        machine = EngineMachine(*busy(cores, 20.0), threads)
        machine.run(1)
        held = machine.engine._live.calendar.nbytes
        without = cores * sizes.ENGINE_CORE + sizes.ENGINE_BLOCK
        assert held == sizes.engine_bytes(cores, threads=threads) - without
        lists = min(threads, 4) * (cores >= arrays.CALENDAR_CORES)
        assert held == lists * cores * sizes.CALENDAR_CORE
