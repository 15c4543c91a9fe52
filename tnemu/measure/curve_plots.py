"""The picture of a training run: its figures over its steps.

Like plots.py: functions draw on the axes they are given, arrays come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.measure.figure import ALARM, CALM, DIM, FAINT, INK, REWARD, label_ticks, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = (CALM, ALARM, REWARD)


@dataclass(frozen=True)
class Line:
    """``y`` [n] over ``x`` [n], x rising; a nan is a gap."""

    label: str
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


@dataclass(frozen=True)
class CurvePlot:
    """``panels`` side by side in twos, each the lines that share an axis; ``marks`` are positions on
    the x axis with the name of what begins there.
    """

    title: str
    x_label: str
    panels: list[list[Line]]
    marks: list[tuple[float, str]] = field(default_factory=list)


def keep_last_pass(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which rows [n] count: where the steps go back, the earlier rows from there on do not.

    A resumed run goes back to its checkpoint and writes the steps after it again.
    """
    kept = np.ones(len(steps), bool)
    for at in np.flatnonzero(np.diff(steps) < 0) + 1:
        kept[:at] &= steps[:at] < steps[at]
    return kept


def draw_curves(plot: CurvePlot) -> Figure:
    """Panels of 5 x 2.6 inches in two columns."""
    rows = max(1, -(-len(plot.panels) // 2))
    figure = new_figure(10, 0.7 + 2.6 * rows, plot.title, size=14)
    for at, lines in enumerate(plot.panels):
        draw_panel(figure.add_subplot(rows, 2, at + 1), lines, plot.x_label, plot.marks)
    return figure


def save_curves(plot: CurvePlot, target: str | Path | IO[bytes]) -> None:
    """Draw the picture and write it as PNG."""
    draw_curves(plot).savefig(target, format="png", dpi=110)


def draw_panel(
    axes: Axes, lines: Sequence[Line], x_label: str, marks: Sequence[tuple[float, str]]
) -> Axes:
    """Lines with a dot at every figure, so that a lonely one is seen."""
    for line, color in zip(lines, COLORS * len(lines), strict=False):
        axes.plot(line.x, line.y, color=color, lw=1.4, marker="o", ms=2.5, label=line.label)
    for x, name in marks:
        axes.axvline(x, color=DIM, lw=0.8, ls=":")
        axes.annotate(
            name, (x, 1), xycoords=axes.get_xaxis_transform(), xytext=(2, -2),
            textcoords="offset points", va="top", color=DIM, size=7,
        )  # fmt: skip
    axes.set_title(", ".join(line.label for line in lines), loc="left", size=10, color=INK)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=8, labelcolor=DIM)
    axes.set_xlabel(x_label, color=DIM, size=8)
    label_ticks(axes, "x", whole=True)
    label_ticks(axes, "y")
    axes.tick_params(colors=DIM, labelsize=8)
    axes.grid(axis="y", color=FAINT, lw=0.8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(DIM)
    return axes
