"""The picture of a sweep: how speed depends on activity, and on size.

Like plots.py: functions draw on the axes they are given, arrays come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.measure.figure import ALARM, CALM, DIM, FAINT, INK, REWARD, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHADES = ("#8fc1d9", CALM, "#0b2436")
"""Colours of the lines, from few synapses to many."""
BOARDS = {4096: "NS1e", 65536: "NS16e"}
"""Cores of boards that the growth passes."""


@dataclass(frozen=True)
class Points:
    """One line: ``x``, and what was measured there, all [n]; nan where nothing was.

    ``realtime`` 1 ms / time of a tick, ``sops`` synaptic operations per second, ``naive`` the
    real-time factor of the naive loop, ``memory_mb`` of the whole process.
    """

    label: str
    x: npt.NDArray[np.float64]
    realtime: npt.NDArray[np.float64]
    sops: npt.NDArray[np.float64]
    naive: npt.NDArray[np.float64]
    memory_mb: npt.NDArray[np.float64]


@dataclass(frozen=True)
class SweepPlot:
    """What the picture shows: ``activity`` over the rate in Hz, ``growth`` over the cores."""

    title: str
    subtitle: str
    cores: int
    activity: list[Points]
    growth: Points


def draw_sweep(sweep: SweepPlot) -> Figure:
    """The whole picture as a figure of 12 x 8 inches."""
    figure = new_figure(12, 8, sweep.title, sweep.subtitle)
    grid = figure.add_gridspec(2, 2)
    draw_activity(figure.add_subplot(grid[0, 0]), sweep)
    draw_operations(figure.add_subplot(grid[0, 1]), sweep)
    draw_growth(figure.add_subplot(grid[1, 0]), sweep.growth)
    draw_memory(figure.add_subplot(grid[1, 1]), sweep.growth)
    return figure


def save_sweep(sweep: SweepPlot, path: str | Path | IO[bytes]) -> None:
    """Draw the picture and write it as PNG."""
    draw_sweep(sweep).savefig(path, format="png", dpi=120)


def draw_activity(axes: Axes, sweep: SweepPlot) -> Axes:
    """Real-time factor over the mean rate, one line for each number of synapses."""
    _logarithmic(
        axes, f"Speed of {sweep.cores:,} cores", "spikes per neuron and second", "x real time"
    )
    for color, points in zip(_shades(len(sweep.activity)), sweep.activity, strict=True):
        _line(axes, points.x, points.realtime, color, points.label)
        axes.plot(points.x, points.naive, ":", color=color, lw=1)
    _naive_label(axes, [points.naive for points in sweep.activity])
    _real_time(axes)
    _ticks(axes, [points.x for points in sweep.activity])
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return axes


def draw_operations(axes: Axes, sweep: SweepPlot) -> Axes:
    """Synaptic operations per second over the mean rate."""
    _logarithmic(
        axes, f"Synaptic operations of {sweep.cores:,} cores", "spikes per neuron and second",
        "billions per second",
    )  # fmt: skip
    for color, points in zip(_shades(len(sweep.activity)), sweep.activity, strict=True):
        _line(axes, points.x, points.sops / 1e9, color, points.label)
    _ticks(axes, [points.x for points in sweep.activity])
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return axes


def draw_growth(axes: Axes, growth: Points) -> Axes:
    """Real-time factor over the number of cores."""
    _logarithmic(axes, f"Speed at {growth.label}", "cores", "x real time")
    _line(axes, growth.x, growth.realtime, CALM, "tnemu")
    axes.plot(growth.x, growth.naive, ":", color=CALM, lw=1)
    _naive_label(axes, [growth.naive])
    _real_time(axes)
    _ticks(axes, [growth.x])
    _boards(axes, growth.x)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return axes


def draw_memory(axes: Axes, growth: Points) -> Axes:
    """Resident memory of the process over the number of cores."""
    _logarithmic(axes, f"Memory at {growth.label}", "cores", "MB, the whole process")
    _line(axes, growth.x, growth.memory_mb, REWARD, "resident")
    _ticks(axes, [growth.x])
    _boards(axes, growth.x)
    return axes


def _line(axes: Axes, x: npt.NDArray, y: npt.NDArray, color: str, label: str) -> None:
    order = np.argsort(x)
    axes.plot(x[order], y[order], "o-", color=color, lw=1.8, ms=5, mec="white", label=label)


def _real_time(axes: Axes) -> None:
    """The speed of the chip itself: one tick in one millisecond."""
    axes.axhline(1, color=ALARM, lw=1.2)
    axes.annotate(
        "the chip's own speed", (0, 1), xycoords=axes.get_yaxis_transform(), xytext=(5, 4),
        textcoords="offset points", color=ALARM, size=9,
    )  # fmt: skip


def _naive_label(axes: Axes, lines: list[npt.NDArray]) -> None:
    if any(np.isfinite(line).any() for line in lines):
        axes.plot([], [], ":", color=DIM, lw=1, label="naive loop")


def _boards(axes: Axes, x: npt.NDArray) -> None:
    for cores, name in BOARDS.items():
        if cores <= x.max():
            axes.axvline(cores, color=FAINT, lw=1.5, zorder=0)
            axes.annotate(
                name, (cores, 1), xycoords=axes.get_xaxis_transform(), xytext=(-4, -11),
                textcoords="offset points", color=DIM, size=9, ha="right",
            )  # fmt: skip


def _ticks(axes: Axes, xs: list[npt.NDArray]) -> None:
    """Label the values of x that were measured and no others; y spans a decade or more."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

    low, high = axes.get_ylim()
    wider = max(1.0, (10 * low / high) ** 0.5)
    axes.set_ylim(low / wider, high * wider)
    axes.yaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5) if high * wider**2 < 500 * low else (1,))
    )
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(sorted({float(v) for x in xs for v in x})))
    axes.xaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _shades(count: int) -> list[str]:
    return [SHADES[index % len(SHADES)] for index in range(count)]


def _logarithmic(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", size=11, weight="bold", color=INK)
    axes.set_xlabel(x, color=DIM, size=9)
    axes.set_ylabel(y, color=DIM, size=9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.tick_params(colors=DIM, labelsize=8)
    axes.grid(axis="y", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(DIM)
