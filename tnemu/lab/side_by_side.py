"""Episodes on every core: each job, some seeds of one player, is a process of its own.

A player of whole numbers (a weight file, an integer student, a student on a board) answers the same however
many worlds it sees at once, so its seeds are dealt to as many jobs as there are processes, and its boards
run as lanes of one emulator in each. A network of torch keeps all its seeds in one job, because its sums
round by how many worlds it sees; so does a random player, whose draws are one stream. The scores are those
of one process, to the bit.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tnemu.errors import TnemuError
from tnemu.learn.players.episodes import Episode, Player, play_episodes
from tnemu.learn.players.evaluate import (
    Others,
    Playing,
    here,
    is_file,
    load_player,
    needs_torch,
)
from tnemu.learn.run.device import one_thread
from tnemu.runtime.child import KEYBOARD, end_with_parent
from tnemu.tasks.atari.spec import AtariSpec

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What numpy's libraries read when a process begins: every process has one core."""


@dataclass(frozen=True)
class OnBoard:
    """A student of a file, to be played on an emulated board."""

    path: Path
    board: str


@dataclass(frozen=True)
class Job:
    """Some seeds of one player; everything in here can be sent to another process."""

    what: str
    player: str | OnBoard
    spec: AtariSpec
    seeds: tuple[int, ...]
    epsilon: float
    game: str | None = None
    others: Others = field(default_factory=Others)

    def play(self) -> list[Episode]:
        """One episode per seed."""
        player: Player
        if isinstance(self.player, OnBoard):
            from tnemu.lab.board_player import board_player

            on = self.player
            player, _ = board_player(on.path, on.board, len(self.seeds), self.game)
        else:
            player, _ = load_player(self.player, self.game, self.spec, self.others)
        with one_thread():
            return play_episodes(player, self.spec, self.seeds, self.epsilon)


def side_by_side(
    processes: int | None = None,
    boards: Mapping[str, OnBoard] | None = None,
    game: str | None = None,
    others: Others | None = None,
) -> Playing:
    """Players of an evaluation in ``processes`` at once, as many as there are cores if None.

    ``boards`` has the players that play on one, by name; ``game`` and ``others`` are those of the
    evaluation. One process is none beside this one.
    """
    count = processes or cores()
    if count == 1:
        return here

    @contextmanager
    def playing(
        players: Mapping[str, Player], spec: AtariSpec, seeds: Sequence[int], epsilon: float
    ) -> Iterator[Callable[[str], list[Episode]]]:
        jobs = []
        for what in players:
            player = (boards or {}).get(what, what)
            whole = isinstance(player, str) and (not is_file(player) or needs_torch(player))
            shares = [seeds] if whole else [seeds[k::count] for k in range(count)]
            jobs += [
                Job(what, player, spec, tuple(share), epsilon, game, others or Others())
                for share in shares
                if len(share)
            ]
        with running(jobs, count) as finished:
            yield lambda what: finished(what)

    return playing


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def running(jobs: Sequence[Job], count: int) -> Iterator[Callable[[str], list[Episode]]]:
    """A function that waits for a player's episodes and gives them in order of their seeds.

    ``count`` processes run at once, begun in the order of the jobs. When the context ends, whatever
    still runs is ended. Raises TnemuError for what a job refused, and for one that was ended.
    """
    waiting = list(jobs)
    done: dict[int, list[Episode]] = {id(job): [] for job in jobs}
    at_work: dict[Any, tuple[Job, BaseProcess]] = {}

    def finished(what: str) -> list[Episode]:
        mine = [job for job in jobs if job.what == what]
        while any(not done[id(job)] for job in mine):
            while waiting and len(at_work) < count:
                pipe, process = _begun(waiting[0])
                at_work[pipe] = (waiting.pop(0), process)
            for ready in wait(list(at_work)):
                job, process = at_work.pop(ready)
                done[id(job)] = _answer(ready, job, process)
        return sorted((e for job in mine for e in done[id(job)]), key=lambda e: e.seed)

    try:
        yield finished
    finally:
        for _, process in at_work.values():
            process.kill()
        for _, process in at_work.values():
            process.join()


def _begun(job: Job) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ |= dict.fromkeys(THREADS, "1")
    try:
        process = context.Process(target=_work, args=(theirs, job), daemon=True)
        process.start()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    theirs.close()  # so that its end is seen
    return ours, process


def _answer(pipe: Any, job: Job, process: BaseProcess) -> list[Episode]:
    try:
        refused, answer = pipe.recv()
    except EOFError:
        process.join()
        raise TnemuError(
            f"the process that played {job.what} ended with status {process.exitcode}; see whether "
            "there is memory for it, or choose fewer --processes"
        ) from None
    process.join()
    if refused:
        raise TnemuError(refused)
    return list(answer)


def _work(pipe: Connection, job: Job) -> None:
    """The whole life of a process that plays."""
    for number in KEYBOARD:  # whoever began it answers them
        signal.signal(number, signal.SIG_IGN)
    end_with_parent()
    answer: tuple[str, Any]
    try:
        answer = ("", job.play())
    except TnemuError as error:
        answer = (str(error), [])
    pipe.send(answer)
    pipe.close()
