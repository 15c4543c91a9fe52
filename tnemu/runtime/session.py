"""The supervisor: starts host and board, watches both, and ends them whatever happens.

It judges by three signs: a process that has ended, a heart-beat that stands still (the process hangs
or is stopped), and a signal to itself (Ctrl-C, SIGTERM, a closed terminal). Whichever comes, both
processes are gone within seconds and the record of the run is read out.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import connection, resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any

from tnemu.errors import TnemuError
from tnemu.hardware.image import BoardImage
from tnemu.runtime import child
from tnemu.runtime.board import BoardJob, board_main
from tnemu.runtime.clock import Clock, now_s, utc_now
from tnemu.runtime.film import Film, film_layout
from tnemu.runtime.host import Factory, HostJob, host_main
from tnemu.runtime.link import SharedArrays, ring, ring_layout
from tnemu.runtime.pace import pace_layout
from tnemu.runtime.record import Record, record_layout

SLOTS = 2
"""Messages a ring holds; the loop has one under way."""

POLL_S = 0.2
GRACE_S = 3.0
"""What a process is given to end by itself before it is terminated."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class SessionError(TnemuError, ValueError):
    """A session was asked for something that cannot be."""


@contextlib.contextmanager
def _one_thread_of_linear_algebra() -> Iterator[None]:
    """For the environment of a child that starts meanwhile; what the user has set stays.

    The libraries' own threads spin for a while after every product, on the processors that the
    board's threads need: a student of 4,000 cores decided 25 times a second with them, 45 without.
    """
    names = {"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"} - set(os.environ)
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


@dataclass(frozen=True)
class Settings:
    """One run: which world, which board image, how fast, how long.

    ``application`` is pickled into the host process. ``decisions`` and ``episodes`` end the run when
    either is reached; with neither it goes on until it is interrupted. ``stall_s``: heart-beat
    silence after which a running process counts as hanging; ``start_s``: time both processes get to
    start, compilation included.
    """

    application: Factory
    board: BoardJob
    mode: str = "realtime"
    rate_hz: float = 30.0
    decisions: int | None = None
    episodes: int | None = 1
    film: bool = False
    stall_s: float = 10.0
    start_s: float = 300.0


@dataclass
class Result:
    """How a run ended and everything it left.

    ``outcome`` is "finished", "interrupted", or a side and its fate: "host failed" (its own error),
    "host died" (a signal or an unexplained exit), "host stalled" (no sign of life), and likewise for
    "board". ``message`` is a sentence for people. ``signal`` is the signal that interrupted, or 0.
    """

    outcome: str
    message: str
    record: Record
    film: Film
    image: BoardImage
    settings: Settings
    started: str
    signal: int = 0


@dataclass
class _Side:
    """One child as the supervisor sees it."""

    name: str
    process: SpawnProcess
    control: socket.socket
    beat: Callable[[], int]
    last_beat: int = -1
    silent_s: float = 0.0
    ended_by_us: bool = False

    def stop(self) -> None:
        """Ask the process to end."""
        with contextlib.suppress(OSError):
            self.control.send(child.STOP)

    def end(self, action: str) -> None:
        """Terminate or kill the process if it has not ended; that is then not its own fate."""
        if self.process.is_alive():
            self.ended_by_us = True
            getattr(self.process, action)()

    def fate(self) -> tuple[str, str] | None:
        """(outcome, message) if the end of this process explains the end of the run."""
        status = self.process.exitcode
        if self.ended_by_us or status is None or status in (child.DONE, child.PEER_GONE):
            return None
        if status == child.FAILED and (text := child.read_error(self.control)):
            return f"{self.name} failed", f"the {self.name} process failed: {text}"
        how = (
            f"was killed by {_signal_name(-status)}"
            if status < 0
            else f"ended unexpectedly with exit status {status}"
        )
        return (
            f"{self.name} died",
            f"the {self.name} process {how}; the {_OTHER[self.name]} was stopped",
        )


_OTHER = {"host": "board", "board": "host"}


