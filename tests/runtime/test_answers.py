"""A board in the loop answers by counts over a window, by a comparator, or after T ticks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from worlds import Rates

from tnemu.networks.codec import Window
from tnemu.runtime.session import Session, Settings

Build = Callable[..., Settings]
LATENCY = 3


@pytest.mark.parametrize("reading", ["counts", "first", "last"])
def test_an_answer_may_take_many_ticks(settings: Build, reading: str) -> None:
    """The relay repeats a train of spikes; the world wins a point if the answer is what it asked."""
    window = Window(LATENCY - 1, LATENCY - 1 + 7)
    job = dataclasses.replace(
        settings().board, window=window, ticks_per_decision=window.ticks, stimulus_ticks=8
    )
    run = Session(settings(partial(Rates, reading), board=job, decisions=20)).run()
    assert run.outcome == "finished", run.message
    assert [d["reward"] for d in run.record.decisions()] == [1.0] * 20
    assert int(run.record.board["unread"]) == 0


def test_a_window_that_is_too_short_loses_spikes_and_counts_them(settings: Build) -> None:
    window = Window(LATENCY - 1, LATENCY - 1 + 3)
    job = dataclasses.replace(
        settings().board, window=window, ticks_per_decision=LATENCY + 7, stimulus_ticks=8
    )
    run = Session(settings(partial(Rates, "counts"), board=job, decisions=10)).run()
    asked: Any = np.array([decision["input_spikes"] for decision in run.record.decisions()])
    read: Any = np.array([decision["output_spikes"] for decision in run.record.decisions()])
    assert int(run.record.board["unread"]) == (asked - read).sum() > 0
