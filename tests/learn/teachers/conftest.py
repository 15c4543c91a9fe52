"""Episodes of teachers are short here."""

from __future__ import annotations

import dataclasses

import pytest

from tnemu.tasks.atari.spec import SPECS


@pytest.fixture(autouse=True)
def short_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from tnemu.learn.teachers import teacher

    monkeypatch.setattr(
        teacher, "spec_for", lambda game: dataclasses.replace(SPECS[game], max_frames=120)
    )
