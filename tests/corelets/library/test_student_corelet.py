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
from tnemu.formats.weights import write_weights


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
    sha256 = write_weights(weights, tmp_path / "small.safetensors")
    student = corelets.load(tmp_path / "small.safetensors")
    assert student.weights.sha256 == sha256
    plan = tnemu.fit(student, tnemu.load_board("tiny"))
    assert plan.image.origin["weights_sha256"] == sha256
    frames = students.frames(weights, 8)
    bits = weights.transduction.forward(frames).reshape(8, -1)
    ones = chips.pipelined(plan, "frame", "votes", bits, engine)
    np.testing.assert_array_equal(weights.vote.forward(ones), weights.scores(frames))


@pytest.mark.parametrize("engine", ["reference", "numba"])
def test_games_that_share_a_network_share_the_board_image_and_read_their_own_voters(
    tmp_path, engine
):
    network = students.small(seed=3)
    games = []
    for k, own in enumerate(([0, 1], [2])):
        classes = np.where(np.isin(network.vote.classes, own), network.vote.classes - own[0], -1)
        eye = dataclasses.replace(
            network.transduction, background=network.transduction.background + np.int16(20 * k)
        )
        vote = dataclasses.replace(network.vote, classes=classes.astype(np.int32))
        names = tuple("AB"[: len(own)])
        layers = (eye, *network.layers[1:-1], vote)
        game = dataclasses.replace(network, answers=names, layers=layers)
        write_weights(game, tmp_path / f"{k}.safetensors")
        games.append(corelets.load(tmp_path / f"{k}.safetensors"))
    plans = [tnemu.fit(game, tnemu.load_board("tiny")) for game in games]
    assert plans[0].image.sha256() == plans[1].image.sha256()
    frames = students.frames(network, 8)
    for game, own in zip(games, ([0, 1], [2]), strict=True):
        w = game.weights
        bits = w.transduction.forward(frames).reshape(8, -1)
        ones = chips.pipelined(plans[0], "frame", "votes", bits, engine)
        np.testing.assert_array_equal(w.vote.forward(ones), w.scores(frames))
        for k, c in enumerate(own):  # by hand, from the pins
            mine = ones[:, network.vote.classes == c].sum(1)
            assert w.vote.forward(ones)[:, k].tolist() == mine.tolist()


def test_a_student_without_layers_for_the_board_is_refused():
    weights = students.small()
    bits = int(np.prod(weights.shapes()[0]))
    vote = dataclasses.replace(weights.vote, classes=np.arange(bits, dtype=np.int32) % 3)
    bare = dataclasses.replace(weights, layers=(weights.transduction, vote))
    with pytest.raises(CoreletError, match="student 'small' has no layer between transduction and"):
        Student(bare)
