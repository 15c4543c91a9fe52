"""A plan for people: rows that collapse by the hierarchy of parts, and its picture."""

from __future__ import annotations

import numpy as np
import pytest
import wirings as networks
from hypothesis import given
from hypothesis import strategies as st

import tnemu
from corelets import Corelet, Input, Output, Relay
from tnemu.hardware import load_board
from tnemu.mapping.errors import FitError
from tnemu.mapping.picture import picture
from tnemu.mapping.report import parts_of

TINY = load_board("tiny")


class Inner(Corelet):
    """Two relays in a row."""

    def __init__(self):
        self.x, self.z = Input(4), Output(4)
        self.first, self.second = Relay(4), Relay(4)
        self.connect(self.x, self.first.input)
        self.connect(self.first.output, self.second.input)
        self.connect(self.second.output, self.z)


class Outer(Corelet):
    """``count`` of them side by side, and a relay of all."""

    def __init__(self, count=3):
        self.x, self.z = Input(4 * count), Output(4 * count)
        self.lanes, self.last = [Inner() for _ in range(count)], Relay(4 * count)
        for k, lane in enumerate(self.lanes):
            self.connect(self.x[4 * k : 4 * k + 4], lane.x)
            self.connect(lane.z, self.last.input[4 * k : 4 * k + 4])
        self.connect(self.last.output, self.z)


def test_rows_collapse_to_the_outermost_parts_and_lists_to_one_row():
    plan = tnemu.fit(Outer(), TINY)
    assert [row[0] for row in plan.rows()] == ["lanes[0..2]", "last", "total"]
    assert [row[0] for row in plan.rows(depth=2)] == [
        "lanes[0..2].first",
        "lanes[0..2].second",
        "last",
        "total",
    ]
    assert [row[0] for row in plan.rows(depth=0)] == [layer.name for layer in plan.layers] + [
        "total"
    ]
    # cores, axons, neurons, copies, splitters, relays, longest hop, tick
    assert plan.rows()[0][1:] == ("1", "24", "24", "0", "0", "0", "0", "2")
    assert plan.rows()[1][1:4] == ("1", "12", "12")


def test_a_core_that_layers_of_a_row_share_counts_once():
    plan = tnemu.fit(Outer(30), TINY)
    assert sum(layer.cores for layer in plan.layers) > plan.size.cores == 2
    assert int(plan.rows()[0][1]) <= 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b[0]", "b[1]", "b[7]"]), st.sampled_from(["", ".c", ".d[3]"])
        ),
        unique=True,
        min_size=1,
    ),
    st.integers(0, 3),
)
def test_every_layer_is_in_one_row_at_any_depth(names, depth):
    layers = ["".join(name) for name in names]
    rows = parts_of(layers, depth)
    assert sorted(k for row in rows for k in row.layers) == list(range(len(layers)))
    assert len({row.name for row in rows}) == len(rows)


def test_the_range_of_a_list_is_that_of_its_members():
    assert [row.name for row in parts_of(["b[2].x", "b[7]", "b[4].y[1]"], 1)] == ["b[2..7]"]
    assert [row.name for row in parts_of(["b[2].x", "a", "b.y"], 1)] == ["b[2]", "a", "b"]
    assert [row.name for row in parts_of(["b[2].y[1]", "b[3].y[0]"], 2)] == ["b[2..3].y[0..1]"]


@pytest.mark.parametrize("depth", [-1, 1.0, None])
def test_a_depth_that_is_no_whole_number_from_0_is_refused(depth):
    plan = tnemu.fit(Relay(1), TINY)
    for use in (plan.rows, plan.table, lambda d: plan.draw(depth=d)):
        with pytest.raises(FitError, match=r"depth = .*: must be a whole number in 0\.\.1000"):
            use(depth)


# -- the picture -----------------------------------------------------------------------------------


def test_a_core_is_coloured_by_the_part_with_most_of_its_neurons():
    cores = [
        networks.sized(f"c{k}", np.eye(n, dtype=bool), layer=name)
        for k, (name, n) in enumerate([("big", 250), ("a", 30), ("b", 20)])
    ]
    rows = [(0, j, 1, j, 0) for j in range(30)] + [(1, j, 2, j, 0) for j in range(20)]
    plan = tnemu.fit(networks.network(cores, rows, [(0, 0, j, 0) for j in range(250)]), TINY)
    assert plan.size.cores == 2
    plot = picture(plan)
    shown = {
        plot.parts[part]: bool(shared) for part, shared in zip(plot.part, plot.shared, strict=True)
    }
    assert shown == {"big": False, "a": True}
    np.testing.assert_array_equal(plot.east, plan.links().east)


def test_the_picture_is_a_figure_and_a_png(tmp_path):
    plan = tnemu.fit(Outer(), TINY)
    figure = plan.draw(tmp_path / "chip.png")
    assert (tmp_path / "chip.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    (legend,) = [child for child in axes.get_children() if type(child).__name__ == "Legend"]
    assert [text.get_text() for text in legend.get_texts()] == ["lanes[0..2] (1)", "last (0)"]
    assert len(plan.draw(depth=2).axes) == 1


def test_lines_of_the_picture_are_the_links_that_carry_anything():
    cores = [networks.core(f"c{k}", used=9) for k in range(3)]
    rows = [(0, j, 1, j, 1) for j in range(9)] + [(1, j, 2, j, 1) for j in range(4)]
    plan = tnemu.fit(networks.network(cores, rows), TINY, keep_order=True)
    (lines,) = plan.draw().axes[0].collections
    ends = [segment.tolist() for segment in lines.get_segments()]
    assert ends == [[[0.5, 1.5], [0.5, 2.5]], [[0.5, 0.5], [0.5, 1.5]]]  # the busiest last, on top
    assert lines.get_linewidths()[1] == 3.0 > lines.get_linewidths()[0]


def test_a_board_of_many_parts_and_units_is_drawn():
    units = TINY.override({"units": 2})
    cores = [networks.core(f"c{k}", used=256, layer=f"layer{chr(97 + k)}") for k in range(40 - 8)]
    taps = [(0, k, a, 1) for k in range(32) for a in range(256)]
    plan = tnemu.fit(networks.network(cores, [], taps), units, keep_order=True)
    (axes,) = plan.draw().axes
    assert len(axes.get_legend().get_texts()) == 13
    assert axes.get_legend().get_texts()[-1].get_text() == "other parts (20)"


def test_a_picture_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(FitError, match=r"cannot write .*chip\.png: No such file"):
        tnemu.fit(Relay(1), TINY).draw(tmp_path / "no" / "chip.png")
