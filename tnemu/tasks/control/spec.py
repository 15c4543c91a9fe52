"""What one decision of a player of CartPole or MountainCar sees and does, and how an episode ends.

    cartpole      position, velocity, angle, angular velocity    float32[4]   LEFT RIGHT
    mountaincar   position, velocity                             float32[2]   LEFT NOOP RIGHT

The physics are those of gymnasium's CartPole-v1 and MountainCar-v0, the rules those of Hahn's thesis (Deep
Spiking Q Networks, TUM 2020, section 4.1): episodes of at most 200 decisions in training and 500 in
evaluation, and for the training on MountainCar a reward that is shaped,

    r' = min(r + |x + 0.5|, -0.1)            x the position that was reached
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tnemu import files
from tnemu.errors import one_of, shown, whole
from tnemu.tasks.task import TaskError

if TYPE_CHECKING:
    from tnemu.tasks.control.world import ControlWorld


@dataclass(frozen=True)
class Kind:
    """One environment of gymnasium: its id, what is seen, what may be done, decisions a second.
    ``ranges`` are magnitudes that observations rarely pass, for encodings that need one.
    """

    environment: str
    observation: tuple[str, ...]
    actions: tuple[str, ...]
    decisions_per_second: float
    ranges: tuple[float, ...]


ENVIRONMENTS = {
    "cartpole": Kind(
        "CartPole-v1",
        ("position", "velocity", "angle", "angular velocity"),
        ("LEFT", "RIGHT"),
        50.0,
        (2.4, 3.0, 0.21, 3.5),
    ),
    "mountaincar": Kind(
        "MountainCar-v0", ("position", "velocity"), ("LEFT", "NOOP", "RIGHT"), 30.0, (1.2, 0.07)
    ),
}
"""By name of the task."""

TRAINING_STEPS, EVALUATION_STEPS = 200, 500
"""Longest episode while a network is trained, and while it is evaluated."""
MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class ControlSpec:
    """One of the two tasks as every player of it sees it. Two players can be compared if and only if
    their ``sha256`` are equal. Raises TaskError for a value that a field cannot have.
    """

    name: str
    """cartpole or mountaincar."""
    steps: int = EVALUATION_STEPS
    """An episode is cut after so many decisions."""
    shaped: bool = False
    """MountainCar's reward is shaped, for training."""
    sha256: str = field(init=False, repr=False, compare=False)
    """Hash of the canonical JSON of all fields above."""

    kind: ClassVar[str] = "control"

    def __post_init__(self) -> None:
        def becomes(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        becomes("name", one_of("ControlSpec.name", self.name, ENVIRONMENTS, error=TaskError))
        becomes("steps", whole("ControlSpec.steps", self.steps, 1, MOST_STEPS, error=TaskError))
        if not isinstance(self.shaped, bool):
            raise TaskError(
                f"ControlSpec.shaped = {shown(self.shaped)}: must be True or False; choose one"
            )
        if self.shaped and self.name != "mountaincar":
            raise TaskError(
                f"ControlSpec.shaped = True: the reward of {self.name!r} has no shaped form, only "
                "that of 'mountaincar'; leave it out"
            )
        becomes("sha256", hashlib.sha256(self.to_json().encode()).hexdigest())

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an observation: one number for each quantity."""
        return (len(self._environment.observation),)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an observation."""
        return np.dtype(np.float32)

    @property
    def actions(self) -> tuple[str, ...]:
        """Which way to push."""
        return self._environment.actions

    @property
    def decisions_per_second(self) -> float:
        """At gymnasium's own speed: 1 / tau of CartPole, the frame rate of MountainCar."""
        return self._environment.decisions_per_second

    @property
    def _environment(self) -> Kind:
        return ENVIRONMENTS[self.name]

    def start(self, seed: int) -> ControlWorld:
        """The task itself; ``seed``, a whole number of 0 or more, decides where episodes begin."""
        from tnemu.tasks.control.world import ControlWorld

        return ControlWorld(self, seed)

    def to_json(self) -> str:
        """Canonical: keys sorted, no spaces. Equal specs give equal text."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ControlSpec:
        """The inverse of to_json; a key that is not a field, or a field that is missing, is an
        error.
        """
        with files.parse_fields(text, "ControlSpec", error=TaskError) as given:
            return cls(
                given.text("name"), given.whole("steps", 1, MOST_STEPS), given.flag("shaped")
            )
