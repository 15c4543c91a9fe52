"""The picture of a placed network: which part of it each core holds, and where most packets go.

As with all pictures here, arrays come in: nothing is known of networks or of how they were placed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.measure.figure import DIM, FAINT, INK, label_ticks, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Figure  # for those who may not import matplotlib

COLORS = (
    "#2a6f97", "#d9a441", "#5a9367", "#8d6a9f", "#c98474", "#61a5c2",
    "#a3b18a", "#7f5539", "#b08968", "#4a4e69", "#e0a899", "#3a7d7c",
)  # fmt: skip
"""Colours of the largest parts; the rest share OTHERS."""
OTHERS = "#aab3bd"
MOST_LINKS = 3000
"""Links between neighbouring cores that are drawn, the busiest."""


Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChipPlot:
    """What the picture shows.

    ``positions`` [cores, 3] (unit, x, y); ``part`` [cores] the index in ``parts`` of what takes most of
    each core, ``shared`` [cores] whether it holds other parts too. ``east`` [units, width - 1, height]
    and ``north`` [units, width, height - 1] are the packets between neighbouring cores if every neuron
    fires. ``board_shape`` (units, width, height) in cores, ``chip_shape`` (cores_x, cores_y).
    """

    title: str
    subtitle: str
    positions: npt.NDArray[np.int32]
    part: npt.NDArray[np.int64]
    shared: npt.NDArray[np.bool_]
    parts: tuple[str, ...]
    east: npt.NDArray[np.float64]
    north: npt.NDArray[np.float64]
    board_shape: tuple[int, int, int]
    chip_shape: tuple[int, int]


def draw_chip(plot: ChipPlot) -> Figure:
    """The picture as a figure of 9 x 8 inches; nothing is shown on a screen."""
    figure = new_figure(9, 8, plot.title, plot.subtitle)
    axes = figure.add_subplot()
    place = _places(plot)
    _draw_cores(axes, plot, place)
    _draw_links(axes, plot)
    return figure


def save_chip(plot: ChipPlot, path: str | Path | IO[bytes]) -> Figure:
    """Draw the picture and write it as PNG; the figure."""
    figure = draw_chip(plot)
    figure.savefig(path, format="png", dpi=120)
    return figure


def _places(plot: ChipPlot) -> npt.NDArray[np.int64]:
    """(x, y) of each core, units side by side, int64 [cores, 2]."""
    unit, x, y = plot.positions.T.astype(np.int64)
    return np.stack([unit * plot.board_shape[1] + x, y], axis=1)


def _window(plot: ChipPlot, place: npt.NDArray[np.int64]) -> tuple[int, int, int, int]:
    """Left, right, bottom, top of the chips that hold any core."""
    wide, high = plot.chip_shape
    (x0, y0), (x1, y1) = place.min(axis=0), place.max(axis=0)
    return (
        int(x0 // wide * wide), int((x1 // wide + 1) * wide),
        int(y0 // high * high), int((y1 // high + 1) * high),
    )  # fmt: skip


def _draw_cores(axes: Axes, plot: ChipPlot, place: npt.NDArray[np.int64]) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    left, right, bottom, top = _window(plot, place)
    cells = np.empty((top - bottom, right - left, 3))
    cells[:] = to_rgb(FAINT)
    sizes = np.bincount(plot.part, minlength=len(plot.parts))
    named = np.argsort(-sizes, kind="stable")[: len(COLORS)]
    color = np.array([to_rgb(OTHERS)] * len(plot.parts))
    color[named] = [to_rgb(COLORS[k]) for k in range(len(named))]
    cells[place[:, 1] - bottom, place[:, 0] - left] = color[plot.part]
    axes.imshow(
        cells, origin="lower", interpolation="nearest", extent=(left, right, bottom, top),
    )  # fmt: skip
    for at in range(left, right + 1, plot.chip_shape[0]):
        axes.axvline(at, color=INK, lw=1.5 if at % plot.board_shape[1] else 3)
    for at in range(bottom, top + 1, plot.chip_shape[1]):
        axes.axhline(at, color=INK, lw=1.5)
    if plot.shared.any():
        x, y = place[plot.shared].T + 0.5
        axes.scatter(x, y, s=_dot(right - left), color="white", lw=0)
    handles = [Patch(color=color[k], label=f"{plot.parts[k]} ({sizes[k]:,})") for k in named]
    others = int(sizes.sum() - sizes[named].sum())
    if others:
        handles.append(Patch(color=OTHERS, label=f"other parts ({others:,})"))
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9,
        title="cores by part", title_fontsize=9, alignment="left", labelcolor=INK,
    )  # fmt: skip
    axes.set_xlabel("x", color=DIM, size=9)
    axes.set_ylabel("y", color=DIM, size=9)
    axes.tick_params(colors=DIM, labelsize=8, length=0)
    label_ticks(axes, "x", "y", whole=True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _dot(columns: int) -> float:
    """Area of the dot in a core that parts share, in points squared."""
    return float(min(40.0, (100 / columns) ** 2))


def _draw_links(axes: Axes, plot: ChipPlot) -> None:
    """Lines between neighbouring cores, thicker and darker where more packets go."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    unit, x, y, packets, is_north = _busiest(plot)
    if not len(packets):
        return
    start = np.stack([unit * plot.board_shape[1] + x, y], axis=1) + 0.5
    end = start + np.where(is_north[:, None], (0, 1), (1, 0))
    share = packets / packets.max()
    colors = np.tile(to_rgba(INK), (len(share), 1))
    colors[:, 3] = 0.08 + 0.92 * share
    axes.add_collection(
        LineCollection(
            list(np.stack([start, end], axis=1)), colors=colors, linewidths=0.3 + 2.7 * share
        )
    )


def _busiest(
    plot: ChipPlot,
) -> tuple[Ints, Ints, Ints, npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """unit, x, y, packets, whether it leads north, of the MOST_LINKS busiest links; least busy first."""
    places = [np.nonzero(loads) for loads in (plot.east, plot.north)]
    unit, x, y = np.concatenate(places, axis=1)
    packets = np.concatenate([plot.east[places[0]], plot.north[places[1]]])
    is_north = np.arange(len(packets)) >= len(places[0][0])
    order = np.argsort(packets, kind="stable")[-MOST_LINKS:]
    return unit[order], x[order], y[order], packets[order], is_north[order]
