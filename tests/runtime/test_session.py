"""The supervisor: a run in two processes ends in one of a few known ways, and leaves nothing."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import worlds

from tnemu.hardware import BoardImage, ImageError
from tnemu.networks.codec import Window
from tnemu.runtime.board import Board, JobError
from tnemu.runtime.child import KEYBOARD
from tnemu.runtime.clock import Clock, ClockError
from tnemu.runtime.link import SharedArrays
from tnemu.runtime.loop import run
from tnemu.runtime.record import Record, record_layout
from tnemu.runtime.session import SIGNALS, Result, Session, SessionError, Settings

Build = Callable[..., Settings]

SOON_S = 20
"""'Within seconds', with room for a busy computer; what hangs would take for ever."""


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    """After every test: no child, no mapped link, no new name under /dev/shm."""
    names = set(os.listdir("/dev/shm"))
    yield
    assert multiprocessing.active_children() == []
    assert set(os.listdir("/dev/shm")) <= names


def disturb(settings: Settings, action: Callable[[Session], None], after: int = 5) -> Result:
    """Run, and do something to the session once ``after`` decisions were taken."""
    session = Session(settings)
    done = False

    def live(record: Record) -> None:
        nonlocal done
        if not done and record.host["decisions"] >= after:
            done = True
            action(session)

    begin = time.monotonic()
    result = session.run(live)
    assert done
    assert time.monotonic() - begin < SOON_S
    return result


def send(name: str, number: int) -> Callable[[Session], None]:
    def action(session: Session) -> None:
        (side,) = (side for side in session._sides if side.name == name)
        os.kill(side.process.pid or 0, number)

    return action


def test_a_run_in_two_processes_is_the_run_in_one(settings: Build) -> None:
    given = settings(partial(worlds.Coin, seed=3))
    result = Session(given).run()
    assert (result.outcome, result.message) == ("finished", "finished after 50 decisions")

    record = Record(SharedArrays(record_layout(2)))
    board = Board(BoardImage.load(given.board.image), given.board, record)
    run(
        worlds.Coin(seed=3),
        board,
        Clock("free", 30),
        record,
        ended=lambda: bool(record.host["decisions"] >= 50),
    )
    for name in ("reward", "score", "over", "input_spikes", "output_spikes", "spikes"):
        there, here = result.record.decisions()[name], record.decisions()[name]
        assert there.tolist() == here.tolist()
    assert result.record.returns().tolist() == record.returns().tolist() == [20.0, 20.0]
    assert result.record.core_rate().tolist() == record.core_rate().tolist()
    assert result.record.board["ticks"] == 150


def test_more_ticks_per_decision_change_the_ticks_and_not_the_play(settings: Build) -> None:
    given = settings()
    longer = dataclasses.replace(given.board, ticks_per_decision=7)
    result = Session(settings(board=longer)).run()
    assert result.record.board["ticks"] == 350
    assert result.record.decisions()["reward"].sum() == 50


def test_votes_that_leave_in_another_tick_are_counted_as_unread(settings: Build) -> None:
    early = dataclasses.replace(settings().board, window=Window.wave(2))
    result = Session(settings(board=early)).run()
    spikes = int(result.record.board["output_spikes"])
    assert spikes > 0
    assert result.record.board["unread"] == spikes
    assert result.record.decisions()["output_spikes"].sum() == 0


def test_episodes_end_a_run(settings: Build) -> None:
    result = Session(settings(decisions=None, episodes=3)).run()
    assert result.outcome == "finished"
    assert result.record.host["decisions"] == 60


def test_a_film_holds_pictures_of_the_run(settings: Build) -> None:
    result = Session(settings(film=True, rate_hz=30.0)).run()
    pictures = dict(result.film.pictures())
    assert list(pictures) == list(range(2, 51, 2))  # 15 a second
    assert {picture.shape for picture in pictures.values()} == {(4, 6, 3)}
    assert {int(picture.max()) for picture in pictures.values()} == {0, 255}


@pytest.mark.parametrize("side", ["host", "board"])
def test_a_killed_process_ends_the_run_and_is_named(settings: Build, side: str) -> None:
    other = {"host": "board", "board": "host"}[side]
    given = settings(worlds.Slow, decisions=None)
    result = disturb(given, send(side, signal.SIGKILL))
    assert result.outcome == f"{side} died"
    assert result.message == (f"the {side} process was killed by SIGKILL; the {other} was stopped")
    assert len(result.record.decisions()) >= 5


@pytest.mark.parametrize("side", ["host", "board"])
def test_a_process_without_a_sign_of_life_is_named_and_killed(settings: Build, side: str) -> None:
    given = settings(worlds.Slow, decisions=None, stall_s=1.0)
    result = disturb(given, send(side, signal.SIGSTOP))
    assert result.outcome == f"{side} stalled"
    assert result.message == (
        f"the {side} process gave no sign of life for 1 s; it hangs or is stopped, and was killed"
    )


def test_a_world_that_hangs_is_the_hosts_stall(settings: Build) -> None:
    result = Session(settings(worlds.Stuck, stall_s=1.0)).run()
    assert result.outcome == "host stalled"
    assert result.record.host["decisions"] == 2


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_in_order(settings: Build, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    given = settings(worlds.Slow, decisions=None)
    result = disturb(given, lambda session: os.kill(os.getpid(), number))
    taken = len(result.record.decisions())
    assert result.outcome == "interrupted"
    assert result.message == f"interrupted by {number.name} after {taken} decisions"
    assert result.signal == number
    assert signal.getsignal(number) is before


def test_a_second_interrupt_does_not_wait_for_a_world_that_hangs(settings: Build) -> None:
    def twice(session: Session) -> None:
        session.interrupt()
        session.interrupt()

    result = disturb(settings(worlds.Stuck), twice, after=2)
    assert result.outcome == "interrupted"


def test_an_error_of_the_world_is_told_with_its_side(
    settings: Build, capfd: pytest.CaptureFixture[str]
) -> None:
    result = Session(settings(worlds.Broken)).run()
    assert result.outcome == "host failed"
    assert result.message == "the host process failed: ValueError: the screen went dark"
    assert len(result.record.decisions()) == 2
    assert "the screen went dark" in capfd.readouterr().err  # where it came from, for its author


def test_linear_algebra_leaves_the_processors_to_the_board_unless_the_user_says_otherwise(
    settings: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    before = dict(os.environ)
    assert "threads: 1 3 1" in Session(settings(worlds.Teller)).run().message
    assert dict(os.environ) == before


def test_an_error_of_the_board_is_told_with_its_side(settings: Build) -> None:
    result = Session(settings(worlds.WrongPin)).run()
    assert result.outcome == "board failed"
    assert result.message.startswith(
        "the board process failed: pins[0] = 8: must be a whole number in 0..0"
    )


def test_a_process_that_leaves_without_a_word_is_named(settings: Build) -> None:
    result = Session(settings(worlds.Quitter)).run()
    assert result.outcome == "host died"
    assert result.message == (
        "the host process ended unexpectedly with exit status 7; the board was stopped"
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_a_killed_supervisor(settings: Build, number: signal.Signals) -> None:
    image = settings().board.image
    program = [sys.executable, worlds.__file__, str(image)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        children = [int(word) for word in supervisor.stdout.readline().split()]
        assert len(children) == 2
        assert all(map(alive, children))
        supervisor.send_signal(number)
        supervisor.wait(SOON_S)
        limit = time.monotonic() + SOON_S
        while any(map(alive, children)) and time.monotonic() < limit:
            time.sleep(0.05)
        assert not any(map(alive, children))


def test_stopped_processes_end_when_their_supervisor_is_killed(settings: Build) -> None:
    """They read nothing any more: it is the kernel that ends them."""
    program = [sys.executable, worlds.__file__, str(settings().board.image)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        children = [int(word) for word in supervisor.stdout.readline().split()]
        for child in children:
            os.kill(child, signal.SIGSTOP)
        limit = time.monotonic() + SOON_S
        while not all(map(stopped, children)) and time.monotonic() < limit:
            time.sleep(0.01)
        assert all(map(stopped, children))
        supervisor.kill()
        supervisor.wait(SOON_S)
        while any(map(alive, children)) and time.monotonic() < limit:
            time.sleep(0.05)
        assert not any(map(alive, children))


def test_a_child_whose_parent_ended_before_the_kernel_was_asked_ends_too(tmp_path: Path) -> None:
    """The parent forks, ends at once, and leaves the child to look for it afterwards."""
    code = f"""
