"""How fast frames pass a feed-forward network: one alone, one every tick, and many boards at once.

    one frame           a frame goes in, and the board runs until its answer is out
    a frame every tick  as the chip is used: layer k works on the frame of k ticks ago
    lanes               boards of the same image, each with frames of its own, in one pass

Times include the injection of frames and the collection of answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled.lane_engine import threads_of
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.state import Counters
from tnemu.hardware.image import BoardImage
from tnemu.lab.bench.measure import SEGMENTS, Row, row, take_turns, warm_up
from tnemu.lab.bench.networks import BenchError, feed_forward

INPUT_DENSITY = 0.25
"""Share of the input pins that are active in a frame."""
FRAMES_PER_LANE = 4
"""Frames that a lane is given, in consecutive ticks."""
TOGETHER = 64
"""Frames that are handed over at a time when there is one every tick."""

Frames = npt.NDArray[np.bool_]
Answers = list[npt.NDArray[np.void]]


def measure_frames(
    cores: int,
    layers: int,
    *,
    lanes: int = 64,
    threads: int | None = None,
    segments: int = SEGMENTS,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """A row for each of the three ways.

    The third stands beside single runs of the same frames, one after the other, in one thread.
    Raises BenchError when an answer of the lanes differs from that of its single run.
    """
    if lanes < 1:
        raise BenchError(f"lanes = {lanes} is not possible; use 1 or more")
    tell("building")
    image = feed_forward(cores, layers)
    synapses = float(np.bitwise_count(image.crossbar).sum(axis=2, dtype=np.uint16).mean())
    facts: dict[str, Any] = {"cores": image.core_count, "synapses": round(synapses)}
    frames = random_frames(image, lanes * FRAMES_PER_LANE)
    rows = []
    for name, spacing in (("one frame", layers + 1), ("a frame every tick", 1)):
        tell(name)
        stream = Stream(image, frames, spacing, threads)
        count = warm_up(stream)
        before = stream.counters
        per_frame = take_turns([stream], [count], segments)
        frame_s = float(np.median(per_frame))
        more = {
            "frames_per_s": 1 / frame_s,
            "latency_ticks": layers + 1,
            "latency_ms": 1000 * frame_s / spacing * (layers + 1),
        }
        counted = _since(before, stream.counters)
        rows.append(
            row(name, per_frame / spacing, **counted, threads=stream.threads, more=more, **facts)
        )
    tell(f"{lanes} lanes")
    sequences = frames.reshape(lanes, FRAMES_PER_LANE, -1)
    together, alone = Lanes(image, sequences, layers), Alone(image, sequences, layers)
    check_equal(together.answers(), alone.answers())
    before = together.counters
    per_pass = take_turns([together, alone], [1, 1], min(segments, 5))
    more = {
        "lanes": lanes,
        "frames_per_s": len(frames) / float(np.median(per_pass[:, 0])),
        "latency_ticks": layers + 1,
    }
    counted = _since(before, together.counters)
    # All boards share a tick, and the rate is that of one of them.
    counted = counted | {k: counted[k] / lanes for k in ("ticks", "spikes")}
    per_tick = per_pass / (FRAMES_PER_LANE + layers)
    facts |= {"threads": threads_of(image.core_count, lanes), "beside": "single_runs"}
    rows.append(row(f"{lanes} lanes", per_tick, **counted, more=more, **facts))
    return rows


def random_frames(image: BoardImage, count: int) -> Frames:
    """bool [count, pins of the input "frame"]."""
    rng = np.random.default_rng(1)
    return rng.random((count, image.input("frame").width), np.float32) < INPUT_DENSITY


class Stream:
    """One board that is shown the frames again and again, one every ``spacing`` ticks."""

    def __init__(
        self, image: BoardImage, frames: Frames, spacing: int, threads: int | None
    ) -> None:
        self._board = Emulator(image, threads=threads)
        self.threads = self._board.threads
        self._frames, self._spacing, self._next = frames, spacing, 0

    def run(self, ticks: int) -> None:
        """Show ``ticks`` frames."""
        while ticks:
            # Whoever waits for an answer hands over one frame at a time.
            some = min(ticks, TOGETHER) if self._spacing == 1 else 1
            which = (self._next + np.arange(some)) % len(self._frames)
            _show(self._board, self._frames[which], self._spacing)
            self._board.run(some * self._spacing)
            self._next += some
            ticks -= some

    @property
    def counters(self) -> Counters:
        """Of all ticks so far."""
        return self._board.counters


class Lanes:
    """All sequences at once, one in every lane."""

    def __init__(self, image: BoardImage, sequences: Frames, layers: int) -> None:
        self._boards = LaneEmulator(image, len(sequences))
        self._sequences, self._layers = sequences, layers

    def run(self, ticks: int) -> None:
        """Show all sequences ``ticks`` times."""
        for _ in range(ticks):
            self.answers()

    def answers(self) -> Answers:
        """The output spikes of every sequence, in ticks from its first frame."""
        boards, begin = self._boards, self._boards.tick
        count = self._sequences.shape[1]
        for index in range(count):
            boards.inject_pins("frame", self._sequences[:, index], begin + index)
        spikes = boards.run(count + self._layers)
        return [_from(spikes.of(lane).records, begin) for lane in range(len(self._sequences))]

    @property
    def counters(self) -> Counters:
        """Of all ticks so far."""
        return self._boards.counters


class Alone:
    """The same sequences on one board, one after the other, in one thread."""

    def __init__(self, image: BoardImage, sequences: Frames, layers: int) -> None:
        self._board = Emulator(image, threads=1)
        self._sequences, self._layers = sequences, layers

    def run(self, ticks: int) -> None:
        """Show all sequences ``ticks`` times."""
        for _ in range(ticks):
            self.answers()

    def answers(self) -> Answers:
        """The output spikes of every sequence, in ticks from its first frame."""
        found = []
        for sequence in self._sequences:
            begin = self._board.tick
            _show(self._board, sequence, 1)
            spikes = self._board.run(len(sequence) + self._layers)
            found.append(_from(spikes.records, begin))
        return found


def check_equal(lanes: Answers, alone: Answers) -> None:
    """Raises BenchError for the first lane that answers otherwise than its single run."""
    for lane, (one, other) in enumerate(zip(lanes, alone, strict=True)):
        if not np.array_equal(one, other):
            raise BenchError(
                f"lane {lane} sent {len(one)} spikes and the same frames alone {len(other)}, or "
                "others; this is a fault of the emulator: please report it with your command"
            )


def _show(board: Emulator, frames: Frames, spacing: int) -> None:
    """Queue frames [n, pins] from the current tick on, one every ``spacing`` ticks."""
    index, pins = np.divmod(np.flatnonzero(frames), frames.shape[1])
    board.inject_pins("frame", pins, board.tick + index * spacing)


def _from(records: npt.NDArray[np.void], begin: int) -> npt.NDArray[np.void]:
    shifted = records.copy()
    shifted["tick"] -= begin
    return shifted


def _since(before: Counters, after: Counters) -> dict[str, Any]:
    return {
        "ticks": after.ticks - before.ticks,
        "spikes": after.spikes - before.spikes,
        "operations": after.synaptic_operations - before.synaptic_operations,
    }
