"""``tnemu play`` with a converted network: what the board plays is what the integer model plays."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from plays import play, report_of
from spiking_networks import random_dense

from tnemu import zoo
from tnemu.formats.rate_file import read_rate, write_rate
from tnemu.lab.convert import rate_network
from tnemu.lab.episodes import play as play_episodes
from tnemu.networks.spiking.rate_codec import RateCodec
from tnemu.networks.spiking.recipe import Recipe
from tnemu.tasks.control.spec import ControlSpec
from tnemu.tasks.task import spec_of

SPEC = ControlSpec("cartpole")
pytestmark = pytest.mark.usefixtures("plain_terminal")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rate") / "pole.safetensors"
    network = random_dense(12)
    write_rate(rate_network(network, network, Recipe(20, order="textbook", start=0.5), SPEC), path)
    return path


def test_an_episode_on_the_board_is_one_of_the_integer_model(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = play(
        "cartpole", "--weights", weights, "--board", "tiny", "--mode", "free", "--seed", 3,
        "--episodes", 2, "--output", out, "--video", tmp_path / "run.gif",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    network = read_rate(weights)
    trial = play_episodes(RateCodec(network).decide, RateCodec(network).decide, SPEC, 3, 2)
    report = report_of(out)
    assert report["episode_returns"] == trial.returns.tolist()
    assert report["decisions"] == trial.steps
    assert report["ticks"] == trial.steps * network.window.ticks
    assert report["ticks_per_decision"] == 23
    assert "cartpole on tiny: 3 of" in done.stdout
    assert "23 ticks from frame to votes" in done.stdout
    assert {"replay.npz", "run.png"} <= set(os.listdir(out))


def test_a_network_of_another_task_is_refused(weights: Path) -> None:
    done = play("mountaincar", "--weights", weights)
    assert done.exit_code == 1
    assert (
        "was trained for 'cartpole', not for 'mountaincar'; play it with 'tnemu play car"
        in done.stderr
    )


def test_fewer_ticks_than_an_answer_takes_are_refused(weights: Path, tmp_path: Path) -> None:
    done = play("--weights", weights, "--ticks-per-decision", 22, "--output", tmp_path / "run")
    assert done.exit_code == 1
    assert "22 ticks per decision are not enough: the network answers after 23 ticks" in done.stderr


@pytest.mark.parametrize("name", ["cartpole"])
def test_what_is_shipped_holds_the_pole(name: str) -> None:
    """Twenty episodes of 500 decisions, played by the integer model."""
    network = read_rate(zoo.find_player(name))
    spec = dataclasses.replace(spec_of(network), steps=100)
    trial = play_episodes(RateCodec(network).decide, RateCodec(network).decide, spec, 5, 20)
    assert trial.returns.mean() > 95
