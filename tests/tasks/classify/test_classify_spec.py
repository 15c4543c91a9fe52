"""Classification keeps the contract of tasks, and its spec refuses what cannot be."""

import dataclasses

import numpy as np
import pytest
from data_files import random_pictures

from tnemu.tasks import contract
from tnemu.tasks.classify.catalogue import load
from tnemu.tasks.classify.data import DataError, LabelledData, Part, split
from tnemu.tasks.classify.spec import ClassifySpec

DIGITS = ClassifySpec("digits", tuple("0123456789"), (1, 8, 8), episode=30)


class TestDigits(contract.TaskContract):
    def spec(self):
        return DIGITS


def test_right_answers_are_points_and_an_episode_repeats_no_picture():
    test = load("digits", None).test
    task = DIGITS.start(3)
    seen, over = [task.reset()], False
    while not over:
        where = np.flatnonzero((test.images == seen[-1]).all(axis=(1, 2, 3)))
        observation, reward, over = task.step(int(test.labels[where[0]]))
        assert reward == 1
        seen.append(observation)
    assert task.episode_return == 30
    assert len({picture.tobytes() for picture in seen}) == 30  # the last is shown twice


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dataset": "digit"}, "did you mean 'digits'"),
        ({"actions": ("a", "a")}, "different names"),
        ({"shape": (8, 8)}, "must be .channels, rows, columns"),
        ({"shape": (1, 0, 8)}, "must be a whole number in 1..4096"),
        ({"contrast": 1}, "must be true or false"),
        ({"episode": 0}, "must be a whole number in 1.."),
    ],
)
def test_a_spec_that_cannot_be_is_refused(change, words):
    with pytest.raises(DataError, match=words):
        dataclasses.replace(DIGITS, **change)


def test_other_data_than_the_network_was_trained_for_is_refused(tmp_path):
    x, y = random_pictures(3, 9, 9), np.arange(3)
    np.savez(tmp_path / "a.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    spec = ClassifySpec("pictures", ("0", "1"), (1, 9, 9))
    with pytest.raises(
        DataError, match=r"of 3 classes .*, the network sees \[1, 9, 9\] and answers 2"
    ):
        spec.load(str(tmp_path / "a.npz"))


def test_validation_holds_whole_groups():
    part = Part(random_pictures(60, 1, 2, 2), np.zeros(60, np.int64), np.repeat(np.arange(12), 5))
    train, held = split(part, 4, seed=0)
    assert (len(train), len(held)) == (45, 15)
    assert not set(train.groups) & set(held.groups)
    with pytest.raises(DataError, match="12 groups of pictures, of which 1 / 13 is 0"):
        split(part, 13, seed=0)


def test_parts_that_do_not_belong_together_are_refused():
    good = Part(random_pictures(2, 1, 4, 4), np.array([0, 1]))
    cases = {
        "the test part is empty": good.take(np.zeros(0, int)),
        r"labels 0..2, there are 2 classes": Part(good.images, np.array([0, 2])),
        r"test pictures \[1, 5, 5\]": Part(random_pictures(2, 1, 5, 5), np.array([0, 1])),
    }
    for words, part in cases.items():
        with pytest.raises(DataError, match=words):
            LabelledData("x", ("a", "b"), good, part)
