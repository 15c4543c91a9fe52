"""A weight file's world is taken from it only if file and world belong together."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tnemu.tasks.atari.spec import SpecError, spec_for
from tnemu.tasks.atari.stored import spec_of

PONG = spec_for("pong")


@dataclasses.dataclass(frozen=True)
class File:
    name: str = "tried"
    game: str = "pong"
    input_shape: tuple[int, ...] = PONG.shape
    actions: tuple[str, ...] = PONG.actions
    spec: dict[str, Any] = dataclasses.field(default_factory=lambda: json.loads(PONG.to_json()))
    spec_sha256: str = PONG.sha256


def test_the_world_is_the_one_that_the_file_describes() -> None:
    assert spec_of(File()) == PONG


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            File(spec_sha256="0123456789abcdef"),
            "weight file 'tried' names game 'pong' and world 0123456789ab, but holds a description of "
            f"'pong', {PONG.sha256[:12]}; export it again",
        ),
        (File(game="krull"), "names game 'krull' and world"),
        (
            File(input_shape=(4, 10, 10)),
            r"sees \(4, 10, 10\) and has 6 actions, its world shows \(4, 42, 42\) and takes 6; export",
        ),
        (File(actions=("NOOP",)), "has 1 actions, its world"),
    ],
)
def test_a_world_of_another_network_is_refused(file: File, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec_of(file)
