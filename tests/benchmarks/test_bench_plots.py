"""The picture of a sweep shows what was measured; how it looks is for eyes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tnemu.measure.bench_plots import Points, SweepPlot, draw_sweep, save_sweep


def points(label: str, *x: float, naive: float = 0.5) -> Points:
    values = np.array(x)
    return Points(label, values, 10 / values, 1e9 * values, naive / values, 100 + values)


def sweep(naive: float = 0.5) -> SweepPlot:
    return SweepPlot(
        "a sweep", "a line about it", 4096,
        [points("26 synapses", 20, 2, naive=naive), points("128 synapses", 2, 20, naive=naive)],
        points("20 Hz", 64, 4096, naive=naive),
    )  # fmt: skip


def lines(axes: object) -> dict[str, list[list[float]]]:
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_every_line_is_drawn_in_order_of_x() -> None:
    activity, operations, growth, memory = draw_sweep(sweep()).axes
    assert lines(activity)["26 synapses"] == [[2, 5], [20, 0.5]]
    assert lines(activity)["128 synapses"] == [[2, 5], [20, 0.5]]
    assert lines(operations)["26 synapses"] == [[2, 2], [20, 20]]  # in billions
    assert lines(growth)["tnemu"] == [[64, 10 / 64], [4096, 10 / 4096]]
    assert lines(memory)["resident"] == [[64, 164], [4096, 4196]]


def test_only_boards_that_were_reached_are_named() -> None:
    growth = draw_sweep(sweep()).axes[2]
    names = {text.get_text() for text in growth.texts}
    assert "NS1e" in names
    assert "NS16e" not in names


def test_the_naive_loop_is_named_only_where_it_ran() -> None:
    with_it, without = draw_sweep(sweep()).axes[0], draw_sweep(sweep(naive=np.nan)).axes[0]
    assert "naive loop" in lines(with_it)
    assert "naive loop" not in lines(without)


def test_a_sweep_of_one_point_has_a_picture_as_well(tmp_path: Path) -> None:
    one = SweepPlot("a", "b", 64, [points("26", 2)], points("20 Hz", 64))
    save_sweep(one, tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_labels_stand_at_the_values_they_name() -> None:
    one = SweepPlot("a", "b", 64, [points("26", 0.5, 2.5, 20)], points("20 Hz", 64, 100, 1024))
    activity, _, growth, _ = draw_sweep(one).axes
    for axes, values in ((activity, [0.5, 2.5, 20]), (growth, [64, 100, 1024])):
        places = axes.xaxis.get_majorticklocs().tolist()
        assert places == values
        labels = axes.xaxis.get_major_formatter().format_ticks(places)
        assert [float(text.replace(",", "")) for text in labels] == values
