"""Classification by a Boltzmann machine: pixels are held, label units dream, the most active one answers.

Source: Das et al., ISCAS 2015, Fig. 6 (pictures as they are) and Fig. 7 (salt, salt and pepper).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import one_of, real
from tnemu.lab.dreams import Dreamer, DreamError
from tnemu.networks.boltzmann.machine import Bits, Machine

SPOILED = ("none", "salt", "salt-pepper")
"""Noise on pictures: pixels that turn on; pixels that turn on or off, by half."""


def spoiled(pictures: Bits, kind: str, share: float, seed: int = 0) -> Bits:
    """``pictures`` bool [n, pixels] of which each pixel is hit with probability ``share``."""
    one_of("noise", kind, SPOILED, error=DreamError)
    real("noise share", share, 0, 1, error=DreamError)
    rng = np.random.default_rng([seed, 3])
    hit = rng.random(pictures.shape) < share
    white = rng.random(pictures.shape) < (1.0 if kind == "salt" else 0.5)
    return pictures if kind == "none" else np.where(hit, white, pictures)


def classify(
    dreamer: Dreamer, machine: Machine, pictures: Bits, steps: int
) -> npt.NDArray[np.int64]:
    """The label of each picture, int64 [n]: the unit that was on most often in ``steps`` samples, the
    first of them on a tie.

    Raises DreamError for a machine without label units.
    """
    if not machine.labels:
        raise DreamError(
            f"machine {machine.name!r} has no label units, so it cannot classify; train one with tnemu "
            "learn rbm --labels 1"
        )
    start = np.zeros((len(pictures), machine.visible), np.bool_)
    start[:, : machine.pixels] = pictures
    free = np.arange(machine.visible) >= machine.pixels
    found = dreamer.dream(start, free, steps)
    return np.asarray(found.visible[..., machine.pixels :].sum(axis=0).argmax(axis=1))


def errors_of(answers: npt.NDArray[np.int64], labels: npt.NDArray[Any]) -> dict[str, float]:
    """Share of wrong answers, and its standard error."""
    wrong = float((answers != labels).mean())
    return {"errors": wrong, "standard_error": float(np.sqrt(wrong * (1 - wrong) / len(answers)))}
