"""What every distillation is told, however many games its student plays."""

from __future__ import annotations

from dataclasses import dataclass

from tnemu.errors import TnemuError
from tnemu.learn.eedn.student import check_size
from tnemu.learn.run.ranges import above_zero, at_least, inside, world_seeds

FREE = frozenset(
    {"out", "dagger_rounds", "learning_rate", "later_learning_rate", "check_every", "log_every"}
)
"""Settings that a resumed run may change; callers add the places of teachers, and what has to do with
the float control."""


@dataclass(frozen=True, kw_only=True)
class StudentSettings:
    seed: int = 0
    """Of everything that is drawn."""
    states: int = 40_000
    """States the teacher of each game visits."""
    dagger_rounds: int = 2
    """Rounds in which the student plays and the teacher labels; each adds states and a stage."""
    dagger_states: int = 14_000
    """States the student visits, per round and game."""
    keep_every: int = 2
    """Decisions per kept state: neighbours in time are nearly the same."""
    worlds: int = 8
    """Consoles played together while states are collected."""
    hold_out: int = 16
    """The last 1 / hold_out of each round's states is for validation."""
    label_peak: float = 0.8
    """tau, one for each game, makes the mean of the largest label probability this."""
    blocks: int = 2
    """Block layers of the student; see tnemu.learn.eedn.student."""
    width: int = 1
    """What the features of its layers are multiplied by."""
    batch: int = 64
    """States of a minibatch."""
    iterations: int = 4_000
    """Per stage."""
    learning_rate: float = 2e-2
    """Of stage 0; beta and log_scale get half."""
    later_learning_rate: float = 1e-2
    """Of the stages after it."""
    calibration: int = 3_000
    """States of each game for the exact means and variances."""
    check_every: int = 1_000
    """Iterations between two validations on held-out states."""
    check_episodes: int = 10
    """Played after every stage on the selection seeds."""
    check_seed: int = 9_000
    """First selection seed; these scores choose among stages and are not the result."""
    log_every: int = 200
    """Iterations between two rows of the curve."""

    def __post_init__(self) -> None:
        check_size(self.blocks, self.width)
        at_least(1, self, "states dagger_states keep_every worlds batch iterations calibration")
        at_least(1, self, "check_every check_episodes log_every")
        at_least(0, self, "seed dagger_rounds")
        at_least(2, self, "hold_out")
        if self.hold_out > self.states:
            raise TnemuError(
                f"hold_out = {self.hold_out}: 1 / hold_out of {self.states} states leaves none for "
                f"validation; choose --hold-out {self.states} or less, or more --states"
            )
        inside(0, 1, self, "label_peak")
        above_zero(self, "learning_rate later_learning_rate")
        world_seeds(self, "check_seed", "check_episodes")
