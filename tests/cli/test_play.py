"""``tnemu play`` from the outside: what it leaves, and how it ends when somebody interferes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from plays import SOON_S, TNEMU, Running, play, refused, report_of, student

from corelets import Student
from tnemu.formats.weights import read_weights, write_weights
from tnemu.hardware import load_board
from tnemu.mapping.fit import fit
from tnemu.runtime.board import BoardJob
from tnemu.runtime.report import same_run
from tnemu.runtime.session import Session, Settings
from tnemu.tasks.atari.spec import spec_for
from tnemu.tasks.atari.world import AtariWorld
from tnemu.tasks.player import TaskPlayer

KEYS = {
    "game", "board", "engine", "mode", "decisions", "decisions_per_second", "deadline_misses",
    "lateness_ms", "episode_returns", "ticks", "ticks_per_decision", "spikes",
    "synaptic_operations", "estimated_power_mw", "seed", "image_sha256", "weights_sha256",
    "spec_sha256", "versions", "outcome", "command", "merged_spikes", "unread_spikes", "energy",
}  # fmt: skip
"""What every report has; programs read these."""


def test_a_run_leaves_a_report_a_picture_and_a_film(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = play(
        "pong",
        "--weights",
        weights,
        "--frames",
        60,
        "--fps",
        60,
        "--video",
        tmp_path / "run.gif",
        "--output",
        folder,
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(os.listdir(folder)) == ["replay.npz", "report.json", "run.png"]
    report = report_of(folder)
    assert report.keys() >= KEYS
    assert (report["game"], report["board"], report["mode"]) == ("pong", "ns1e", "realtime")
    assert (report["outcome"], report["decisions"]) == ("finished", 60)
    assert report["ticks"] == 60 * report["ticks_per_decision"] > 0
    assert report["weights_sha256"] == read_weights(weights).sha256
    assert report["elapsed_s"] >= 1.0
    assert all(report["lateness_ms"][name] is not None for name in ("p50", "p95", "p99", "max"))
    assert (folder / "run.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run.gif").read_bytes().startswith(b"GIF89a")
    assert "finished after 60 decisions" in done.stdout
    assert "mW estimated" in done.stdout


def test_every_key_of_a_report_is_documented_and_no_other(weights: Path, tmp_path: Path) -> None:
    done = play("--weights", weights, "--frames", 2, "--mode", "free", "--output", tmp_path / "run")
    assert done.exit_code == 0
    report = report_of(tmp_path / "run")
    page = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
    section = page.partition("Run report\n\n")[2].partition("\n**Of `tnemu run`**")[0]
    top, _, inner = section.partition("| key of `energy`")
    for table, facts in ((top, report), (inner, report["energy"])):
        rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
        keys = {key for row in rows for key in re.findall(r"`(\w+)`", row[0])}
        assert keys == facts.keys()
        for name in facts:
            if name.endswith(("_ms", "_s", "_us", "_mw", "_mj", "_per_s", "_per_second")):
                (unit,) = {row[1] for row in rows if f"`{name}`" in row[0]}
                assert unit


@pytest.mark.slow
def test_the_run_directory_is_named_after_game_and_time(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert play("--weights", weights, "--frames", 2, "--mode", "free").exit_code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("pong-20")
    assert sorted(os.listdir(folder)) == ["report.json", "run.png"]


@pytest.mark.slow
def test_lockstep_runs_of_one_seed_are_the_same_run(weights: Path, tmp_path: Path) -> None:
    def run(name: str, *changes: Any) -> dict[str, Any]:
        done = play(
            "pong", "--weights", weights, "--mode", "lockstep", "--frames", 150, "--fps", 300,
            "--output", tmp_path / name, "--seed", *(changes or (1,)),
        )  # fmt: skip
        assert done.exit_code == 0
        return report_of(tmp_path / name)

    first, again, other_seed = run("a"), run("b"), run("c", 2)
    assert same_run(first, again)
    assert first["input_spikes"] != other_seed["input_spikes"]
    assert first["image_sha256"] == other_seed["image_sha256"]


def test_a_weight_file_for_another_game_is_refused(weights: Path, tmp_path: Path) -> None:
    assert refused("krull", "--weights", weights, "--output", tmp_path / "run") == (
        f"error: weight file {weights} was trained for 'pong', not for 'krull'; play it with "
        f"'tnemu play pong --weights {weights}', or give a weight file for 'krull'\n"
    )
    assert not (tmp_path / "run").exists()


def test_a_student_whose_world_was_altered_is_refused(tmp_path: Path) -> None:
    spec = spec_for("pong")
    calm = json.loads(dataclasses.replace(spec, sticky=0.0).to_json())
    known = student(spec)
    altered = dataclasses.replace(known.task, spec=calm)
    write_weights(dataclasses.replace(known, task=altered), tmp_path / "s.safetensors")
    done = play("--weights", tmp_path / "s.safetensors", "--output", tmp_path / "run")
    assert done.exit_code == 1
    assert f"names 'pong' and world {spec.sha256[:12]}, but holds a description" in done.stderr


def test_a_missing_rom_is_refused(tmp_path: Path) -> None:
    spec = dataclasses.replace(spec_for("pong"), game="solitaire")
    write_weights(student(spec), tmp_path / "s.safetensors")
    errors = refused("--weights", tmp_path / "s.safetensors", "--output", tmp_path / "run")
    assert errors.startswith("error: no ROM for game 'solitaire'")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_what_cannot_be_is_refused_before_the_run(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for arguments, message in (
        (("--mode", "warp"), "there is no mode 'warp'; choose one of: realtime, lockstep, free"),
        (("--fps", 0), "a rate of 0 decisions a second is not possible"),
        (("--frames", 0), "decisions = 0: a run has at least 1"),
        (("--seed", -1), "AtariWorld seed = -1"),
        (("--ticks-per-decision", 1), "1 ticks per decision are not enough"),
        (("--board", "ns2e"), "ns2e"),
        (("--output", tmp_path / "file" / "run"), "Not a directory; choose another one with"),
    ):
        given = ("--output", tmp_path / "run") if "--output" not in arguments else ()
        assert message in refused("--weights", weights, *given, *arguments)
        assert not (tmp_path / "run").exists()


def test_a_full_disk_at_the_report_is_told_and_the_run_directory_still_has_it(
    weights: Path, tmp_path: Path
) -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("/dev/full is no device here")
    done = play(
        "--weights", weights, "--mode", "free", "--frames", 5, "--output", tmp_path / "run",
        "--report", "/dev/full",
    )  # fmt: skip
    assert done.exit_code == 1
    assert done.stderr == (
        "error: cannot write report /dev/full: No space left on device; give a name in a folder "
        "that exists, can be written to and has room\n"
    )
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    assert report_of(tmp_path / "run")["outcome"] == "finished"


@pytest.mark.slow
def test_a_copy_of_the_report_goes_where_it_is_wanted(weights: Path, tmp_path: Path) -> None:
    done = play(
        "--weights", weights, "--mode", "free", "--frames", 5, "--output", tmp_path / "run",
        "--report", tmp_path / "copy.json",
    )  # fmt: skip
    assert done.exit_code == 0
    assert json.loads((tmp_path / "copy.json").read_text()) == report_of(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("side", ["host", "board"])
def test_a_killed_process_ends_the_run_with_a_report(running: Running, side: str) -> None:
    other = {"host": "board", "board": "host"}[side]
    os.kill(getattr(running, side), signal.SIGKILL)
    status, errors = running.end()
    message = f"the {side} process was killed by SIGKILL; the {other} was stopped"
    assert (status, errors) == (1, f"error: {message}\n")
    report = report_of(running.folder)
    assert (report["outcome"], report["message"]) == (f"{side} died", message)
    assert report["decisions"] > 0
    assert sorted(os.listdir(running.folder)) == ["report.json", "run.png"]


def test_ctrl_c_ends_the_run_with_a_report(running: Running) -> None:
    os.killpg(running.process.pid, signal.SIGINT)  # a terminal sends it to all three
    assert running.end() == (130, "")
    report = report_of(running.folder)
    assert report["outcome"] == "interrupted"
    assert report["message"] == f"interrupted by SIGINT after {report['decisions']} decisions"


@pytest.mark.slow
def test_sigterm_ends_the_run_with_a_report(running: Running) -> None:
    running.process.terminate()
    assert running.end() == (143, "")
    assert report_of(running.folder)["outcome"] == "interrupted"


@pytest.mark.slow
def test_a_killed_command_takes_its_processes_along(running: Running) -> None:
    running.process.kill()
    status, _ = running.end()
    assert status == -signal.SIGKILL
    assert not any(path.is_file() for path in running.folder.rglob("*"))


@pytest.mark.slow
def test_the_closed_loop_example_plays_what_the_command_plays(
    weights: Path, tmp_path: Path
) -> None:
    example = Path(__file__).parents[2] / "examples" / "closed_loop.py"
    told = subprocess.run(
        [sys.executable, str(example), str(weights), "120"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=example.parents[1],
    ).stdout
    done = play(
        "--weights", weights, "--mode", "free", "--frames", 120, "--output", tmp_path / "run"
    )
    assert done.exit_code == 0
    report = report_of(tmp_path / "run")
    expected = f"120 decisions, {report['spikes']:,} spikes in {report['ticks']:,} ticks"
    assert told.splitlines()[-1] == expected


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_the_run_with_a_report(weights: Path, tmp_path: Path) -> None:
    command = [*TNEMU, "play", "--weights", str(weights), "--frames", "1000000"]
    with subprocess.Popen(
        [*command, "--output", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(SOON_S) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""
    assert report_of(tmp_path / "run")["outcome"] == "interrupted"


@pytest.mark.slow
def test_a_terminal_shows_live_numbers(weights: Path, tmp_path: Path) -> None:
    import pty

    command = [*TNEMU, "play", "--weights", str(weights), "--frames", "60"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*command, "--output", str(tmp_path / "run")],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ):
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody is left
            while piece := os.read(ours, 1 << 16):
                shown += piece
    os.close(ours)
    for word in ("score", "decisions", "lateness", "missed", "per tick", "operations/s", "mW"):
        assert word in shown.decode()
    assert "finished after 60 decisions" in shown.decode()


@pytest.mark.slow
def test_the_board_decides_what_the_weight_file_decides(weights: Path, tmp_path: Path) -> None:
    student = read_weights(weights)
    plan = fit(Student(student), load_board("ns1e"))
    plan.image.save(tmp_path / "image")
    codec = student.codec(plan.latency_ticks)
    job = BoardJob(tmp_path / "image", codec.window, codec.window.ticks)
    player = partial(TaskPlayer, spec_for("pong"), 5, codec)
    settings = Settings(player, job, mode="free", decisions=300, episodes=None)
    played = Session(settings).run().record.decisions()

    world = AtariWorld(spec_for("pong"), 5)
    observation = world.reset()
    for decision in played:
        spikes = int(student.transduction.forward(observation[None]).sum())
        action = int(student.scores(observation[None])[0].argmax())
        observation, reward, over = world.step(action)
        assert (decision["input_spikes"], decision["reward"]) == (spikes, reward)
        assert not over
    assert len(played) == 300
