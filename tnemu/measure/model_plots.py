"""The picture of ``tnemu run``: which neurons fired when, how many, and where on the board.

Like plots.py: functions draw on the axes they are given, arrays come in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.measure.core_map import CoreMap, draw_core_map
from tnemu.measure.figure import ALARM, CALM, DIM, INK, REWARD, label_ticks, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Ints = npt.NDArray[np.int64]
NEURONS = 256
COLORS = (CALM, REWARD, ALARM)


@dataclass(frozen=True)
class ModelPlot:
    """What the picture shows.

    ``tick``, ``core`` (index), ``neuron`` [m] the firings of the first ``drawn_ticks`` of ``ticks``;
    ``core_ids`` [cores]; ``count_tick`` [k] with ``rates`` [k] spikes per tick from there on, by name.
    """

    title: str
    subtitle: str
    tick: Ints
    core: Ints
    neuron: Ints
    core_ids: Ints
    drawn_ticks: int
    ticks: int
    count_tick: Ints
    rates: Mapping[str, npt.NDArray[np.float64]]
    cores: CoreMap


def draw_model(plot: ModelPlot) -> Figure:
    """The whole picture as a figure of 12 x 7 inches; nothing is shown on a screen."""
    figure = new_figure(12, 7, plot.title, plot.subtitle)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1), height_ratios=(1.7, 1))
    draw_raster(figure.add_subplot(grid[0, 0]), plot)
    draw_rates(figure.add_subplot(grid[1, 0]), plot)
    draw_core_map(figure.add_subplot(grid[:, 1]), plot.cores)
    return figure


def save_model(plot: ModelPlot, target: str | Path | IO[bytes]) -> None:
    """Draw the picture and write it as PNG."""
    draw_model(plot).savefig(target, format="png", dpi=120)


def draw_raster(axes: Axes, plot: ModelPlot) -> Axes:
    """A mark for every firing: ticks to the right, neurons upwards, core by core."""
    count = len(plot.core_ids)
    axes.plot(
        plot.tick, plot.core * NEURONS + plot.neuron, ls="", marker="|" if plot.drawn_ticks <= 200 else ",",
        ms=2.5, mew=0.8, color=CALM, rasterized=True,
    )  # fmt: skip
    style_axes(axes, "Neurons that fired", "tick", "neuron", grid="")
    _tick_axis(axes, plot.drawn_ticks)
    if count == 1:
        axes.set_ylim(-2, NEURONS + 1)
        axes.set_ylabel(f"neuron of core {plot.core_ids[0]}", color=DIM, size=9)
        label_ticks(axes, "y", whole=True)
    else:
        _core_axis(axes, plot.core_ids)
    part = "" if plot.drawn_ticks == plot.ticks else f", the first {plot.drawn_ticks:,} ticks"
    axes.set_title(f"{len(plot.tick):,} firings{part}", loc="right", size=9, color=DIM)
    return axes


def draw_rates(axes: Axes, plot: ModelPlot) -> Axes:
    """Spikes per tick: in all neurons, into the board and out of it."""
    style_axes(axes, "Spikes per tick", "tick", "spikes")
    edges = np.append(plot.count_tick, plot.ticks)
    for color, (name, rate) in zip(COLORS, plot.rates.items(), strict=False):
        if not rate.any():
            continue
        width, line = 1.4 if name == "fired" else 1.1, "--" if name == "left the board" else "-"
        axes.stairs(rate, edges, baseline=None, color=color, label=name, lw=width, ls=line)
    axes.set_ylim(0, 1.22 * max(1.0, *(float(rate.max()) for rate in plot.rates.values())))
    _tick_axis(axes, plot.ticks)
    label_ticks(axes, "y")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, labelcolor=INK, ncols=3, loc="upper right")
    return axes


def _tick_axis(axes: Axes, ticks: int) -> None:
    axes.set_xlim(-0.02 * ticks - 0.5, 1.02 * ticks)
    label_ticks(axes, "x", whole=True)


def _core_axis(axes: Axes, ids: Ints) -> None:
    """Ticks at the first neurons of cores, labelled with the cores' own numbers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    count = len(ids)
    axes.set_ylim(-0.01 * count * NEURONS, 1.01 * count * NEURONS)
    step = max(1, int(np.ceil(count / 10)))
    if step > 1:
        step = int(MaxNLocator(nbins=10, integer=True).tick_values(0, count)[1])
    axes.yaxis.set_major_locator(MultipleLocator(max(1, step) * NEURONS))

    def name(at: float, _: object) -> str:
        index = round(at / NEURONS)
        return f"{ids[index]}" if 0 <= index < count else ""

    axes.yaxis.set_major_formatter(FuncFormatter(name))
    axes.set_ylabel(f"core, {NEURONS} neurons each", color=DIM, size=9)
