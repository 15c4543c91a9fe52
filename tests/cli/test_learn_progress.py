"""Trainings show how far they are and leave a picture of their curve, however they end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

pytest.importorskip("torch")

from tnemu.cli import learn_progress
from tnemu.cli.learn_progress import position, read_curve, watched
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.run.runs import Curve
from tnemu.learn.teachers.settings import TeacherSettings
from tnemu.learn.teachers.teacher import COLUMNS


def teacher(out: Path) -> TeacherSettings:
    return TeacherSettings("pong", str(out), steps=400)


def test_a_teacher_is_measured_in_steps_and_a_student_by_its_stage(tmp_path):
    assert position(teacher(tmp_path), {"steps": 100}) == ("pong", 100, 400)
    student = DistilSettings("pong", "t", "o", iterations=30, control_iterations=50)
    assert position(student, {"stage": "stage1", "iteration": 9}) == ("pong stage1", 9, 30)
    assert position(student, {"stage": "control", "iteration": 9}) == ("pong control", 9, 50)


def test_lines_of_a_pipe_are_aligned(tmp_path, capsys):
    with watched(teacher(tmp_path)) as report:
        report({"steps": 100, "loss": "0.5"})
        report({"steps": 12000, "loss": "0.25"})
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["steps", "100", "loss", "0.5"]
    assert first.index("loss") == second.index("loss")


def test_a_terminal_gets_a_bar_and_keeps_the_scores(tmp_path, monkeypatch):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120, _environ={})
    monkeypatch.setattr("rich.console.Console", lambda: terminal)
    with watched(teacher(tmp_path)) as report:
        report({"steps": 100, "loss": "0.5"})
        report({"steps": 200, "check_mean": "7"})
        report({"steps": 300, "loss": "0.125"})
    text = screen.getvalue()
    assert "pong 200: check_mean 7" in text
    assert "loss 0.125" in text
    assert "75%" in text


@pytest.mark.parametrize("end", [KeyboardInterrupt, ValueError, None])
def test_the_curve_is_drawn_however_the_run_ends(tmp_path, end):
    def run():
        with watched(teacher(tmp_path)) as report:
            curve = Curve(tmp_path, COLUMNS, report)
            curve.add(steps=100, updates=3, loss=0.5)
            curve.add(steps=200, updates=6, check_mean=2.0, check_best=2.0)
            if end is not None:
                raise end

    if end is None:
        run()
    else:
        with pytest.raises(end):
            run()
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_never_began_draws_nothing(tmp_path):
    with watched(teacher(tmp_path)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_stages_follow_one_another(tmp_path):
    columns = ("stage", "iteration", "loss", "val_kl", "val_agree", "score")
    curve = Curve(tmp_path, columns, lambda row: None)
    curve.add(stage="stage0", iteration=10, loss=3.0)
    curve.add(stage="stage0", iteration=20, loss=2.0, val_kl=1.0)
    curve.add(stage="control", iteration=5, loss=1.0)
    curve.add(stage="control", iteration=5, score=7.0)
    plot = read_curve(curve.path)
    assert plot is not None
    assert plot.marks == [(0, "stage0"), (20, "control")]
    (loss, kl), (score,) = plot.panels
    assert (loss.x.tolist(), loss.y.tolist()) == ([10, 20, 25], [3, 2, 1])
    assert (kl.x.tolist(), kl.y.tolist()) == ([20], [1])
    assert (score.x.tolist(), score.y.tolist()) == ([25], [7])


def test_a_curve_that_cannot_be_drawn_does_not_hide_the_result(tmp_path, capsys):
    (tmp_path / "curve.csv").write_text("steps,loss\n100,x\n")
    learn_progress.draw_curve(tmp_path)
    assert "curve.png was not drawn: could not convert string" in capsys.readouterr().err
