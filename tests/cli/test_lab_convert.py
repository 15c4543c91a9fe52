"""``tnemu lab convert``: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spiking_networks import random_dense
from typer.testing import CliRunner

from tnemu.cli.main import app
from tnemu.formats.dense_file import write_dense, write_observations

pytestmark = pytest.mark.usefixtures("plain_terminal")


def convert(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["lab", "convert", *map(str, arguments)])


@pytest.fixture
def call(tmp_path: Path) -> list[Any]:
    """A command that works: a random network of CartPole, few ticks, few episodes."""
    write_dense(random_dense(12), tmp_path / "net.npz")
    write_observations(np.random.default_rng(0).normal(size=(50, 4)), tmp_path / "states.npz")
    net = tmp_path / "net.npz"
    return [net, "--source", net, "--task", "cartpole", "--ticks", 20, "--episodes", 5]


def test_the_result_is_one_object_of_json_on_request(call: list[Any]) -> None:
    done = convert(*call, "--seed", 3, "--json", "-")
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert 0 <= facts["agreements"] <= facts["steps"]
    assert facts["mean_return"] == facts["steps"] / 5
    assert {"std_return", "agreement"} <= facts.keys()
    assert (facts["seed"], facts["order"], facts["ticks"]) == (3, "thesis", 20)


def test_a_file_gets_the_json_and_the_person_a_line(call: list[Any], tmp_path: Path) -> None:
    done = convert(*call, "--json", tmp_path / "out.json")
    facts = json.loads((tmp_path / "out.json").read_text())
    assert done.stdout == (
        f"{facts['agreements']} of {facts['steps']} decisions as the source "
        f"({100 * facts['agreement']:.2f} %), return {facts['mean_return']:.2f} "
        f"(sd {facts['std_return']:.2f}) over 5 episodes\n"
    )


@pytest.mark.parametrize(
    "options",
    [
        ("--encoding", "poisson", "--decoding", "counts-last"),
        ("--encoding", "equidistant", "--reset", "zero", "--decoding", "counts-first"),
        ("--order", "textbook", "--start", "0.5"),
        ("--normalise", "model"),
        ("--steps", "7"),
    ],
)
def test_every_option_changes_what_is_run(call: list[Any], options: tuple[str, ...]) -> None:
    results = [convert(*call, *more, "--json", "-") for more in ((), options)]
    plain, other = (json.loads(done.stdout) for done in results)
    assert (plain["steps"], plain["agreements"]) != (other["steps"], other["agreements"])


@pytest.mark.parametrize("how", ["data", "robust:0.9"])
def test_states_normalise(call: list[Any], tmp_path: Path, how: str) -> None:
    done = convert(*call, "--normalise", how, "--states", tmp_path / "states.npz", "--json", "-")
    assert json.loads(done.stdout)["normalise"] == how


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ticks", 0), "error: ticks = 0: must be a whole number in 1..1000000; choose one in"),
        (("--episodes", 0), "error: episodes = 0: must be a whole number of 1 or more"),
        (
            ("--seed", -1),
            "error: cartpole seed = -1: must be a whole number in 0..9223372036854775",
        ),
        (("--task", "cartpol"), "did you mean 'cartpole'?"),
        (
            ("--task", "mountaincar"),
            "it takes 4 numbers and gives 2; mountaincar shows 2 and takes",
        ),
        (("--normalise", "data"), "normalise = 'data' needs recorded observations; give them with"),
        (("--normalise", "batch"), "must be one of none, model, data, robust:P"),
        (("--target", "chip"), "error: target = 'chip': must be one of 'numpy'"),
        (("--source", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    call: list[Any], options: tuple[Any, ...], message: str
) -> None:
    done = convert(*call, *options)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
