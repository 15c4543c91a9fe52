"""The picture of gradient noise: how far a minibatch's gradient is from the mean, against bits and batch.

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

COLOURS = (INK, CALM, REWARD, ALARM, "#5b8e7d", "#7a5195")


@dataclass(frozen=True)
class NoisePlot:
    """What the picture shows. ``lines``: bits -> (batch, noise, noise over signal), by batch."""

    title: str
    subtitle: str
    lines: Mapping[int, Sequence[tuple[int, float, float]]]


def draw_noise(plot: NoisePlot) -> Figure:
    """Two panels of the same batches: noise, and noise over signal."""
    figure = new_figure(9.5, 4.4, plot.title, plot.subtitle, size=14)
    for place, column, label in ((121, 1, "noise, |g - G|²"), (122, 2, "noise over signal")):
        draw_panel(figure.add_subplot(place), plot, column, label)
    return figure


def save_noise_plot(plot: NoisePlot, target: str | Path | IO[bytes]) -> None:
    """Draw the picture and write it as PNG."""
    draw_noise(plot).savefig(target, format="png", dpi=120)


def draw_panel(axes: Axes, plot: NoisePlot, column: int, label: str) -> Axes:
    """A line for each precision, both axes logarithmic; a minibatch of 1 / b has b times the noise."""
    for colour, (bits, points) in zip(COLOURS, plot.lines.items(), strict=False):
        batches = [point[0] for point in points]
        name = "fp32" if bits == 32 else f"{bits} bit"
        axes.plot(batches, [p[column] for p in points], "o-", color=colour, label=name, lw=1.6)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({point[0] for points in plot.lines.values() for point in points})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("pictures of a minibatch", color=DIM)
    axes.set_ylabel(label, color=DIM)
    axes.grid(True, color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes
