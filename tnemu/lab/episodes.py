"""Episodes of a control task, all at once: how often a player and its source agree, and the returns.

    agreement = decisions in which both give the same answer / all decisions

along the player's own way (Hahn 2020, section 4.2: conversion accuracy). Where an episode begins
depends on the seed alone, so that episodes can be played side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.tasks.control.spec import ControlSpec

Observations = npt.NDArray[np.float32]
Answers = npt.NDArray[np.int64]
Decide = Callable[[Observations], Answers]
"""Observations [n, inputs] -> the number of an action for each."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What came of some episodes: ``steps`` decisions, in ``agreements`` of them the source's answer;
    ``returns`` float64 [episodes].
    """

    steps: int
    agreements: int
    returns: npt.NDArray[np.float64]

    @property
    def agreement(self) -> float:
        """Share of the decisions, 0..1."""
        return self.agreements / self.steps

    def facts(self) -> dict[str, Any]:
        """What is printed: numbers by name. ``std_return`` is that of a sample, with n - 1, as the
        thesis has it; 0 of one episode.
        """
        return {
            "steps": self.steps,
            "agreements": self.agreements,
            "agreement": self.agreement,
            "mean_return": float(self.returns.mean()),
            "std_return": float(self.returns.std(ddof=1)) if len(self.returns) > 1 else 0.0,
        }


def play(decide: Decide, source: Decide, spec: ControlSpec, seed: int, episodes: int) -> Trial:
    """The first ``episodes`` episodes of the task with ``seed``, played by ``decide``.

    ``source`` is asked the same questions and plays nothing.
    """
    first = spec.start(seed)
    worlds, rows = [], []
    for _ in range(episodes):
        first.reset()
        worlds.append(spec.start(seed))
        rows.append(worlds[-1].begin(first.state))
    seen = np.stack(rows)
    live = np.arange(episodes)
    steps = agreements = 0
    while live.size:
        answers = decide(seen[live])
        steps += live.size
        agreements += int((answers == source(seen[live])).sum())
        going = []
        for k, answer in zip(live.tolist(), answers.tolist(), strict=True):
            seen[k], _, over = worlds[k].step(answer)
            if not over:
                going.append(k)
        live = np.array(going, np.int64)
    return Trial(steps, agreements, np.array([world.episode_return for world in worlds]))
