"""A student three times: as integers in numpy, and neuron by neuron on emulated boards.

Frames enter a board one a tick, which is legal because the student's neurons are stateless and its
layers one wave each: frame k, injected at source tick t + k, is seen by core c in tick
t + k + T(c), where T is the plan's wave tick of the core. There, every neuron that computes an
element of a layer, copies included, must fire iff that element of the integer network is 1. Votes
are compared as they leave the board. Frames come in blocks, between which the board runs empty, so
memory is bounded by a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.emulator import Emulator
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import NEURONS
from tnemu.mapping.fit import Plan
from tnemu.networks.trained import TrainedNetwork

Observations = npt.NDArray[np.uint8]

BLOCK_NEURONS = 4_000_000
"""Neuron-ticks held at once for one block: one byte each, and 24 bytes for those that fire."""


@dataclass(frozen=True)
class Difference:
    """The first place where a board and the integer network part.

    ``element`` is the index in the layer's flattened output and ``tick`` the board's tick. For the
    votes, ``element`` is the class, ``core`` is empty and ``neuron`` -1.
    """

    engine: str
    frame: int
    layer: str
    element: int
    tick: int
    core: str
    neuron: int
    expected: int
    found: int

    def __str__(self) -> str:
        if self.core:
            where = f"neuron {self.element} (core {self.core!r} neuron {self.neuron})"
        else:
            where = f"class {self.element}"
        return (
            f"{self.engine} differs first in layer {self.layer!r} at frame {self.frame}, tick "
            f"{self.tick}, {where}: the integer network has {self.expected}, the board {self.found}"
        )


@dataclass(frozen=True, eq=False)
class _Layer:
    """The neurons of one layer on the board: arrays over all of them, copies included."""

    name: str
    index: int
    core: npt.NDArray[np.intp]
    neuron: npt.NDArray[np.intp]
    element: npt.NDArray[np.intp]


def compare(
    weights: TrainedNetwork,
    plan: Plan,
    image: BoardImage,
    observations: Iterable[Observations],
    engine: str,
    progress: Callable[[int], None] = lambda frames: None,
) -> Difference | None:
    """The first difference between the integer network and ``engine`` on ``image``, or None.

    ``image`` is the plan's, or one of the same cores and neurons. ``observations`` are blocks
    uint8 [n, *input_shape]. First means: the earliest frame, in it the earliest layer, in it the
    lowest element. ``progress`` is told the number of frames after each piece.
    """
    layers = _layers(weights, plan)
    piece = max(1, BLOCK_NEURONS // (plan.image.core_count * NEURONS) - plan.latency_ticks)
    done = 0
    with Emulator(image, engine=engine) as board:
        for block in observations:
            for first in range(0, len(block), piece):
                frames = block[first : first + piece]
                found = _piece(weights, plan, layers, board, frames, engine, done)
                if found is not None:
                    return found
                done += len(frames)
                progress(len(frames))
    return None


def facts(
    weights: TrainedNetwork, plan: Plan, frames: int, results: Mapping[str, Difference | None]
) -> dict[str, Any]:
    """What was compared and what was found, for a JSON file; ``results`` by name of the engine."""
    return {
        "weights": weights.name,
        "weights_sha256": weights.sha256,
        "image_sha256": plan.image.sha256(),
        "frames": frames,
        "layers": [layer.name for layer in weights.layers[1:]],
        "agree": not any(results.values()),
        "engines": {engine: asdict(found) if found else None for engine, found in results.items()},
    }


def _layers(weights: TrainedNetwork, plan: Plan) -> list[_Layer]:
    layers = []
    names = [layer.name for layer in plan.layers]
    elements = np.array([core.elements for core in plan.network.cores])
    for index, layer in enumerate(weights.layers[1:-1], start=1):
        number = names.index(layer.name) if layer.name in names else len(names)
        core, neuron = np.nonzero((plan.size.layer_of == number) & (elements >= 0))
        order = np.argsort(elements[core, neuron], kind="stable")
        core, neuron = core[order], neuron[order]
        layers.append(_Layer(layer.name, index, core, neuron, elements[core, neuron]))
    return layers


def _piece(
    weights: TrainedNetwork,
    plan: Plan,
    layers: list[_Layer],
    board: Emulator,
    frames: Observations,
    engine: str,
    done: int,
) -> Difference | None:
    """Frames through the integer network and the board; the first of them that differs."""
    count, start = len(frames), board.tick
    activations = [a.reshape(count, -1) for a in weights.activations(frames)]
    frame, pin = np.nonzero(activations[0])
    board.inject_pins("frame", pin, start + frame)
    ticks = count + plan.latency_ticks - 1
    limit = ticks * plan.image.core_count * NEURONS
    spikes = board.run(ticks, record_spikes=True, spike_limit=limit).of("votes")
    fired = np.zeros((ticks, plan.image.core_count, NEURONS), np.bool_)
    if board.last_spikes is not None:
        records = board.last_spikes.records
        fired[records["tick"] - start, records["core"], records["neuron"]] = True

    firsts = []
    for layer in layers:
        expected = activations[layer.index][:, layer.element]
        tick = np.arange(count)[:, None] + plan.wave_ticks[layer.core, layer.neuron]
        wrong = np.argwhere(fired[tick, layer.core, layer.neuron] != expected)
        if len(wrong):
            k, n = (int(v) for v in wrong[0])
            value = int(expected[k, n])
            firsts.append(
                Difference(
                    engine,
                    done + k,
                    layer.name,
                    int(layer.element[n]),
                    start + int(tick[k, n]),
                    plan.network.cores[layer.core[n]].name,
                    int(layer.neuron[n]),
                    value,
                    1 - value,
                )
            )
    firsts += _votes(weights, plan, spikes, activations[-1], engine, start, done)
    return min(firsts, key=lambda found: found.frame, default=None)


def _votes(
    weights: TrainedNetwork,
    plan: Plan,
    spikes: npt.NDArray[np.void],
    expected: npt.NDArray[np.generic],
    engine: str,
    start: int,
    done: int,
) -> Iterator[Difference]:
    """The first difference of the scores, read from the board's output pins."""
    codec = weights.codec(plan.latency_ticks)
    found = codec.read(codec.window.per_frame(spikes, start, codec.width, len(expected)))
    wrong = np.argwhere(found != expected)
    if len(wrong):
        k, c = (int(v) for v in wrong[0])
        yield Difference(
            engine,
            done + k,
            weights.vote.name,
            c,
            start + k + codec.window.last,
            "",
            -1,
            int(expected[k, c]),
            int(found[k, c]),
        )
