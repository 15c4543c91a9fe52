"""Two threads that wait for each other at every tick, where something else wants their processors."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from turns import best_ratio

from tnemu.lab.bench.measure import EngineMachine, warm_up
from tnemu.lab.bench.networks import recurrent, start_potentials

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors are not chosen"),
]

CORES = 2048
"""The smallest board that is given two threads without being asked."""
BUSY = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"


@pytest.fixture
def processors() -> Iterator[list[int]]:
    """The processors that this process may use; afterwards it may again."""
    before = os.sched_getaffinity(0)
    yield sorted(before)
    os.sched_setaffinity(0, before)


def two_to_one(most: float, now: Callable[[], float]) -> float:
    """How many times one thread's time two threads take, on the processors set before."""
    image = recurrent(CORES, 20)
    both = [EngineMachine(image, start_potentials(image), threads) for threads in (1, 2)]
    for machine in both:
        warm_up(machine)
    return best_ratio(both, [25, 25], lambda ratio: ratio < most, now)


def test_two_threads_that_have_one_processor_do_not_collapse(processors, capsys):
    """Each has to wait while the other has it. Measured: 1.1 to 1.8 times one thread's time.

    A barrier that spins and never lets the other run takes 10 to 12 times: every tick lasts until the
    system takes the processor away.
    """
    os.sched_setaffinity(0, processors[:1])
    ratio = two_to_one(4, time.perf_counter)
    with capsys.disabled():
        print(f"\ntwo threads on one processor: {ratio:.2f} x the time of one thread")
    assert ratio < 4


@pytest.mark.parametrize("count", [1, 2])
def test_waiting_beside_a_busy_process_costs_little_processor_time(processors, count, capsys):
    """Measured: 1.05 to 1.2 times what one thread uses; a barrier that only spins, 9 to 11 times.

    The busy process has one of the threads' processors, or the only one. How long they then wait is
    the system's choice, so what is asserted is what the waiting costs.
    """
    if len(processors) < count:
        pytest.skip(f"needs {count} processors")
    os.sched_setaffinity(0, processors[:1])
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        os.sched_setaffinity(0, processors[:count])
        ratio = two_to_one(3, time.process_time)
        assert busy.poll() is None
    finally:
        busy.kill()
        busy.wait()
    with capsys.disabled():
        print(
            f"\ntwo threads, {count} processors, one busy: {ratio:.2f} x one thread's processor time"
        )
    assert ratio < 3
