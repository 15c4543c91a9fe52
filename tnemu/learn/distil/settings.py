"""What a distillation is told, whether its student plays one game or several. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tnemu.errors import TnemuError
from tnemu.learn.eedn.limits import check_hysteresis, check_size, check_sparsity
from tnemu.learn.run.device import check_device
from tnemu.learn.run.ranges import above_zero, at_least, check_types, inside, world_seeds

FREE = frozenset(
    "out data teachers device dagger_rounds learning_rate later_learning_rate control_iterations "
    "control_learning_rate check_every log_every checkpoint_minutes".split()
)
"""Settings that a resumed run may change; what the teachers are is told by their files' hashes."""
LOSSES = ("kl", "nll", "mse")
"""See tnemu.learn.distil.losses."""
MINIBATCHES = ("all", "one")


@dataclass(frozen=True)
class DistilSettings:
    """Everything a student's training depends on; each field says what it is. The name of one game,
    and its teacher, may be given without a tuple. Raises TnemuError for a value of another type or
    out of its range.
    """

    games: tuple[str, ...]
    """What the student is to play; one or more."""
    teachers: tuple[str, ...] = field(metadata={"one": "teacher"})
    """A teacher's file for each game, in their order; of tnemu, stable-baselines3 or CleanRL, see
    docs/learning.md.
    """
    out: str
    """Folder for data, checkpoints, curve and the weight file."""
    data: str | None = None
    """Folder of the teachers' states, shared by all runs that name it and have the same teachers, states
    and seed, whatever their size, loss and games; in --out if not given.
    """
    view: str | None = None
    """What teachers of other libraries are shown: gymnasium, stable-baselines3, cleanrl, tnemu, or a JSON
    file; their library's usual one if not given.
    """
    specs: tuple[str, ...] = field(default=(), metadata={"one": "spec"})
    """JSON files of the worlds that teachers of other libraries teach in, for games that the project
    has no spec of, or another one.
    """
    seed: int = 0
    """Of everything that is drawn."""
    states: int = 40_000
    """States the teacher of each game visits."""
    dagger_rounds: int = 2
    """Rounds in which the student plays and the teacher labels; each adds states and a stage."""
    dagger_states: int = 14_000
    """States the student visits, per round and game."""
    teacher_share: float = 0.0
    """Of the decisions in the first of the student's rounds; in round k it is this to the power k."""
    keep_every: int = 2
    """Decisions per kept state: neighbours in time are nearly the same."""
    worlds: int = 8
    """Consoles played together while states are collected."""
    hold_out: int = 16
    """The last 1 / hold_out of each round's states is for validation."""
    label_peak: float = 0.8
    """tau, one for each game, makes the mean of the largest label probability this."""
    loss: str = "kl"
    """kl, nll or mse; see tnemu.learn.distil.losses."""
    minibatch: str = "all"
    """all: ``batch`` states of every game; one: ``batch`` states of one game drawn at random, and as
    many times more iterations as there are games.
    """
    blocks: int = 2
    """Block layers of the student; see tnemu.learn.eedn.wiring."""
    width: int = 1
    """What the features of its layers are multiplied by."""
    hysteresis: float = 0.0
    """Of the trinary weights: how far a hidden weight must pass a boundary before they follow."""
    sparsity: float = 0.0
    """Pressure on the spikes of the trinary student, added to its loss; see tnemu.learn.eedn.sparsity."""
    batch: int = 64
    """States of a minibatch."""
    iterations: int = 4_000
    """Per stage."""
    learning_rate: float = 2e-2
    """Of stage 0; beta and log_scale get half."""
    later_learning_rate: float = 1e-2
    """Of the stages after it."""
    control_iterations: int = 6_000
    """Of the float control; 0: none."""
    control_learning_rate: float = 2e-3
    """Of the float control."""
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
    checkpoint_minutes: float = 5.0
    """Between two checkpoints inside a stage, from which --resume goes on; 0: after every iteration."""
    device: str = "auto"
    """Where the networks compute: cpu, cuda or auto; see tnemu.learn.run.device."""

    def __post_init__(self) -> None:
        for name in ("games", "teachers"):
            if isinstance(getattr(self, name), str):
                object.__setattr__(self, name, (getattr(self, name),))
        check_types(self)
        if len(self.games) != len(self.teachers):
            raise TnemuError(
                f"{len(self.teachers)} teachers for {len(self.games)} games "
                f"({', '.join(self.games)}); give one teacher file per game, in the same order"
            )
        check_loss(self.loss)
        if self.minibatch not in MINIBATCHES:
            raise TnemuError(
                f"minibatch is {self.minibatch!r}; choose 'all' or 'one' game at a time"
            )
        check_size(self.blocks, self.width)
        check_hysteresis(self.hysteresis)
        check_sparsity(self.sparsity)
        check_device(self.device)
        at_least(1, self, "states dagger_states keep_every worlds batch iterations calibration")
        at_least(1, self, "check_every check_episodes log_every")
        at_least(0, self, "seed dagger_rounds control_iterations checkpoint_minutes")
        at_least(2, self, "hold_out")
        if self.hold_out > self.states:
            raise TnemuError(
                f"hold_out = {self.hold_out}: 1 / hold_out of {self.states} states leaves none for "
                f"validation; choose --hold-out {self.states} or less, or more --states"
            )
        inside(0, 1, self, "label_peak")
        above_zero(self, "learning_rate later_learning_rate control_learning_rate")
        if not 0 <= self.teacher_share <= 1:
            raise TnemuError(
                f"teacher_share is {self.teacher_share}, must be between 0 (the student plays alone) "
                "and 1 (the teacher does)"
            )
        world_seeds(self, "check_seed", "check_episodes")

    @property
    def game(self) -> str:
        """What the network is called: "krull", or "krull+freeway"."""
        return "+".join(self.games)

    def minibatches(self, stage: str) -> int:
        """Of a stage: as many states of each game in both ways of drawing them."""
        each = self.control_iterations if stage == "control" else self.iterations
        return each * (len(self.games) if self.minibatch == "one" else 1)


def check_loss(name: str) -> None:
    """Raises TnemuError for a loss that there is not."""
    if name not in LOSSES:
        raise TnemuError(f"there is no loss {name!r}; choose among {' '.join(LOSSES)}")


def renamed(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as earlier versions wrote them, of one game and its teacher, by today's names."""
    for before, now in (("game", "games"), ("teacher", "teachers")):
        if before in values and now not in values:
            values[now] = [values.pop(before)]
    return values
