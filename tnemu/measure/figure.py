"""The figure that every picture is drawn on, and its marks: one style, no screen.

matplotlib's objects are used and never pyplot, so that no display is needed and no figure of the
user's is touched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, DIM, FAINT = "#1d2733", "#6b7785", "#e6e9ee"
CALM, ALARM, REWARD = "#2a6f97", "#c8553d", "#d9a441"

TITLE_IN, SUBTITLE_IN = 0.36, 0.7
"""From the upper edge to the middle of a line, in inches."""


def new_figure(
    width: float, height: float, title: str, subtitle: str = "", size: float = 17
) -> Figure:
    """A figure of ``width`` x ``height`` inches under its title; ``size`` is the title's, in points."""
    with _without_backend():
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

    head = (0.92 if subtitle else 0.55) / height
    layout = ConstrainedLayoutEngine(rect=(0.01, 0.01, 0.98, 0.98 - head), wspace=0.05, hspace=0.08)
    figure = Figure(figsize=(width, height), layout=layout, facecolor="white")
    figure.text(
        0.025, 1 - TITLE_IN / height, title, size=size, weight="bold", color=INK, va="center"
    )
    figure.text(0.025, 1 - SUBTITLE_IN / height, subtitle, size=10, color=DIM, va="center")
    return figure


@contextmanager
def _without_backend() -> Iterator[None]:
    """MPLBACKEND is for screens, of which there is none: a wrong one must not cost a picture."""
    first, asked = "matplotlib" not in sys.modules, os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if asked is not None:
            os.environ["MPLBACKEND"] = asked
            if first:  # for the user's own pyplot, later
                import matplotlib

                with suppress(ValueError):
                    matplotlib.rcParams["backend"] = asked


Grid = Literal["", "x", "y", "both"]
"""Lines across a plot: at the ticks of which axis."""


def style_axes(axes: Axes, title: str, x: str = "", y: str = "", *, grid: Grid = "y") -> None:
    """What all plots look like: bold title, dim labels, a faint grid along ``grid`` ("" is none), and
    of the frame the lower edge alone.
    """
    axes.set_title(title, loc="left", size=11, weight="bold", color=INK)
    axes.set_xlabel(x, color=DIM, size=9)
    axes.set_ylabel(y, color=DIM, size=9)
    axes.tick_params(colors=DIM, labelsize=8)
    axes.grid(False)
    if grid:
        axes.grid(axis=grid, color=FAINT, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(DIM)


def label_ticks(axes: Axes, *which: str, whole: bool = False) -> None:
    """Label the ticks of the axes ``which`` ("x", "y") with what they are, in thousands' groups.

    ``whole``: only whole numbers are marked, as where things are counted.
    """
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    for name in which:
        axis = getattr(axes, f"{name}axis")
        axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        if whole:
            axis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
