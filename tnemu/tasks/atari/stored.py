"""The world that a weight file was trained for, taken from the file only if the two belong together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from tnemu.tasks.atari.spec import AtariSpec, SpecError


class Student(Protocol):
    """What a weight file says of itself and of its world; this room knows no file formats."""

    @property
    def name(self) -> str: ...
    @property
    def game(self) -> str: ...
    @property
    def input_shape(self) -> tuple[int, ...]: ...
    @property
    def actions(self) -> tuple[str, ...]: ...
    @property
    def spec(self) -> Mapping[str, Any]: ...
    @property
    def spec_sha256(self) -> str: ...


def spec_of(student: Student) -> AtariSpec:
    """The spec that the student was trained under.

    Raises SpecError when the description in the file is not the one whose hash it names, or is of
    another game, other screens or other actions than the network.
    """
    spec = AtariSpec.from_json(json.dumps(dict(student.spec)))
    if (spec.game, spec.sha256) != (student.game, student.spec_sha256):
        raise SpecError(
            f"weight file {student.name!r} names game {student.game!r} and world "
            f"{student.spec_sha256[:12]}, but holds a description of {spec.game!r}, {spec.sha256[:12]}; "
            "export it again"
        )
    if (spec.shape, spec.actions) != (student.input_shape, student.actions):
        raise SpecError(
            f"weight file {student.name!r} sees {student.input_shape} and has {len(student.actions)} "
            f"actions, its world shows {spec.shape} and takes {len(spec.actions)}; export it again"
        )
    return spec
