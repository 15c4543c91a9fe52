"""``tnemu learn evaluate`` plays every player on the same games, boards included."""

from __future__ import annotations

import dataclasses
import gc
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tnemu import zoo
from tnemu.cli.main import app
from tnemu.formats.weights import read_weights, write_weights
from tnemu.lab.board_player import board_player
from tnemu.tasks.atari.spec import SPECS, AtariSpec
from tnemu.tasks.atari.world import AtariWorld
from tnemu.tasks.task import TaskError, reference_to

pytest.importorskip("torch")

from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.episodes import Episode
from tnemu.learn.players.evaluate import load_player
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import save_player


def test_a_student_on_a_board_votes_as_its_weight_file():
    path = zoo.find("krull")
    weights = read_weights(path)
    votes, spec = board_player(path, "ns1e", lanes=3)
    assert spec == AtariSpec.from_json(json.dumps(dict(weights.task.spec)))
    world = AtariWorld(spec, seed=5)
    seen = [world.reset()]
    for decision in range(11):
        seen.append(world.step(decision % len(spec.actions))[0])
    for n, first in ((3, 0), (3, 3), (2, 6), (1, 11)):
        observations = np.stack(seen[first : first + n])
        assert votes(observations).tolist() == weights.scores(observations).tolist()


@pytest.mark.parametrize("board", [None, "ns1e"])
def test_a_student_whose_world_was_altered_is_refused(tmp_path, board):
    weights, path = read_weights(zoo.find("freeway")), tmp_path / "altered.safetensors"
    task = dataclasses.replace(weights.task, spec={**weights.task.spec, "sticky": 0.0})
    write_weights(dataclasses.replace(weights, task=task), path)
    with pytest.raises(TaskError, match=r"but holds a description of 'freeway', .*export it again"):
        load_player(str(path)) if board is None else board_player(path, board, lanes=1)


@pytest.mark.slow
def test_players_are_compared_on_the_same_seeds(tmp_path):
    target = tmp_path / "scores.json"
    arguments = "learn evaluate random always:NOOP --game freeway --episodes 1 --seed 3 --json"
    result = CliRunner().invoke(app, [*arguments.split(), str(target)])
    assert result.exit_code == 0, result.output
    players = json.loads(target.read_text())["players"]
    assert players["always:NOOP"]["scores"] == [0.0]
    assert players["random"]["seeds"] == [3, 3]


@pytest.mark.slow
def test_scores_are_a_table_and_a_picture(tmp_path):
    picture = tmp_path / "scores.png"
    arguments = "learn evaluate random always:UP --game freeway --episodes 1 --sticky 0 --plot"
    result = CliRunner().invoke(app, [*arguments.split(), str(picture)])
    assert result.exit_code == 0, result.output
    heads, random, up, note = result.stdout.splitlines()
    assert heads.split() == ["player", "mean", "95", "%", "median", "sd", "of", "human", "95", "%"]
    assert random.split() == ["random", "0", "0..0", "0", "0", "0.00", "0.00..0.00"]
    assert float(up.split()[1]) > 15
    assert "episodes: 1, seeds 77000-77000, sticky 0 (trained under 0.25)" in note
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_played(
    tmp_path, monkeypatch, option
):
    monkeypatch.setattr("tnemu.learn.players.evaluate.play_episodes", None)
    file = tmp_path / "nowhere" / "x"
    arguments = "learn evaluate random --game freeway".split()
    result = CliRunner().invoke(app, [*arguments, option, str(file)])
    assert result.exit_code == 1
    assert f"cannot write {file}: No such file or directory; give a name in" in result.stderr


def test_scores_are_shown_even_if_a_file_cannot_be_written_any_more(tmp_path, monkeypatch):
    monkeypatch.setattr("tnemu.files.check_writable", lambda path, **more: None)
    arguments = "learn evaluate always:NOOP --game freeway --episodes 1 --json".split()
    result = CliRunner().invoke(app, [*arguments, str(tmp_path / "nowhere" / "x")])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].startswith("always:NOOP")
    assert "cannot write" in result.stderr


@pytest.fixture
def short(tmp_path):
    """A teacher and a student of Freeway whose episodes are short, in a folder whose name misleads."""
    folder = tmp_path / "teacher-and-student"
    folder.mkdir()
    spec = dataclasses.replace(SPECS["freeway"], max_frames=120)
    net = DuelNet(spec)
    save_player(folder / "a.safetensors", net, TEACHER, spec)
    shipped = read_weights(zoo.find("freeway"))
    write_weights(dataclasses.replace(shipped, task=reference_to(spec)), folder / "b.safetensors")
    return [str(folder / f"{name}.safetensors") for name in "ab"]


@pytest.mark.slow
def test_a_record_has_every_row_and_the_zoo_knows_them_whatever_they_are_called(
    short, tmp_path, monkeypatch
):
    target, table = tmp_path / "recorded.safetensors", tmp_path / "scores.json"
    words = ["random", *short, "--board", "ns1e", "--episodes", "2", "--record", str(target)]
    result = CliRunner().invoke(app, ["learn", "evaluate", *words, "--json", str(table)])
    assert result.exit_code == 0, result.output
    recorded = read_weights(target).provenance["evaluation"]
    assert recorded == {**json.loads(table.read_text()), "recorded": short[1]}
    assert set(recorded["players"]) == {"random", *short, f"{short[1]} on ns1e"}

    monkeypatch.setattr(zoo, "names", lambda: [str(target)])
    (row,) = json.loads(CliRunner().invoke(app, ["zoo", "--json"]).stdout)
    assert set(row["scores"]) == {"random", "teacher", "student", f"{short[1]} on ns1e"}


@pytest.mark.slow
def test_seeds_that_chose_a_player_come_with_a_warning(monkeypatch):
    monkeypatch.setattr(
        "tnemu.learn.players.evaluate.play_episodes", lambda *how: [Episode(9009, 1, 1, False)]
    )
    words = "learn evaluate freeway --seed 9009 --episodes 1".split()
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "warning: seeds 9009..9009 meet 9000..9009, the selection seeds of" in result.stderr
    assert "choose other seeds, as --seed 9010" in result.stderr


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nobody", "check the path"),
        ("kruhl", "did you mean 'krull'?"),
        ("pog.pth", "check the path"),
    ],
)
@pytest.mark.parametrize("record", [(), ("--record", "x.safetensors")])
def test_an_unknown_player_is_refused_by_name_and_gets_near_names(name, hint, record):
    result = CliRunner().invoke(app, ["learn", "evaluate", name, "--game", "pong", *record])
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: player {name!r} is neither random, always:ACTION, a file nor a shipped student; "
        f"{hint}\n"
    )


def test_an_unknown_board_is_refused_by_name_and_nothing_else_is_said(recwarn):
    result = CliRunner().invoke(app, ["learn", "evaluate", "krull", "--board", "nosuch"])
    gc.collect()  # a corelet that is made and not used warns when it goes
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no board is named 'nosuch'")
    assert not recwarn.list
