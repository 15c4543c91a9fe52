"""The rules of the clock, on a hand-driven time: no test here waits or measures."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

import tnemu.runtime.clock
from tnemu.runtime.clock import Clock, ClockError


class Time:
    """A time that passes only when something sleeps or a test says so."""

    def __init__(self) -> None:
        self.s = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.s += seconds


def clock(mode: str, rate_hz: float = 10) -> tuple[Clock, Time]:
    time = Time()
    made = Clock(mode, rate_hz, now=time.now, sleep=time.sleep)
    made.start()
    return made, time


def decide(made: Clock, time: Time, work_s: float) -> float | None:
    """One decision that takes ``work_s``; returns its lateness."""
    time.s += work_s
    lateness = made.delivered()
    made.wait()
    return lateness


def test_realtime_acts_on_the_grid_whatever_the_decisions_took() -> None:
    made, time = clock("realtime")
    moved = []
    for work_s in (0.01, 0.09, 0.05):
        decide(made, time, work_s)
        moved.append(round(time.s - 100, 9))
    assert moved == [0.1, 0.2, 0.3]


def test_lateness_is_delivery_minus_deadline_and_negative_when_early() -> None:
    made, time = clock("realtime")
    assert decide(made, time, 0.04) == pytest.approx(-0.06)
    assert decide(made, time, 0.13) == pytest.approx(0.03)


def test_a_short_delay_is_caught_up_without_leaving_the_grid() -> None:
    made, time = clock("realtime")
    decide(made, time, 0.15)  # 50 ms late, acted upon at once
    assert time.slept == []
    decide(made, time, 0.02)  # due at 0.2 s
    assert time.s - 100 == pytest.approx(0.2)
    assert made.skipped == 0


def test_a_stall_of_whole_periods_drops_the_passed_grid_points_and_keeps_the_phase() -> None:
    made, time = clock("realtime")
    decide(made, time, 0.37)  # deadlines 0.1, 0.2 and 0.3 s have passed
    assert made.skipped == 2
    assert made.deadline_s - 100 == pytest.approx(0.4)
    decide(made, time, 0.01)
    assert time.s - 100 == pytest.approx(0.4)


def test_after_a_stall_there_is_no_burst_of_moves() -> None:
    made, time = clock("realtime")
    decide(made, time, 5.02)
    moves = []
    for _ in range(5):
        decide(made, time, 0.0)
        moves.append(time.s)
    gaps = [b - a for a, b in itertools.pairwise(moves)]
    assert gaps == pytest.approx([0.1] * 4)


def test_deadlines_do_not_drift_over_a_million_periods() -> None:
    made, _ = clock("realtime", rate_hz=30)
    made._index = 1_000_000 - 1
    assert made.deadline_s == 100 + 1_000_000 * (1 / 30)


def test_lockstep_is_never_faster_than_its_rate_and_never_late() -> None:
    made, time = clock("lockstep")
    assert decide(made, time, 0.04) is None
    assert time.s - 100 == pytest.approx(0.1)
    assert decide(made, time, 0.75) is None
    assert time.s - 100 == pytest.approx(0.85)
    decide(made, time, 0.04)  # the grid moved along: a whole period again
    assert time.s - 100 == pytest.approx(0.95)
    assert made.skipped == 0


def test_free_never_sleeps() -> None:
    made, time = clock("free")
    assert decide(made, time, 0.001) is None
    assert time.slept == []


def test_elapsed_counts_from_the_start() -> None:
    made, time = clock("free")
    time.s += 2.5
    assert made.elapsed_s == pytest.approx(2.5)


def test_an_unknown_mode_is_refused_with_the_modes_there_are() -> None:
    with pytest.raises(ClockError) as caught:
        Clock("fast", 30)
    assert str(caught.value) == ("there is no mode 'fast'; choose one of: realtime, lockstep, free")


@pytest.mark.parametrize("rate", [0, -1, 1001, float("nan")])
def test_an_impossible_rate_is_refused_with_its_limits(rate: float) -> None:
    with pytest.raises(ClockError) as caught:
        Clock("realtime", rate)
    assert str(caught.value) == (
        f"a rate of {rate:g} decisions a second is not possible; choose more than 0 and at most "
        "1000, or mode 'free' for as many as the computer can do"
    )


def test_nothing_else_in_the_room_reads_a_clock_or_sleeps() -> None:
    home = Path(tnemu.runtime.clock.__file__)
    reads = re.compile(r"^\s*(?:import|from) (?:time|datetime)\b", re.MULTILINE)
    assert [path for path in home.parent.glob("*.py") if reads.search(path.read_text())] == [home]
