"""What a precision ladder is told. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tnemu.errors import TnemuError
from tnemu.learn.players.integers import check_bits
from tnemu.learn.run.ranges import (
    above_zero,
    at_least,
    check_types,
    percentiles,
    shares,
    world_seeds,
)

METHODS = ("largest", "percentile", "least-squares")
"""How the step of a range of values is found; tnemu.learn.precision.quantise says what each is."""


def check_rungs(bits: tuple[int, ...]) -> None:
    """Raises TnemuError for bits that no rung has, and for a rung that is named twice."""
    for each in bits:
        check_bits(each)
    if len(set(bits)) < len(bits):
        raise TnemuError(f"bits = {list(bits)}: a rung is named twice; name each once")


@dataclass(frozen=True)
class LadderSettings:
    """Everything a ladder depends on; each field says what it is. Raises TnemuError for a value of
    another type or out of its range.
    """

    game: str
    """What the run's student plays."""
    run: str
    """Folder of a finished distillation run: its data, float control and trinary student."""
    out: str = ""
    """Folder for the rungs, curve.csv and ladder.json; RUN/ladder when empty."""
    bits: tuple[int, ...] = (8, 4)
    """Of weights and activations, 2..8; one rung each."""
    seed: int = 0
    """Of everything that is drawn."""
    batch: int = 256
    """States of a minibatch."""
    iterations: int = 2_000
    """Of fine-tuning, per rung."""
    learning_rate: float = 1e-4
    """Of weights at the start; gain, beta and log_scale get half."""
    percentile: float = 99.99
    """Of every layer's activations: the end of their range."""
    weight_percentile: float = 100.0
    """Of the size of every layer's weights: the end of their range."""
    range_states: int = 500
    """States that set the ranges of activations."""
    calibration: int = 3_000
    """States for the exact means and variances."""
    tune_float: int = 1
    """1: a rung for the float control after the same fine-tuning; 0: none."""
    episodes: int = 30
    """Played by every rung."""
    evaluation_seed: int = 77_000
    """Of the first episode; the next has the next. They must have chosen nothing."""
    epsilon: float = 0.01
    """Share of random actions while playing."""

    def __post_init__(self) -> None:
        check_types(self)
        check_rungs(self.bits)
        at_least(1, self, "batch iterations range_states calibration episodes")
        at_least(0, self, "seed")
        above_zero(self, "learning_rate")
        percentiles(self, "percentile weight_percentile")
        if self.tune_float not in (0, 1):
            raise TnemuError(
                f"tune_float = {self.tune_float}: must be 0 or 1; choose another --tune-float"
            )
        shares(self, "epsilon")
        world_seeds(self, "evaluation_seed", "episodes")

    @property
    def training(self) -> dict[str, Any]:
        """What a rung depends on besides its bits."""
        chosen = "seed batch iterations learning_rate percentile weight_percentile range_states"
        return {name: getattr(self, name) for name in (*chosen.split(), "calibration")}
