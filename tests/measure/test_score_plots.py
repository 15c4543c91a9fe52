"""The picture of scores shows what it was given; how it looks is for eyes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tnemu.measure.score_plots import ScorePlot, ScoreRow, draw_scores, save_scores

PLOT = ScorePlot(
    "krull",
    "a line about it",
    [
        ScoreRow("random", np.array([1.0, 3.0]), 2.0, (1.0, 3.0), 0.0),
        ScoreRow("student", np.array([8.0, 10.0, 12.0]), 10.0, (8.5, 11.5), 0.8),
    ],
)


def test_every_player_has_its_episodes_interval_and_mean() -> None:
    axes = draw_scores(PLOT).axes[0]
    episodes, interval, mean = (line.get_xydata().tolist() for line in axes.lines[3:])
    assert episodes == [[8, 1], [10, 1], [12, 1]]
    assert interval == [[8.5, 1], [11.5, 1]]
    assert mean == [[10, 1]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["random", "student"]
    assert [text.get_text() for text in axes.texts] == [
        "2  (0% of teacher)",
        "10  (80% of teacher)",
    ]


def test_the_first_player_is_on_top() -> None:
    low, high = draw_scores(PLOT).axes[0].get_ylim()
    assert low > high


def test_a_picture_is_written(tmp_path: Path) -> None:
    save_scores(PLOT, tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
