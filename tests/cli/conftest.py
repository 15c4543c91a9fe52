"""What the tests of the commands share as fixtures."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from plays import Running, student
from running import write_tonic

from tnemu.formats.weights import write_weights
from tnemu.tasks.atari.spec import spec_for


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide terminal without colour, whatever the one is in which the tests are run."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def tonic(tmp_path: Path) -> tuple[Path, Path]:
    """Files of the model of :func:`running.tonic_model` and of its input spikes."""
    return write_tonic(tmp_path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("students") / "pong.safetensors"
    write_weights(student(spec_for("pong")), path)
    return path


@pytest.fixture
def running(weights: Path, tmp_path: Path) -> Iterator[Running]:
    run = Running(weights, tmp_path / "run")
    yield run
    if run.process.poll() is None:
        os.killpg(run.process.pid, signal.SIGKILL)