import os, time, types
import multiprocessing
from tnemu.runtime import child
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    time.sleep(0.01)
multiprocessing.parent_process = lambda: types.SimpleNamespace(pid=parent)
try:
    child.end_with_parent()
finally:
    open({str(tmp_path / "went on")!r}, "w").close()
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=SOON_S, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert not done.stdout  # read to its end, which is the child's
    assert not (tmp_path / "went on").exists()


@pytest.mark.parametrize("number", sorted(KEYBOARD))
def test_children_never_see_the_keyboards_signals_from_their_first_instruction(
    settings: Build, number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    """They get one as soon as they exist, the first child of this process too."""
    from multiprocessing import resource_tracker

    getattr(resource_tracker._resource_tracker, "_stop", lambda: None)()
    given = settings()
    session = Session(given)
    spawn = session._spawn

    def spawn_and_hit(name: str, *arguments: object) -> None:
        spawn(name, *arguments)  # type: ignore[arg-type]
        os.kill(session._sides[-1].process.pid or 0, number)

    session._spawn = spawn_and_hit  # type: ignore[method-assign]
    assert session.run().outcome == "finished"
    assert capfd.readouterr().err == ""


def test_what_the_system_does_not_give_is_told_before_anything_starts(settings: Build) -> None:
    """A limit of file sizes holds for memory without a name as well."""
    import resource

    session = Session(settings())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(SessionError) as caught:
            session.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value) == (
        "no shared memory for host and board: File too large; see the limits of this shell with "
        "ulimit -a, and 'tnemu doctor'"
    )


