"""``tnemu classify``: the contract for scripts, the table for people, refusals."""

import json

import numpy as np
import pytest
from small_classifiers import small_classifier
from typer.testing import CliRunner

from tnemu.cli.main import app
from tnemu.formats.weights import write_weights
from tnemu.lab import classify as lab
from tnemu.tasks.classify.catalogue import load

CONTRACT = (
    "accuracy",
    "samples",
    "agrees_with_numpy",
    "cores",
    "frames_per_second",
    "estimated_power_mw",
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "digits.safetensors"
    write_weights(small_classifier(), path)
    return path


def classify(*arguments):
    return CliRunner().invoke(app, ["classify", *map(str, arguments)])


def test_json_holds_what_scripts_rely_on(weights):
    result = classify(weights, "--board", "tiny", "--limit", 50, "--json", "-")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(CONTRACT) <= set(found)
    test = load("digits", None).test
    right = small_classifier().scores(test.images[:50]).argmax(1) == test.labels[:50]
    assert found["accuracy"] == right.mean()
    assert (found["samples"], found["agrees_with_numpy"]) == (50, True)
    assert np.array(found["confusion"]).sum() == 50


def test_people_get_the_table_and_a_picture(weights, tmp_path):
    result = classify(
        weights, "--board", "tiny", "--limit", 40, "--lanes", 4, "--picture", tmp_path / "p.png"
    )
    assert result.exit_code == 0, result.output
    assert "random digits on tiny" in result.stdout
    assert "40 pictures of the test part of digits; all answers equal numpy's" in result.stdout
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"


def test_answers_that_differ_from_numpys_are_status_1(weights, monkeypatch):
    right = lab.in_numpy

    def wrong(*arguments):
        found = right(*arguments)
        found.votes[7, 3] += 1
        return found

    monkeypatch.setattr(lab, "in_numpy", wrong)
    result = classify(weights, "--board", "tiny", "--limit", 20)
    assert result.exit_code == 1
    assert "ANSWERS DIFFER FROM NUMPY'S" in result.stdout


def test_a_student_of_a_game_is_refused(tmp_path):
    result = classify("krull", "--data", tmp_path)
    assert result.exit_code == 1
    assert "was trained to play krull, not to name what is in pictures" in (result.output)
