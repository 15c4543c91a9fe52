"""Scores on seeds that chose a player are too good: ``evaluate`` says so, for every kind of file."""

# ruff: noqa: E402
from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from tnemu.formats.weights import read_weights, write_weights

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu import zoo
from tnemu.formats.tensor_file import save_tensors
from tnemu.learn.players import evaluate
from tnemu.learn.players.command import main
from tnemu.learn.players.episodes import Episode
from tnemu.learn.players.selection import chosen_on, selection_seeds

FREEWAY = zoo.find("freeway")
TEACHER = FREEWAY.parent / "teachers" / "freeway.safetensors"
STAGES = {"stages": [{"check_seeds": [40, 49]}, {"check_seeds": [9, 9]}, {}]}


@pytest.fixture
def played(monkeypatch):
    """Episodes without a world."""
    monkeypatch.setattr(
        evaluate,
        "play_episodes",
        lambda player, spec, seeds, epsilon: [Episode(seed, 1, 1, False) for seed in seeds],
    )


def test_every_kind_of_file_says_on_which_seeds_it_was_chosen(tmp_path):
    assert selection_seeds(str(FREEWAY)) == [(9000, 9009)]
    assert selection_seeds(str(TEACHER)) == [(9000, 9004)]
    student, control = tmp_path / "student.safetensors", tmp_path / "control.safetensors"
    write_weights(dataclasses.replace(read_weights(FREEWAY), provenance=STAGES), student)
    save_tensors(control, {"x": np.zeros(1)}, {"provenance": json.dumps(STAGES)})
    assert selection_seeds(str(student)) == selection_seeds(str(control)) == [(9, 9), (40, 49)]


def test_a_file_that_does_not_say_was_chosen_on_no_seeds(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"x": np.zeros(1)}, {})
    assert selection_seeds(str(path)) == []
    assert selection_seeds("checkpoint.zip") == []


@pytest.mark.parametrize(("first", "last", "meet"), [
    (8990, 8999, False), (8990, 9000, True), (9004, 9004, True), (9009, 9100, True),
    (8000, 9900, True), (9010, 9011, False),
])  # fmt: skip
def test_ranges_meet_if_they_share_a_seed(first, last, meet):
    met = chosen_on([str(FREEWAY)], range(first, last + 1))
    assert met == ({str(FREEWAY): [(9000, 9009)]} if meet else {})


def test_scores_on_seeds_that_chose_a_player_come_with_a_warning(played, tmp_path, capsys):
    table = tmp_path / "scores.json"
    words = ["random", "freeway", str(TEACHER), "--episodes", "30", "--json", str(table)]
    assert main([*words, "--seed", "9003"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"warning: seeds 9003..9032 meet {met}, the selection seeds of {file}: scores there are too "
        "good to quote; choose other seeds, as --seed 9010"
        for file, met in ((FREEWAY, "9000..9009"), (TEACHER, "9000..9004"))
    ]
    assert json.loads(table.read_text())["chosen_on"] == {
        str(FREEWAY): [[9000, 9009]],
        str(TEACHER): [[9000, 9004]],
    }


def test_seeds_that_chose_nothing_need_no_warning(played, capsys):
    assert main(["random", "freeway", "--seed", "9010"]) == 0
    assert capsys.readouterr().err == ""