@dataclass
class Session:
    """One run of the loop in two processes; :meth:`run` blocks until both are gone.

    Raises SessionError and ImageError before anything is started; everything that happens later is
    told by the :class:`Result`.
    """

    settings: Settings
    image: BoardImage = field(init=False)
    _sides: list[_Side] = field(default_factory=list, init=False)
    _signal: int = field(default=0, init=False)
    _verdict: tuple[str, str] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        Clock(settings.mode, settings.rate_hz)
        for name in ("decisions", "episodes"):
            value = getattr(settings, name)
            if value is not None and value < 1:
                raise SessionError(
                    f"{name} = {value}: a run has at least 1; leave it out for no limit"
                )
        self.image = BoardImage.load(settings.board.image)
        self.image.input(settings.board.input_name)
        self.image.output(settings.board.output_name)

    def run(
        self,
        on_live: Callable[[Record], None] | None = None,
        on_start: Callable[[SharedArrays], None] = lambda memory: None,
    ) -> Result:
        """Run to the end; ``on_live`` is called with the growing record about five times a second,
        ``on_start`` once with the memory that all processes share, before they start.
        """
        with _refused("no shared memory for host and board"):
            memory = self._memory()
        record = Record(memory)
        on_start(memory)
        started = utc_now().isoformat(timespec="seconds")
        try:
            with self._signals():
                with _refused("host and board cannot be started"):
                    self._start(memory, record)
                self._watch(record, on_live or (lambda record: None))
        finally:
            self._end()
            memory.close()
        outcome, message = self._judge(record)
        return Result(
            outcome, message, record, Film(memory), self.image, self.settings, started, self._signal
        )

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """End the run soon, as Ctrl-C does; a second call does not wait for the processes."""
        if self._signal:
            for side in self._sides:
                side.process.kill()
        self._signal = number
        for side in self._sides:
            side.stop()

    def _memory(self) -> SharedArrays:
        job = self.settings.board
        # A spike is two words, its pin and its tick.
        pins = 2 * self.image.input(job.input_name).width * job.stimulus_ticks
        # Several neurons may be wired to one output pin, so a tick may hold more spikes than pins.
        answer = job.window.last - job.window.first + 1
        votes = 2 * 16 * self.image.output(job.output_name).width * answer
        return SharedArrays(
            {
                **record_layout(self.image.core_count),
                **ring_layout("frames", SLOTS, pins),
                **ring_layout("votes", SLOTS, votes),
                **film_layout(),
                **pace_layout(),
            }
        )

    def _start(self, memory: SharedArrays, record: Record) -> None:
        settings, job = self.settings, self.settings.board
        host_job = HostJob(
            settings.application,
            settings.mode,
            settings.rate_hz,
            settings.decisions,
            settings.episodes,
            settings.film,
            self.image.input(job.input_name).width,
        )
        frames, frames_end = ring(memory, "frames", sender="host", receiver="board")
        votes_end, votes = ring(memory, "votes", sender="board", receiver="host")
        self._spawn("board", board_main, (job, frames_end, votes_end, memory), record)
        self._spawn("host", host_main, (host_job, frames, votes, memory), record)
        for end in (frames, frames_end, votes_end, votes):
            end.close()

    def _spawn(
        self, name: str, main: Callable[..., None], args: tuple[Any, ...], record: Record
    ) -> None:
        # It is started with the first child, and what starts it lets SIGINT through again.
        resource_tracker.ensure_running()
        ours, theirs = socket.socketpair()
        process = multiprocessing.get_context("spawn").Process(
            target=main, args=(*args, theirs), name=f"tnemu-{name}", daemon=True
        )
        # Blocked here, so blocked in the child from its first instruction: it never sees the keyboard.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, child.KEYBOARD)
        try:
            with _one_thread_of_linear_algebra():
                process.start()
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            ours.close()
            raise SessionError(
                f"the {name} process cannot be started: {error}; pass a class or a function of a "
                "module, or functools.partial of one"
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        beat = {
            "host": lambda: int(record.host["beat"]),
            "board": lambda: int(record.board["beat"]),
        }
        self._sides.append(_Side(name, process, ours, beat[name]))

    def _watch(self, record: Record, on_live: Callable[[Record], None]) -> None:
        """Return when a process has ended, or when one had to be given up."""
        before, waited_s = now_s(), 0.0
        sentinels = [side.process.sentinel for side in self._sides]
        while not connection.wait(sentinels, timeout=POLL_S) and not self._signal:
            on_live(record)
            now = now_s()
            # Time in which this process was itself stopped must not count against the children.
            step_s = min(now - before, 2 * POLL_S)
            before, waited_s = now, waited_s + step_s
            running = bool(record.host["running"])
            limit_s = self.settings.stall_s if running else self.settings.start_s
            for side in self._sides:
                beat = side.beat()
                side.silent_s = 0.0 if beat != side.last_beat else side.silent_s + step_s
                side.last_beat = beat
                if side.silent_s > limit_s:
                    self._verdict = self._stalled(side, limit_s)
                    return

    def _stalled(self, side: _Side, limit_s: float) -> tuple[str, str]:
        return (
            f"{side.name} stalled",
            f"the {side.name} process gave no sign of life for {limit_s:g} s; it hangs or is stopped, "
            "and was killed",
        )

    def _end(self) -> None:
        """Both processes are gone when this returns."""
        for side in self._sides:
            side.stop()
        if self._verdict is None:
            self._join(GRACE_S)
        for action in ("terminate", "kill"):
            for side in self._sides:
                side.end(action)
            self._join(1.0)

    def _join(self, patience_s: float) -> None:
        deadline_s = now_s() + patience_s
        for side in self._sides:
            side.process.join(max(0.0, deadline_s - now_s()))

    def _judge(self, record: Record) -> tuple[str, str]:
        fates = [fate for side in self._sides if (fate := side.fate())]
        for side in self._sides:
            side.control.close()
        if self._verdict:
            return self._verdict
        if self._signal:
            name = _signal_name(self._signal)
            return (
                "interrupted",
                f"interrupted by {name} after {int(record.host['decisions'])} decisions",
            )
        if fates:
            return fates[0]
        if record.host["finished"]:
            return "finished", f"finished after {int(record.host['decisions'])} decisions"
        return "host died", "the host process ended before the run did"

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn the signals that end a program into an orderly end of this run."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may; the caller then uses interrupt()
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            signal.signal(number, lambda number, frame: self.interrupt(number))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _refused(what: str) -> Iterator[None]:
    """What the system does not give, as a SessionError."""
    try:
        yield
    except OSError as error:
        raise SessionError(
            f"{what}: {error.strerror or error}; see the limits of this shell with ulimit -a, "
            "and 'tnemu doctor'"
        ) from error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
