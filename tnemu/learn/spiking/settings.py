"""What the trainings on CartPole and MountainCar are told, and the thesis's own settings by name.

preset   networks    learning rate   gamma   epsilon falls by   replay               batch   target copied
A        rectifiers  1e-3            0.99    0.99 a decision    1e6                  64      every 20 episodes
B        rectifiers  1e-3            0.999   0.999              4e4 (MountainCar 1e3) 128    10 (5)
C        rectifiers  5e-4            as B
D        spiking     1e-3            as B
E        spiking     5e-4            as B

Layers are 16 and 16 neurons on CartPole, 64 and 64 on MountainCar; spiking networks have one more a
layer, and a constant input instead of biases. Source: Hahn 2020, section 4.3, tables 4.1 to 4.6.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from tnemu.errors import TnemuError, one_of
from tnemu.learn.run.ranges import above_zero, at_least, check_types, shares
from tnemu.networks.spiking.orders import ORDERS
from tnemu.tasks.control.spec import ENVIRONMENTS, EVALUATION_STEPS, TRAINING_STEPS, ControlSpec

HIDDEN = {"cartpole": (16, 16), "mountaincar": (64, 64)}
"""Neurons of the hidden layers."""
SOLVED = {"cartpole": (195.0, 100), "mountaincar": (-130.0, 50)}
"""Mean return over 100 episodes that solves the task, and for how many episodes it must hold."""
AVERAGE_EPISODES = 100
LARGE_REPLAY, SMALL_REPLAY = {"cartpole": 40_000, "mountaincar": 1_000}, 1_000_000
OFTEN = {"cartpole": 10, "mountaincar": 5}

RECTIFIERS, SPIKING = ("A", "B", "C"), ("D", "E")
UNSET: Any = None
"""Of the preset, or of the task."""


@dataclass(frozen=True)
class RunSettings:
    """What every training on a control task is told. Raises TnemuError for a value that cannot be."""

    COMMAND: ClassVar[str]
    """Of ``tnemu learn``."""

    task: str
    """cartpole or mountaincar."""
    out: str
    """Folder for networks, curve and checkpoint; of several runs, for a folder each."""
    seed: int = 1
    """Of everything that is drawn; further runs have the next ones."""
    runs: int = 1
    """Trainings, each with a seed of its own."""
    jobs: int = 0
    """Runs side by side; 0 for one a processor."""

    def __post_init__(self) -> None:
        one_of("task", self.task, ENVIRONMENTS, error=TnemuError)
        for name, value in self.defaults().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        check_types(self)
        at_least(0, self, "seed jobs")
        at_least(1, self, "runs")

    def defaults(self) -> dict[str, Any]:
        """Of the settings that were left unset."""
        return {}

    @property
    def game(self) -> str:
        """What the progress report calls it."""
        return self.task


@dataclass(frozen=True)
class DqnSettings(RunSettings):
    """Q-learning with a network of rectifiers (DQN)."""

    COMMAND: ClassVar[str] = "dqn"
    PRESETS: ClassVar[tuple[str, ...]] = RECTIFIERS

    preset: str = "A"
    """The thesis's settings: A, B or C; what is given beside it goes before it."""
    episodes: int = 1_000
    """Played while it learns."""
    learning_rate: float = UNSET
    """Of Adam."""
    gamma: float = UNSET
    """Discount of a decision."""
    epsilon_last: float = 0.05
    """Share of random actions never falls below it; it begins at 1."""
    epsilon_decay: float = UNSET
    """What the share is multiplied with after every decision."""
    replay: int = UNSET
    """Transitions that are kept to learn from."""
    batch: int = UNSET
    """Transitions of an update; one update a decision."""
    target_episodes: int = UNSET
    """Episodes between two copies into the target network."""
    double: int = 1
    """1: double Q-learning, the online network chooses what the target network values; 0: not."""
    gradient_clip: float = 1.0
    """Largest magnitude of every element of the gradient."""
    log_every: int = 10
    """Episodes between two rows of the curve."""
    save_every: int = 100
    """Episodes between two checkpoints."""

    def __post_init__(self) -> None:
        one_of("preset", self.preset, self.PRESETS, error=TnemuError)
        super().__post_init__()
        at_least(1, self, "episodes replay batch target_episodes log_every save_every")
        above_zero(self, "learning_rate gradient_clip")
        shares(self, "gamma epsilon_last epsilon_decay")
        if self.double not in (0, 1):
            raise TnemuError(f"double = {self.double}: must be 0 or 1; choose another --double")
        if self.replay < self.batch:
            raise TnemuError(
                f"replay = {self.replay}: must hold at least a batch of {self.batch}; choose another "
                "--replay"
            )

    def defaults(self) -> dict[str, Any]:
        """Those of the preset."""
        first = self.preset == "A"
        return {
            "learning_rate": 5e-4 if self.preset in "CE" else 1e-3,
            "gamma": 0.99 if first else 0.999,
            "epsilon_decay": 0.99 if first else 0.999,
            "replay": SMALL_REPLAY if first else LARGE_REPLAY[self.task],
            "batch": 64 if first else 128,
            "target_episodes": 20 if first else OFTEN[self.task],
        }

    @property
    def spec(self) -> ControlSpec:
        """The task as it is learnt: 200 decisions, MountainCar's reward shaped."""
        return ControlSpec(self.task, TRAINING_STEPS, self.task == "mountaincar")

    @property
    def hidden(self) -> tuple[int, ...]:
        """Neurons of the hidden layers."""
        return HIDDEN[self.task]


