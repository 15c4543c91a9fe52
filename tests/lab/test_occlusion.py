"""Players behind a bar: what is hidden, what is kept, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ale_py")

from tnemu.lab.occlusion import Bars, Behind, Masked, OcclusionError, behind_bars, robustness
from tnemu.measure.occlusion_plots import draw_occlusion
from tnemu.tasks.atari.spec import SPECS

SPEC = SPECS["breakout"]


def covered(bars: Bars, pixels: int) -> np.ndarray:
    seen = np.zeros((bars.positions, pixels), int)
    for row, place in zip(seen, bars.places(pixels), strict=True):
        row[place] = 1
    return seen


@pytest.mark.parametrize(
    ("thickness", "positions", "pixels"), [(0.1, 10, 42), (0.25, 7, 42), (0.1, 30, 84)]
)
def test_a_bar_goes_from_edge_to_edge(thickness: float, positions: int, pixels: int) -> None:
    seen = covered(Bars(thickness=thickness, positions=positions), pixels)
    assert (seen.sum(1) == round(thickness * pixels)).all()
    assert seen[0, 0] == seen[-1, -1] == 1
    if positions * round(thickness * pixels) >= pixels:
        assert seen.any(0).all()  # no pixel is always seen


def test_a_bar_is_a_pixel_thick_at_least() -> None:
    assert covered(Bars(thickness=0.0, positions=3), 42).sum() == 3


@pytest.mark.parametrize("axis", [2, 3])
def test_what_is_behind_a_bar_is_black_and_nothing_else_changes(axis: int) -> None:
    frames = np.random.default_rng(0).integers(1, 255, (2, 4, 8, 6), dtype=np.uint8)
    before, shown = frames.copy(), []
    Masked(lambda x: shown.append(x) or x.sum((1, 2, 3))[:, None], axis, slice(2, 4))(frames)
    hidden = np.zeros(frames.shape, bool)
    hidden.swapaxes(axis, 0)[2:4] = True
    assert not shown[0][hidden].any()
    np.testing.assert_array_equal(shown[0][~hidden], frames[~hidden])
    np.testing.assert_array_equal(frames, before)  # the world's own screens are left alone


def test_a_player_of_its_own_view_keeps_it() -> None:
    def player(x: Any) -> Any:
        return x

    player.view = "a view"  # type: ignore[attr-defined]
    assert Masked(player, 2, slice(0, 1)).view == "a view"


def test_kept_is_the_share_of_the_own_score() -> None:
    found = [
        Behind("a", None, (10.0, 30.0)), Behind("a", 0.1, (20.0, 20.0)), Behind("a", 0.9, (0.0, 10.0)),
        Behind("b", None, (0.0, 0.0)), Behind("b", 0.1, (1.0, 1.0)), Behind("b", 0.9, (1.0, 1.0)),
    ]  # fmt: skip
    facts = robustness(found)
    assert facts["a"]["kept"] == [1.0, 0.25]
    assert facts["a"]["robust"] == 0.625
    low, high = facts["a"]["robust_95"]
    # of two episodes drawn again: both the first, 10 / 10, both the second, 15 / 30, or one of each
    assert (low, high) == (0.5, 1.0)
    assert facts["b"]["robust"] is None
    figure = draw_occlusion("t", "s", "x", {"a": (facts["a"]["places"], facts["a"]["kept"])})
    line = figure.axes[0].lines[1]
    assert line.get_ydata().tolist() == [1.0, 0.25]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bar": "uprite"}, "bar = 'uprite': must be one of 'upright', 'level'; did you mean"),
        ({"thickness": 1.5}, "thickness = 1.5: must be"),
        ({"positions": 0}, "positions = 0: must be"),
    ],
)
def test_bars_that_there_are_not_are_refused(fields: Any, message: str) -> None:
    with pytest.raises(OcclusionError, match=message):
        Bars(**fields)


def test_players_of_two_games_are_refused() -> None:
    def player(x: Any) -> Any:
        return np.zeros((len(x), 3))

    both = {"a": (player, SPEC), "b": (player, replace(SPEC, frame_skip=3))}
    with pytest.raises(
        OcclusionError, match=r"players of different worlds .a: breakout, b: breakout.; give"
    ):
        behind_bars(both, Bars(positions=1), [1], 0.0)


@pytest.mark.slow
def test_an_unmasked_player_scores_as_ever_and_a_blind_one_otherwise(tmp_path: Path) -> None:
    """A player that goes to where the screen is brighter: with everything hidden it sees no side."""
    spec = replace(SPEC, max_frames=400)
    right, left = spec.actions.index("RIGHT"), spec.actions.index("LEFT")

    def player(x: np.ndarray) -> np.ndarray:
        sides = x[:, :, :, :21].sum((1, 2, 3), dtype=int), x[:, :, :, 21:].sum((1, 2, 3), dtype=int)
        scores = np.zeros((len(x), len(spec.actions)))
        scores[:, left], scores[:, right] = sides
        return scores

    seen: list[Behind] = []
    found = behind_bars(
        {"p": (player, spec)}, Bars(thickness=1.0, positions=1), [1, 2], 0.0, seen.append
    )
    assert seen == found
    assert [b.share for b in found] == [None, 0.5]
    assert all(len(b.scores) == 2 for b in found)
