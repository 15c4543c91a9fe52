"""The picture of shares: every player's share of a reference, game by game, and on average.

Like plots.py: functions draw on the axes they are given, arrays come in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tnemu.measure.figure import ALARM, CALM, DIM, FAINT, INK, REWARD, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (CALM, REWARD, ALARM, "#5b8e7d", "#7a5195", "#6b7785")
MEAN = "mean"

Bar = tuple[float, tuple[float, float] | None]
"""A share and its interval."""


@dataclass(frozen=True)
class SharePlot:
    """What the picture shows. ``bars``: label -> game -> share with its interval; MEAN stands apart."""

    title: str
    subtitle: str
    games: Sequence[str]
    bars: Mapping[str, Mapping[str, Bar]]
    reference: str


def draw_shares(plot: SharePlot) -> Figure:
    """A figure as wide as it has games."""
    groups = len(plot.games) + 1
    figure = new_figure(
        max(7.0, 1.6 + groups * (0.35 + 0.2 * len(plot.bars))),
        4.6,
        plot.title,
        plot.subtitle,
        size=14,
    )
    draw_groups(figure.add_subplot(), plot)
    return figure


def save_shares(plot: SharePlot, target: str | Path | IO[bytes]) -> None:
    """Draw the picture and write it as PNG."""
    draw_shares(plot).savefig(target, format="png", dpi=120)


def draw_groups(axes: Axes, plot: SharePlot) -> Axes:
    """A group of bars for each game, a line at the reference; whiskers are 95 % intervals."""
    groups = [*plot.games, MEAN]
    width = 0.8 / max(len(plot.bars), 1)
    for k, (label, shares) in enumerate(plot.bars.items()):
        colour = COLOURS[k % len(COLOURS)]
        for g, game in enumerate(groups):
            if game not in shares:
                continue
            at = g + 0.4 * (game == MEAN) + (k - (len(plot.bars) - 1) / 2) * width
            share, interval = shares[game]
            axes.bar(at, share, 0.9 * width, color=colour, label=label if game == MEAN else None)
            if interval is not None:
                axes.plot((at, at), interval, color=INK, lw=1.2)
    axes.axhline(1, color=INK, lw=1, ls="--")
    axes.annotate(
        plot.reference,
        (1.005, 1),
        xycoords=axes.get_yaxis_transform(),
        va="center",
        color=INK,
        size=8,
    )
    places = [g + 0.4 * (game == MEAN) for g, game in enumerate(groups)]
    axes.set_xticks(places, [g.replace("_", "\n") for g in groups], color=INK, size=8)
    axes.set_ylabel(f"share of {plot.reference}, 0 is random play", color=DIM, size=9)
    axes.tick_params(axis="y", colors=DIM, labelsize=8)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, ncols=len(plot.bars), loc="upper left")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0), high + 0.12 * (high - low))  # the legend has room
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(DIM)
    return axes
