"""The picture of a run shows what it was given; how it looks is for eyes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tnemu.measure.figure import ALARM
from tnemu.measure.plots import RunPlot, draw_run, save_run


@pytest.fixture
def run() -> RunPlot:
    """Four decisions in two episodes on three cores of a board of two units."""
    return RunPlot(
        title="pong on a board",
        subtitle="a line about it",
        score=np.array([1.0, 3.0, 0.0, -2.0]),
        over=np.array([False, True, False, False]),
        lateness_ms=np.array([-20.0, -19.0, -18.0, 4.0]),
        response_ms=np.array([13.0, 14.0, 15.0, 37.0]),
        positions=np.array([[0, 0, 0], [0, 2, 1], [1, 3, 3]], np.int32),
        core_rate=np.array([0.5, 0.0, 8.0]),
        board_shape=(2, 4, 4),
        chip_shape=(2, 4),
        first_decision=10,
    )


def test_every_core_is_shown_at_its_place(run: RunPlot) -> None:
    cores = np.asarray(draw_run(run).axes[2].images[0].get_array())
    assert cores.shape == (4, 8)  # two units side by side
    shown = {(int(x), int(y)): float(cores[y, x]) for y, x in np.argwhere(~np.isnan(cores))}
    assert shown == {(0, 0): 0.5, (2, 1): 0.0, (7, 3): 8.0}


def test_score_starts_again_with_every_episode(run: RunPlot) -> None:
    axes = draw_run(run).axes[0]
    first, second, ends = (line.get_xydata().tolist() for line in axes.lines)
    assert first == [[11, 1], [12, 3]]
    assert second == [[13, 0], [14, -2]]
    assert ends == [[12, 3]]
    assert [text.get_text() for text in axes.texts] == ["3"]


def test_decisions_after_the_deadline_stand_out(run: RunPlot) -> None:
    from matplotlib.colors import to_rgba

    axes = draw_run(run).axes[1]
    late = [bar for bar in axes.patches if bar.get_facecolor() == to_rgba(ALARM)]
    assert sum(bar.get_height() for bar in late) == 1
    assert sum(bar.get_height() for bar in axes.patches) == 4
    assert axes.texts[0].get_text() == "deadline\n1 missed"


def test_without_a_deadline_the_time_of_decisions_is_shown(run: RunPlot) -> None:
    free = dataclasses.replace(run, lateness_ms=np.full(4, np.nan))
    axes = draw_run(free).axes[1]
    assert axes.get_title(loc="left") == "Time from picture to decision"
    assert axes.get_title(loc="right") == "median 14.5, p99 36.3, worst 37.0 ms"


def test_a_run_without_decisions_has_a_picture_as_well(run: RunPlot, tmp_path: Path) -> None:
    empty = dataclasses.replace(
        run,
        score=run.score[:0],
        over=run.over[:0],
        lateness_ms=run.lateness_ms[:0],
        response_ms=run.response_ms[:0],
        core_rate=np.zeros(3),
    )
    save_run(empty, tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert draw_run(empty).axes[0].texts[0].get_text() == "no decision was taken"
