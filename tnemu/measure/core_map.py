"""Where on a board its cores fired: the part that is loaded, and the whole board as an inset.

Like plots.py: functions draw on the axes they are given, arrays come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.measure.figure import ALARM, CALM, DIM, FAINT, INK, label_ticks, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

CROP = 0.6
"""Share of the board, by area, up to which the part that is loaded is shown alone."""


@dataclass(frozen=True)
class CoreMap:
    """``positions`` [cores, 3] (unit, x, y) and ``rate`` [cores] spikes per tick of every core;
    ``board_shape`` (units, width, height) in cores, ``chip_shape`` (cores_x, cores_y).
    """

    positions: npt.NDArray[np.int32]
    rate: npt.NDArray[np.float64]
    board_shape: tuple[int, int, int]
    chip_shape: tuple[int, int]

    def grid(self) -> npt.NDArray[np.float64]:
        """[height, units * width]: rates at their places, nan where nothing is loaded."""
        units, width, height = self.board_shape
        grid = np.full((height, units * width), np.nan)
        unit, x, y = self.positions.T
        grid[y, unit * width + x] = self.rate
        return grid

    def window(self) -> tuple[int, int, int, int]:
        """(left, right, bottom, top) of what is shown: the loaded cores with a margin of one, or all."""
        units, width, height = self.board_shape
        whole = (0, units * width, 0, height)
        if not len(self.rate):
            return whole
        unit, x, y = self.positions.T
        across = unit * width + x
        left, right = _wide(int(across.min()) - 1, int(across.max()) + 2, units * width)
        bottom, top = _wide(int(y.min()) - 1, int(y.max()) + 2, height)
        across_most, up_most = units * width, height
        left, right = _wide(left, right, across_most, (top - bottom + 1) // 2)  # at most 2 to 1
        bottom, top = _wide(bottom, top, up_most, (right - left + 1) // 2)
        if (right - left) * (top - bottom) > CROP * units * width * height:
            return whole
        return left, right, bottom, top


def _wide(low: int, high: int, most: int, least: int = 4) -> tuple[int, int]:
    """At least ``least`` cores from ``low`` to ``high``, within 0..most."""
    low, high = max(0, low), min(most, high)
    size = min(most, max(least, high - low))
    low = max(0, min(low - (size - (high - low)) // 2, most - size))
    return low, low + size


def draw_core_map(axes: Axes, cores: CoreMap) -> Axes:
    """The board as a map of its cores, darker where more neurons fired per tick."""
    grid, window = cores.grid(), cores.window()
    units, width, height = cores.board_shape
    whole = (0, units * width, 0, height)
    top = float(np.nanmax(grid)) if len(cores.rate) else 0.0
    axes.set_facecolor(FAINT)
    picture = axes.imshow(
        grid, origin="lower", cmap=_blues(), vmin=0, vmax=top or 1.0, interpolation="nearest",
        extent=whole,
    )  # fmt: skip
    _borders(axes, cores)
    if window == whole:
        title = "Activity of the cores"
    else:
        title = "Activity of the loaded cores"
        axes.set_xlim(*window[:2])
        axes.set_ylim(*window[2:])
    style_axes(axes, title, "x" if units == 1 else "x, units side by side", "y", grid="")
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    label_ticks(axes, "x", "y", whole=True)
    busy = int(np.count_nonzero(cores.rate))
    bar = axes.figure.colorbar(picture, ax=axes, shrink=0.7, aspect=40, pad=0.02, location="bottom")
    bar.set_label(
        f"neurons that fired per tick and core\n{busy:,} of {len(cores.rate):,} loaded cores fired; "
        "grey: not loaded",
        color=DIM, size=9,
    )  # fmt: skip
    bar.ax.tick_params(colors=DIM, labelsize=8, length=0)
    bar.outline.set_visible(False)
    axes.set_anchor("N")
    if window != whole:
        _inset(axes, cores, grid, window)
    return axes


def _inset(
    axes: Axes,
    cores: CoreMap,
    grid: npt.NDArray[np.float64],
    window: tuple[int, int, int, int],
) -> None:
    """The whole board, small, above the map's corner; a frame shows what the map shows."""
    from matplotlib.patches import Rectangle

    units, width, height = cores.board_shape
    small = axes.inset_axes((0.76, 1.03, 0.24, 0.3), zorder=3, anchor="SE")
    small.set_facecolor(FAINT)
    small.imshow(
        np.where(np.isnan(grid), np.nan, 1.0), origin="lower", cmap=_blues(), vmin=0, vmax=1.6,
        interpolation="nearest", extent=(0, units * width, 0, height),
    )  # fmt: skip
    _borders(small, cores, thin=True)
    left, right, bottom, top = window
    small.add_patch(
        Rectangle((left, bottom), right - left, top - bottom, fill=False, ec=ALARM, lw=1.2)
    )
    small.set_xticks([])
    small.set_yticks([])
    small.set_title("the whole board", size=8, color=DIM, pad=3)
    for spine in small.spines.values():
        spine.set_color(INK)
        spine.set_linewidth(0.5)


def _borders(axes: Axes, cores: CoreMap, thin: bool = False) -> None:
    """Lines between chips, thicker between units."""
    units, width, height = cores.board_shape
    chip_x, chip_y = cores.chip_shape
    for at in range(0, units * width + 1, chip_x):
        axes.axvline(at, color="white", lw=(3 if at % width == 0 else 1) / (3 if thin else 1))
    for at in range(0, height + 1, chip_y):
        axes.axhline(at, color="white", lw=1 / (3 if thin else 1))


def _blues() -> Colormap:
    """From nearly white to ink; a core that never fires is white, one that is not loaded is grey."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("tnemu", ["#ffffff", "#a9d0e0", CALM, "#0b2436"])
