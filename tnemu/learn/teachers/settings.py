"""What a teacher's training is told, and what follows from it for a step or an update."""

from __future__ import annotations

from dataclasses import dataclass

from tnemu.learn.run.device import check_device
from tnemu.learn.run.ranges import above_zero, at_least, check_types, shares, world_seeds

CHECK_SETTINGS = ("check_episodes", "check_seed", "check_epsilon")
"""Scores of checks compare where these are the same."""


@dataclass(frozen=True)
class TeacherSettings:
    """Everything a teacher's training depends on; each field says what it is. Raises TnemuError for a
    value of another type or out of its range.
    """

    game: str
    """A game that tnemu has a spec for, or that of --spec."""
    out: str
    """Folder for checkpoint, curve and the best teacher."""
    spec: str = ""
    """JSON file with an AtariSpec of your own; without it tnemu's own of the game."""
    steps: int = 400_000
    """Decisions, all worlds together."""
    seed: int = 1
    """Of everything that is drawn."""
    worlds: int = 8
    """Consoles stepped together."""
    learn_start: int = 5_000
    """Steps before the first update; the background is the mean screen of these."""
    steps_per_update: int = 16
    """Steps between two updates."""
    batch: int = 32
    """Transitions of an update."""
    learning_rate: float = 4e-4
    """Of Adam."""
    late_learning_rate: float = 4e-4
    """The same from step late_start on."""
    late_start: int = 1_000_000
    """Step from which on late_learning_rate holds."""
    adam_eps: float = 1e-5
    """Of Adam."""
    gradient_clip: float = 10.0
    """Largest norm of the gradient."""
    gamma: float = 0.995
    """Per decision."""
    n_first: int = 20
    """Steps of a return before the bootstrap, at the start."""
    n_last: int = 6
    """The same at the end."""
    n_updates: int = 40_000
    """n goes from n_first to n_last exponentially over this many updates."""
    replay: int = 300_000
    """Steps that are kept to learn from."""
    replay_alpha: float = 0.5
    """Priority: probability ~ |TD error| ^ alpha."""
    replay_beta: float = 0.4
    """Importance weight ~ probability ^ -beta."""
    refill: int = 20_000
    """Steps played without learning after a resume (the replay is not stored)."""
    target_rate: float = 0.01
    """Polyak, per update."""
    ema_rate: float = 0.001
    """Per update."""
    epsilon_last: float = 0.02
    """Share of random actions from step epsilon_steps on; it falls from 1."""
    epsilon_steps: int = 160_000
    """Steps over which it falls."""
    hold_most: int = 24
    """A random action is held d decisions, 1 <= d <= hold_most, with probability proportional to 1
    / d^2.
    """
    check_every: int = 40_000
    """Steps between two checks of the EMA on the selection seeds; the best one is kept."""
    check_episodes: int = 5
    """Played by every check."""
    check_seed: int = 9_000
    """First selection seed. Never report these scores as the result: they chose the teacher."""
    check_epsilon: float = 0.01
    """Share of random actions in a check."""
    log_every: int = 10_000
    """Steps between two rows of the curve."""
    device: str = "auto"
    """Where the networks compute: cpu, cuda or auto; see tnemu.learn.run.device."""

    def __post_init__(self) -> None:
        check_types(self)
        check_device(self.device)
        at_least(
            1, self, "steps worlds learn_start steps_per_update batch n_first n_last n_updates"
        )
        at_least(1, self, "replay epsilon_steps hold_most check_every check_episodes log_every")
        at_least(0, self, "seed late_start refill")
        above_zero(self, "learning_rate late_learning_rate adam_eps gradient_clip")
        shares(
            self, "gamma replay_alpha replay_beta target_rate ema_rate epsilon_last check_epsilon"
        )
        world_seeds(self, "check_seed", "check_episodes")


def n_step(settings: TeacherSettings, updates: int) -> int:
    """Steps of a return after so many updates: n_first (n_last / n_first) ^ (updates / n_updates), and
    n_last from n_updates on.
    """
    part = min(1.0, updates / settings.n_updates)
    return round(settings.n_first * (settings.n_last / settings.n_first) ** part)


def exploration(settings: TeacherSettings, steps: int) -> float:
    """Share of random actions after so many steps: from 1 to epsilon_last in a straight line."""
    part = min(1.0, steps / settings.epsilon_steps)
    return 1 + part * (settings.epsilon_last - 1)
