"""What the tests of ``tnemu play`` share: a small student, and runs in and outside this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from tnemu.cli.main import app
from tnemu.networks.integer import Dense, Transduction, Vote
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.atari.spec import AtariSpec
from tnemu.tasks.task import reference_to

TNEMU = [sys.executable, "-c", "import sys; from tnemu.cli.main import main; main()"]
SOON_S = 30
"""'Within seconds', with room for a busy computer; what hangs would take for ever."""


def student(spec: AtariSpec) -> TrainedNetwork:
    """A small untrained student: 128 bits, one core on the chip, two votes for each action."""
    rng = np.random.default_rng(0)
    actions, shape = len(spec.actions), (spec.stack, spec.rows, spec.columns)

    def trinary(*size: int) -> np.ndarray:
        return rng.integers(-1, 2, size).astype(np.int8)

    background = np.full(shape, 80, np.int16)
    layers = (
        Transduction("retina", trinary(8, 4, 6, 6), np.zeros(8, np.int32), background, stride=12),
        Dense(
            "predict",
            trinary(1, 2 * actions, 128),
            rng.integers(-4, 5, 2 * actions).astype(np.int32),
            rng.permutation(128).astype(np.int32),
        ),
        Vote("vote", (np.arange(2 * actions) % actions).astype(np.int32)),
    )
    return TrainedNetwork("random", shape, spec.actions, layers, reference_to(spec))


def play(*arguments: Any) -> Any:
    """The command in this process, which has loaded everything already."""
    return CliRunner().invoke(app, ["play", *map(str, arguments)])


def refused(*arguments: Any) -> str:
    """The one line of error of a command that does not get as far as a run."""
    command = [*TNEMU, "play", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


class Running:
    """A run that never ends by itself, caught in the middle: its processes, and how it ended."""

    def __init__(self, weights: Path, folder: Path) -> None:
        command = [
            *TNEMU, "play", "--weights", str(weights), "--frames", "1000000", "--output", str(folder)
        ]  # fmt: skip
        self.folder = folder
        self.names = set(os.listdir("/dev/shm"))
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a group of its own, as on a terminal
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("running"):
                break
        self.everybody = list(descendants(self.process.pid))
        spawned = [pid for pid in self.everybody if "spawn_main" in commandline(pid)]
        self.board, self.host = sorted(spawned)  # the board is started first

    def end(self) -> tuple[int, str]:
        """(exit status, standard error), once everybody is gone."""
        _, errors = self.process.communicate(timeout=SOON_S)
        limit = time.monotonic() + SOON_S
        while any(map(alive, self.everybody)) and time.monotonic() < limit:
            time.sleep(0.05)
        assert not any(map(alive, self.everybody))
        assert set(os.listdir("/dev/shm")) <= self.names
        return self.process.returncode, errors


def descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def commandline(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
