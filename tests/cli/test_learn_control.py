"""``tnemu learn dqn``, ``dsqn``, ``policy`` and ``classifier``: folders, curves, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from typer.testing import CliRunner

from tnemu.cli.learn_progress import position, read_curve
from tnemu.cli.main import app
from tnemu.learn.spiking.settings import ClassifierSettings, DqnSettings

pytestmark = pytest.mark.usefixtures("plain_terminal")

FOLDER = {
    "checkpoint.safetensors",
    "curve.csv",
    "curve.png",
    "initial.npz",
    "last.npz",
    "result.json",
    "settings.json",
}


def learn(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["learn", *map(str, arguments)])


@pytest.mark.parametrize("command", [("dqn",), ("dsqn", "--batch", 32), ("policy",)])
def test_a_run_leaves_networks_curve_picture_and_result(command: Any, tmp_path: Path) -> None:
    name, *more = command
    done = learn(name, "cartpole", "--out", tmp_path, "--episodes", 5, "--log-every", 2, *more)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "last.npz")
    assert {path.name for path in tmp_path.iterdir()} == FOLDER
    plot = read_curve(tmp_path / "curve.csv")
    assert plot is not None
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 4  # head, 2, 4, 5


def test_a_classifier_learns_from_a_file(tmp_path: Path) -> None:
    learn("policy", "cartpole", "--out", tmp_path / "p", "--episodes", 1)
    done = learn(
        "classifier", "cartpole", "--source", tmp_path / "p" / "last.npz", "--out", tmp_path / "c",
        "--states", 50, "--batches", 20, "--log-every", 10,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    found = {path.name for path in (tmp_path / "c").iterdir()}
    assert found == (FOLDER - {"last.npz"}) | {"trained.npz", "states.npz"}


def test_progress_counts_episodes_and_updates(tmp_path: Path) -> None:
    row = {"episode": 30, "steps": 999}
    assert position(DqnSettings("cartpole", "x"), row) == ("cartpole", 30, 1000)
    settings = ClassifierSettings("mountaincar", "x", source="s")
    assert position(settings, {"iteration": 9}) == ("mountaincar", 9, 200_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dqn", "pong"), "error: task = 'pong': must be one of 'cartpole', 'mountaincar'"),
        (("dqn", "cartpole", "--preset", "E"), "error: preset = 'E': must be one of 'A', 'B', 'C'"),
        (("dsqn", "cartpole", "--ticks", 0), "error: ticks = 0: must be 1 or more"),
        (("classifier", "cartpole"), "error: source is not given: name the network to learn from"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: Any, message: str, tmp_path: Path
) -> None:
    done = learn(*arguments, "--out", tmp_path / "run")
    assert done.exit_code == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
