"""What the quantisation of a network is told. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tnemu.errors import TnemuError, one_of
from tnemu.learn.precision.settings import METHODS, check_rungs
from tnemu.learn.run.ranges import above_zero, at_least, check_types, inside, percentiles
from tnemu.tasks.classify.catalogue import data_set

_ADAPTATION = "network dataset seed adapt_iterations adapt_rate adapt_batch momentum weight_decay flip shift hold_out"
_RUNG = (
    "edge_bits channels weight_range weight_percentile activation_range percentile range_images epochs batch "
    "optimiser learning_rate schedule"
)
FREE = frozenset(
    "out data bits tune_float test_images check_every log_every checkpoint_minutes noise_batches".split()
    + _RUNG.split()
)
"""Settings that a resumed run may change; every rung says itself what it was made with."""
OPTIMISERS = ("sgd", "adam")
SCHEDULES = ("exponential", "cosine")


@dataclass(frozen=True)
class QuantiseSettings:
    """Everything that the rungs of a network depend on. Raises TnemuError for a value of another type or
    out of its range.
    """

    network: str
    """Which network: a name, or MODULE:FUNCTION of yours; docs/precision.md lists both."""
    out: str
    """Folder for checkpoints, curve, rungs and ladder.json."""
    weights: str | None = None
    """Its trained weights: a state_dict (.pth, .pt, .th) or .safetensors."""
    dataset: str = "cifar10"
    """What it classifies, a data set as in tnemu learn classify; pictures for any other."""
    data: str | None = None
    """Where the data lies."""
    bits: tuple[int, ...] = (8, 4)
    """Of weights and activations, 2..8; one rung each."""
    edge_bits: int = 8
    """Of the first and last layer's weights, of pictures and of what enters the last layer."""
    channels: int = 0
    """1: a step for each output channel of a weight; 0: one for each layer."""
    weight_range: str = "least-squares"
    """How weights' steps are found: largest, percentile or least-squares."""
    weight_percentile: float = 99.9
    """Of the size of every layer's weights, where that is how."""
    activation_range: str = "least-squares"
    """How activations' steps are found: largest, percentile or least-squares."""
    percentile: float = 99.99
    """Of every layer's activations, where that is how."""
    range_images: int = 500
    """Training pictures that set the ranges of activations."""
    seed: int = 0
    """Of everything that is drawn."""
    adapt_iterations: int = 0
    """Minibatches by which the full-precision network is trained on this data before anything else."""
    adapt_rate: float = 0.01
    """Learning rate of that, SGD falling in one cosine."""
    adapt_batch: int = 64
    """Pictures of a minibatch of that."""
    epochs: float = 1.0
    """Passes over the training data of every rung and of the control; 0: calibration alone."""
    batch: int = 64
    """Pictures of a minibatch; larger ones have less noise in their gradients."""
    optimiser: str = "sgd"
    """sgd, with Nesterov momentum as in the paper, or adam."""
    learning_rate: float = 2e-3
    """To begin with; adam wants about a tenth of it."""
    schedule: str = "exponential"
    """How the learning rate falls to 1 %: exponential, as in the paper, or cosine."""
    momentum: float = 0.9
    """Of sgd."""
    weight_decay: float = 5e-5
    """Of all weights; half of what such networks are trained with."""
    flip: int | None = None
    """1: training mirrors half of the pictures; 0: none; as is usual for the data set if not given."""
    shift: int | None = None
    """Pixels by which training moves a picture, at most; as is usual for the data set if not given."""
    hold_out: int = 20
    """1 / hold_out of the training part is for validation."""
    test_images: int = 0
    """How many of the test part count, from its beginning; 0: all."""
    tune_float: int = 1
    """1: a rung for the float network after the same further training; 0: none."""
    noise_batches: int = 0
    """Minibatches by which the gradients' noise is measured, against bits and batch; 0: not."""
    check_every: int = 500
    """Iterations between two validations."""
    log_every: int = 50
    """Iterations between two rows of the curve."""
    checkpoint_minutes: float = 3.0
    """Between two checkpoints, from which --resume goes on; 0: after every iteration."""

    turn, zoom = 0.0, 0.0

    def __post_init__(self) -> None:
        check_types(self)
        known = data_set(self.dataset)
        check_rungs(self.bits)
        check_rungs((self.edge_bits,))
        if self.flip is None:
            object.__setattr__(self, "flip", int(known.flip))
        if self.shift is None:
            object.__setattr__(self, "shift", known.shift)
        for name in ("weight_range", "activation_range"):
            one_of(name, getattr(self, name), METHODS, error=TnemuError)
        one_of("optimiser", self.optimiser, OPTIMISERS, error=TnemuError)
        one_of("schedule", self.schedule, SCHEDULES, error=TnemuError)
        at_least(1, self, "range_images adapt_batch batch check_every log_every")
        at_least(2, self, "hold_out")
        at_least(
            0, self, "seed adapt_iterations epochs weight_decay shift test_images noise_batches"
        )
        at_least(0, self, "checkpoint_minutes")
        above_zero(self, "learning_rate adapt_rate")
        inside(0, 1, self, "momentum")
        percentiles(self, "percentile weight_percentile")
        for name in ("channels", "flip", "tune_float"):
            if getattr(self, name) not in (0, 1):
                option = name.replace("_", "-")
                raise TnemuError(
                    f"{name} = {getattr(self, name)}: must be 0 or 1; choose another --{option}"
                )

    @property
    def name(self) -> str:
        """For a bar of progress."""
        return self.network

    def minibatches(self, rung: str) -> int | None:
        """How many a rung takes, where that does not depend on the data."""
        return self.adapt_iterations if rung == "fp32" else None

    @property
    def adaptation(self) -> dict[str, Any]:
        """What the full-precision network depends on besides its weights."""
        return {name: getattr(self, name) for name in _ADAPTATION.split()}

    @property
    def training(self) -> dict[str, Any]:
        """What a rung depends on besides its bits and where things lie."""
        return self.adaptation | {name: getattr(self, name) for name in _RUNG.split()}
