"""``tnemu zoo`` lists what is shipped, from the files themselves."""

from __future__ import annotations

import functools
import json
import math
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tnemu import zoo
from tnemu.cli.main import app
from tnemu.formats.weights import read_weights
from tnemu.lab import shipped
from tnemu.lab.shipped import measured_sizes


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
        assert (row["game"], row["sha256"]) == (weights.task.name, weights.sha256)
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


def test_every_score_is_listed_with_its_interval_episodes_and_seeds():
    lines = CliRunner().invoke(app, ["zoo"]).stdout.splitlines()
    cells = [line.split() for line in lines]
    assert ["krull", "student", "4,143", "3,678..4,637", "30", "77000..77029"] in cells
    start = next(k for k, row in enumerate(cells) if row[:3] == ["name", "player", "mean"])
    told = {(row[0], row[1]) for row in cells[start + 1 :] if len(row) == 6 and row[0] in listed()}
    assert told == {(name, who) for name, row in listed().items() for who in row["scores"]}


@pytest.mark.slow
def test_the_sizes_that_are_kept_are_those_that_are_worked_out():
    """Run: tnemu zoo --sizes > tnemu/zoo/sizes.json"""
    assert zoo.sizes() == measured_sizes()


def test_a_student_whose_size_is_not_kept_is_sized(monkeypatch):
    monkeypatch.setattr(zoo, "names", lambda: ["freeway"])
    kept = listed_now()
    monkeypatch.setattr(zoo, "sizes", dict)
    assert listed_now() == kept


def listed_now() -> list[dict]:
    return json.loads(CliRunner().invoke(app, ["zoo", "--json"]).stdout)


def test_shares_that_are_recorded_are_those_of_the_episodes():
    for name in zoo.names():
        evaluation = dict(read_weights(zoo.find(name)).provenance["evaluation"])
        recorded = shipped._scores(listed()[name]["game"], evaluation)
        evaluation.pop("normalised", None)
        worked_out = shipped._scores(listed()[name]["game"], evaluation)
        assert recorded == worked_out == listed()[name]["scores"], name


def test_the_list_imports_no_simulator_and_no_trainer():
    code = (
        "import sys; from tnemu.cli.zoo import command; command('ns1e', True, False); "
        "print(sorted({'torch', 'numba', 'ale_py', 'gymnasium', 'matplotlib', 'corelets'} "
        "& sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert json.loads(done.stdout) == list(listed().values())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (5, "5 is no name of a weight file; give a path or one of assault, "),
        (None, "None is no name of a weight file; give a path or one of assault, "),
        (
            "freway",
            "no student 'freway' is shipped, and no weight file has that path; did you mean 'free",
        ),
    ],
)
def test_what_is_no_name_of_a_student_is_refused_with_the_names_there_are(name, message):
    with pytest.raises(zoo.ZooError) as caught:
        zoo.find(name)
    assert str(caught.value).startswith(message)