@dataclass(frozen=True)
class DsqnSettings(DqnSettings):
    """Q-learning with a spiking network, by surrogate gradients (DSQN)."""

    COMMAND: ClassVar[str] = "dsqn"
    PRESETS: ClassVar[tuple[str, ...]] = SPIKING

    preset: str = "E"
    """The thesis's settings: D or E; what is given beside it goes before it."""
    ticks: int = 20
    """Of one decision."""
    order: str = "thesis"
    """Compare before (thesis) or after adding (textbook)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("order", self.order, ORDERS, error=TnemuError)
        at_least(1, self, "ticks")

    @property
    def hidden(self) -> tuple[int, ...]:
        """One neuron more in each layer."""
        return tuple(width + 1 for width in HIDDEN[self.task])


@dataclass(frozen=True)
class PolicySettings(RunSettings):
    """A policy by its gradient."""

    COMMAND: ClassVar[str] = "policy"

    method: str = "reinforce"
    """reinforce, or actor-critic."""
    episodes: int = 1_000
    """Played at most; fewer where the task is solved."""
    learning_rate: float = 1e-2
    """Of Adam."""
    gamma: float = 0.99
    """Discount of a decision."""
    entropy: float = 0.0
    """Weight of the policy's entropy in what is maximised."""
    log_every: int = 10
    """Episodes between two rows of the curve."""
    save_every: int = 100
    """Episodes between two checkpoints."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("method", self.method, ("reinforce", "actor-critic"), error=TnemuError)
        at_least(1, self, "episodes log_every save_every")
        above_zero(self, "learning_rate")
        shares(self, "gamma entropy")

    @property
    def spec(self) -> ControlSpec:
        """The task as it is learnt: 200 decisions, MountainCar's reward shaped."""
        return ControlSpec(self.task, TRAINING_STEPS, self.task == "mountaincar")

    @property
    def hidden(self) -> tuple[int, ...]:
        """Neurons of the hidden layers."""
        return HIDDEN[self.task]


CLASSIFIER_RATES = {"cartpole": 1e-4, "mountaincar": 2.5e-3}


@dataclass(frozen=True)
class ClassifierSettings(RunSettings):
    """A network that learns which action another one takes."""

    COMMAND: ClassVar[str] = "classifier"

    source: str = ""
    """Network whose decisions are learnt, .npz."""
    spiking: int = 0
    """1: a spiking network by surrogate gradients; 0: one of rectifiers."""
    states: int = 200_000
    """Decisions of the source that are learnt from."""
    batches: int = 200_000
    """Updates."""
    batch: int = 50
    """States of an update."""
    learning_rate: float = UNSET
    """Of Adam."""
    ticks: int = 20
    """Of a decision of a spiking network."""
    order: str = "thesis"
    """Compare before (thesis) or after adding (textbook)."""
    log_every: int = 1_000
    """Updates between two rows of the curve."""
    save_every: int = 20_000
    """Updates between two checkpoints."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, self, "states batches batch ticks log_every save_every")
        above_zero(self, "learning_rate")
        one_of("order", self.order, ORDERS, error=TnemuError)
        if self.spiking not in (0, 1):
            raise TnemuError(f"spiking = {self.spiking}: must be 0 or 1; choose another --spiking")
        if not self.source:
            raise TnemuError(
                "source is not given: name the network to learn from with --source FILE"
            )

    def defaults(self) -> dict[str, Any]:
        """The learning rate of the task."""
        return {"learning_rate": CLASSIFIER_RATES[self.task]}

    @property
    def spec(self) -> ControlSpec:
        """The task as the source plays it."""
        return ControlSpec(self.task, EVALUATION_STEPS)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Neurons of the hidden layers; one more in each of a spiking network."""
        return tuple(width + self.spiking for width in HIDDEN[self.task])


def with_seed(settings: Any, seed: int, out: str) -> Any:
    """The same settings for one run of several."""
    values = {f.name: getattr(settings, f.name) for f in fields(settings)}
    return type(settings)(**{**values, "seed": seed, "out": out, "runs": 1})


@dataclass(frozen=True)
class FinetuneSettings(RunSettings):
    """A network of rectifiers trained on for the board."""

    COMMAND: ClassVar[str] = "finetune"

    network: str = ""
    """Network of rectifiers that is put on the board, .npz."""
    source: str = ""
    """Network whose decisions it is to keep, .npz; the network itself if not given."""
    ticks: int = 500
    """Of a decision on the board."""
    bits: int = 0
    """Of weights behind the first layer, 2..8; 0: as many as fit."""
    first_bits: int = 0
    """Of the first layer's weights; 0: as many as fit."""
    levels: int = 0
    """Pins for each sign of an input; 0: as many as fit."""
    states: int = 20_000
    """Decisions of the source that are learnt from."""
    batches: int = 5_000
    """Updates."""
    batch: int = 256
    """States of an update."""
    learning_rate: float = 1e-4
    """Of Adam; it falls to 0 by a cosine."""
    log_every: int = 1_000
    """Updates between two rows of the curve."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, self, "ticks states batches batch log_every")
        at_least(0, self, "bits first_bits levels")
        above_zero(self, "learning_rate")
        if not self.network:
            raise TnemuError(
                "network is not given: name the one to put on the board with --network FILE"
            )

    @property
    def spec(self) -> ControlSpec:
        """The task as it is played."""
        return ControlSpec(self.task, EVALUATION_STEPS)
