"""Pictures of which a part is hidden: what a dream makes of it, in numbers beside what is easy.

    distance   pixels of the hidden part that differ from the picture, mean over pictures

Beside every sampler stand three others: all hidden pixels off; the picture of the training set that is
nearest in what is seen; and a machine whose units follow the logistic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import one_of, real, whole
from tnemu.lab.dreams import Dreamer, DreamError
from tnemu.networks.boltzmann.machine import Bits, Machine

HIDE = ("bottom", "top", "left", "right", "centre", "random", "nothing")
"""What part of a picture is hidden; "nothing" holds nothing either: the machine dreams freely."""
BEGIN = ("dark", "random")
"""How hidden pixels begin: off, or on by half."""
BLOCK = 512
"""Pictures that are compared with a training set at once."""


def hidden_part(how: str, shape: tuple[int, int], share: float, seed: int = 0) -> Bits:
    """bool [rows, columns]: about ``share`` of the pixels, whole rows or columns, a square, or drawn.

    0 < share < 1. Raises DreamError for a share that hides nothing or all, and an unknown ``how``.
    """
    one_of("hide", how, HIDE, error=DreamError)
    real("share", share, 0, 1, error=DreamError)
    rows, columns = shape
    hidden = np.zeros(shape, np.bool_)
    if how == "random":
        drawn = np.random.default_rng(seed).permutation(rows * columns)
        hidden.ravel()[drawn[: round(share * rows * columns)]] = True
    elif how in ("bottom", "top"):
        count = round(share * rows)
        hidden[rows - count :] = how == "bottom"
        hidden[:count] |= how == "top"
    elif how in ("left", "right"):
        count = round(share * columns)
        hidden[:, columns - count :] = how == "right"
        hidden[:, :count] |= how == "left"
    elif how == "centre":
        height, width = (round(side * share**0.5) for side in shape)
        top, left = (rows - height) // 2, (columns - width) // 2
        hidden[top : top + height, left : left + width] = True
    if how != "nothing":
        _check_part(hidden, share)
    return hidden


def _check_part(hidden: Bits, share: float) -> None:
    if hidden.all() or not hidden.any():
        what = "all" if hidden.all() else "none"
        raise DreamError(
            f"share = {share:g} hides {what} of the {hidden.size:,} pixels; take one between, or --hide "
            "nothing to let the machine dream freely"
        )


@dataclass(frozen=True, eq=False)
class Completion:
    """What was dreamt of pictures.

    truth     bool [n, pixels]
    hidden    bool [pixels]
    samples   bool [steps, n, pixels]
    """

    truth: Bits
    hidden: Bits
    samples: Bits

    def distances(self) -> npt.NDArray[np.float64]:
        """Distance after every step, float64 [steps, n]."""
        differ = self.samples[..., self.hidden] != self.truth[:, self.hidden]
        return differ.sum(axis=2).astype(np.float64)

    def mean(self) -> npt.NDArray[np.float64]:
        """Mean of the samples, float64 [n, pixels]."""
        return self.samples.mean(axis=0)

    def distance_of_mean(self) -> npt.NDArray[np.float64]:
        """Distance of the pixels that are on in more than half of the samples, float64 [n]."""
        return _distance(self.mean() > 0.5, self.truth, self.hidden)


def complete(
    dreamer: Dreamer,
    machine: Machine,
    truth: Bits,
    hidden: Bits,
    steps: int,
    *,
    begin: str = "dark",
    seed: int = 0,
) -> Completion:
    """Dream the ``hidden`` pixels of ``truth`` bool [n, pixels]; where ``hidden`` is nowhere, all are free
    and begin as ``begin`` says. Label units, if there are any, are free and begin off.

    Raises DreamError for pictures of another size than the machine's.
    """
    one_of("begin", begin, BEGIN, error=DreamError)
    if truth.ndim != 2 or truth.shape[1] != machine.pixels:
        raise DreamError(
            f"pictures of {truth.shape[-1]:,} pixels: machine {machine.name!r} has {machine.shape[0]} x "
            f"{machine.shape[1]}; give pictures of that size"
        )
    free = np.ones(machine.visible, np.bool_)
    if hidden.any():
        free[: machine.pixels] = hidden.ravel()
    start = np.zeros((len(truth), machine.visible), np.bool_)
    start[:, : machine.pixels] = truth
    drawn = np.random.default_rng([seed, 2]).random(start.shape) < 0.5
    start[:, free] = drawn[:, free] if begin == "random" else False
    found = dreamer.dream(start, free, steps)
    return Completion(truth, hidden.ravel(), found.visible[..., : machine.pixels])


def nearest(truth: Bits, hidden: Bits, train: Bits) -> Bits:
    """Of ``train``, for each picture the first that differs least in what is seen: bool [n, pixels]."""
    seen = ~hidden.ravel()
    inside = train[:, seen].astype(np.float32)
    weight = 1 - 2 * inside
    found = []
    for first in range(0, len(truth), BLOCK):
        some = truth[first : first + BLOCK][:, seen].astype(np.float32)
        found.append((some @ weight.T + inside.sum(axis=1)).argmin(axis=1))
    return train[np.concatenate(found)]


def baselines(truth: Bits, hidden: Bits, train: Bits) -> dict[str, dict[str, Any]]:
    """Distances of "all off" and of the nearest training picture."""
    off = _distance(np.zeros_like(truth), truth, hidden.ravel())
    near = _distance(nearest(truth, hidden, train), truth, hidden.ravel())
    return {"all hidden off": summary(off), "nearest training picture": summary(near)}


def summary(distances: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Mean over pictures and its standard error."""
    error = distances.std(ddof=1) / np.sqrt(len(distances)) if len(distances) > 1 else 0.0
    return {"distance": float(distances.mean()), "standard_error": float(error)}


def row_of(found: Completion) -> Mapping[str, Any]:
    """Of one sampler: distance of the last sample, of all, and of their mean."""
    distances = found.distances()
    return {
        **summary(distances[-1]),
        "by_step": [float(x) for x in distances.mean(axis=1)],
        "distance_of_mean": float(found.distance_of_mean().mean()),
    }


def _distance(picture: Bits, truth: Bits, hidden: Bits) -> npt.NDArray[np.float64]:
    return (picture[:, hidden] != truth[:, hidden]).sum(axis=1).astype(np.float64)


def check_count(name: str, value: int, most: int) -> int:
    """A number of pictures, 1..``most``."""
    return whole(name, value, 1, most, error=DreamError, then="the set has no more")
