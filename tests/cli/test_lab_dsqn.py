"""``tnemu lab dsqn``: a line for each row, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from spiking_networks import finished_run
from typer.testing import CliRunner

from tnemu.cli.main import app

pytestmark = pytest.mark.usefixtures("plain_terminal")


def test_the_command_prints_rows_and_trainings(tmp_path: Path) -> None:
    for seed in (11, 12, 13):
        finished_run(tmp_path / "a" / f"run-{seed}", seed, preset="A")
    finished_run(tmp_path / "b", 14, preset="B")
    words = ["lab", "dsqn", "--own", str(tmp_path), "--table", "lengths", "--table", "trainings"]
    words += ["--most-ticks", "10", "--episodes", "2", "--steps", "30"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("lengths cartpole dqn: T = 10 (own, 3 trained): return ")
    assert lines[0].endswith("; printed 18.61, 56.00 %")
    assert (
        "trainings cartpole dqn B: 0 of 1 solved, best average 114.00; printed 3 of 5, 197.79"
        in lines
    )
    done = CliRunner().invoke(app, [*words, "--json", "-"])
    assert len(json.loads(done.stdout)["rows"]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            (),
            "error: no networks: give the folder of the thesis's with --thesis, or of your trainings",
        ),
        (("--table", "length"), "did you mean 'lengths'?"),
        (("--episodes", "0"), "error: episodes = 0: must be a whole number in 1..100000"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(words: Any, message: str) -> None:
    done = CliRunner().invoke(app, ["lab", "dsqn", *words])
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr
