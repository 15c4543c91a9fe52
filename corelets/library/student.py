"""A trained student as a corelet, straight from its weight file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Input, Output, Pins
from corelets.library.layers import Conv2d, Dense
from tnemu.formats.weights import read_weights
from tnemu.networks import integer as formats
from tnemu.networks.trained import TrainedNetwork


class Student(Corelet):
    """frame -> on-chip layers -> votes, one tick a layer, one frame a tick.

    ``frame`` has a pin for each bit of the host-side transduction layer (flattened, channel-major);
    ``votes`` one for each neuron of the last layer, whose class is ``weights.vote.classes[pin]``;
    a neuron of class -1 is on the chip and not read.
    Each layer of the weight file between them is a part of the same name. All neurons are
    stateless, so a new frame may follow in every tick.
    """

    def __init__(self, weights: TrainedNetwork) -> None:
        self.weights = weights
        inner = weights.layers[1:-1]
        if not inner:
            raise CoreletError(
                f"student {weights.name!r} has no layer between transduction and vote, so there is "
                "nothing to put on a board; train one with conv or dense layers"
            )
        shapes = weights.shapes()
        self.frame = Input(int(np.prod(shapes[0])))
        self.votes = Output(int(np.prod(shapes[-2])))
        source: Pins = self.frame
        for layer, shape in zip(inner, shapes, strict=False):
            part: Conv2d | Dense
            if isinstance(layer, formats.Conv):
                part = Conv2d.of(layer, shape)
            elif isinstance(layer, formats.Dense):
                part = Dense.of(layer)
            self.add(layer.name, part)
            self.connect(source, part.input)
            source = part.output
        self.connect(source, self.votes)

    def origin(self) -> dict[str, Any]:
        """Name, task and hash of the weight file."""
        return {
            "corelet": "Student",
            "weights": self.weights.name,
            "task": self.weights.task.name if self.weights.task else "",
            "weights_sha256": self.weights.sha256,
        }


def load(path: str | Path) -> Student:
    """The student in a weight file (``.safetensors``); FormatError says what is wrong with it."""
    return Student(read_weights(path))
