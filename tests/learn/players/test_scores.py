"""Scores, their intervals, and their shares of a teacher's and a person's score."""

from __future__ import annotations

import numpy as np
import pytest

from tnemu.learn.players.human import REFERENCES
from tnemu.learn.players.scores import human_share, normalise, references, summary, teacher_share
from tnemu.tasks.atari.spec import SPECS


def test_teacher_share_is_the_formula_of_the_means():
    share = teacher_share([40, 60], floor=[0, 20], ceiling=[100, 120])
    assert share is not None
    assert share["mean"] == pytest.approx((50 - 10) / (110 - 10))


def test_constant_scores_leave_no_uncertainty():
    share = teacher_share([7, 7, 7], floor=[1, 1], ceiling=[5, 5, 5])
    assert share == {"mean": 1.5, "mean_95": [1.5, 1.5]}


def test_the_interval_of_a_share_holds_the_uncertainty_of_the_references():
    """First-order error propagation: var(share) = (var x + (1-s)^2 var floor + s^2 var ceiling) / span^2."""
    rng = np.random.default_rng(3)
    n, floor_sd, ceiling_sd, own_sd = 400, 20.0, 30.0, 10.0
    floor, ceiling, own = (
        (mean + sd * rng.standard_normal(n)).tolist()
        for mean, sd in ((0, floor_sd), (200, ceiling_sd), (100, own_sd))
    )
    share = teacher_share(own, floor, ceiling)
    assert share is not None
    s, span = share["mean"], np.mean(ceiling) - np.mean(floor)
    variance = np.var(own) + (1 - s) ** 2 * np.var(floor) + s**2 * np.var(ceiling)
    half = 1.96 * np.sqrt(variance / n) / span
    low, high = share["mean_95"]
    np.testing.assert_allclose([low, high], [s - half, s + half], atol=0.1 * half)


def test_there_is_no_share_of_a_teacher_that_is_not_above_random():
    assert teacher_share([5], floor=[3, 3], ceiling=[3, 3]) is None
    unsure = teacher_share([5, 6], floor=[0, 10], ceiling=[4, 12])
    assert unsure is not None and unsure["mean_95"] is None


def test_same_scores_same_figures():
    scores = {"random": [1, 2, 3], "teacher": [9, 8, 4], "student": [5, 6, 9]}
    assert normalise("pong", scores, "random", "teacher") == normalise(
        "pong", dict(reversed(scores.items())), "random", "teacher"
    )


def test_references_have_the_shares_they_define():
    scores = {"random": [1, 2, 3], "teacher": [9, 8, 4], "student": [5, 6, 9]}
    shares = normalise("pong", scores, "random", "teacher")
    assert shares["random"]["teacher_share"] == {"mean": 0, "mean_95": [0, 0]}
    assert shares["teacher"]["teacher_share"] == {"mean": 1, "mean_95": [1, 1]}
    assert 0 < shares["student"]["teacher_share"]["mean"] < 1
    assert "teacher_share" not in normalise("pong", scores, None, "teacher")["student"]


def test_human_share_of_the_literature():
    """papers.md F.4: Double DQN's Pong and Breakout scores are 118.1 % and 1296.2 % of a person's."""
    assert human_share("pong", [21.0])["mean"] == pytest.approx(1.181, abs=5e-4)
    assert human_share("breakout", [375.0])["mean"] == pytest.approx(12.962, abs=5e-4)
    low, high = human_share("freeway", [14.8, 29.6])["mean_95"]
    assert (low, high) == (0.5, 1.0)
    assert human_share("no_such_game", [1.0]) is None
    assert references("no_such_game", None, None) == {}


def test_every_game_of_the_project_has_a_reference():
    assert set(SPECS) <= set(REFERENCES)
    assert all(r.human > r.random for r in REFERENCES.values())


def test_summary_has_the_median():
    assert summary([1, 2, 3, 10])["median"] == 2.5
