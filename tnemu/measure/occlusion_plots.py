"""The picture of players behind a bar: the score that each keeps, by where the bar's middle is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tnemu.measure.figure import DIM, FAINT, new_figure
from tnemu.measure.share_plots import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Line = tuple[Sequence[float], Sequence[float]]
"""Places 0..1 and what is kept there."""


def draw_occlusion(title: str, subtitle: str, axis: str, lines: Mapping[str, Line]) -> Figure:
    """A line for each player; 1 is its own score without a bar."""
    figure = new_figure(8.0, 4.6, title, subtitle, size=14)
    axes = figure.add_subplot()
    axes.axhline(1, color=DIM, linewidth=1, linestyle="--")
    for k, (name, (places, kept)) in enumerate(lines.items()):
        axes.plot(places, kept, "o-", color=COLOURS[k % len(COLOURS)], label=name, linewidth=2)
    axes.set(xlabel=axis, ylabel="share of the own score without a bar", xlim=(0, 1))
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.grid(axis="y", color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    if lines:
        axes.legend(frameon=False)
    return figure


def save_occlusion(
    target: str | Path | IO[bytes], title: str, subtitle: str, axis: str, lines: Mapping[str, Line]
) -> None:
    """Draw the picture and write it as PNG."""
    draw_occlusion(title, subtitle, axis, lines).savefig(target, format="png", dpi=120)
