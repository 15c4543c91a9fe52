"""Episodes in several processes are those of one, and a process that ends is named."""

import dataclasses
import os
import signal

import pytest

pytest.importorskip("ale_py")

from tnemu import zoo
from tnemu.errors import TnemuError
from tnemu.lab import side_by_side as room
from tnemu.lab.board_player import board_player
from tnemu.lab.side_by_side import Job, OnBoard, cores, running, side_by_side
from tnemu.learn.players.episodes import Episode
from tnemu.learn.players.evaluate import here, load_player
from tnemu.tasks.atari.spec import SPECS

SHORT = dataclasses.replace(SPECS["freeway"], max_frames=240)
SEEDS = range(5, 10)


def played(playing, players, epsilon=0.1):
    with playing(players, SHORT, SEEDS, epsilon) as play:
        return {what: play(what) for what in players}


@pytest.mark.slow
def test_scores_do_not_depend_on_the_number_of_processes():
    file = str(zoo.find("freeway"))
    players = {what: load_player(what, spec=SHORT)[0] for what in ("random", "always:UP", file)}
    alone = played(here, players)
    assert played(side_by_side(4), players) == alone
    board, _ = board_player(zoo.find("freeway"), "ns1e", len(SEEDS))
    on = {"board": OnBoard(zoo.find("freeway"), "ns1e")}
    (episodes,) = played(side_by_side(2, on), {"board": board}).values()
    assert episodes == alone[file]


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that would be begun."""
    seen = []

    def begun(job):
        seen.append(job)
        return len(seen), None  # a pipe of its own

    def answer(pipe, job, process):
        return [Episode(seed, seed, 1, False) for seed in job.seeds]

    monkeypatch.setattr(room, "_begun", begun)
    monkeypatch.setattr(room, "_answer", answer)
    monkeypatch.setattr(room, "wait", lambda pipes: pipes)
    return seen


def test_seeds_of_whole_numbers_are_dealt_and_those_of_other_players_stay_together(
    jobs, monkeypatch
):
    monkeypatch.setattr(room, "needs_torch", lambda what: what == "teacher")
    names = ("random", "teacher", "student", "student on ns1e")
    with side_by_side(2, {names[3]: OnBoard("f", "ns1e")})(
        dict.fromkeys(names), SHORT, SEEDS, 0.5
    ) as play:
        episodes = {what: play(what) for what in names}
    assert [(job.what, job.seeds) for job in jobs] == [
        ("random", (5, 6, 7, 8, 9)), ("teacher", (5, 6, 7, 8, 9)),
        ("student", (5, 7, 9)), ("student", (6, 8)),
        ("student on ns1e", (5, 7, 9)), ("student on ns1e", (6, 8)),
    ]  # fmt: skip
    assert all([e.seed for e in found] == list(SEEDS) for found in episodes.values())
    assert {job.epsilon for job in jobs} == {0.5}


def test_one_process_is_this_one():
    assert side_by_side(1) is here
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.slow
def test_what_a_process_refuses_is_said_and_one_that_was_ended_is_named():
    with (
        pytest.raises(TnemuError, match="player 'always:JUMP': 'JUMP' is not an action of freeway"),
        running([Job("x", "always:JUMP", SHORT, (1,), 0.0)], 2) as finished,
    ):
        finished("x")
    endless = dataclasses.replace(SHORT, max_frames=10_000_000)
    job = Job("freeway", "always:NOOP", endless, tuple(range(64)), 0.0)
    begun, started = room._begun, []

    def noted(job):
        started.append(begun(job))
        os.kill(started[-1][1].pid, signal.SIGKILL)
        return started[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_begun", noted)
        with (
            pytest.raises(
                TnemuError, match=r"that played freeway ended with status -9; see whether"
            ),
            running([job], 2) as finished,
        ):
            finished("freeway")


@pytest.mark.slow
def test_nothing_runs_on_after_the_context():
    endless = dataclasses.replace(SHORT, max_frames=10_000_000)
    begun = []
    with pytest.MonkeyPatch.context() as patch:
        original = room._begun
        patch.setattr(room, "_begun", lambda job: begun.append(original(job)) or begun[-1])
        jobs = [Job("a", "always:NOOP", endless, (1,), 0.0), Job("b", "always:J", SHORT, (1,), 0.0)]
        with pytest.raises(TnemuError, match="'J' is not an action"), running(jobs, 2) as finished:
            finished("b")
    assert len(begun) == 2 and not any(process.is_alive() for _, process in begun)


def test_threads_of_libraries_are_as_before(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    seen = {}

    class Process:
        def __init__(self, **kw):
            pass

        def start(self):
            seen.update({name: os.environ.get(name) for name in room.THREADS})

    class Context:
        Pipe = staticmethod(lambda duplex: (None, _Closed()))

    Context.Process = Process
    monkeypatch.setattr(room.multiprocessing, "get_context", lambda kind: Context)
    room._begun(Job("x", "random", SHORT, (1,), 0.0))
    assert set(seen.values()) == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


class _Closed:
    def close(self):
        pass
