"""The picture of an evaluation: every player's mean with its interval, over its episodes.

Like plots.py: functions draw on the axes they are given, arrays come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.measure.figure import ALARM, CALM, DIM, FAINT, INK, label_ticks, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ScoreRow:
    """One player: ``scores`` [episodes] in points, their mean, the 95 % interval of the mean (low,
    high), and the mean as a share of the teacher's, if there is one.
    """

    name: str
    scores: npt.NDArray[np.float64]
    mean: float
    mean_95: tuple[float, float]
    teacher_share: float | None = None


@dataclass(frozen=True)
class ScorePlot:
    """What the picture shows, first row on top."""

    title: str
    subtitle: str
    rows: list[ScoreRow]


def draw_scores(plot: ScorePlot) -> Figure:
    """A figure 9 inches wide, as high as it has players."""
    figure = new_figure(9, 1.9 + 0.5 * len(plot.rows), plot.title, plot.subtitle, size=14)
    draw_rows(figure.add_subplot(), plot.rows)
    return figure


def save_scores(plot: ScorePlot, target: str | Path | IO[bytes]) -> None:
    """Draw the picture and write it as PNG."""
    draw_scores(plot).savefig(target, format="png", dpi=120)


def draw_rows(axes: Axes, rows: list[ScoreRow]) -> Axes:
    """Dots are episodes, the bar is the interval of the mean, the mark on it the mean."""
    for at, row in enumerate(rows):
        axes.plot(
            row.scores, np.full(len(row.scores), at), "o", color=CALM, alpha=0.22, ms=5, mew=0
        )
        axes.plot(row.mean_95, (at, at), color=CALM, lw=5, solid_capstyle="butt")
        axes.plot(row.mean, at, "|", color=ALARM, ms=16, mew=2.5)
        text = f"{row.mean:,.4g}" if abs(row.mean) < 1000 else f"{row.mean:,.0f}"
        if row.teacher_share is not None:
            text += f"  ({row.teacher_share:.0%} of teacher)"
        axes.annotate(
            text, (1.01, at), xycoords=axes.get_yaxis_transform(), va="center", color=INK, size=9
        )
    axes.set_yticks(range(len(rows)), [row.name for row in rows], color=INK, size=9)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("points per episode; bar: 95 % interval of the mean", color=DIM, size=9)
    label_ticks(axes, "x")
    axes.tick_params(axis="x", colors=DIM, labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(DIM)
    return axes
