"""A classifier on an emulated board: pictures stream through it, one every tick, and are counted.

    frame k enters in tick t + k, its votes leave in tick t + k + latency - 1

The board is a pipeline: layer j works on the frame of j ticks ago. Frames come in blocks, between which
the board runs empty, so that memory is bounded; with ``lanes`` every block is dealt to so many boards
of the same image, a frame every tick on each. The same pictures go through the integer network in
numpy, and the votes are compared to the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.spikes import SPIKE_DTYPE
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import NEURONS
from tnemu.lab.links import link_load
from tnemu.mapping.fit import Plan
from tnemu.measure.energy import estimate
from tnemu.networks.trained import TrainedNetwork, WaveCodec
from tnemu.tasks.classify.data import Images, Labels

BLOCK = 1024
"""Frames between two times that the board is empty, of each lane."""
NUMPY_BLOCK = 100
LINK_FRAMES = 64
"""Frames whose every firing is recorded to see how busy links are."""
Votes = npt.NDArray[np.int32]
Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Streamed:
    """What a board answered: ``votes`` [n, classes]; ``seconds`` of the board alone, and with what the
    host does to pictures; ``ticks`` of each board, and ``operations``, synaptic, of all together.
    """

    votes: Votes
    seconds: float
    seconds_with_host: float
    ticks: int
    operations: int


@dataclass(frozen=True, eq=False)
class Computed:
    """The integer network in numpy: ``votes`` [n, classes], and of every layer on the chip the share
    of its bits that are 1.
    """

    votes: Votes
    rates: dict[str, float]


def in_numpy(
    weights: TrainedNetwork, images: Images, progress: Progress = lambda _: None
) -> Computed:
    """Votes and firing rates of pictures uint8 [n, channels, rows, columns]."""
    votes, ones, bits = [], np.zeros(len(weights.layers) - 1), np.zeros(len(weights.layers) - 1)
    for first in range(0, len(images), NUMPY_BLOCK):
        activations = weights.activations(images[first : first + NUMPY_BLOCK])
        votes.append(np.asarray(activations[-1], np.int32))
        ones += [np.count_nonzero(layer) for layer in activations[:-1]]
        bits += [layer.size for layer in activations[:-1]]
        progress(len(votes[-1]))
    rates = dict(
        zip((layer.name for layer in weights.layers), (ones / bits).tolist(), strict=False)
    )
    return Computed(np.concatenate(votes), rates)


def on_board(
    weights: TrainedNetwork,
    plan: Plan,
    images: Images,
    *,
    lanes: int = 1,
    threads: int | None = None,
    progress: Progress = lambda _: None,
) -> Streamed:
    """The pictures streamed through the plan's board; ``lanes`` above 1 many boards at once."""
    codec = weights.codec(plan.latency_ticks)
    board_s, votes = 0.0, []
    many = lanes > 1
    with _machine(plan.image, lanes, threads) as board:
        board.run(1)  # compiles, where that is still to do
        before, started = board.counters, time.perf_counter()
        for first in range(0, len(images), BLOCK * lanes):
            bits = np.concatenate(
                [
                    codec.bits(images[k : min(k + NUMPY_BLOCK, first + BLOCK * lanes)])
                    for k in range(first, min(first + BLOCK * lanes, len(images)), NUMPY_BLOCK)
                ]
            )
            begin = time.perf_counter()
            counts = _lanes(board, codec, bits) if many else _stream(board, codec, bits)
            board_s += time.perf_counter() - begin
            votes.append(codec.read(counts))
            progress(len(bits))
        after, whole_s = board.counters, time.perf_counter() - started
    operations = after.synaptic_operations - before.synaptic_operations
    ticks = (after.ticks - before.ticks) // lanes
    return Streamed(np.concatenate(votes), board_s, whole_s, ticks, operations)


def _machine(image: BoardImage, lanes: int, threads: int | None) -> Any:
    return LaneEmulator(image, lanes) if lanes > 1 else Emulator(image, threads=threads)


