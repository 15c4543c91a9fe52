"""The picture of a run: score, lateness, and where on the board it was busy.

Functions draw on the axes they are given and know nothing of processes or games: arrays come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.measure.core_map import CoreMap, draw_core_map
from tnemu.measure.figure import (
    ALARM,
    CALM,
    DIM,
    INK,
    REWARD,
    label_ticks,
    new_figure,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 60
"""Most bars of a histogram; fewer where there are few values."""

LINEAR_MOST = 50
"""Counts from which on their axis is logarithmic, so that one late decision in thousands is seen."""


@dataclass(frozen=True)
class RunPlot:
    """What the picture shows.

    ``score`` [n] points of the episode after every decision, ``over`` [n] where an episode ended,
    ``first_decision`` the number of the first of them; ``lateness_ms`` [n] delivery minus deadline, or
    ``response_ms`` [n] instead where there is no deadline (``lateness_ms`` all nan); ``positions``
    [cores, 3] (unit, x, y) and ``core_rate`` [cores] spikes per tick of every core; ``board_shape``
    (units, width, height) in cores, ``chip_shape`` (cores_x, cores_y).
    """

    title: str
    subtitle: str
    score: npt.NDArray[np.float64]
    over: npt.NDArray[np.bool_]
    lateness_ms: npt.NDArray[np.float64]
    response_ms: npt.NDArray[np.float64]
    positions: npt.NDArray[np.int32]
    core_rate: npt.NDArray[np.float64]
    board_shape: tuple[int, int, int]
    chip_shape: tuple[int, int]
    first_decision: int = 0


def draw_run(run: RunPlot) -> Figure:
    """The whole picture as a figure of 12 x 7 inches; nothing is shown on a screen."""
    figure = new_figure(12, 7, run.title, run.subtitle)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1))
    draw_score(figure.add_subplot(grid[0, 0]), run)
    draw_times(figure.add_subplot(grid[1, 0]), run)
    draw_cores(figure.add_subplot(grid[:, 1]), run)
    return figure


def save_run(run: RunPlot, path: str | Path | IO[bytes]) -> None:
    """Draw the picture and write it as PNG."""
    draw_run(run).savefig(path, format="png", dpi=120)


def draw_score(axes: Axes, run: RunPlot) -> Axes:
    """Score of the episode under way, decision by decision; a dot where an episode ended."""
    style_axes(axes, "Score of the episode", "decision", "points")
    if not len(run.score):
        return _empty(axes, "no decision was taken")
    decisions = run.first_decision + np.arange(1, len(run.score) + 1)
    # An episode starts again from nothing: a gap, not a fall.
    ends = np.flatnonzero(run.over) + 1
    for part in np.split(np.arange(len(decisions)), ends[ends < len(decisions)]):
        axes.step(decisions[part], run.score[part], where="post", color=CALM, lw=1.6)
    axes.plot(
        decisions[run.over], run.score[run.over], "o", color=REWARD, ms=7, mec="white", zorder=3
    )
    for at in np.flatnonzero(run.over)[-8:]:
        axes.annotate(
            f"{run.score[at]:,g}",
            (decisions[at], run.score[at]),
            xytext=(-6, 6),
            textcoords="offset points",
            ha="right",
            color=INK,
            size=9,
        )
    low, high = min(0.0, run.score.min()), max(1.0, run.score.max())
    axes.set_ylim(low - 0.03 * (high - low), high + 0.14 * (high - low))
    axes.set_xlim(run.first_decision, decisions[-1] + max(1, 0.02 * len(decisions)))
    label_ticks(axes, "x", "y", whole=True)
    return axes


def draw_times(axes: Axes, run: RunPlot) -> Axes:
    """How early or late decisions came; without a deadline, how long they took."""
    late = run.lateness_ms[~np.isnan(run.lateness_ms)]
    values = late if len(late) else run.response_ms
    title = "Decisions against their deadline" if len(late) else "Time from picture to decision"
    unit = "ms after the deadline" if len(late) else "ms"
    style_axes(axes, title, f"{unit}; the last bar holds all beyond it", "decisions in a bar")
    if not len(values):
        return _empty(axes, "no decision was taken")
    # The few largest would squeeze all others into one bin: the last bin holds everything beyond.
    low, high = float(values.min()), float(np.percentile(values, 99.5))
    if len(late):
        high = max(high, 0.0) + 0.04 * max(-low, 1.0)
    bins = min(BINS, max(8, round(len(values) ** 0.5)))
    width = max(high - low, 1e-3) / bins
    first = np.floor(low / width)  # so that 0, the deadline, is an edge
    edges = width * np.arange(first, max(np.ceil(high / width), first + 1) + 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    colors = [ALARM if len(late) and left >= 0 else CALM for left in edges[:-1]]
    axes.bar(edges[:-1], counts, width=width, align="edge", color=colors)
    _count_axis(axes, int(counts.max()))
    label_ticks(axes, "x")
    if len(late):
        axes.axvline(0, color=ALARM, lw=1.2)
        missed = int(np.count_nonzero(late > 0))
        axes.annotate(
            f"deadline\n{missed:,} missed" if missed else "deadline\nnone missed",
            (0, 0.97),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-5, 0),
            textcoords="offset points",
            ha="right",
            va="top",
            color=ALARM,
            size=9,
        )
    p50, p99, worst = np.percentile(values, (50, 99, 100))
    axes.set_title(
        f"median {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms", loc="right", size=9, color=DIM
    )
    return axes


def draw_cores(axes: Axes, run: RunPlot) -> Axes:
    """Where on the board it was busy, see :mod:`tnemu.measure.core_map`."""
    return draw_core_map(
        axes, CoreMap(run.positions, run.core_rate, run.board_shape, run.chip_shape)
    )


def _count_axis(axes: Axes, most: int) -> None:
    """Room for bars of up to ``most``; logarithmic where they span from one to many."""
    if most < LINEAR_MOST:
        axes.set_ylim(0, most * 1.25)
        label_ticks(axes, "y", whole=True)
        return
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.set_ylim(0.7, most * 3)
    axes.set_ylabel(f"{axes.get_ylabel()}, logarithmic")
    label_ticks(axes, "y")


def _empty(axes: Axes, text: str) -> Axes:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=DIM)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes
