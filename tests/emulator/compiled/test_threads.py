"""Any number of threads gives the same result, and a small network is given one."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_boards import make_case

from tnemu.emulator.emulator import Emulator, EmulatorError
from tnemu.emulator.engines.compiled import engine as compiled
from tnemu.emulator.engines.compiled import layout

WIDE = {"cores_x": 40}
"""``tiny`` with 320 cores: five words of the engine's bitmaps, so that threads have cores to own."""


def everything(case, **options):
    emulator = Emulator(case.image, **options)
    emulator.inject(case.cores, case.axons, case.ticks)
    outputs = emulator.run(case.length, record_spikes=True).records.tolist()
    return (
        outputs,
        emulator.last_spikes.records.tolist(),
        emulator.potentials.tolist(),
        emulator.counters,
        emulator.in_flight,
    )


@pytest.mark.parametrize("noise", [False, True])
def test_any_number_of_threads_gives_the_reference_result(noise):
    case = make_case(
        7, cores=300, ticks=9 if noise else 18, inputs=2000, feedback=0.8, noise=noise, chip=WIDE
    )
    expected = everything(case, engine="reference")
    for threads in (1, 2, 3, 5):
        assert everything(case, threads=threads) == expected, f"{threads} threads"


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 2**32 - 1), st.integers(65, 130), st.booleans(), st.sampled_from([0.0, 0.5, 1.0])
)
def test_one_and_two_threads_agree_with_the_reference_on_any_board(seed, cores, noise, feedback):
    """More than 64 cores, so that there is something for a second thread to own."""
    case = make_case(seed, cores, 5, 500, feedback, noise, WIDE)
    expected = everything(case, engine="reference")
    for threads in (1, 2):
        assert compiled.CompiledEngine(case.image, threads).threads == threads
        assert everything(case, threads=threads) == expected


def test_a_thread_that_owns_no_core_does_nothing(monkeypatch):
    """As where one word of cores is more than a thread's share of the work."""
    case = make_case(11, cores=70, ticks=9, inputs=700, feedback=0.8, noise=False, chip=WIDE)
    expected = everything(case, threads=1)
    monkeypatch.setattr(layout, "_bounds", lambda used, threads: np.array([0, 0, 70]))
    assert everything(case, threads=2) == expected
    monkeypatch.setattr(layout, "_bounds", lambda used, threads: np.array([0, 70, 70]))
    assert everything(case, threads=2) == expected


def test_threads_and_small_buffers_lose_nothing(monkeypatch):
    case = make_case(8, cores=200, ticks=18, inputs=2000, feedback=0.5, noise=False, chip=WIDE)
    expected = everything(case, threads=1)
    monkeypatch.setattr(compiled, "BUFFER_ROWS", 1)
    assert everything(case, threads=3) == expected


def test_more_threads_than_blocks_of_cores_are_not_started():
    case = make_case(9, cores=65, ticks=2, inputs=0, feedback=0.5, noise=False, chip=WIDE)
    assert compiled.CompiledEngine(case.image, threads=8).threads == 2


def test_a_small_network_is_given_one_thread(monkeypatch):
    monkeypatch.setattr(compiled.os, "sched_getaffinity", lambda _: set(range(8)))
    assert [compiled.default_threads(n) for n in (1, 1024, 2047, 2048, 4096, 65536)] == [
        *(1, 1, 1, 2, 4, 8)
    ]


@given(st.lists(st.integers(0, 256), min_size=1, max_size=1200).map(np.array), st.integers(1, 6))
def test_no_thread_has_more_than_its_share_of_the_work_and_one_word_of_cores(used, threads):
    """The work of a core: its neurons, whose spikes are sent, and half of its axons."""
    bounds = layout._bounds(used, threads)
    assert (bounds[0], bounds[-1], len(bounds)) == (0, len(used), threads + 1)
    assert (np.diff(bounds) >= 0).all()
    assert ((bounds % 64 == 0) | (bounds == len(used))).all()
    work = used + 128
    word = max(work[k : k + 64].sum() for k in range(0, len(used), 64))
    for first, last in pairwise(bounds):
        assert work[first:last].sum() <= work.sum() / threads + word


def test_threads_below_one_are_refused():
    case = make_case(1, cores=1, ticks=1, inputs=0, feedback=0.0, noise=False, chip={})
    for threads in (0, -1, 1.5, True, 10**6):
        message = rf"threads = {threads}: must be a whole number in 1..256"
        with pytest.raises(EmulatorError, match=message):
            Emulator(case.image, threads=threads)


def test_firings_of_every_core_are_counted():
    case = make_case(7, cores=70, ticks=10, inputs=2000, feedback=0.8, noise=False, chip=WIDE)
    emulator = Emulator(case.image)
    emulator.inject(case.cores, case.axons, case.ticks)
    emulator.run(case.length, record_spikes=True)
    counted = np.bincount(emulator.last_spikes.records["core"], minlength=70)
    assert np.array_equal(emulator.firings, counted)


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("tnemu-engine")]


def test_the_workers_of_an_engine_are_kept_between_runs_and_end_with_it():
    case = make_case(3, cores=70, ticks=4, inputs=700, feedback=0.8, noise=False, chip=WIDE)
    others = set(workers())
    emulator = Emulator(case.image, threads=2)
    emulator.run(1)
    mine = set(workers()) - others
    emulator.run(1)
    assert len(mine) == 1
    assert set(workers()) - others == mine
    del emulator
    gc.collect()
    for worker in mine:
        worker.join(timeout=60)
        assert not worker.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_goes_on_with_workers_of_its_own():
    """The workers of the process it was forked from do not exist in it."""
    case = make_case(4, cores=70, ticks=9, inputs=700, feedback=0.8, noise=False, chip=WIDE)
    emulator = Emulator(case.image, threads=2)
    emulator.inject(case.cores, case.axons, case.ticks)
    emulator.run(4)
    child = os.fork()
    if child == 0:
        try:
            emulator.run(5)
            os._exit(emulator.counters.spikes % 251)
        finally:
            os._exit(255)  # and never back into the tests
    emulator.run(5)
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, (emulator.counters.spikes % 251) << 8)
