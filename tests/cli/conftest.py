"""What the tests of ``tnemu run`` share as fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import write_tonic


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
