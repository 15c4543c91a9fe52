"""``tnemu zoo`` lists what is shipped, from the files themselves."""

from __future__ import annotations

import functools
import json
import math

from typer.testing import CliRunner

from tnemu import zoo
from tnemu.cli.main import app
from tnemu.formats.weights import read_weights


@functools.cache
def listed() -> dict[str, dict]:
    result = CliRunner().invoke(app, ["zoo", "--json"])
    assert result.exit_code == 0, result.output
    return {row["name"]: row for row in json.loads(result.stdout)}


def test_every_shipped_student_is_listed_with_its_size_and_scores():
    rows = listed()
    assert sorted(rows) == zoo.names()
    for name, row in rows.items():
        weights = read_weights(zoo.find(name))
        assert (row["game"], row["sha256"]) == (weights.game, weights.sha256)
        assert 0 < row["cores"] <= 4096 and row["latency_ticks"] > 0
        assert {"random", "student", "teacher"} <= set(row["scores"])


def test_a_shipped_student_beats_random_play_beyond_its_interval():
    for name, row in listed().items():
        scores = row["scores"]
        assert scores["student"]["mean_95"][0] > scores["random"]["mean_95"][1], name


def test_the_share_of_the_teacher_is_that_of_the_means():
    for name, row in listed().items():
        scores = row["scores"]
        student, random, teacher = (scores[who] for who in ("student", "random", "teacher"))
        share = (student["mean"] - random["mean"]) / (teacher["mean"] - random["mean"])
        assert math.isclose(student["teacher_share"]["mean"], share), name
        low, high = student["teacher_share"]["mean_95"]
        assert low < share < high


def test_provenance_and_licence_are_listed():
    for name, row in listed().items():
        made = read_weights(zoo.find(name)).provenance
        assert row["licence"] == "MIT"
        assert row["provenance"]["command"] == made["command"]
        assert row["provenance"]["teacher_sha256"] == made["teacher_sha256"]
        assert "torch" in row["provenance"]["versions"]


def test_the_table_has_a_line_for_every_student():
    lines = CliRunner().invoke(app, ["zoo"]).stdout.splitlines()
    assert lines[0].split()[:2] == ["name", "game"]
    shown = {line.split()[0]: line.split() for line in lines[1 : 1 + len(zoo.names())]}
    assert sorted(shown) == zoo.names()
    krull = shown["krull"]
    assert krull[2:5] == ["400", "(9.8%)", "6"]
    assert krull[5:9] == ["4,143", "1,616", "4,940", "0.76"]
    assert krull[-1] == "MIT"
    assert any(line.startswith("krull: python -m tnemu.learn.distil krull") for line in lines)
