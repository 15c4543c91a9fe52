"""The log of a run, its film and its live numbers, written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tnemu.runtime import film as films
from tnemu.runtime import record as records
from tnemu.runtime.film import Film, film_layout
from tnemu.runtime.link import SharedArrays
from tnemu.runtime.live import Meter
from tnemu.runtime.record import Record, percentiles_ms, record_layout


@pytest.fixture
def record() -> Record:
    return Record(SharedArrays(record_layout(3)))


def add(record: Record, reward: float, score: float, over: bool = False, **changes: float) -> None:
    fields = {
        "lateness_s": -0.02,
        "response_s": 0.01,
        "input_spikes": 5,
        "output_spikes": 2,
        "spikes": 60,
        "synaptic_operations": 6000,
    }
    record.add(reward=reward, score=score, over=over, **{**fields, **changes})


def test_totals_follow_the_decisions(record: Record) -> None:
    add(record, 1, 1, lateness_s=0.001)
    add(record, 2, 3, over=True)
    add(record, 0, 0, lateness_s=math.nan)
    host = record.host
    assert (host["decisions"], host["episodes"], host["misses"], host["score"]) == (3, 1, 1, 0)
    assert record.returns().tolist() == [3]


def test_a_decision_exactly_at_its_deadline_is_no_miss(record: Record) -> None:
    add(record, 0, 0, lateness_s=0.0)
    assert record.host["misses"] == 0


def test_a_long_run_keeps_its_latest_decisions_and_all_its_totals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records, "DECISIONS", 4)
    monkeypatch.setattr(records, "EPISODES", 2)
    record = Record(SharedArrays(record_layout(3)))
    for k in range(10):
        add(record, k, k, over=k % 3 == 2)
    assert record.host["decisions"] == 10
    assert record.decisions()["reward"].tolist() == [6, 7, 8, 9]
    assert record.decisions(2)["reward"].tolist() == [8, 9]
    assert record.host["episodes"] == 3
    assert record.returns().tolist() == [5, 8]


def test_core_rates_are_firings_per_tick(record: Record) -> None:
    record.core_spikes[:] = [30, 7, 0]
    assert record.core_rate().tolist() == [30.0, 7.0, 0.0]  # before the first tick
    record.board["ticks"] = 10
    assert record.core_rate().tolist() == [3.0, 0.7, 0.0]


def test_percentiles_are_in_milliseconds_and_leave_out_what_was_not_measured() -> None:
    seconds = np.array([0.001, math.nan, 0.003, 0.002])
    assert percentiles_ms(seconds) == {"p50": 2.0, "p95": 2.9, "p99": 2.98, "max": 3.0}
    assert percentiles_ms(seconds[1:2]) == {"p50": None, "p95": None, "p99": None, "max": None}


def test_live_numbers_are_those_of_the_latest_decisions(record: Record) -> None:
    meter = Meter(rate_hz=0.4, ticks_per_decision=6, tick_us=1000, chips=1)  # two in five seconds
    assert not meter.read(record).running
    record.host["running"] = 1
    for spikes in (600, 60, 120):
        add(record, 1, 7, spikes=spikes, lateness_s=spikes / 1e3 - 0.1)
    record.host["elapsed_s"] = 1.5
    live = meter.read(record)
    assert (live.running, live.decisions, live.score) == (True, 3, 7)
    assert live.decisions_per_second == 2.0
    assert live.spikes_per_tick == 15.0
    assert live.lateness_ms["max"] == 20.0
    assert live.deadline_misses == 2
    assert live.synaptic_operations_per_s == pytest.approx(1e6)  # 12,000 in 12 ms of chip time
    assert live.estimated_power_mw == pytest.approx(64.4 + 1e6 * 2.297e-9)


def test_the_live_rate_forgets_what_is_long_ago(record: Record) -> None:
    meter = Meter(rate_hz=30, ticks_per_decision=6, tick_us=1000, chips=1)
    rates = []
    for decisions, elapsed_s in ((30, 1.0), (60, 2.0), (60, 6.0), (60, 7.5)):
        record.host["decisions"], record.host["elapsed_s"] = decisions, elapsed_s
        rates.append(round(meter.read(record).decisions_per_second, 2))
    assert rates == [30.0, 30.0, 6.0, 0.0]


def test_a_film_gives_back_its_pictures() -> None:
    film = Film(SharedArrays(film_layout()))
    rng = np.random.default_rng(0)
    given = {k: rng.integers(0, 256, (7, 5, 3), dtype=np.uint8) for k in (2, 4, 6)}
    for decision, picture in given.items():
        film.add(decision, picture)
    found = dict(film.pictures())
    assert len(film) == 3
    assert film.dropped == 0
    assert all(np.array_equal(found[k], picture) for k, picture in given.items())
    assert found.keys() == given.keys()


@pytest.mark.parametrize(("limit", "value"), [("PICTURES", 2), ("BYTES", 250)])
def test_a_full_film_ends_and_counts_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(films, limit, value)
    film = Film(SharedArrays(film_layout()))
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (7, 5, 3), dtype=np.uint8) for _ in range(4)]  # ~115 bytes each
    for decision, picture in enumerate(noise):
        film.add(decision, picture)
    film.add(4, np.zeros((1, 1, 3), np.uint8))  # small enough, but a film has no holes
    assert [decision for decision, _ in film.pictures()] == [0, 1]
    assert film.dropped == 3


def test_a_film_takes_fifteen_pictures_a_second() -> None:
    assert [films.every(rate) for rate in (1.0, 15.0, 30.0, 60.0)] == [1, 1, 2, 4]
