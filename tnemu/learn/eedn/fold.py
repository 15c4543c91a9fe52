"""From a trained student to a weight file: trinary weights and integer thresholds, nothing else.

threshold = ceil(mu - beta sqrt(var + eps)): a neuron fires when its integer sum >= threshold,
exactly as y >= 0 before
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from tnemu.errors import TnemuError
from tnemu.learn.eedn.student import NeuronLayer, Student
from tnemu.networks.integer import Conv, Dense, Layer, Transduction, Vote
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.task import TaskSpec, reference_to


class FoldError(TnemuError, ValueError):
    """A student that no board could hold: without thresholds, or with a background in fractions."""


def fold(
    student: Student,
    spec: TaskSpec,
    provenance: Mapping[str, Any],
    background: np.ndarray | None = None,
    classes: np.ndarray | None = None,
) -> TrainedNetwork:
    """The student as the board gets it. Call student.recalibrate first: the thresholds are made of
    its means and variances. A student of several games is given the ``background`` and the
    ``classes`` of the game that the file is for; otherwise they are the student's own.
    """
    if student.precision != "trinary":
        raise FoldError(
            f"fold: the student's precision is {student.precision!r}, needs 'trinary'; the "
            "float control has no thresholds"
        )
    background = student.background.cpu().numpy() if background is None else background
    if (background != np.round(background)).any():
        raise FoldError(
            "fold: the background has fractions; round it before training, the host subtracts "
            "integers"
        )
    layers: list[Layer] = []
    for layer in student.layers:
        wiring, made = layer.wiring, (layer.wiring.name, _weights(layer), _thresholds(layer))
        if not layers:
            layers.append(Transduction(*made, background.astype(np.int16), wiring.stride))
        elif wiring.kind == "conv":
            layers.append(Conv(*made, wiring.order, wiring.stride, wiring.groups))
        else:
            layers.append(Dense(*made, wiring.order))
    layers.append(Vote("vote", student.classes if classes is None else classes))
    return TrainedNetwork(
        name=spec.name,
        input_shape=spec.shape,
        answers=spec.actions,
        layers=tuple(layers),
        task=reference_to(spec),
        provenance=provenance,
    )


def _weights(layer: NeuronLayer) -> np.ndarray:
    with torch.no_grad():
        return layer.weights.to(torch.int8).cpu().numpy()


def _thresholds(layer: NeuronLayer) -> np.ndarray:
    limit = 2**30  # a feature that never changes may ask for more than int32 holds
    return layer.threshold.clamp(-limit, limit).to(torch.int32).cpu().numpy()
