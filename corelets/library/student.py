"""A trained student as a corelet, straight from its weight file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Pins
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster, answers
from corelets.library.entry import Entry
from corelets.library.graph import Graph
from corelets.library.layers import NEURONS_WANTED, Conv2d, Dense
from tnemu.errors import shown
from tnemu.formats.hdf5 import is_hdf5
from tnemu.formats.nir_file import read_nir
from tnemu.formats.weights import read_heads
from tnemu.hardware.neuron import NEURONS
from tnemu.networks import integer
from tnemu.networks.trained import TrainedNetwork


class Student(Corelet):
    """frame -> on-chip layers -> votes, one tick a layer, one frame a tick.

    ``frame`` has a pin for each bit of the host-side transduction layer (flattened, channel-major);
    ``votes`` one for each neuron of the last layer, whose class is ``weights.vote.classes[pin]``;
    a neuron of class -1 is on the chip and not read.
    Each layer of the weight file between them is a part of the same name. All neurons are
    stateless, so a new frame may follow in every tick.

    Raises CoreletError for what is no trained network and for one without a layer for the board.
    """

    def __init__(self, weights: TrainedNetwork) -> None:
        if not isinstance(weights, TrainedNetwork):
            raise CoreletError(
                f"Student({shown(weights)}): expected a TrainedNetwork; corelets.load(path) makes "
                "the student of a weight file"
            )
        self.weights = weights
        inner = weights.layers[1:-1]
        if not inner:
            raise CoreletError(
                f"student {weights.name!r} has no layer between transduction and vote, so there is "
                "nothing to put on a board; train one with conv or dense layers"
            )
        shapes = weights.shapes()
        self.frame = Input(math.prod(shapes[0]))
        self.votes = Output(math.prod(shapes[-2]))
        source: Pins = self.frame
        for layer, shape in zip(inner, shapes, strict=False):
            part: Conv2d | Dense
            # what leaves the board needs no copies, so the last cores may be full
            most = NEURONS if layer is inner[-1] else NEURONS_WANTED
            if isinstance(layer, integer.Conv):
                part = Conv2d.of(layer, shape, neurons_per_core=most)
            elif isinstance(layer, integer.Dense):
                part = Dense.of(layer, neurons_per_core=most)
            self.add(layer.name, part)
            self.connect(source, part.input)
            source = part.output
        self.connect(source, self.votes)

    def model(self, frame: Raster) -> Raster:
        """votes[t] = the integer network's last layer before the vote, for frame[t]."""
        raster = frame
        for part in self.parts.values():
            raster = answers(part, {"input": raster})["output"]
        return raster

    def origin(self) -> dict[str, Any]:
        """Name, task and hash of the weight file."""
        return {
            "corelet": "Student",
            "weights": self.weights.name,
            "task": self.weights.task.name if self.weights.task else "",
            "weights_sha256": self.weights.sha256,
        }


def load(path: str | Path) -> Student | Graph:
    """The student in a weight file (``.safetensors``), or the graph in a NIR file (``.nir``), as a corelet.

    Of several heads it is the first: the chip is the same for all. FormatError says what is wrong with
    the file, GraphError which nodes of a graph cannot be mapped exactly.
    """
    if is_hdf5(path):
        return Graph(read_nir(path))
    return Student(read_heads(path)[0])


def _example() -> Student:
    """Every kind of layer on 2 x 8 x 8 screens, with weights from a seed."""
    rng = np.random.default_rng(5)

    def numbers(*shape: int) -> npt.NDArray[np.int8]:
        return rng.integers(-1, 2, shape).astype(np.int8)

    def integers(low: int, high: int, count: int) -> npt.NDArray[np.int32]:
        return rng.integers(low, high, count).astype(np.int32)

    def order(count: int) -> npt.NDArray[np.int32]:
        return rng.permutation(count).astype(np.int32)

    background = rng.integers(100, 156, (2, 8, 8)).astype(np.int16)
    layers = (
        integer.Transduction(
            "retina", numbers(4, 2, 2, 2), integers(-9, 9, 4), background, stride=2
        ),
        integer.Conv("conv", numbers(8, 2, 2, 2), integers(-3, 4, 8), order(4), 1, 2),
        integer.Dense("block", numbers(3, 10, 24), integers(-3, 4, 30), order(72)),
        integer.Dense("predict", numbers(2, 4, 15), integers(-2, 3, 8), order(30)),
        integer.Vote("vote", np.array([0, 1, 2, 0, 1, 2, 0, -1], np.int32)),
    )
    return Student(TrainedNetwork("example", (2, 8, 8), ("A", "B", "C"), layers))


ENTRIES = (
    Entry(
        Student,
        source="Esser et al., PNAS 2016; trained and exported by tnemu.learn",
        latency_ticks=lambda student: 1 + len(student.parts),
        examples=(_example,),
    ),
)
