"""What the commands of ``tnemu learn`` say to input that cannot be: the thing, and the next step."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tnemu import zoo
from tnemu.cli.main import app

pytest.importorskip("torch")


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["learn", *map(str, arguments)])
    assert result.exit_code == 1, result.output
    return str(result.output)


@pytest.mark.parametrize("command", ["teacher", "evaluate"])
def test_an_unknown_game_gets_near_names(command, tmp_path):
    how = ("teacher", "kruhl", "--out", tmp_path)
    message = refused(*how if command == "teacher" else ("evaluate", "random", "--game", "kruhl"))
    assert "no AtariSpec for game 'kruhl'" in message
    assert "did you mean 'krull'" in message


@pytest.mark.parametrize("command", ["teacher", "evaluate"])
def test_a_missing_rom_says_how_to_get_it(command, tmp_path, monkeypatch):
    monkeypatch.setattr("ale_py.roms.get_rom_path", lambda game: tmp_path / f"{game}.bin")
    how = ("teacher", "pong", "--out", tmp_path, "--worlds", 1)
    message = refused(
        *how if command == "teacher" else ("evaluate", "random", "--game", "pong", "--processes", 1)
    )
    assert "no ROM for game 'pong' in ale_py" in message
    assert "reinstall the package with its ROMs: pip install --force-reinstall" in message


def test_a_student_of_an_unknown_game_gets_near_names(tmp_path):
    teacher = zoo.find("krull").parent / "teachers" / "krull.safetensors"
    message = refused("student", "kruhl", "--teacher", teacher, "--out", tmp_path / "run")
    assert "no AtariSpec for game 'kruhl'" in message
    assert "did you mean 'krull'" in message


def test_a_missing_teacher_is_named(tmp_path):
    message = refused("student", "pong", "--teacher", "nowhere.safetensors", "--out", tmp_path)
    assert "nowhere.safetensors" in message
    assert "check the path" in message
