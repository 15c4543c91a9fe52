"""A network's task is taken from its file only if file and task belong together."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import students

from tnemu.networks.trained import TaskReference, TrainedNetwork
from tnemu.tasks.atari.spec import spec_for
from tnemu.tasks.task import TaskError, reference_to, spec_of

PONG = spec_for("pong")


def network(**changes: Any) -> TrainedNetwork:
    """A student of Pong whose reference to its task is altered by ``changes``."""
    known = students.full_size(actions=len(PONG.actions))
    task = dataclasses.replace(reference_to(PONG), **changes)
    return dataclasses.replace(known, answers=PONG.actions, task=task)


def test_the_task_is_the_one_that_the_file_describes() -> None:
    assert spec_of(network()) == PONG


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            network(sha256="0123456789abcdef"),
            "weight file 'full' names 'pong' and world 0123456789ab, but holds a description of "
            f"'pong', {PONG.sha256[:12]}; export it again",
        ),
        (network(name="krull"), "names 'krull' and world"),
        (
            network(kind="chess"),
            "a task of kind 'chess'; this version knows atari, classify, control: update tnemu",
        ),
        (
            dataclasses.replace(students.full_size(), task=reference_to(PONG)),
            r"sees \(4, 42, 42\) and answers ACTION0 ACTION1 ACTION2, its world shows \(4, 42, 42\) and "
            "takes NOOP FIRE RIGHT LEFT RIGHTFIRE LEFTFIRE; export it again",
        ),
        (dataclasses.replace(network(), task=None), "names no task, so there is nothing"),
    ],
)
def test_a_task_of_another_network_is_refused(changed: TrainedNetwork, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        spec_of(changed)


def test_a_reference_is_plain_data_that_a_file_can_hold() -> None:
    reference = reference_to(PONG)
    assert (reference.kind, reference.name, reference.sha256) == ("atari", "pong", PONG.sha256)
    assert isinstance(reference, TaskReference)
    assert reference.spec["crop_top"] == 30
