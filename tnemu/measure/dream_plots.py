"""The picture of a dream: what was there, what was seen, samples, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tnemu.measure.figure import DIM, FAINT, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL_IN = 0.9
"""Side of one small picture, in inches."""
UNSEEN = (0.93, 0.87, 0.80)


def draw_dream(
    title: str,
    subtitle: str,
    columns: Sequence[tuple[str, npt.NDArray[Any]]],
    unseen: npt.NDArray[np.bool_],
) -> Figure:
    """A row for each picture, a column for each of ``columns``: name and values 0..1 [n, rows, columns].

    Hidden pixels, bool [rows, columns], are tinted in the column named "seen".
    """
    count = len(columns[0][1])
    width = max(6.0, CELL_IN * len(columns) + 0.6)
    figure = new_figure(width, 1.3 + CELL_IN * count, title, subtitle, size=14)
    for c, (name, pictures) in enumerate(columns):
        for r in range(count):
            axes = figure.add_subplot(count, len(columns), r * len(columns) + c + 1)
            colours = np.repeat(1 - np.asarray(pictures[r], np.float64)[..., None], 3, axis=2)
            if name == "seen":
                colours[unseen] = UNSEEN
            axes.imshow(colours, vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_color(FAINT)
            if r == 0:
                axes.set_title(name, size=8, color=DIM)
    return figure


def save_dream(figure: Figure, target: str | Path | IO[bytes]) -> None:
    """Write it as PNG."""
    figure.savefig(target, format="png", dpi=110)
