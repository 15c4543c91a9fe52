"""An interrupt ends a run between two ticks: nothing waits for ever, and the state is whole."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest
from random_boards import make_case

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled.crew import Crew
from tnemu.emulator.engines.compiled.kernels import arrays

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no signal.setitimer here")
WIDE = {"cores_x": 40}


class Interrupt(BaseException):
    """As KeyboardInterrupt, which pytest takes for its own."""


@pytest.fixture
def alarm():
    """A function that raises Interrupt in this thread after some seconds."""

    def ring(_signal, _frame):
        raise Interrupt

    before = signal.signal(signal.SIGALRM, ring)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("calendar", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupted_run_has_run_a_whole_number_of_ticks_and_goes_on(
    monkeypatch, alarm, threads, calendar
):
    """Interrupts come from before a run begins to after it has ended."""
    monkeypatch.setattr(arrays, "CALENDAR_CORES", 1 if calendar else 1 << 40)
    case = make_case(5, cores=130, ticks=20, inputs=3000, feedback=1.0, noise=False, chip=WIDE)

    def board():
        emulator = Emulator(case.image, threads=threads)
        emulator.inject(case.cores, case.axons, case.ticks)
        return emulator

    emulator, interrupted = board(), 0
    emulator.run(1)
    for k in range(60):
        before = emulator.tick
        try:
            alarm(2e-6 + 5e-6 * k)
            emulator.run(40)
            alarm(0)
        except Interrupt:
            interrupted += 1
        assert emulator.tick in (before, before + 40)
    alarm(0)
    assert interrupted > 5
    other = board()
    other.run(emulator.tick)
    assert emulator.counters == other.counters
    assert emulator.in_flight == other.in_flight
    np.testing.assert_array_equal(emulator.potentials, other.potentials)


@pytest.mark.parametrize("first", [True, False])
def test_an_interrupt_before_or_after_the_own_part_leaves_no_thread_at_the_barrier(first):
    """Both others wait for thread 0, which is interrupted before it takes part, or afterwards."""
    barrier, done, counted = threading.Barrier(3), [], []

    def work(thread):
        if thread == 0 and first and not counted:
            counted.append("interrupted")
            raise Interrupt
        barrier.wait(timeout=60)
        done.append(thread)
        if thread == 0 and not first:
            raise Interrupt

    crew = Crew(3)
    with pytest.raises(Interrupt):
        crew.run(work, lambda: 0 in done)
    assert sorted(done) == [0, 1, 2], "everybody was waited for"


def test_what_goes_wrong_in_another_thread_is_raised():
    def work(thread):
        if thread:
            raise ArithmeticError("thread 1")

    with pytest.raises(ArithmeticError, match="thread 1"):
        Crew(2).run(work, lambda: True)