def _stream(
    board: Emulator, codec: WaveCodec, bits: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int32]:
    """Spike counts int32 [frames, pins] of frames bool [frames, pins in], one every tick."""
    begin = board.tick
    frame, pin = np.nonzero(bits)
    board.inject_pins(codec.input, pin, begin + frame)
    spikes = board.run(len(bits) + codec.window.ticks - 1).of(codec.output)
    return codec.window.per_frame(spikes, begin, codec.width, len(bits))


def _lanes(
    boards: LaneEmulator, codec: WaveCodec, bits: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int32]:
    """The same, the frames dealt to the lanes: lane k has frames k, k + lanes, ..."""
    begin, lanes = boards.tick, boards.lanes
    rounds = -(-len(bits) // lanes)
    padded = np.zeros((rounds * lanes, bits.shape[1]), np.bool_)
    padded[: len(bits)] = bits
    for k, together in enumerate(padded.reshape(rounds, lanes, -1)):
        boards.inject_pins(codec.input, together, begin + k)
    out = boards.run(rounds + codec.window.ticks - 1)
    counts = np.zeros((rounds, lanes, codec.width), np.int32)
    for lane in range(lanes):
        spikes = out.of(lane).of(codec.output)
        counts[:, lane] = codec.window.per_frame(spikes, begin, codec.width, rounds)
    return counts.reshape(rounds * lanes, -1)[: len(bits)]


def confusion(votes: Votes, labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """int64 [classes, classes]: row the label, column the answer (the first of most votes)."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (labels, votes.argmax(axis=1)), 1)
    return table


def facts(
    weights: TrainedNetwork,
    plan: Plan,
    labels: Labels,
    computed: Computed,
    streamed: Streamed,
    lanes: int,
) -> dict[str, Any]:
    """What was found, for a JSON file. Power and frames a second of the chip are estimates.

    accuracy             share of the pictures whose label has the most votes, on the board
    frames_per_second    of the emulated board here, with injection and reading
    chip_frames_per_second  a frame every tick of the board's nominal length
    """
    board = plan.image.board
    chips = int(plan.resources["chips"])
    energy = estimate(
        streamed.operations // lanes, streamed.ticks, tick_us=board.tick_us, chips=chips
    )
    per_second = 1e6 / board.tick_us
    right = streamed.votes.argmax(axis=1) == labels
    return {
        "network": weights.name,
        "weights_sha256": weights.sha256,
        "board": board.name,
        "accuracy": float(right.mean()),
        "numpy_accuracy": float((computed.votes.argmax(axis=1) == labels).mean()),
        "samples": len(labels),
        "agrees_with_numpy": bool(np.array_equal(streamed.votes, computed.votes)),
        "cores": plan.image.core_count,
        "chips": chips,
        "latency_ticks": plan.latency_ticks,
        "lanes": lanes,
        "frames_per_second": len(labels) / streamed.seconds,
        "frames_per_second_with_host": len(labels) / streamed.seconds_with_host,
        "chip_frames_per_second": per_second,
        "estimated_power_mw": energy.power_mw,
        "estimated_counted_mw": energy.counted_mw,
        "frames_per_second_per_watt": per_second / (energy.power_mw * 1e-3),
        "firing_rates": computed.rates,
    }


def links(weights: TrainedNetwork, plan: Plan, images: Images) -> dict[str, Any]:
    """The busiest link between chips while ``images`` stream by, and what it does to the tick."""
    codec = weights.codec(plan.latency_ticks)
    frame, pin = np.nonzero(codec.bits(images))
    ticks = len(images) + codec.window.ticks - 1
    limit = ticks * plan.image.core_count * NEURONS
    with Emulator(plan.image) as board:
        board.inject_pins(codec.input, pin, frame)
        board.run(ticks, record_spikes=True, spike_limit=limit)
        fired = board.last_spikes
    load = link_load(plan.image, fired.records if fired is not None else np.zeros(0, SPIKE_DTYPE))
    return asdict(load) | {"stretch": load.stretch, "frames": len(images)}
