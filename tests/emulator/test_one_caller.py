"""An emulator belongs to one caller at a time: the second is refused by name, every time."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest
from random_boards import make_case

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.errors import EmulatorError
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.one_caller import OneCaller

ROUNDS, ALARMS = 100, 25
LANES = 3
CASE = make_case(
    5, cores=130, ticks=20, inputs=3000, feedback=1.0, noise=False, chip={"cores_x": 40}
)
SMALL = make_case(5, cores=2, ticks=20, inputs=300, feedback=1.0, noise=False, chip={})

WAYS = {
    "reference": lambda image: Emulator(image, engine="reference"),
    "one thread": lambda image: Emulator(image, threads=1),
    "two threads": lambda image: Emulator(image, threads=2),
    "lanes": lambda image: LaneEmulator(image, LANES),
}
ASKS = {
    "run": lambda e, path: e.run(1),
    "step": lambda e, path: e.step(),
    "drain": lambda e, path: e.drain(),
    "inject": lambda e, path: e.inject(0, 0, 10**6),
    "inject_pins": lambda e, path: e.inject_pins("in", np.zeros((1, 1), bool)),
    "snapshot": lambda e, path: e.snapshot(path),
    "close": lambda e, path: e.close(),
    "potentials": lambda e, path: e.potentials,
    "counters": lambda e, path: e.counters,
    "firings": lambda e, path: e.firings,
    "in_flight": lambda e, path: e.in_flight,
}


class Held(dict):
    """Input spikes that keep the run which looks at them waiting."""

    def __init__(self):
        super().__init__()
        self.inside, self.go_on = threading.Event(), threading.Event()

    def items(self):
        self.inside.set()
        assert self.go_on.wait(60)
        return super().items()


@pytest.mark.parametrize("way", WAYS)
def test_a_second_thread_is_refused_a_hundred_times_of_a_hundred(way, tmp_path, relay):
    emulator, refused = WAYS[way](relay()), []
    for _ in range(ROUNDS):
        held = Held()
        held["in"] = np.ones((LANES, 1), bool) if way == "lanes" else [0]
        first = threading.Thread(target=emulator.run, args=(3, held))
        first.start()
        assert held.inside.wait(60)
        for name, ask in ASKS.items():
            with pytest.raises(EmulatorError) as error:
                ask(emulator, tmp_path / "never")
            assert str(error.value) == (
                f"{name} cannot begin: run of this emulator has not ended, in another thread or under "
                "a signal handler; give every thread its own emulator"
            )
            refused.append(name)
        held.go_on.set()
        first.join(60)
    assert len(refused) == ROUNDS * len(ASKS)
    assert emulator.tick == 3 * ROUNDS
    assert list(tmp_path.iterdir()) == []
    emulator.run(1)  # and afterwards it is free again


@pytest.mark.parametrize("way", [way for way in WAYS if way != "reference"])
@pytest.mark.slow
def test_two_threads_that_run_at_once_each_run_whole_runs_or_none(way):
    """What is done is what one caller would have done; nobody waits for ever."""
    emulator, done = WAYS[way](CASE.image), []
    emulator.inject(CASE.cores, CASE.axons, CASE.ticks)

    def go():
        for _ in range(300):
            try:
                emulator.run(2)
                done.append(2)
            except EmulatorError:
                pass  # refused, by the words of the test above

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert emulator.tick == sum(done) > 0
    other = WAYS[way](CASE.image)
    other.inject(CASE.cores, CASE.axons, CASE.ticks)
    other.run(emulator.tick)
    assert emulator.counters == other.counters
    np.testing.assert_array_equal(emulator.potentials, other.potentials)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no signal.setitimer here")
@pytest.mark.parametrize("way", WAYS)
def test_a_signal_handler_that_calls_run_is_refused(way):
    """Alarms in the middle of runs; the runs they interrupt go on."""
    case, ticks = (SMALL, 2) if way == "reference" else (CASE, 20)
    emulator, refused = WAYS[way](case.image), []
    emulator.inject(case.cores, case.axons, case.ticks)

    def ring(_signal, _frame):
        try:
            emulator.run(1)
        except EmulatorError as error:
            refused.append(str(error))

    before = signal.signal(signal.SIGALRM, ring)
    runs = 0
    try:
        while len(refused) < ALARMS and runs < 50 * ALARMS:
            at = emulator.tick
            signal.setitimer(signal.ITIMER_REAL, 1e-5 + 1e-6 * (runs % 50))
            emulator.run(ticks)
            signal.setitimer(signal.ITIMER_REAL, 0)
            runs += 1
            # An alarm before or after the run is not refused: then one more tick has passed.
            assert emulator.tick - at in (ticks, ticks + 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(refused) == ALARMS
    assert all(text.startswith("run cannot begin: run of this emulator") for text in refused)


def test_a_failure_inside_is_raised_as_it_is_and_leaves_it_free():
    caller = OneCaller("thing")

    def fail():
        raise RuntimeError("its own")

    with pytest.raises(RuntimeError, match="its own"):
        caller.call("fail", fail)
    assert caller.call("work", lambda: 7) == 7
    with pytest.raises(
        EmulatorError, match="inner cannot begin: outer of this thing has not ended"
    ):
        caller.call("outer", lambda: caller.call("inner", lambda: None))
