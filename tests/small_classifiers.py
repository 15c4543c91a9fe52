"""Classifiers of digits with random weights, of a few cores: what a board does with them is the same."""

from __future__ import annotations

import numpy as np

from tnemu.networks.integer import Conv, Transduction, Vote
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.classify.spec import ClassifySpec
from tnemu.tasks.task import reference_to

DIGITS = ClassifySpec("digits", tuple("0123456789"), (1, 8, 8))


def small_classifier(seed: int = 0, features: int = 20) -> TrainedNetwork:
    """8 x 8 -> 8 features of 3 x 3 -> ``features`` of 2 x 2 -> two voters a class and place."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return rng.integers(-1, 2, shape).astype(np.int8)

    def thresholds(count: int, reach: int) -> np.ndarray:
        return rng.integers(-reach, reach, count).astype(np.int32)

    layers = (
        Transduction(
            "eye", weights(8, 1, 4, 4), thresholds(8, 300), np.full((1, 8, 8), 80, np.int16), 2
        ),
        Conv(
            "S1", weights(features, 8, 2, 2), thresholds(features, 3), np.arange(8, dtype=np.int32)
        ),
        Conv(
            "predict",
            weights(20, features, 1, 1),
            thresholds(20, 2),
            np.arange(features, dtype=np.int32),
        ),
        Vote("vote", np.repeat(np.arange(20, dtype=np.int32) % 10, 4)),
    )
    return TrainedNetwork("random digits", (1, 8, 8), DIGITS.actions, layers, reference_to(DIGITS))
