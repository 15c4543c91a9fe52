"""The board process: an image, an emulator, and frames of spikes in and out.

For every frame: its pins spike at the board's current tick t, the board runs n ticks, and the output
spikes of tick t + L - 1 go back as votes, where L is the latency of the mapped network in ticks. One
frame is one wave through the network. Ticks advance on the host's demand, as they do on an NS1e; n is
L unless more are asked for. Output spikes of other ticks belong to no wave: neurons with thresholds of
0 fire whether or not they are asked. They are no votes, and counted as dropped.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.compiling import on_compile
from tnemu.errors import TnemuError
from tnemu.hardware.image import BoardImage
from tnemu.runtime.child import SLICE_S, StopFlag, run_child, settle_memory
from tnemu.runtime.link import PeerSilentError, Receiver, Sender, SharedArrays
from tnemu.runtime.record import Record

COUNTED = (
    "ticks",
    "spikes",
    "synaptic_operations",
    "input_spikes",
    "output_spikes",
    "merged",
    "hops",
    "chip_crossings",
)
"""The emulator's counters that go into the record."""


class JobError(TnemuError, ValueError):
    """The board cannot do what the run asks for."""


@dataclass(frozen=True)
class BoardJob:
    """What a board process needs to know: an image folder and how to use its connectors.

    ``threads``: how many the engine may use; None lets it choose.
    Raises JobError for fewer ticks per decision than the latency.
    """

    image: Path
    latency_ticks: int
    ticks_per_decision: int
    engine: str = "numba"
    input_name: str = "frame"
    output_name: str = "votes"
    threads: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.latency_ticks <= self.ticks_per_decision:
            raise JobError(
                f"{self.ticks_per_decision} ticks per decision are not enough: the network answers "
                f"after {self.latency_ticks} ticks; use at least as many"
            )


class Board:
    """An emulated board that answers frames with votes; counts into ``record``.

    Usable in any process: the board process serves one to a link, a test or a script calls
    :meth:`decide` itself. Raises ImageError for a connector that does not exist.
    """

    def __init__(self, image: BoardImage, job: BoardJob, record: Record) -> None:
        # Here, so that only the process in which the board lives loads the compiler.
        from tnemu.emulator.emulator import Emulator

        self._width = image.output(job.output_name).width
        image.input(job.input_name)
        self._job, self._record = job, record
        if job.engine != "reference":  # which compiles nothing and would take minutes
            # On a board that is thrown away: compiles, and reads the image's pages.
            with Emulator(image, engine=job.engine, threads=job.threads) as warm:
                pins = np.arange(image.input(job.input_name).width)
                warm.run(job.latency_ticks, {job.input_name: pins})
        self._emulator = Emulator(image, engine=job.engine, threads=job.threads)

    def decide(self, pins: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int32]:
        """Votes int32 [output width] of one wave that starts with ``pins``."""
        job, emulator = self._job, self._emulator
        start = emulator.tick
        out = emulator.run(job.ticks_per_decision, {job.input_name: pins})
        spikes = out.of(job.output_name)
        wave = spikes["tick"] == start + job.latency_ticks - 1
        self._count(len(spikes) - int(np.count_nonzero(wave)))
        votes = np.bincount(spikes["pin"][wave], minlength=self._width)
        return votes.astype(np.int32)

    @property
    def tick(self) -> int:
        return self._emulator.tick

    def _count(self, dropped: int) -> None:
        record, counters = self._record, self._emulator.counters
        for name in COUNTED:
            record.board[name] = getattr(counters, name)
        record.board["dropped"] += dropped
        record.board["beat"] += 1
        record.core_spikes[:] = self._emulator.firings


def board_main(
    job: BoardJob, frames: Receiver, votes: Sender, memory: SharedArrays, control: socket.socket
) -> None:
    """The life of the board process."""
    run_child(control, partial(_serve, job, frames, votes, Record(memory)))


def _serve(job: BoardJob, frames: Receiver, votes: Sender, record: Record, stop: StopFlag) -> None:
    on_compile(lambda: np.copyto(record.board["compiling"], 1))
    board = Board(BoardImage.load(job.image, verify=False), job, record)
    settle_memory()
    record.board["ready"] = 1
    record.board["beat"] += 1
    votes.send([], board.tick, SLICE_S)  # the host's clock starts when this arrives
    while not stop():
        record.board["beat"] += 1
        try:
            frame = frames.receive(SLICE_S)
        except PeerSilentError:
            continue
        answer = board.decide(frame.words)
        # A pin that spiked n times is n words.
        votes.send(np.repeat(np.arange(len(answer)), answer), board.tick, SLICE_S)
