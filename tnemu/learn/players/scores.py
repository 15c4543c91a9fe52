"""What scores of episodes say: mean, spread, and the share of another player's score.

    share(x) = (mean x - floor) / (ceiling - floor)

1 is as good as the ceiling (a teacher, or a person), 0 as bad as the floor (random play). Intervals are
95 % bootstrap percentiles over episodes with fixed seeds: the same scores give the same figures. Only
numpy in here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.learn.players.human import REFERENCES, SOURCE

RESAMPLES = 10_000
Scores = Sequence[float]


def summary(scores: Scores, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Mean, median, standard deviation, and the 95 % bootstrap interval of the mean (percentiles,
    fixed seed).
    """
    values = np.asarray(scores, float)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "sd": deviation,
        "mean_95": _interval(_means(scores, 0, resamples)),
        "episodes": len(values),
    }


def teacher_share(
    scores: Scores, floor: Scores, ceiling: Scores, resamples: int = RESAMPLES
) -> dict[str, Any] | None:
    """(mean scores - mean floor) / (mean ceiling - mean floor) with its interval.

    The episodes of all three are resampled, each on its own, so the interval holds the uncertainty of
    the references as well. None when the ceiling is not above the floor: there is nothing to have a
    share of. The interval is None when it is not above it in every resample: then it has no bounds.
    """
    span = float(np.mean(ceiling) - np.mean(floor))
    if span <= 0:
        return None
    floors = _means(floor, 1, resamples)
    spans = _means(ceiling, 2, resamples) - floors
    sure = bool((spans > 0).all())
    interval = _interval((_means(scores, 0, resamples) - floors) / spans) if sure else None
    return {"mean": float((np.mean(scores) - np.mean(floor)) / span), "mean_95": interval}


def mean_teacher_share(
    parts: Sequence[tuple[Scores, Scores, Scores]], resamples: int = RESAMPLES
) -> tuple[float, tuple[float, float] | None]:
    """The mean over games of :func:`teacher_share`, and its interval; parts are (scores, floor, ceiling)
    of a game. Games are not drawn anew: the interval is that of these games. It is None where a
    ceiling is not above its floor in every resample.
    """
    shares = [
        float((np.mean(s) - np.mean(low)) / (np.mean(top) - np.mean(low))) for s, low, top in parts
    ]
    drawn = []
    for game, (scores, floor, ceiling) in enumerate(parts):
        own, low, top = (
            _means(values, 3 * game + k + 3, resamples)
            for k, values in enumerate((scores, floor, ceiling))
        )
        if not (top > low).all():
            return float(np.mean(shares)), None
        drawn.append((own - low) / (top - low))
    low_end, high_end = _interval(np.mean(drawn, 0))
    return float(np.mean(shares)), (low_end, high_end)


def human_share(game: str, scores: Scores, resamples: int = RESAMPLES) -> dict[str, Any] | None:
    """(mean scores - random) / (human - random), both of the literature; None for a game without."""
    if game not in REFERENCES:
        return None
    random, human = REFERENCES[game]
    shares = (np.asarray(scores, float) - random) / (human - random)
    short = summary(shares.tolist(), resamples)
    return {"mean": short["mean"], "mean_95": short["mean_95"]}


def normalise(
    game: str, scores: Mapping[str, Scores], floor: str | None, ceiling: str | None
) -> dict[str, dict[str, Any]]:
    """``teacher_share`` and ``human_share`` of every player, those that there are.

    ``floor`` and ``ceiling`` name the random player and the teacher among ``scores``; they have the
    shares 0 and 1 exactly, because they define them.
    """
    result: dict[str, dict[str, Any]] = {}
    for player, own in scores.items():
        shares: dict[str, dict[str, Any] | None] = {"human_share": human_share(game, own)}
        if floor is not None and ceiling is not None:
            if player in (floor, ceiling):
                above = np.mean(scores[ceiling]) > np.mean(scores[floor])
                exact = float(player == ceiling)
                shares["teacher_share"] = (
                    {"mean": exact, "mean_95": [exact, exact]} if above else None
                )
            else:
                shares["teacher_share"] = teacher_share(own, scores[floor], scores[ceiling])
        result[player] = {key: share for key, share in shares.items() if share is not None}
    return result


def references(game: str, floor: str | None, ceiling: str | None) -> dict[str, Any]:
    """What ``normalise`` measured against, for the record."""
    facts: dict[str, Any] = {}
    if floor is not None and ceiling is not None:
        facts["teacher_share"] = {"random": floor, "teacher": ceiling}
    if game in REFERENCES:
        facts["human_share"] = {**REFERENCES[game]._asdict(), "source": SOURCE}
    return facts


def _means(scores: Scores, stream: int, resamples: int) -> npt.NDArray[np.float64]:
    """Means of resampled episodes; streams are independent."""
    values = np.asarray(scores, float)
    seed = [0, stream] if stream else 0  # stream 0 gives the intervals of files already written
    return np.random.default_rng(seed).choice(values, (resamples, len(values))).mean(1)


def _interval(values: npt.NDArray[np.float64]) -> list[float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return [float(low), float(high)]
