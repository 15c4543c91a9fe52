"""What a run leaves of its stages, read back typed: a damaged file is refused before a run goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tnemu.errors import TnemuError
from tnemu.files import Fields, read_fields
from tnemu.learn.run.runs import MOST_SETTINGS

_MOST = 1 << 53


def read_stage(path: Path, name: str, games: Sequence[str]) -> dict[str, Any]:
    """What ``path`` says of the finished stage ``name``; raises a TnemuError that names the key."""
    with read_fields(path, error=TnemuError, most_bytes=MOST_SETTINGS) as found:
        stage: dict[str, Any] = {"stage": found.one_of("stage", [name])}
        stage["states"] = _counts(found, games)
        stage["iterations"] = found.whole("iterations", 1, _MOST)
        stage["learning_rate"] = found.real("learning_rate", 0)
        if "device" in found:  # earlier versions do not say
            stage["device"] = found.text("device")
        for prefix in [""] if len(games) == 1 else [f"{game}_" for game in games]:
            for figure in ("val_kl", "val_agree", "firing_rate"):
                if prefix + figure in found:
                    stage[prefix + figure] = found.real(prefix + figure)
        stage["check_seeds"] = found.wholes("check_seeds", 0, 1 << 31, count=2)
        if len(games) == 1:
            stage["check_scores"] = found.reals("check_scores", least=1)
        else:
            scores = found.mapping("check_scores")
            stage["check_scores"] = {game: scores.reals(game, least=1) for game in games}
    return stage


def _counts(found: Fields, games: Sequence[str]) -> int | dict[str, int]:
    if len(games) == 1:
        return found.whole("states", 1, _MOST)
    counts = found.mapping("states")
    return {game: counts.whole(game, 1, _MOST) for game in games}


def read_references(path: Path, games: Sequence[str]) -> dict[str, dict[str, float]]:
    """Mean scores of teacher and random player, per game; raises a TnemuError that names the key."""
    with read_fields(path, error=TnemuError, most_bytes=MOST_SETTINGS) as found:
        inner = {game: found.mapping(game) for game in games}
        return {
            game: {who: scores.real(who) for who in ("teacher", "random")}
            for game, scores in inner.items()
        }


def mean_share(
    scores: Mapping[str, Sequence[float]], references: Mapping[str, Mapping[str, float]]
) -> float:
    """Mean over games of (score - random) / (teacher - random), so that no game outweighs another.

    Where the teacher is no better than random, points count as they are.
    """
    shares = []
    for game, values in scores.items():
        low = references[game]["random"]
        span = references[game]["teacher"] - low
        shares.append((float(np.mean(values)) - low) / (span if span > 0 else 1.0))
    return float(np.mean(shares))
