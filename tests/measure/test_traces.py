"""tnemu.plot: spikes and potentials over ticks, with the ticks right."""

from __future__ import annotations

import numpy as np
import pytest

import tnemu
from tnemu.measure.traces import PlotError


def marks(axes):
    """(tick, pin) of every mark: the middle of each vertical line."""
    segments = [s for lines in axes.collections for s in lines.get_segments()]
    return sorted((float(s[0, 0]), float(s[:, 1].mean())) for s in segments)


def ticks(axes):
    axes.figure.canvas.draw()
    return [label.get_text() for label in axes.get_yticklabels()], axes.get_yticks().tolist()


def test_every_spike_is_a_mark_at_its_tick_and_pin():
    spikes = np.random.default_rng(0).random((30, 5)) < 0.3
    axes = tnemu.plot.raster(spikes, first=100)
    assert marks(axes) == [(t + 100.0, float(k)) for t, k in np.argwhere(spikes).tolist()]
    assert ticks(axes) == (["0", "1", "2", "3", "4"], [0, 1, 2, 3, 4])
    low, high = axes.get_xlim()
    assert (round(low, 1), round(high, 1)) == (99.4, 129.6)
    axes.figure.canvas.draw()
    inside = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert len(inside) >= 3
    assert all(float(tick).is_integer() for tick in inside)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("tick", "pin")


def test_named_rasters_stand_above_each_other_the_first_on_top():
    x, z = np.zeros((4, 2), bool), np.zeros((4, 3), bool)
    x[1, 1] = z[2, 0] = True
    axes = tnemu.plot.raster({"x": x, "z": z})
    assert marks(axes)[:2] == [(1.0, 4.0), (2.0, 0.0)]
    assert ticks(axes) == (["z 0", "1", "2", "x 0", "1"], [0, 1, 2, 3, 4])


def test_of_many_pins_round_numbers_are_labelled():
    labels, places = ticks(tnemu.plot.raster(np.zeros((3, 64), bool)))
    assert labels == [str(k) for k in places] == ["0", "10", "20", "30", "40", "50", "60"]


def test_potentials_are_a_line_for_each_neuron_on_the_axes_that_are_given():
    values = np.arange(12).reshape(4, 3)
    axes = tnemu.plot.raster(np.zeros((4, 1), bool))
    same = tnemu.plot.potentials({"sums": values}, axes, threshold=7, first=5)
    assert same is axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["sums 0", "sums 1", "sums 2", "threshold"]
    assert lines["sums 1"].get_xdata().tolist() == [5, 6, 7, 8]
    assert lines["sums 1"].get_ydata().tolist() == [1, 4, 7, 10]
    assert axes.get_ylabel() == "potential V"


def test_a_picture_can_be_written(tmp_path):
    tnemu.plot.raster(np.eye(3, dtype=bool), title="Three").figure.savefig(tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda p: p.raster(np.full((2, 2), 2)),
            r"a raster\[0, 0\] = 2: must be a whole number in 0\.\.1",
        ),
        (
            lambda p: p.raster(True),
            r"a raster = True: give bool \[ticks, pins\], with at least one of each",
        ),
        (lambda p: p.raster(np.zeros((0, 3))), "with at least one of each"),
        (
            lambda p: p.raster({"x": np.zeros((2, 1)), "z": np.zeros((3, 1))}),
            r"a raster: \{'x': 2, 'z': 3\} ticks; give at least one, and the same ticks of all",
        ),
        (lambda p: p.raster({}), "give at least one"),
        (lambda p: p.raster(np.eye(2), first=0.5), r"first = 0\.5: must"),
        (lambda p: p.potentials([[0.5]]), r"potentials\[0, 0\] = 0\.5: must be a whole"),
        (
            lambda p: p.potentials(np.zeros((3, 50))),
            r"potentials of 50 neurons are too many lines for a picture, 40 fit; choose some, as in values",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(PlotError, match=message):
        draw(tnemu.plot)
