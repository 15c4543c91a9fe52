"""A live page and a replay tell what the report tells; a watcher changes the pace, and not the play."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "runtime"))

from worlds import Coin

from tnemu.hardware import BoardImage
from tnemu.networks.codec import Window
from tnemu.networks.logical import LogicalCore
from tnemu.runtime import report as reports
from tnemu.runtime.board import BoardJob
from tnemu.runtime.film import picture_of
from tnemu.runtime.link import SharedArrays
from tnemu.runtime.moment import pack, unpack
from tnemu.runtime.pace import Pace, PaceError
from tnemu.runtime.record import Record
from tnemu.runtime.session import Result, Session, Settings
from tnemu.web.about import about
from tnemu.web.live import LiveRun
from tnemu.web.replay import Replay, ReplayError, write_replay
from tnemu.web.server import PageError

FACTS = {"game": "coin", "seed": 0}


class Run:
    """A run of a coin world on two cores, watched by ``watch(live, event)``."""

    def __init__(self, relay: BoardImage, folder: Path, world: Any = Coin, **changes: Any) -> None:
        relay.save(folder / "image")
        job = BoardJob(folder / "image", Window.wave(3), 3, "reference", "in", "out")
        given = {"mode": "free", "decisions": 50, "episodes": None, "film": True, **changes}
        self.settings = Settings(world, job, **given)
        self.session = Session(self.settings)
        cores = [LogicalCore(f"relay/{k}", "relay") for k in range(relay.core_count)]
        self.about = about(
            self.session.image, cores, title="coin", input_name="in", input_shape=(1, 1, 1),
            players=[{"name": "coin", "actions": ["tails", "heads"], "aspect": None}],
            mode="free", fps=30.0, ticks_per_decision=3,
        )  # fmt: skip
        self.live = LiveRun(self.about, self.session.image, self.settings)
        self.events: list[dict[str, Any]] = []

    def play(self, watch: Callable[[dict[str, Any]], None] = lambda event: None) -> Result:
        ended = threading.Event()

        def look() -> None:
            for event in self.live.events(ended):
                self.events.append(event)
                watch(event)

        eye = threading.Thread(target=look)
        eye.start()
        result = self.session.run(on_start=self.live.attach)
        self.report = reports.build(result, FACTS)
        self.live.finish(self.report)
        ended.set()
        eye.join(30)
        return result


@pytest.fixture
def run(relay: Callable[[], BoardImage], tmp_path: Path) -> Callable[..., Run]:
    return lambda *args, **changes: Run(relay(), tmp_path, *args, **changes)


def test_a_moment_comes_back_as_it_went_in() -> None:
    firings, pins = np.array([0, 7, 70000]), np.array([0, 8, 10])
    found = unpack(pack(firings, pins, 11, [0.5, -3.0]), 3, 11)
    assert found.firings.tolist() == firings.tolist()
    assert np.flatnonzero(found.inputs).tolist() == pins.tolist()
    assert found.scores.tolist() == [0.5, -3.0]


def test_the_last_numbers_of_a_live_page_are_the_reports(run: Callable[..., Run]) -> None:
    one = run()
    one.play()
    last = one.events[-1]["numbers"]
    for name in ("decisions", "episodes", "ticks", "spikes", "synaptic_operations"):
        assert last[name] == one.report[name]
    assert last["power_mw"] == one.report["energy"]["power_mw"]
    assert last["ended"] == "finished after 50 decisions"
    assert not last["running"]


def test_a_replay_counts_up_to_the_report(run: Callable[..., Run], tmp_path: Path) -> None:
    one = run()
    result = one.play()
    write_replay(result, one.about, one.report, tmp_path / "replay.npz")
    replay = Replay(tmp_path / "replay.npz")
    told = replay.about()
    assert told["moments"] == list(range(2, 51, 2))
    assert told["overs"] == [20, 40]
    assert told["report"] == one.report
    details = result.record.decisions()
    for number in range(24):
        numbers = replay.moment(number)["numbers"]
        taken = told["moments"][number]
        assert numbers["decisions"] == taken
        assert numbers["score"] == details["score"][taken - 1]
        assert numbers["ticks"] == 3 * taken
        assert numbers["spikes"] == details["spikes"][:taken].sum()
        assert numbers["episodes"] == taken // 20
    last = replay.moment(24)["numbers"]
    assert last["power_mw"] == one.report["energy"]["power_mw"]
    assert last["spikes"] == one.report["spikes"]
    fired = sum(
        unpack(picture_of(replay.packed(k), replay.index["shape"][k])[1], 2, 1).firings.astype(int)
        for k in range(25)
    )
    assert fired.tolist() == result.record.core_spikes.tolist()


def test_pauses_steps_and_a_watched_core_change_nothing_that_is_played(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    plain = run().play()
    one = run()
    attach, asked = one.live.attach, list[str]()

    def held(memory: SharedArrays) -> None:
        attach(memory)
        for what, value in (("watch", 0), ("mode", "lockstep"), ("pause", None)):
            one.live.do(what, value)

    def watch(event: dict[str, Any]) -> None:
        numbers = event.get("numbers", {})
        if numbers.get("running") and numbers["decisions"] == 0 and not asked:
            one.live.do("step", None)
            asked.append("step")
        elif numbers.get("decisions") == 1 and asked == ["step"]:
            assert numbers["paused"]
            one.live.do("mode", "free")
            one.live.do("next", None)
            asked.append("next")

    one.live.attach = held  # type: ignore[method-assign]
    watched = one.play(watch)
    assert asked == ["step", "next"]
    assert one.report["watcher"]["pauses"] == 2
    assert one.report["watcher"]["pace_changes"] == 2
    for name in ("reward", "score", "over", "spikes", "synaptic_operations"):
        assert watched.record.decisions()[name].tolist() == plain.record.decisions()[name].tolist()


def test_time_in_a_pause_is_no_time_of_the_run() -> None:
    from tnemu.runtime.clock import Clock

    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    clock = Clock("realtime", 10, now=lambda: now[0], sleep=sleep)
    clock.start()
    clock.wait()
    before, deadline = clock.elapsed_s, clock.deadline_s
    waited = clock.pause(lambda: now[0] < 5)
    assert clock.elapsed_s == pytest.approx(before)
    assert clock.deadline_s == pytest.approx(deadline + waited)
    assert clock.skipped == 0


def test_what_a_page_cannot_do_is_refused(run: Callable[..., Run]) -> None:
    live = run().live
    with pytest.raises(PageError, match="the run has not begun; wait a moment"):
        live.do("pause", None)
    from tnemu.runtime.film import film_layout
    from tnemu.runtime.pace import pace_layout
    from tnemu.runtime.record import record_layout

    live.attach(SharedArrays({**record_layout(2), **film_layout(), **pace_layout()}))
    with pytest.raises(PageError, match="'reset' cannot be done; a page can pause, go, step, next"):
        live.do("reset", None)
    with pytest.raises(PaceError, match="mode = 'fast': must be one of"):
        live.do("mode", "fast")
    with pytest.raises(PageError, match=r"core = 2: must be a whole number in -1..1"):
        live.do("watch", 2)
    with pytest.raises(PageError, match="the run goes on"):
        live.moment(0)


def test_the_firings_of_the_watched_core_are_those_since_the_last_look() -> None:
    from tnemu.emulator.spikes import SPIKE_DTYPE
    from tnemu.runtime.film import film_layout
    from tnemu.runtime.pace import pace_layout
    from tnemu.runtime.record import record_layout

    memory = SharedArrays({**record_layout(2), **film_layout(), **pace_layout()})
    pace = Pace(memory)
    assert Record(memory).host["decisions"] == 0
    pace.watch(1)
    assert pace.core == 1
    pace.keep(1, np.array([(0, 1, 7), (2, 1, 255)], SPIKE_DTYPE), 100)
    core, seen, rows = pace.fired(0)
    assert (core, seen, rows) == (1, 2, [[100, 7], [102, 255]])
    assert pace.fired(seen) == (1, 2, [])


def test_a_damaged_replay_is_named(run: Callable[..., Run], tmp_path: Path) -> None:
    one = run()
    result = one.play()
    result.film.index["length"][3] = 1 << 40
    write_replay(result, one.about, one.report, tmp_path / "replay.npz")
    with pytest.raises(ReplayError, match="moment 3 lies outside of its bytes"):
        Replay(tmp_path / "replay.npz")
    (tmp_path / "replay.npz").write_bytes(b"no")
    with pytest.raises(ReplayError, match=r"it is no \.npz file"):
        Replay(tmp_path / "replay.npz")
