"""What the trainings on control tasks share: the folder of a run, its networks, several runs at once.

A run's folder holds ``settings.json``, ``curve.csv``, ``checkpoint.safetensors``, and as networks
(``.npz``, see tnemu.formats.dense_file) ``initial``, ``best`` (of the best mean of 100 episodes),
``trained`` (where the task was solved first) and ``last``; ``result.json`` says what came of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tnemu.errors import TnemuError
from tnemu.files import Fields, make_folder, write_json
from tnemu.formats.dense_file import write_dense
from tnemu.formats.errors import FormatError
from tnemu.learn.run.options import words_of
from tnemu.learn.run.runs import Report, begin, check_unused, versions
from tnemu.learn.run.side_by_side import side_by_side
from tnemu.learn.spiking.checkpoint import CHECKPOINT
from tnemu.learn.spiking.nets import Net
from tnemu.learn.spiking.settings import AVERAGE_EPISODES, SOLVED, RunSettings, with_seed

INITIAL, BEST, TRAINED, LAST = "initial.npz", "best.npz", "trained.npz", "last.npz"
RESULT = "result.json"
FREE = ("runs", "jobs", "log_every", "save_every", "out", "episodes", "batches")
"""Settings that may change on the way."""
MOST = 1 << 53


class Progress:
    """Returns of the episodes so far: the best mean, and when the task was solved.

    An average is the mean return of the last 100 episodes; the task is solved where it has been at
    least SOLVED's for ``hold`` episodes, one after the other (None: as many as SOLVED asks for).
    """

    def __init__(self, task: str, hold: int | None = None) -> None:
        self.goal, often = SOLVED[task]
        self.hold = often if hold is None else hold
        self.returns: list[float] = []
        self.best_average: float | None = None
        self.best_episode = self.solved_episode = self.held = 0
        """Episodes count from 1; 0 stands for none."""

    @property
    def average(self) -> float | None:
        """Mean return of the last 100 episodes; None before there are so many."""
        last = self.returns[-AVERAGE_EPISODES:]
        return float(np.mean(last)) if len(last) == AVERAGE_EPISODES else None

    def add(self, value: float) -> tuple[bool, bool]:
        """One more episode: whether its average is the best, and whether it solves the task now."""
        self.returns.append(value)
        average = self.average
        if average is None:
            return False, False
        self.held = self.held + 1 if average >= self.goal else 0
        best = self.best_average is None or average > self.best_average
        if best:
            self.best_average, self.best_episode = average, len(self.returns)
        solved = self.held >= self.hold and not self.solved_episode
        if solved:
            self.solved_episode = len(self.returns)
        return best, solved

    def counters(self) -> dict[str, Any]:
        """For the checkpoint."""
        names = ("best_average", "best_episode", "solved_episode", "held")
        return {"returns": self.returns} | {name: getattr(self, name) for name in names}

    def restore(self, counters: Fields) -> None:
        """From the checkpoint."""
        self.returns = counters.reals("returns")
        absent = counters.absent("best_average")
        self.best_average = None if absent else counters.real("best_average")
        for name in ("best_episode", "solved_episode", "held"):
            setattr(self, name, counters.whole(name, 0, MOST))

    def result(self) -> dict[str, Any]:
        """What is told when the run ends."""
        return {
            "episodes": len(self.returns),
            "solved_episode": self.solved_episode or None,
            "best_average": self.best_average,
            "best_episode": self.best_episode or None,
        }


def open_run(settings: RunSettings, resume: bool, **more: Any) -> Path:
    """The folder of a run that begins or goes on; ``more`` is what else it is made of. Raises
    TnemuError where another run is in it.
    """
    out = Path(settings.out)
    make_folder(out, error=TnemuError, then="choose another --out")
    if not resume:
        check_unused(out, CHECKPOINT)
    begin(out, settings, resume, FREE, **more)
    return out


def keep(net: Net, out: Path, name: str) -> Path:
    """Write the network as it is now."""
    write_dense(net.dense(), out / name)
    return out / name


def close_run(settings: RunSettings, out: Path, **result: Any) -> None:
    """Write what came of a run. Raises FormatError."""
    command = " ".join(["tnemu", "learn", settings.COMMAND, *words_of(settings)])
    facts = {"task": settings.task, "seed": settings.seed, "command": command}
    write_json(out / RESULT, facts | result | {"versions": versions()}, error=FormatError)


def train_all(
    train: Callable[[Any, bool, Report], Path], settings: RunSettings, resume: bool, report: Report
) -> tuple[Path, ...]:
    """One run, or ``settings.runs`` of them side by side, in folders run-1, run-2, ...

    ``train`` is a function of a module, with (settings, resume, report). Several runs are processes
    of their own, each on one thread, and report only their ends.
    """
    if settings.runs == 1:
        return (train(settings, resume, report),)
    each = [
        with_seed(settings, settings.seed + k, str(Path(settings.out) / f"run-{k + 1}"))
        for k in range(settings.runs)
    ]
    jobs = settings.jobs or os.cpu_count() or 1
    paths = [Path()] * len(each)
    for k, path in side_by_side(train, [(one, resume, _silent) for one in each], jobs):
        paths[k] = path
        report({"run": k + 1, "seed": each[k].seed, "kept": path.name})
    return tuple(paths)


def _silent(row: dict[str, Any]) -> None:
    """Runs side by side would write over each other's lines."""
