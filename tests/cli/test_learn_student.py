"""``tnemu learn student`` refuses a student that its board cannot hold, before it trains."""

# ruff: noqa: E402
from __future__ import annotations

import dataclasses

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from tnemu.cli.main import app
from tnemu.formats.weights import read_weights
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import save_player
from tnemu.tasks.atari.spec import SPECS

SHORT = (
    "--states 40 --dagger-rounds 0 --worlds 2 --batch 8 --iterations 1 --calibration 20 "
    "--control-iterations 0 --check-episodes 1"
).split()


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory):
    spec = dataclasses.replace(SPECS["freeway"], max_frames=160)
    net = DuelNet(spec)
    path = tmp_path_factory.mktemp("teacher") / "freeway.safetensors"
    save_player(path, net, TEACHER, spec)
    return str(path)


def learn(*arguments):
    return CliRunner().invoke(app, ["learn", "student", *map(str, arguments)])


def test_a_student_that_does_not_fit_is_refused_before_training(teacher_file, tmp_path):
    result = learn(
        "freeway", "--teacher", teacher_file, "--out", tmp_path, "--board", "tiny", *SHORT
    )
    assert result.exit_code == 1
    assert (
        "Student needs at least 400 cores, tiny has 32: Conv2d 'conv1' about 200" in result.output
    )
    assert not list(tmp_path.glob("*")), "nothing was collected or trained"


@pytest.mark.slow
def test_a_student_that_fits_is_trained(teacher_file, tmp_path):
    result = learn(
        "freeway", "--teacher", teacher_file, *SHORT, "--out", tmp_path, "--board", "ns1e"
    )
    assert result.exit_code == 0, result.output
    assert read_weights(tmp_path / "student.safetensors").task.name == "freeway"


def test_a_student_of_several_games_that_does_not_fit_is_refused_before_training(
    teacher_file, tmp_path
):
    words = ["learn", "together", "freeway", "--teachers", teacher_file, "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*words, "--board", "tiny"])
    assert result.exit_code == 1
    assert "Student needs at least 400 cores, tiny has 32" in result.output
    assert not list(tmp_path.glob("*")), "nothing was collected or trained"


def test_an_unknown_board_is_refused_by_name(teacher_file, tmp_path):
    result = learn("freeway", "--teacher", teacher_file, "--out", tmp_path, "--board", "nosuch")
    assert result.exit_code == 1
    assert "nosuch" in result.output


def test_the_help_names_the_board_beside_the_options_of_training(capsys):
    result = learn("--help")
    assert result.exit_code == 0
    assert "--board" in result.output
    assert "--loss" in result.output
