"""The host process: the ARM side of a board, where the world lives and time is kept.

The application is built here, in the process that uses it, by a factory that was pickled on its way:
a module-level function or class with its arguments (``functools.partial``).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from tnemu.networks.codec import SPIKE_DTYPE, Spikes, Stimulus
from tnemu.runtime.child import SLICE_S, StopFlag, run_child, settle_memory
from tnemu.runtime.clock import Clock
from tnemu.runtime.film import Film, every
from tnemu.runtime.link import PeerSilentError, Receiver, Sender, SharedArrays, pack, unpack
from tnemu.runtime.loop import Application, Outcome, run
from tnemu.runtime.moment import pack as pack_moment
from tnemu.runtime.pace import Pace
from tnemu.runtime.record import Record

Factory = Callable[[], Application]


@dataclass(frozen=True)
class HostJob:
    """What a host process needs to know: the world, the pace, and when to end (None: never).

    ``film``: keep moments of a board with ``input_width`` input pins.
    """

    application: Factory
    mode: str
    rate_hz: float
    decisions: int | None = None
    episodes: int | None = None
    film: bool = False
    input_width: int = 0


class Stopped(Exception):
    """The supervisor asked for the end while the host waited for the board."""


class RemoteBoard:
    """The board at the other end of a link, as the loop sees it."""

    def __init__(self, frames: Sender, votes: Receiver, record: Record, stop: StopFlag) -> None:
        self._frames, self._votes = frames, votes
        self._record, self._stop = record, stop
        self._decisions = 0

    def decide(self, stimulus: Stimulus) -> Spikes:
        """The board's answer to one question, however long it takes."""
        self._frames.send(pack(*stimulus), self._decisions, SLICE_S)
        self._decisions += 1
        pins, ticks = unpack(self.wait())
        spikes = np.empty(len(pins), SPIKE_DTYPE)
        spikes["tick"], spikes["pin"] = ticks, pins
        return spikes

    def wait(self) -> npt.NDArray[np.uint32]:
        """The words of the board's next message. It is the supervisor who judges a silent board."""
        while not self._stop():
            self._record.host["beat"] += 1
            try:
                return self._votes.receive(SLICE_S).words
            except PeerSilentError:
                continue
        raise Stopped


def host_main(
    job: HostJob, frames: Sender, votes: Receiver, memory: SharedArrays, control: socket.socket
) -> None:
    """The life of the host process."""
    run_child(control, partial(_play, job, frames, votes, memory))


def _play(
    job: HostJob, frames: Sender, votes: Receiver, memory: SharedArrays, stop: StopFlag
) -> None:
    record = Record(memory)
    host = record.host
    clock = Clock(job.mode, job.rate_hz)
    application = job.application()
    board = RemoteBoard(frames, votes, record, stop)

    def ended() -> bool:
        reached = (job.decisions is not None and host["decisions"] >= job.decisions) or (
            job.episodes is not None and host["episodes"] >= job.episodes
        )
        host["finished"] = reached
        return bool(reached) or stop()

    camera = Camera(Film(memory), record, every(job.rate_hz), job.input_width)
    hold = partial(Pace(memory).hold, clock, stop)
    settle_memory()
    try:
        board.wait()
        host["running"] = 1
        run(application, board, clock, record, ended, camera if job.film else None, hold)
    except Stopped:
        pass
    finally:
        application.close()


class Camera:
    """Adds a moment to ``film`` after every ``step``-th decision."""

    def __init__(self, film: Film, record: Record, step: int, width: int) -> None:
        self._film, self._record, self._step, self._width = film, record, step, width
        self._before = record.core_spikes.copy()

    def __call__(self, application: Application, stimulus: Stimulus, outcome: Outcome) -> None:
        """One decision was taken."""
        decision = int(self._record.host["decisions"])
        if decision % self._step:
            return
        firings = self._record.core_spikes.copy()  # the board waits for the next question
        rest = pack_moment(firings - self._before, stimulus.pins, self._width, outcome.scores)
        self._before = firings
        self._film.add(decision, application.picture(), rest, outcome.action, outcome.player)
