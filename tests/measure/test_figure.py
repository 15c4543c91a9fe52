"""What all pictures share: ticks that say where they stand, and no screen."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.axes import Axes

from tnemu.measure.curve_plots import CurvePlot, Line, draw_curves
from tnemu.measure.figure import label_ticks, new_figure
from tnemu.measure.plots import RunPlot, draw_run
from tnemu.measure.score_plots import ScorePlot, ScoreRow, draw_scores


def labelled(axes: Axes, name: str) -> list[tuple[float, str]]:
    """(position, label) of every tick that is drawn."""
    axes.figure.canvas.draw()  # type: ignore[union-attr]
    axis = getattr(axes, f"{name}axis")
    low, high = sorted(axis.get_view_interval())
    labels = [label.get_text() for label in axis.get_ticklabels()]
    ticks = list(zip(axis.get_ticklocs(), labels, strict=True))
    return [(at, text) for at, text in ticks if low <= at <= high]


def check(axes: Axes, name: str) -> None:
    ticks = labelled(axes, name)
    texts = [text for _, text in ticks]
    assert ticks
    assert len(set(texts)) == len(texts)
    for at, text in ticks:
        assert float(text.replace(",", "").replace("−", "-")) == pytest.approx(at)


@pytest.mark.parametrize("most", [1, 3, 12, 13, 250, 9_999, 1_234_567])
def test_ticks_of_a_curve_say_where_they_stand(most: int) -> None:
    x = np.linspace(0, most, 14)
    figure = draw_curves(CurvePlot("t", "steps", [[Line("loss", x, x / most)], [Line("k", x, -x)]]))
    for axes in figure.axes:
        check(axes, "x")
        check(axes, "y")


@pytest.mark.parametrize(
    "scores", [(-21.0, -20.0, -20.6), (0.0, 1.0), (3.0, 120_000.0), (5.0, 5.0)]
)
def test_ticks_of_scores_say_where_they_stand(scores: tuple[float, ...]) -> None:
    row = ScoreRow("a", np.array(scores), float(np.mean(scores)), (min(scores), max(scores)))
    check(draw_scores(ScorePlot("t", "s", [row])).axes[0], "x")


@pytest.mark.parametrize("count", [1, 2, 5, 40, 3000])
@pytest.mark.parametrize("late", [True, False])
def test_ticks_of_a_run_say_where_they_stand_and_no_bar_straddles_the_deadline(
    count: int, late: bool
) -> None:
    rng = np.random.default_rng(count)
    times = rng.normal(-3, 4, count)
    figure = draw_run(
        RunPlot(
            title="t",
            subtitle="s",
            score=np.cumsum(rng.integers(0, 3, count)).astype(float),
            over=np.zeros(count, bool),
            lateness_ms=times if late else np.full(count, np.nan),
            response_ms=times + 33,
            positions=np.zeros((1, 3), np.int32),
            core_rate=np.ones(1),
            board_shape=(1, 4, 4),
            chip_shape=(4, 4),
        )
    )
    score, histogram = figure.axes[:2]
    for axes in (score, histogram):
        check(axes, "x")
        check(axes, "y")
    bars = histogram.patches
    assert sum(bar.get_height() for bar in bars) == count
    if late:
        assert not [
            bar for bar in bars if bar.get_x() < -1e-9 < 1e-9 < bar.get_x() + bar.get_width()
        ]
        red = [bar for bar in bars if bar.get_facecolor()[0] > 0.7]
        assert sum(bar.get_height() for bar in red) == np.count_nonzero(times > 0)


def test_whole_numbers_are_marked_where_things_are_counted() -> None:
    axes = new_figure(4, 3, "t").add_subplot()
    axes.plot([0, 2], [0, 1])
    label_ticks(axes, "x", "y", whole=True)
    assert {at for at, _ in labelled(axes, "x")} == {0, 1, 2}


def drawing(backend: str) -> str:
    """What a process prints that draws a figure and then asks pyplot for its backend."""
    code = (
        "import io\nfrom tnemu.measure.figure import new_figure\n"
        "figure = new_figure(3, 3, 't')\nfigure.add_subplot()\n"
        "file = io.BytesIO()\nfigure.savefig(file, format='png')\nprint(len(file.getvalue()) > 1000)\n"
        "import matplotlib\nprint(matplotlib.rcParams._get('backend'))\n"
    )
    environment = {**os.environ, "MPLBACKEND": backend}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    ).stdout


def test_a_backend_that_is_none_costs_no_picture() -> None:
    assert drawing("bogus").startswith("True\n")


def test_a_users_backend_stays_the_users() -> None:
    assert drawing("svg") == "True\nsvg\n"
