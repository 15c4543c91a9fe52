"""Convolutional networks of Esser et al. (PNAS 2016), in numbers alone. No torch in here.

A network is rows of (kernel, stride, features, groups), the host's transduction first and the prediction
last; every layer on the chip has kernel^2 x (features before / groups) <= 128 inputs, its channels
are dealt like cards across the groups of the layer before it, and nothing is padded.

half, one, two, four   named after the chips that the paper gives them. Their opening rows are the
                       paper's as they are known to us (S-12, P4-128 (4); S-16, P4-252 (2), N-256 (2);
                       S-32, S-128 (4), N-128 (1); S-64, S-256 (8), N-256 (2)); the others are ours,
                       within the rule. What each takes of a board, ``tnemu fit`` says.
small                  ours: 1,536 cores by arithmetic for 32 x 32 pictures, the one to begin with
tiny                   ours, for pictures of 8 x 8

The prediction layer's features are given to the classes round robin: feature f is for class f mod n,
at every place of the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError, one_of
from tnemu.hardware.neuron import SIGNED_INPUTS
from tnemu.learn.eedn.wiring import Wiring

LEAST_VOTERS = 8
"""Features of the prediction layer for each class, at least."""


@dataclass(frozen=True)
class Row:
    """One layer: a kernel of ``kernel`` x ``kernel`` moved by ``stride``."""

    kernel: int
    stride: int
    features: int
    groups: int = 1


PRESETS: dict[str, tuple[Row, ...]] = {
    "tiny": (
        Row(3, 1, 32),
        Row(2, 1, 128, 4),
        Row(1, 1, 128, 1),
        Row(2, 1, 256, 4),
        Row(1, 1, 256, 2),
        Row(2, 2, 256, 8),
        Row(1, 1, 0, 2),
    ),
    "small": (
        Row(5, 2, 64),
        Row(4, 2, 256, 8),
        Row(1, 1, 256, 2),
        Row(3, 1, 256, 32),
        Row(1, 1, 256, 2),
        Row(2, 2, 512, 8),
        Row(1, 1, 512, 4),
        Row(1, 1, 0, 4),
    ),
    "half": (
        Row(3, 1, 12),
        Row(4, 2, 128, 4),
        Row(1, 1, 128, 1),
        Row(2, 2, 128, 4),
        Row(1, 1, 128, 1),
        Row(3, 1, 256, 16),
        Row(1, 1, 512, 2),
        Row(2, 2, 512, 16),
        Row(1, 1, 512, 4),
        Row(1, 1, 0, 4),
    ),
    "one": (
        Row(3, 1, 16),
        Row(4, 2, 252, 2),
        Row(1, 1, 256, 2),
        Row(2, 2, 512, 8),
        Row(1, 1, 512, 4),
        Row(3, 1, 1024, 64),
        Row(1, 1, 1024, 8),
        Row(2, 2, 1024, 32),
        Row(1, 1, 1024, 8),
        Row(1, 1, 0, 8),
    ),
    "two": (
        Row(3, 1, 32),
        Row(3, 1, 128, 4),
        Row(1, 1, 128, 1),
        Row(2, 2, 256, 4),
        Row(1, 1, 256, 2),
        Row(2, 2, 512, 8),
        Row(1, 1, 512, 4),
        Row(3, 1, 1024, 64),
        Row(1, 1, 1024, 8),
        Row(2, 2, 1024, 32),
        Row(1, 1, 1024, 8),
        Row(1, 1, 0, 8),
    ),
    "four": (
        Row(3, 1, 64),
        Row(3, 1, 256, 8),
        Row(1, 1, 256, 2),
        Row(2, 2, 512, 8),
        Row(1, 1, 512, 4),
        Row(2, 2, 1024, 16),
        Row(1, 1, 1024, 8),
        Row(3, 1, 1024, 128),
        Row(1, 1, 2048, 8),
        Row(2, 2, 2048, 64),
        Row(1, 1, 2048, 16),
        Row(1, 1, 0, 16),
    ),
}
"""By name. The features of the prediction layer (0 here) follow from the classes."""


def check_preset(name: str) -> None:
    """Raises TnemuError for a preset that there is not."""
    one_of("preset", name, PRESETS, error=TnemuError)


def wirings(preset: str, shape: tuple[int, int, int], classes: int) -> tuple[Wiring, ...]:
    """The layers of a preset for pictures of ``shape`` (channels, rows, columns).

    Raises TnemuError for pictures that are too small for its kernels, and for a layer that has more
    inputs than a core holds.
    """
    check_preset(preset)
    channels, *sides = shape
    layers: list[Wiring] = []
    dealt = 1
    for number, row in enumerate(PRESETS[preset]):
        last = row.features == 0
        features = _voters(classes, row.groups) if last else row.features
        if min(sides) < row.kernel:
            raise TnemuError(
                f"preset {preset!r}: layer {number + 1} has a kernel of {row.kernel} x {row.kernel}, "
                f"its input is {sides[0]} x {sides[1]} for pictures of {shape[1]} x {shape[2]}; "
                "choose a smaller --preset"
            )
        each = channels // row.groups
        fan_in = each * row.kernel**2
        if number and fan_in > SIGNED_INPUTS:
            raise TnemuError(
                f"preset {preset!r}: layer {number + 1} has {fan_in} inputs a neuron, a core "
                f"holds {SIGNED_INPUTS}; give it more groups"
            )
        layers.append(
            Wiring(
                _name(number, row, last),
                "conv",
                (features, each, row.kernel, row.kernel),
                channels,
                row.stride,
                row.groups,
                dealt if row.groups > 1 else 1,
                eps=0.01 if number else 1.0,
                last=last,
            )
        )
        sides = [(side - row.kernel) // row.stride + 1 for side in sides]
        channels, dealt = features, row.groups
    return tuple(layers)


def _name(number: int, row: Row, last: bool) -> str:
    if not number:
        return "transduction"
    if last:
        return "predict"
    kind = "N" if row.kernel == 1 else "P" if row.stride > 1 else "S"
    return f"{kind}{number}"


def _voters(classes: int, groups: int) -> int:
    """Features of the prediction layer: as many for every class, and as many in every group."""
    step = groups // math.gcd(classes, groups)
    return classes * step * math.ceil(LEAST_VOTERS / step)


def voting(
    layers: tuple[Wiring, ...], shape: tuple[int, int, int], classes: int
) -> npt.NDArray[np.int32]:
    """int32 [features x rows x columns]: the class that each output of the prediction votes for."""
    sides = list(shape[1:])
    for layer in layers:
        sides = [(side - layer.weights[2]) // layer.stride + 1 for side in sides]
    round_robin = np.arange(layers[-1].features, dtype=np.int32) % classes
    return np.repeat(round_robin, math.prod(sides))
