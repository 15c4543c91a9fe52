"""Spikes and potentials over ticks: ``tnemu.plot.raster()`` and ``tnemu.plot.potentials()``.

Both are handed arrays, one row a tick, as simulations and probes give them, and return the Axes: on
a figure of their own, or the one that was given. ``axes.figure.savefig("x.png")`` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError, shown, whole
from tnemu.hardware.exact import exact
from tnemu.measure.figure import ALARM, CALM, DIM, FAINT, INK, REWARD, label_ticks, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 40
"""Potentials that are drawn into one picture."""
LAST_TICK = 1 << 46

Traces = npt.ArrayLike | Mapping[str, npt.ArrayLike]


class PlotError(TnemuError, ValueError):
    """What was given cannot be drawn."""


def raster(spikes: Traces, axes: Axes | None = None, *, first: int = 0, title: str = "") -> Axes:
    """A mark for every spike: ticks to the right, pins upwards from 0.

    spikes  bool [T, *shape], or several of them by name, drawn one above the other, the first on top
    axes    where to draw; None: a figure of its own
    first   the tick of row 0

    Raises PlotError for what is no raster and for rasters of unequal T.
    """
    named = _named(spikes, np.bool_, "a raster", "bool [ticks, pins]")
    start = whole("first", first, 0, LAST_TICK, error=PlotError)
    rows = sum(part.shape[1] for part in named.values())
    axes = _axes(axes, title, 1.6 + min(8.0, 0.14 * rows + 0.25 * len(named)))
    ticks = len(next(iter(named.values())))
    place, marks, labels = 0, [], []
    for number, (name, part) in enumerate(reversed(named.items())):
        width = part.shape[1]
        tick, pin = np.nonzero(part)
        color = (CALM, ALARM, REWARD, INK)[(len(named) - 1 - number) % 4]
        axes.vlines(tick + start, place + pin - 0.4, place + pin + 0.4, color=color, lw=1.4)
        pins = _pins(width)
        marks += [place + k for k in pins]
        labels += [f"{name} {k}".strip() if k == 0 else str(k) for k in pins]
        place += width
        if number < len(named) - 1:
            axes.axhline(place - 0.5, color=FAINT, lw=1)
    axes.set_yticks(marks, labels)
    axes.set_ylim(-0.6, max(place, 1) - 0.4)
    _ticks(axes, start, ticks)
    axes.set_ylabel("pin", color=DIM, size=9)
    return axes


def potentials(
    values: Traces,
    axes: Axes | None = None,
    *,
    threshold: float | None = None,
    first: int = 0,
    title: str = "",
) -> Axes:
    """V after every tick, a line for each neuron; ``threshold`` is marked where it is given.

    values  whole numbers [T, *shape], or several of them by name; at most 40 neurons in all
    axes, first  as for :func:`raster`

    Raises PlotError for what is none of these.
    """
    named = _named(values, np.int64, "potentials", "whole numbers [ticks, neurons]")
    start = whole("first", first, 0, LAST_TICK, error=PlotError)
    count = sum(part.shape[1] for part in named.values())
    if count > MOST_LINES:
        raise PlotError(
            f"potentials of {count:,} neurons are too many lines for a picture, {MOST_LINES} fit; choose "
            f"some, as in values[:, :{MOST_LINES}]"
        )
    axes = _axes(axes, title, 3.4)
    ticks = len(next(iter(named.values())))
    color = _colors(count)
    for name, part in named.items():
        for k in range(part.shape[1]):
            label = f"{name} {k}".strip() if part.shape[1] > 1 else name
            axes.step(
                start + np.arange(ticks),
                part[:, k],
                where="mid",
                lw=1.5,
                label=label,
                color=next(color),
            )
    if threshold is not None:
        axes.axhline(threshold, color=ALARM, lw=1, ls="--", label="threshold")
    if 1 < count + (threshold is not None) <= 12 or any(named):
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _ticks(axes, start, ticks)
    label_ticks(axes, "y", whole=True)
    axes.set_ylabel("potential V", color=DIM, size=9)
    axes.grid(axis="y", color=FAINT, lw=0.8)
    return axes


def _named(given: Any, dtype: Any, what: str, wanted: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays [T, width] by name, all of the same T."""
    parts = given if isinstance(given, Mapping) else {"": given}
    found = {}
    for name, part in parts.items():
        label = f"{what} {name!r}" if name else what
        array = exact(part, dtype, label, PlotError)
        if array.ndim < 1 or not array.size:
            raise PlotError(f"{label} = {shown(part)}: give {wanted}, with at least one of each")
        found[str(name)] = array.reshape(len(array), -1)
    lengths = {name: len(part) for name, part in found.items()}
    if len(set(lengths.values())) != 1:
        raise PlotError(
            f"{what}: {shown(lengths)} ticks; give at least one, and the same ticks of all"
        )
    return found


def _axes(axes: Axes | None, title: str, height: float) -> Axes:
    if axes is None:
        axes = new_figure(9, height, title).add_subplot() if title else _bare(height)
    axes.set_axisbelow(True)
    axes.tick_params(colors=DIM, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(DIM)
    return axes


def _bare(height: float) -> Axes:
    """The axes of a figure without a title."""
    figure = new_figure(9, height, "")
    return figure.add_subplot()


def _ticks(axes: Axes, first: int, ticks: int) -> None:
    """The axis of ticks: whole numbers from the first row to the last, half a tick to spare."""
    axes.set_xlim(first - 0.6, first + ticks - 0.4)
    label_ticks(axes, "x", whole=True)
    axes.set_xlabel("tick", color=DIM, size=9)


def _pins(width: int, most: int = 8) -> list[int]:
    """Pins to label: all of a few, else round numbers."""
    if width <= most:
        return list(range(width))
    step = next(s for s in (2, 5, 10, 20, 50, *(10**k for k in range(2, 9))) if width / s <= most)
    return list(range(0, width, step))


def _colors(count: int) -> Any:
    from matplotlib import colormaps

    table = colormaps["viridis"](np.linspace(0.05, 0.85, max(count, 1)))
    return iter([CALM] if count == 1 else [tuple(row) for row in table])
