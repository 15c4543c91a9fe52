"""The picture of a training shows its figures; how it looks is for eyes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tnemu.measure.curve_plots import CurvePlot, Line, draw_curves, keep_last_pass, save_curves


def plot() -> CurvePlot:
    x = np.array([100.0, 200.0, 300.0])
    return CurvePlot(
        "runs/x",
        "steps",
        [[Line("loss", x, x / 100), Line("val_kl", x[:1], x[:1])], [Line("score", x, -x)], []],
        [(0.0, "stage0")],
    )


def test_every_line_is_in_its_panel() -> None:
    first, second, _ = draw_curves(plot()).axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in first.lines}
    assert lines["loss"] == [[100, 1], [200, 2], [300, 3]]
    assert lines["val_kl"] == [[100, 100]]
    assert second.lines[0].get_xydata().tolist() == [[100, -100], [200, -200], [300, -300]]
    assert [text.get_text() for text in second.texts] == ["stage0"]


def test_steps_that_were_run_again_count_once() -> None:
    """Stopped after step 40, resumed from a checkpoint at 20; log and check share a step."""
    steps = np.array([10, 20, 20, 30, 40, 30, 40, 40, 50], float)
    kept = keep_last_pass(steps)
    assert np.flatnonzero(~kept).tolist() == [3, 4]
    assert steps[kept].tolist() == [10, 20, 20, 30, 40, 40, 50]


def test_a_picture_is_written(tmp_path: Path) -> None:
    save_curves(plot(), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
