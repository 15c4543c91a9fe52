"""Play whole episodes with any player on given seeds, and say how well it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tnemu.atari.spec import AtariSpec
from tnemu.atari.world import AtariWorld

Player = Callable[[np.ndarray], np.ndarray]
"""Scores per action, [n, actions], for observations uint8[n, stack, rows, columns]; the largest is played."""


@dataclass
class Episode:
    seed: int
    score: float
    decisions: int
    truncated: bool


def play_episodes(player: Player, spec: AtariSpec, seeds: Sequence[int], epsilon: float = 0.01) -> list[Episode]:
    """One episode per seed, all in one batch; epsilon is the share of random actions.

    The batch keeps its size until the last episode ends, so that no result depends on how long the others take.
    """
    worlds = [AtariWorld(spec, seed) for seed in seeds]
    rngs = [np.random.default_rng([seed, 0x706C6179]) for seed in seeds]
    observations = np.stack([world.reset() for world in worlds])
    running = list(range(len(worlds)))
    while running:
        best = np.asarray(player(observations)).argmax(1)
        for i in running[:]:
            explore, other = rngs[i].random(), int(rngs[i].integers(len(spec.actions)))
            observations[i], _, over = worlds[i].step(other if explore < epsilon else int(best[i]))
            if over:
                running.remove(i)
    return [Episode(w.seed, w.episode_return, w.episode_decisions, w.truncated) for w in worlds]