def stopped(pid: int) -> bool:
    """The process has been stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def alive(pid: int) -> bool:
    """The process exists and is not merely waiting for somebody to read its exit status."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_an_application_that_cannot_travel_is_refused(settings: Build) -> None:
    with pytest.raises(SessionError) as caught:
        Session(settings(lambda: worlds.Coin())).run()
    assert str(caught.value).startswith("the host process cannot be started: ")
    assert str(caught.value).endswith(
        "; pass a class or a function of a module, or functools.partial of one"
    )


def test_impossible_settings_are_refused_before_anything_starts(settings: Build) -> None:
    with pytest.raises(ClockError, match="there is no mode 'warp'"):
        Session(settings(mode="warp"))
    with pytest.raises(SessionError, match="decisions = 0: a run has at least 1; leave it out"):
        Session(settings(decisions=0))
    board = settings().board
    with pytest.raises(JobError) as caught:
        dataclasses.replace(board, ticks_per_decision=2)
    assert str(caught.value) == (
        "2 ticks per decision are not enough: the network answers after 3 ticks; "
        "use at least as many"
    )
    with pytest.raises(ImageError, match="no input connector 'eye'; it has: 'in'"):
        Session(settings(board=dataclasses.replace(board, input_name="eye")))


def test_lateness_is_recorded_in_real_time_only(settings: Build) -> None:
    late = Session(settings(mode="realtime", rate_hz=100.0, decisions=20)).run()
    free = Session(settings(mode="free", decisions=20)).run()
    assert not np.isnan(late.record.decisions()["lateness_s"]).any()
    assert np.isnan(free.record.decisions()["lateness_s"]).all()
    assert late.record.host["elapsed_s"] >= 20 / 100.0
    assert free.record.host["misses"] == 0
