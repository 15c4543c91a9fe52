"""Makes the worlds of this folder importable in spawned processes, however pytest was started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from worlds import Coin

from tnemu.hardware import BoardImage
from tnemu.networks.codec import Window
from tnemu.runtime.board import BoardJob
from tnemu.runtime.session import Settings

LATENCY = 3
"""Ticks from pin "in" to pin "out" of the relay image: a tap delay of 1, two cores, a wire of 1."""


@pytest.fixture
def settings(relay: Callable[[], BoardImage], tmp_path: Path) -> Callable[..., Settings]:
    """Builds the settings of a short run of a coin world on the relay image."""
    relay().save(tmp_path / "image")

    def build(application: Any = None, **changes: Any) -> Settings:
        job = BoardJob(tmp_path / "image", Window.wave(LATENCY), LATENCY, "reference", "in", "out")
        given = {"mode": "free", "decisions": 50, "episodes": None, **changes}
        return Settings(application or Coin, given.pop("board", job), **given)

    return build
