"""The folder of a run: used once, cleaned of what killed runs left, and written to the last."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from plays import TNEMU, Running, play, report_of

from tnemu.cli.run_folder import PlayError, folder_of, remove_leftovers, run_folder
from tnemu.files.scratch import scratch_name


def quick(weights: Path, folder: Path, *more: Any) -> Any:
    return play(
        "--weights", weights, "--mode", "free", "--frames", 3, "--output", folder, *more
    )  # fmt: skip


def test_a_used_folder_is_refused_and_stays_as_it_is(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert quick(weights, folder, "--video", folder.parent / "film.gif", "--force").exit_code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = quick(weights, folder)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {folder} holds a run already (report.json, run.png, replay.npz); choose another "
        "--output, or overwrite it with --force\n"
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.slow
def test_force_overwrites_a_run_and_leaves_nothing_of_it(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    quick(weights, folder, "--video", folder.parent / "film.gif", "--force")
    assert quick(weights, folder, "--force", "--seed", 9).exit_code == 0
    assert sorted(os.listdir(folder)) == ["report.json", "run.png"]
    assert report_of(folder)["seed"] == 9


@pytest.mark.slow
def test_a_folder_with_other_things_in_it_may_be_used(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert quick(weights, tmp_path).exit_code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def leftover(folder: Path) -> Path:
    """A scratch folder of a process that is no more."""
    code = f"from tnemu.files.scratch import scratch_name; print(scratch_name({'image'!r}))"
    name = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = folder / name.stdout.strip()
    found.mkdir(parents=True)
    (found / "crossbar.npy").write_bytes(b"x")
    return found


def test_what_a_killed_run_left_goes_with_the_next_one(tmp_path: Path) -> None:
    dead, living = leftover(tmp_path / "a"), tmp_path / "a" / scratch_name("image")
    living.mkdir()
    remove_leftovers(tmp_path / "a")
    assert not dead.exists()
    assert living.exists()


def test_in_the_folder_of_all_runs_neighbours_are_cleaned_too(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    empty, used, other = leftover(runs / "a"), leftover(runs / "b"), leftover(tmp_path / "c")
    (runs / "b" / "report.json").write_text("{}")
    remove_leftovers(runs / "new")
    assert not empty.parent.exists()
    assert os.listdir(used.parent) == ["report.json"]
    assert other.exists()  # a place that we did not choose


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL])
@pytest.mark.slow
def test_whatever_ends_it_no_image_stays(
    running: Running, weights: Path, number: signal.Signals
) -> None:
    os.killpg(running.process.pid, number)  # as a terminal does
    running.end()
    left = list(running.folder.glob(".image*"))
    assert number == signal.SIGKILL or left == []
    assert quick(weights, running.folder, "--force").exit_code == 0
    assert sorted(os.listdir(running.folder)) == ["report.json", "run.png"]


@pytest.mark.slow
def test_sigquit_ends_a_run_with_a_report(running: Running) -> None:
    os.killpg(running.process.pid, signal.SIGQUIT)
    assert running.end() == (131, "")
    assert report_of(running.folder)["message"].startswith("interrupted by SIGQUIT")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_before_the_run_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught, run_folder(tmp_path / "run") as scratch:
        assert scratch.is_dir()
        signal.raise_signal(number)
    assert caught.value.code == 128 + number
    assert not (tmp_path / "run").exists()
    assert signal.getsignal(number) is before


def test_a_run_folder_that_is_removed_is_made_again_for_the_report(running: Running) -> None:
    shutil.rmtree(running.folder)
    running.process.send_signal(signal.SIGINT)
    assert running.end() == (130, "")
    assert report_of(running.folder)["outcome"] == "interrupted"


@pytest.mark.slow
def test_a_working_folder_that_is_removed_does_not_lose_the_report(
    weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    given = ["play", "--weights", str(weights), "--frames", "1000000", "--output", "run"]
    with subprocess.Popen(
        [*TNEMU, *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path / "here",
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("running"):
            pass
        shutil.rmtree(tmp_path / "here")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert report_of(tmp_path / "here" / "run")["outcome"] == "interrupted"


def test_a_working_folder_that_is_gone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(PlayError, match=r"cannot be written: No such file or directory; choose"):
        folder_of(Path("run"), "pong", force=False)
    monkeypatch.chdir(tmp_path)


@contextmanager
def files_of_at_most(bytes_most: int) -> Iterator[None]:
    """A file that may not grow is what a full disk looks like to somebody without privileges."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.slow
def test_a_picture_that_has_no_room_leaves_no_file(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tnemu.cli import play_end

    def without_room(finish: Callable[..., None]) -> Callable[..., None]:
        def run(*arguments: Any) -> None:
            with files_of_at_most(20_000):  # the report fits, the picture does not
                finish(*arguments)

        return run

    monkeypatch.setattr(play_end, "finish", without_room(play_end.finish))
    done = quick(weights, tmp_path / "run")
    assert done.exit_code == 1
    assert f"cannot write {tmp_path / 'run' / 'run.png'}: File too large" in done.stderr
    assert os.listdir(tmp_path / "run") == ["report.json"]


def test_a_report_that_has_no_room_anywhere_goes_to_standard_error(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tnemu.cli import play_end

    finish = play_end.finish

    def run(*arguments: Any) -> None:
        with files_of_at_most(100):
            finish(*arguments)

    monkeypatch.setattr(play_end, "finish", run)
    done = quick(weights, tmp_path / "run")
    assert done.exit_code == 1
    assert os.listdir(tmp_path / "run") == []
    report = json.loads(done.stderr[: done.stderr.index("\n}\n") + 2])
    assert report["decisions"] == 3


@pytest.mark.parametrize("columns", [80, 95, 110])
@pytest.mark.slow
def test_the_summary_breaks_between_words_at_any_width(
    weights: Path, tmp_path: Path, columns: int
) -> None:
    assert quick(weights, tmp_path / "run", "--mode", "realtime").exit_code == 0
    report = report_of(tmp_path / "run")
    told = {width: summary(report, width) for width in (columns, 10_000)}
    assert max(map(len, told[columns])) <= columns
    assert " ".join(" ".join(told[columns]).split()) == " ".join(" ".join(told[10_000]).split())
    assert len(told[columns]) > len(told[10_000])


def summary(report: dict[str, Any], columns: int) -> list[str]:
    """Its lines on a terminal of that width."""
    import io

    from rich.console import Console

    from tnemu.cli import play_view

    screen = io.StringIO()
    terminal = Console(
        file=screen, width=columns, force_terminal=True, color_system=None, highlight=False,
        soft_wrap=True, _environ={},
    )  # fmt: skip
    play_view.summary(report, ["runs/x/report.json", "runs/x/run.png"], terminal)
    return screen.getvalue().splitlines()
