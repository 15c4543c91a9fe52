"""A weight file as a corelet: its ports, its cores, and the way to load it."""

from __future__ import annotations

import dataclasses

import chips
import numpy as np
import pytest
import students

import corelets
import tnemu
from corelets import CoreletError, Student


def test_the_network_that_the_project_trains_takes_400_cores():
    network = Student(students.full_size()).build()
    layers = [core.layer for core in network.cores]
    assert {name: layers.count(name) for name in dict.fromkeys(layers)} == {
        "conv1": 200,
        "conv2": 50,
        "block1": 50,
        "block2": 50,
        "predict": 50,
    }


def test_frame_has_a_pin_for_each_transduction_bit_and_votes_one_for_each_prediction_neuron():
    weights = students.small()
    student = Student(weights)
    assert student.frame.width == np.prod(weights.shapes()[0])
    assert student.votes.width == len(weights.vote.classes)
    assert student.weights is weights
    student.build()


@pytest.mark.parametrize("engine", ["reference", "numba"])
def test_a_loaded_student_plays_the_votes_of_its_weight_file(tmp_path, engine):
    weights = students.small(seed=3)
    sha256 = weights.save(tmp_path / "small.safetensors")
    student = corelets.load(tmp_path / "small.safetensors")
    assert student.weights.sha256 == sha256
    plan = tnemu.fit(student, tnemu.load_board("tiny"))
    assert plan.image.origin["weights_sha256"] == sha256
    frames = students.frames(weights, 8)
    bits = weights.transduction.forward(frames).reshape(8, -1)
    ones = chips.pipelined(plan, "frame", "votes", bits, engine)
    np.testing.assert_array_equal(weights.vote.forward(ones), weights.votes(frames))


def test_a_student_without_layers_for_the_board_is_refused():
    weights = students.small()
    bits = int(np.prod(weights.shapes()[0]))
    vote = dataclasses.replace(weights.vote, classes=np.arange(bits, dtype=np.int32) % 3)
    bare = dataclasses.replace(weights, layers=(weights.transduction, vote))
    with pytest.raises(CoreletError, match="student 'small' has no layer between transduction and"):
        Student(bare)
