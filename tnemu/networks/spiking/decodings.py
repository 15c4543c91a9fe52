"""An answer from the output layer.

    potentials      the output layer never fires; the highest potential after the last tick
    counts-first    the output layer fires; most spikes, on a tie the first answer
    counts-last     ... the last one
    counts-random   ... one of them, drawn

The thesis says that ties of counts go to the first answer; its published figures appear only where they
go to the last one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

DECODINGS = ("potentials", "counts-first", "counts-last", "counts-random")


def answers_of(
    scores: npt.NDArray[Any], decoding: str, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """The answer int64 [n] from potentials or counts [n, answers]."""
    if decoding == "counts-last":
        return scores.shape[1] - 1 - scores[:, ::-1].argmax(1)
    if decoding == "counts-random":
        best = scores == scores.max(1, keepdims=True)
        return (best * (1 + rng.random(scores.shape))).argmax(1)
    return scores.argmax(1)
