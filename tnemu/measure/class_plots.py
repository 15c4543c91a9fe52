"""The picture of a classifier: where it errs, what it errs on, and how busy its layers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tnemu.measure.figure import ALARM, CALM, DIM, FAINT, INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISTAKES = 24
"""Pictures of mistakes that are shown, at most."""
NAMED = 20
"""Classes whose names stand at the table, at most."""
_COLUMNS = 6


@dataclass(frozen=True)
class ClassPlot:
    """What the picture shows.

    ``confusion`` int [classes, classes], row the label, column the answer; ``pictures`` uint8
    [m, channels, rows, columns] of mistakes with their ``labels`` and ``answers`` [m]; ``rates`` the
    share of ones of every layer, by name.
    """

    title: str
    subtitle: str
    classes: Sequence[str]
    confusion: npt.NDArray[np.int64]
    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    answers: npt.NDArray[np.int64]
    rates: Mapping[str, float]


def draw_classes(plot: ClassPlot) -> Figure:
    """The whole picture as a figure of 13 x 8 inches."""
    figure = new_figure(13, 8, plot.title, plot.subtitle)
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    above, below = halves[0].subplots(2, 1, height_ratios=(3, 1))
    draw_confusion(above, plot)
    draw_rates(below, plot)
    _draw_mistakes(halves[1], plot)
    return figure


def save_classes(plot: ClassPlot, path: str | Path | IO[bytes]) -> None:
    """Draw the picture and write it as PNG."""
    draw_classes(plot).savefig(path, format="png", dpi=110)


def draw_confusion(axes: Axes, plot: ClassPlot) -> Axes:
    """Share of every label's pictures by what was answered; the colour of a wrong answer is another."""
    table = plot.confusion / np.maximum(plot.confusion.sum(axis=1, keepdims=True), 1)
    wrong = table.copy()
    np.fill_diagonal(wrong, 0)
    # right answers are of one colour and wrong ones of another, both by the square root: rare ones are seen
    colours = np.ones((*table.shape, 3))
    for values, colour in ((table - wrong, CALM), (wrong, ALARM)):
        tint = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        colours -= np.sqrt(values)[..., None] * (1 - tint)
    axes.imshow(np.clip(colours, 0, 1), interpolation="nearest")
    axes.set_title("Answers to each label", loc="left", fontsize=11, color=INK)
    axes.set_xlabel("answer", color=DIM)
    axes.set_ylabel("label", color=DIM)
    count = len(plot.classes)
    if count <= NAMED:
        axes.set_xticks(range(count), [name[:12] for name in plot.classes], rotation=45, ha="right")
        axes.set_yticks(range(count), [name[:12] for name in plot.classes])
    return axes


def draw_rates(axes: Axes, plot: ClassPlot) -> Axes:
    """Share of the neurons of every layer that fire at a picture."""
    names = list(plot.rates)
    axes.barh(names[::-1], [100 * plot.rates[name] for name in names[::-1]], color=CALM)
    axes.set_title("Neurons that fire at a picture, %", loc="left", fontsize=11, color=INK)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    return axes


def _draw_mistakes(figure: Any, plot: ClassPlot) -> None:
    shown = min(len(plot.labels), MISTAKES)
    rows = max(1, -(-shown // _COLUMNS))
    grid = np.atleast_1d(figure.subplots(rows, _COLUMNS, squeeze=False)).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, k in zip(grid, range(shown), strict=False):
        picture = plot.pictures[k].transpose(1, 2, 0)
        axes.imshow(picture[..., 0] if picture.shape[2] == 1 else picture, cmap="gray")
        label, answer = plot.classes[plot.labels[k]], plot.classes[plot.answers[k]]
        axes.set_title(f"{label[:10]}\nnot {answer[:10]}", fontsize=7, color=ALARM)
    figure.suptitle(
        "Mistakes" if shown else "No mistakes", x=0.02, ha="left", fontsize=11, color=INK
    )
