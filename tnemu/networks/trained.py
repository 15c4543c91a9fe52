"""A trained network: what a weight file means, whatever file it came from.

    observation -> transduction (host) -> conv and dense layers (chip) -> vote (host) -> scores

The layers and their integers are those of :mod:`tnemu.networks.integer`; the world that the network
was trained for is named by a :class:`TaskReference`, which this room does not interpret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.networks.codec import Spikes, Stimulus, Window
from tnemu.networks.errors import NetworkError
from tnemu.networks.integer import Bits, Integers, Layer, Transduction, Vote


def _list(names: list[str]) -> str:
    return shown(", ".join(names), 300)[1:-1]


@dataclass(frozen=True)
class TaskReference:
    """Which task a network was trained for: kind ("atari"), name ("krull"), its full description,
    and the description's hash. tnemu.tasks makes the task of it, and refuses one that was altered.
    """

    kind: str
    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A transduction layer, layers for the chip, and a vote over the answers.

    ``input_shape`` of an observation uint8; ``answers`` names what can be answered, the classes of
    the vote in order; ``task`` is None for a network of no task that tnemu knows. ``provenance`` says
    how it was made (commands, seeds, versions, scores); ``sha256`` is the hash of the file it was
    read from, empty before it is saved. Raises NetworkError for layers that do not follow each other.
    """

    name: str
    input_shape: tuple[int, ...]
    answers: tuple[str, ...]
    layers: tuple[Layer, ...]
    task: TaskReference | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def __post_init__(self) -> None:
        shape = self.input_shape
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise NetworkError(f"network {self.name!r}: layer names repeat: {_list(names)}")
        kinds = [layer.kind for layer in self.layers]
        inner = set(kinds[1:-1])
        if kinds[:1] != ["transduction"] or kinds[-1:] != ["vote"] or inner - {"conv", "dense"}:
            raise NetworkError(
                f"network {self.name!r}: layers are {_list(kinds) or 'none'}; expected one "
                "transduction, then conv or dense layers, then one vote"
            )
        for layer in self.layers:
            layer.check(shape)
            shape = layer.output_shape(shape)
        if shape != (len(self.answers),):
            raise NetworkError(
                f"network {self.name!r}: the vote has {shape[0]} classes for "
                f"{len(self.answers)} answers; they must be equal"
            )

    def __repr__(self) -> str:
        kinds = ", ".join(layer.name for layer in self.layers)
        task = f"{self.task.kind} {self.task.name!r}" if self.task else "no task"
        return (
            f"<TrainedNetwork {self.name!r}: {task}, input {self.input_shape}, "
            f"{len(self.answers)} answers, layers {kinds}>"
        )

    @property
    def transduction(self) -> Transduction:
        """The first layer, on the host: an observation to bits."""
        first = self.layers[0]
        if not isinstance(first, Transduction):
            raise NetworkError(f"network {self.name!r}: its first layer is a {first.kind}")
        return first

    @property
    def vote(self) -> Vote:
        """The last layer, on the host: spikes to scores."""
        last = self.layers[-1]
        if not isinstance(last, Vote):
            raise NetworkError(f"network {self.name!r}: its last layer is a {last.kind}")
        return last

    def shapes(self) -> list[tuple[int, ...]]:
        """Output shape of every layer, in order."""
        shapes, shape = [], self.input_shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
            shapes.append(shape)
        return shapes

    def activations(self, observations: npt.NDArray[np.uint8]) -> list[Bits | Integers]:
        """Output of every layer for observations uint8 [n, *input_shape]; the last is the scores."""
        x: npt.NDArray[Any] = observations
        outputs: list[Bits | Integers] = []
        for layer in self.layers:
            x = layer.forward(x)
            outputs.append(x)
        return outputs

    def scores(self, observations: npt.NDArray[np.uint8]) -> Integers:
        """Votes int32 [n, answers]; the answer is the highest, the lowest index on a tie."""
        return np.asarray(self.activations(observations)[-1], dtype=np.int32)

    def codec(self, latency_ticks: int) -> WaveCodec:
        """How to ask and read this network on a board where it takes ``latency_ticks``."""
        return WaveCodec(self.transduction, self.vote, Window.wave(latency_ticks))


@dataclass(frozen=True, eq=False)
class WaveCodec:
    """The codec of a trained network: one wave of spikes in, one wave of voters out.

    encode: pin k spikes iff bit k of the flattened transduction is set; decode: score c is the number
    of spikes of voters of class c in the window (Vote). ``input`` and ``output`` are the names that
    the corelet of a trained network gives its connectors.
    """

    transduction: Transduction
    vote: Vote
    window: Window
    input: str = "frame"
    output: str = "votes"

    @property
    def width(self) -> int:
        """Pins of the output connector."""
        return self.vote.classes.size

    def encode(self, observation: npt.NDArray[Any]) -> Stimulus:
        """Spikes of one observation, all in the first tick."""
        return Stimulus.at_once(self.bits(observation[None])[0])

    def decode(self, spikes: Spikes, start: int) -> Integers:
        """Votes int32 [answers]."""
        return self.read(self.window.counts(spikes, start, self.width)[None])[0]

    def bits(self, observations: npt.NDArray[Any]) -> Bits:
        """Input bits bool [n, pins] of observations [n, ...]: many questions at once."""
        return self.transduction.forward(observations).reshape(len(observations), -1)

    def read(self, counts: npt.NDArray[np.int32]) -> Integers:
        """Votes int32 [n, answers] of spike counts int32 [n, pins]: many answers at once."""
        return np.asarray(self.vote.forward(counts), dtype=np.int32)
