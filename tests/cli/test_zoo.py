"""``tnemu zoo`` lists what is shipped, from the files themselves."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from tnemu import zoo
from tnemu.cli.main import app
from tnemu.formats.weights import WeightFile


def listed() -> dict[str, dict]:
    result = CliRunner().invoke(app, ["zoo", "--json"])
    assert result.exit_code == 0, result.output
    return {row["name"]: row for row in json.loads(result.stdout)}


def test_every_shipped_student_is_listed_with_its_size_and_scores():
    rows = listed()
    assert sorted(rows) == zoo.names()
    for name, row in rows.items():
        weights = WeightFile.load(zoo.find(name))
        assert (row["game"], row["sha256"]) == (weights.game, weights.sha256)
        assert 0 < row["cores"] <= 4096 and row["latency_ticks"] > 0
        assert {"random", "student", "teacher"} <= set(row["scores"])


def test_a_shipped_student_beats_random_play_beyond_its_interval():
    for name, row in listed().items():
        scores = row["scores"]
        assert scores["student"]["mean_95"][0] > scores["random"]["mean_95"][1], name


def test_the_table_names_every_student():
    text = CliRunner().invoke(app, ["zoo"]).stdout
    assert all(name in text for name in zoo.names())
