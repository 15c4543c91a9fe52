"""``tnemu compare`` from the outside: what it prints, with which status."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import students
from running import ran, refused, run

from tnemu.formats.weights import write_weights
from tnemu.mapping import fit as fitting
from tnemu.tasks.atari.spec import spec_for
from tnemu.tasks.task import reference_to

ENGINES = ["reference", "compiled"]


@pytest.fixture
def files(tmp_path):
    """(weight file, observations file of 60 frames)"""
    weights = students.small(seed=2)
    write_weights(weights, tmp_path / "small.safetensors")
    np.save(tmp_path / "frames.npy", students.frames(weights, 60))
    return tmp_path / "small.safetensors", tmp_path / "frames.npy"


def test_agreement_ends_with_status_0(files):
    weights, frames = files
    shown = ran("compare", weights, "--observations", frames, "--board", "tiny").stdout
    assert shown == "".join(
        f"{engine} agrees with the integer network on 60 frames, in every neuron of conv1, block1, "
        "predict, vote\n"
        for engine in ENGINES
    )


def test_a_difference_ends_with_status_1_and_names_the_neuron(files, monkeypatch):
    weights, frames = files
    build = fitting.build_image

    def damaged(*arguments):
        image = build(*arguments)
        thresholds = image.neuron_types.copy()
        thresholds["leak"][1:] = -255  # no neuron fires any more
        return dataclasses.replace(image, neuron_types=thresholds)

    monkeypatch.setattr(fitting, "build_image", damaged)
    arguments = ("compare", weights, "--observations", frames, "--board", "tiny", "--frames", 4)
    result = run(*arguments, "--engines", "numba")
    assert result.exit_code == 1
    bits = students.small(seed=2).activations(students.frames(students.small(), 60)[:1])[1]
    first = int(np.flatnonzero(bits)[0])
    assert f"numba differs first in layer 'conv1' at frame 0, tick 1, neuron {first} (core '" in (
        result.stdout
    )
    facts = json.loads(run(*arguments, "--engines", "numba", "--json").stdout)
    assert facts["agree"] is False
    assert (facts["engines"]["numba"]["layer"], facts["engines"]["numba"]["element"]) == (
        "conv1",
        first,
    )


def test_json_says_what_was_compared(files):
    weights, frames = files
    arguments = ("--observations", frames, "--board", "tiny", "--frames", 7, "--json")
    facts = json.loads(ran("compare", weights, *arguments).stdout)
    assert facts["agree"] is True
    assert facts["frames"] == 7
    assert facts["engines"] == {"reference": None, "compiled": None}
    assert facts["layers"] == ["conv1", "block1", "predict", "vote"]


def test_without_observations_the_student_plays_its_game(tmp_path):
    pytest.importorskip("ale_py")
    spec = spec_for("pong")
    weights = dataclasses.replace(
        students.full_size(actions=len(spec.actions)),
        answers=spec.actions,
        task=reference_to(spec),
    )
    write_weights(weights, tmp_path / "pong.safetensors")
    arguments = ("--frames", 5, "--engines", "numba", "--seed", 1)
    shown = ran("compare", tmp_path / "pong.safetensors", *arguments).stdout
    assert shown.startswith("numba agrees with the integer network on 5 frames")


def test_what_cannot_be_compared_is_refused(files, tmp_path):
    weights, _ = files
    assert "weight file 'small' names no game to take frames from; give frames with" in refused(
        "compare", weights
    )
    assert "there is no engine 'fast'; choose one of: compiled, reference" in refused(
        "compare", weights, "--engines", "numba,fast"
    )
    assert "no engine is named; choose among" in refused("compare", weights, "--engines", ",")
    other = tmp_path / "other.npy"
    for array, message in (
        (
            np.zeros((3, 2, 10, 9), np.uint8),
            "holds uint8 (3, 2, 10, 9); 'small' sees uint8 [n, 2, 10",
        ),
        (np.zeros((3, 2, 10, 10), np.float32), "holds float32 (3, 2, 10, 10)"),
        (np.zeros((0, 2, 10, 10), np.uint8), "with n of 1 or more"),
    ):
        np.save(other, array)
        assert message in refused("compare", weights, "--observations", other)
    other.write_text("no array")
    assert f"{other}: " in refused("compare", weights, "--observations", other)


def test_a_world_that_was_altered_in_the_file_is_not_played(tmp_path):
    spec = spec_for("pong")
    reference = reference_to(spec)
    altered = dataclasses.replace(reference, spec={**reference.spec, "sticky": 0.9})
    weights = dataclasses.replace(
        students.full_size(actions=len(spec.actions)), answers=spec.actions, task=altered
    )
    write_weights(weights, tmp_path / "pong.safetensors")
    text = refused("compare", tmp_path / "pong.safetensors", "--frames", 5)
    assert "names 'pong' and world" in text and "export it again" in text


@pytest.mark.slow
def test_the_trained_network_agrees_in_every_neuron_on_both_engines(tmp_path):
    weights = students.full_size(actions=18)
    write_weights(weights, tmp_path / "full.safetensors")
    np.save(tmp_path / "frames.npy", students.frames(weights, 30))
    ran("compare", tmp_path / "full.safetensors", "--observations", tmp_path / "frames.npy")
