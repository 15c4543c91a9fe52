"""An interrupt ends a run between two ticks: nothing waits for ever, and the state is whole."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
from random_boards import Wires, make_case, random_image

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled import crew as crew_module
from tnemu.emulator.engines.compiled import engine as compiled
from tnemu.emulator.engines.compiled.crew import Crew
from tnemu.emulator.engines.compiled.kernels import arrays
from tnemu.emulator.engines.compiled.kernels import lanes as lanes_kernel
from tnemu.emulator.lanes import LaneEmulator
from tnemu.hardware import neuron
from tnemu.lab.bench.networks import recurrent

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


def test_interrupts_that_come_while_the_threads_are_waited_for_wait_as_well():
    """The third thread is slow; three interrupts hit the wait for it, and one is raised."""
    done, hits = [], []

    def work(thread):
        if thread == 2:
            for _ in range(3):
                time.sleep(0.02)
                os.kill(os.getpid(), signal.SIGALRM)
            time.sleep(0.05)
        done.append(thread)

    def ring(_signal, _frame):
        hits.append(sorted(done))
        raise Interrupt

    before = signal.signal(signal.SIGALRM, ring)
    crew = Crew(3)
    try:
        with pytest.raises(Interrupt):
            crew.run(work, lambda: 0 in done)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(hits) == 3
    assert sorted(done) == [0, 1, 2], "everybody was waited for"


def test_work_that_an_interrupt_has_left_is_finished_before_the_next():
    """As where one hits between two lines of the crew: the next call waits for what goes on."""
    done = []

    def work(thread):
        if thread:
            time.sleep(0.05)
        done.append(thread)

    crew = Crew(2)
    piece = crew_module._Piece(work, lambda: 0 in done)
    crew._piece = piece
    threading.Thread(target=piece.take_part, args=(1,)).start()
    crew.run(lambda thread: done.append(thread + 10), lambda: 10 in done)
    assert sorted(done) == [0, 1, 10, 11]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_tick_that_is_read_after_an_interrupt_stays_the_tick(monkeypatch, threads):
    """Also where it hits between two lines, when a piece of work has been set up and not begun."""
    case = make_case(5, cores=130, ticks=20, inputs=3000, feedback=1.0, noise=False, chip=WIDE)
    emulator = Emulator(case.image, threads=threads)
    emulator.inject(case.cores, case.axons, case.ticks)
    emulator.run(1)
    finish, hits = Crew.finish, []

    def interrupted(crew):
        if crew._piece is not None and not hits:
            hits.append(1)
            raise Interrupt
        finish(crew)

    monkeypatch.setattr(Crew, "finish", interrupted)
    with pytest.raises(Interrupt):
        emulator.run(40)
    tick = emulator.tick
    assert hits and tick in (1, 41)
    assert emulator.counters.ticks == tick
    assert emulator.tick == tick


@pytest.mark.parametrize("lanes", [2, 130])
def test_interrupted_lanes_have_all_run_the_same_whole_number_of_ticks(alarm, lanes):
    """Also where an interrupt comes between two words of 64 lanes."""
    case = make_case(5, cores=20, ticks=20, inputs=900, feedback=1.0, noise=False, chip={})

    def boards():
        emulator = LaneEmulator(case.image, lanes)
        emulator.inject(case.cores, case.axons, case.ticks + 60)
        emulator.inject(case.cores, case.axons, case.ticks, case.cores % lanes)
        return emulator

    emulator, interrupted = boards(), 0
    emulator.run(1)
    for k in range(40):
        before = emulator.tick
        try:
            alarm(2e-5 + 5e-5 * k)
            emulator.run(40)
            alarm(0)
        except Interrupt:
            interrupted += 1
        assert before <= emulator.tick <= before + 40
        assert emulator.counters.ticks == lanes * emulator.tick
    alarm(0)
    assert interrupted > 5
    other = boards()
    other.run(emulator.tick)
    assert emulator.counters == other.counters
    assert emulator.in_flight == other.in_flight
    np.testing.assert_array_equal(emulator.potentials, other.potentials)


def test_lanes_that_were_left_behind_catch_up_before_anything_is_read(monkeypatch):
    """Every interrupt there can be between two words, one after the other."""
    case = make_case(6, cores=3, ticks=20, inputs=900, feedback=1.0, noise=True, chip={})
    expected = LaneEmulator(case.image, 200)
    expected.inject(case.cores, case.axons, case.ticks)
    emulator = LaneEmulator(case.image, 200)
    emulator.inject(case.cores, case.axons, case.ticks)
    kernel = lanes_kernel.advance_lanes
    for words in range(1, 4):

        def stops(*arguments, left=[words]):  # noqa: B006
            if not left[0]:
                monkeypatch.setattr(lanes_kernel, "advance_lanes", kernel)
                raise Interrupt
            left[0] -= 1
            return kernel(*arguments)

        monkeypatch.setattr(lanes_kernel, "advance_lanes", stops)
        with pytest.raises(Interrupt):
            emulator.run(5)
    expected.run(emulator.tick)
    assert emulator.tick > 0
    assert emulator.counters == expected.counters
    np.testing.assert_array_equal(emulator.potentials, expected.potentials)
    assert emulator.run(7).spikes.records.tolist() == expected.run(7).spikes.records.tolist()


def test_an_interrupted_tick_of_the_reference_engine_has_not_begun(alarm):
    case = make_case(5, cores=3, ticks=20, inputs=900, feedback=1.0, noise=False, chip={})
    emulator, other = case.load("reference"), case.load("reference")
    interrupted = 0
    for k in range(40):
        try:
            alarm(1e-4 + 1e-4 * k)
            emulator.run(3)
            alarm(0)
        except Interrupt:
            interrupted += 1
    alarm(0)
    assert interrupted > 5
    other.run(emulator.tick)
    assert emulator.counters == other.counters
    assert emulator.in_flight == other.in_flight
    np.testing.assert_array_equal(emulator.potentials, other.potentials)
    np.testing.assert_array_equal(emulator.firings, other.firings)


GENEROUS_S = 15
"""A second is what is aimed at; a busy computer may take several. Without pieces it was minutes."""


@pytest.mark.parametrize(
    "make",
    [
        lambda: Emulator(recurrent(256, 20.0), threads=1),
        lambda: Emulator(recurrent(256, 20.0), threads=2),
        lambda: Emulator(dense(512, noise=True)),
        lambda: LaneEmulator(recurrent(64, 20.0), 300),
        lambda: LaneEmulator(dense(8, noise=True), 64),
    ],
    ids=["256 cores", "two threads", "noise on every row", "lanes", "lanes with noise"],
)
def test_an_interrupt_of_a_long_run_without_outputs_is_served_soon(alarm, make):
    """It would take minutes to hours: nothing is recorded, so nothing else would cut the run."""
    emulator = make()
    emulator.run(2)
    alarm(0.3)
    began = time.monotonic()
    with pytest.raises(Interrupt):
        emulator.run(1 << 40)
    assert time.monotonic() - began < GENEROUS_S
    assert 2 < emulator.tick < 1 << 40


def dense(cores, noise):
    """Every axon of every core active in every tick: 256 neurons that fire at each other for ever."""
    kind = neuron(s=[1] * 4, b=[int(noise)] * 4, alpha=0, beta=0, leak=1, kappa=1)
    image = random_image(np.random.default_rng(1), cores, [kind], density=1.0, cores_x=80)
    wires = Wires(
        ends=np.repeat(np.arange(cores)[:, None], 256, axis=1),
        axons=np.tile(np.arange(256), (cores, 1)),
        delays=np.ones((cores, 256), np.int64),
        sends=np.ones((cores, 256), np.bool_),
    )
    return wires.laid(image)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_run_that_is_cut_after_every_tick_by_its_cost_is_the_same(monkeypatch, threads):
    case = make_case(8, cores=200, ticks=18, inputs=2000, feedback=0.5, noise=False, chip=WIDE)
    results = []
    for budget in (compiled.BUDGET, 0):
        monkeypatch.setattr(compiled, "BUDGET", budget)
        emulator = Emulator(case.image, threads=threads)
        emulator.inject(case.cores, case.axons, case.ticks)
        out = emulator.run(case.length, record_spikes=True)
        results.append(
            (
                out.records.tolist(),
                emulator.last_spikes.records.tolist(),
                emulator.counters,
                emulator.potentials.tolist(),
                emulator.tick,
            )
        )
    assert results[0] == results[1]
