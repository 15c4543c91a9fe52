"""The board process: an image, an emulator, and spikes in and out.

For every question: its pins spike from the board's current tick t on, the board runs n ticks, and the
output spikes of the answer's window go back, their ticks counted from t. Ticks advance on the host's
demand, as they do on an NS1e; n is the last tick of the window plus one unless more are asked for.
Output spikes of other ticks answer nothing: neurons with thresholds of 0 fire whether or not they are
asked. They do not travel, and are counted as unread.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tnemu.emulator.compiling import on_compile
from tnemu.emulator.engines import DEFAULT
from tnemu.emulator.spikes import OutputSpikes
from tnemu.errors import TnemuError
from tnemu.hardware.image import BoardImage
from tnemu.networks.codec import SPIKE_DTYPE, Spikes, Stimulus, Window
from tnemu.runtime.child import SLICE_S, StopFlag, run_child, settle_memory
from tnemu.runtime.link import PeerSilentError, Receiver, Sender, SharedArrays, pack, unpack
from tnemu.runtime.pace import Pace
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
    """What a board process needs to know: an image folder, its connectors, and when it answers.

    ``window``: the ticks of the answer, counted from the question. ``stimulus_ticks``: in so many
    ticks a question's spikes may lie. ``threads``: how many the engine may use; None lets it choose.
    ``fresh``: every question is asked of a board that was just loaded, all potentials at their first
    values, for networks that keep potentials from tick to tick.
    Raises JobError for fewer ticks per decision than the answer needs.
    """

    image: Path
    window: Window
    ticks_per_decision: int
    engine: str = DEFAULT
    input_name: str = "frame"
    output_name: str = "votes"
    threads: int | None = None
    stimulus_ticks: int = 1
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.ticks_per_decision < self.window.ticks:
            raise JobError(
                f"{self.ticks_per_decision} ticks per decision are not enough: the network answers "
                f"after {self.window.ticks} ticks; use at least as many"
            )


class Board:
    """An emulated board that answers questions; counts into ``record``.

    Usable in any process: the board process serves one to a link, a test or a script calls
    :meth:`decide` itself. Raises ImageError for a connector that does not exist.
    """

    def __init__(
        self, image: BoardImage, job: BoardJob, record: Record, pace: Pace | None = None
    ) -> None:
        # Here, so that only the process in which the board lives loads the compiler.
        from tnemu.emulator.emulator import Emulator
        from tnemu.emulator.engines import find

        image.output(job.output_name)
        image.input(job.input_name)
        self._job, self._record, self._pace = job, record, pace
        self._past_ticks, self._past = 0, dict.fromkeys(COUNTED, 0)
        self._past_firings = np.zeros_like(record.core_spikes)
        self._asked = False
        if find(job.engine).compiles:
            # On a board that is thrown away: compiles, and reads the image's pages.
            with Emulator(image, engine=job.engine, threads=job.threads) as warm:
                pins = np.arange(image.input(job.input_name).width)
                warm.run(job.window.ticks, {job.input_name: pins})
        self._load = partial(Emulator, image, engine=job.engine, threads=job.threads)
        self._emulator = self._load()

    def decide(self, stimulus: Stimulus) -> Spikes:
        """Output spikes of the answer to ``stimulus``, ticks counted from the question's."""
        job = self._job
        if job.fresh and self._asked:
            self._load_anew()
        self._asked = True
        emulator = self._emulator
        start = emulator.tick
        emulator.inject_pins(job.input_name, stimulus.pins, start + stimulus.ticks)
        spikes = self._run().of(job.output_name)
        answer = job.window.of(spikes, start)
        self._count(len(spikes) - len(answer))
        found = np.empty(len(answer), SPIKE_DTYPE)
        found["tick"], found["pin"] = answer["tick"] - start, answer["pin"]
        return found

    @property
    def tick(self) -> int:
        """The board's next tick, since it was loaded first."""
        return self._past_ticks + self._emulator.tick

    def _run(self) -> OutputSpikes:
        """The ticks of a decision; the firings of a core that is watched are kept."""
        emulator, pace, ticks = self._emulator, self._pace, self._job.ticks_per_decision
        if pace is None or not 0 <= (core := pace.core) < emulator.image.core_count:
            return emulator.run(ticks)
        found = emulator.run(ticks, record_spikes=[core])
        if emulator.last_spikes is not None:
            pace.keep(core, emulator.last_spikes.records, self._past_ticks)
        return found

    def _load_anew(self) -> None:
        """The board as it was at first; what it counted is kept."""
        with self._emulator as used:
            self._past_ticks += used.tick
            for name in COUNTED:
                self._past[name] += getattr(used.counters, name)
            self._past_firings += used.firings
        self._emulator = self._load()

    def _count(self, unread: int) -> None:
        record, counters = self._record, self._emulator.counters
        for name in COUNTED:
            record.board[name] = self._past[name] + getattr(counters, name)
        record.board["unread"] += unread
        record.board["beat"] += 1
        record.core_spikes[:] = self._past_firings + self._emulator.firings


def board_main(
    job: BoardJob, frames: Receiver, votes: Sender, memory: SharedArrays, control: socket.socket
) -> None:
    """The life of the board process."""
    run_child(control, partial(_serve, job, frames, votes, Record(memory), Pace(memory)))


def _serve(
    job: BoardJob, frames: Receiver, votes: Sender, record: Record, pace: Pace, stop: StopFlag
) -> None:
    on_compile(lambda: np.copyto(record.board["compiling"], 1))
    board = Board(BoardImage.load(job.image, verify=False), job, record, pace)
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
        answer = board.decide(Stimulus(*unpack(frame.words)))
        votes.send(pack(answer["pin"], answer["tick"]), board.tick, SLICE_S)
