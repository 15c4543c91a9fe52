"""Scores of many games side by side: every player's share of a reference, game by game and on average.

    share = (mean score - mean of random) / (mean of the reference - mean of random)

from the results of ``tnemu learn evaluate --json``, one game each. With the teacher as reference this is
Figure 3 of McKinstry et al. 2018 (arXiv 1809.09260), with a student of one game as reference its Figure 4.
Intervals are 95 % bootstrap percentiles over episodes, of player, random and reference together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tnemu.errors import TnemuError, shown
from tnemu.files import PathLike, place, read_fields
from tnemu.learn.players.scores import mean_teacher_share, summary, teacher_share

TEACHER = "teacher"
"""The reference where no other is named: the one that a result was normalised by."""
MOST_BYTES = 64 << 20
Interval = tuple[float, float]


class SharesError(TnemuError, ValueError):
    """Results that cannot be put side by side."""


@dataclass(frozen=True)
class Result:
    """One game's evaluation."""

    where: str
    game: str
    scores: Mapping[str, list[float]]
    """By player, a score per episode."""
    teacher: str | None
    """The player that the result was normalised by."""
    facts: Mapping[str, Any]
    """Seeds, stickiness and share of random actions."""


@dataclass(frozen=True)
class Share:
    """A player's mean score in points, and its share of the reference with its interval."""

    points: float
    points_95: Interval
    share: float
    share_95: Interval | None
    """None where resampled references are not always above random play."""


@dataclass(frozen=True)
class Shares:
    """``of[label][game]``; ``mean[label]`` is the mean share over that label's games, and its interval."""

    games: tuple[str, ...]
    reference: str
    of: Mapping[str, Mapping[str, Share]]
    mean: Mapping[str, tuple[float, Interval | None]]
    facts: tuple[str, ...]
    """How all games were played, in words; more than one where they differ."""


def read_result(path: PathLike) -> Result:
    """What ``tnemu learn evaluate --json`` wrote. Raises SharesError for another file."""
    found = read_fields(path, error=SharesError, what="result", most_bytes=MOST_BYTES)
    players = found.mapping("players")
    rows = {what: players.mapping(what) for what in players}
    scores = {what: row.reals("scores") for what, row in rows.items()}
    for what, own in scores.items():
        if not own:
            raise SharesError(f"{place(path)}: {shown(what)} has no scores; evaluate it again")
    if "random" not in scores:
        raise SharesError(
            f"{place(path)}: nobody played at random, so there is no 0 to measure from; name random "
            "among the players of learn evaluate"
        )
    teacher = found.mapping("normalised").mapping("teacher_share", None)
    first, last = rows["random"].wholes("seeds", 0, 1 << 53, count=2)
    facts = {
        "episodes": len(scores["random"]),
        "seeds": f"{first}-{last}",
        "sticky": found.real("sticky"),
        "epsilon": found.real("epsilon"),
    }
    return Result(
        place(path),
        found.text("game"),
        scores,
        None if teacher is None else teacher.text("teacher"),
        facts,
    )


def shares_of(
    results: Sequence[Result], labels: Mapping[str, str], reference: str = TEACHER
) -> Shares:
    """``labels``: label -> text that stands in the names of its players, at most one in each game.

    ``reference`` is one of the labels, or the teacher of each game. Raises SharesError for two results of
    one game, for a text that stands in no or in two names, and for a reference that does not beat
    random play.
    """
    games = [result.game for result in results]
    twice = next((game for game in games if games.count(game) > 1), None)
    if twice is not None:
        raise SharesError(f"two of the results are of {twice!r}; give one for each game")
    if reference != TEACHER and reference not in labels:
        raise SharesError(
            f"the reference {shown(reference)} is no label; choose {TEACHER} or one of "
            f"{', '.join(labels)}"
        )
    of: dict[str, dict[str, Share]] = {label: {} for label in labels if label != reference}
    parts: dict[str, list[tuple[list[float], list[float], list[float]]]] = {k: [] for k in of}
    for result in results:
        floor, ceiling = result.scores["random"], _reference(result, labels, reference)
        for label in of:
            name = _player(result, labels[label])
            if name is not None:
                of[label][result.game] = _share(result, result.scores[name], floor, ceiling)
                parts[label].append((result.scores[name], floor, ceiling))
    for label, shares in of.items():
        if not shares:
            raise SharesError(
                f"no player of any result has {shown(labels[label])} in its name, as label "
                f"{shown(label)} says; the first result has {', '.join(results[0].scores)}"
            )
    said = [", ".join(f"{name} {value}" for name, value in r.facts.items()) for r in results]
    mean = {label: mean_teacher_share(each) for label, each in parts.items()}
    return Shares(tuple(games), reference, of, mean, tuple(dict.fromkeys(said)))


def _player(result: Result, text: str) -> str | None:
    mine = [name for name in result.scores if text in name]
    if len(mine) > 1:
        raise SharesError(
            f"{result.where}: {shown(text)} stands in the names of {' and '.join(mine)}; choose a text "
            "that only one has"
        )
    return mine[0] if mine else None


def _reference(result: Result, labels: Mapping[str, str], reference: str) -> list[float]:
    name = result.teacher if reference == TEACHER else _player(result, labels[reference])
    if name is None or name not in result.scores:
        raise SharesError(
            f"{result.where}: {reference} did not play in {result.game}; evaluate it with the others, "
            "or choose another --by"
        )
    return list(result.scores[name])


def _share(result: Result, scores: list[float], floor: list[float], ceiling: list[float]) -> Share:
    found = teacher_share(scores, floor, ceiling)
    if found is None:
        raise SharesError(
            f"{result.where}: the reference has {np.mean(ceiling):,.4g} points, random play "
            f"{np.mean(floor):,.4g}: there is nothing to have a share of; leave this game out"
        )
    points, interval = summary(scores), found["mean_95"]
    return Share(
        points["mean"],
        tuple(points["mean_95"]),
        found["mean"],
        None if interval is None else tuple(interval),
    )
