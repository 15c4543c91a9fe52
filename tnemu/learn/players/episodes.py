"""Whole episodes with any player: what training checks itself with, and evaluation counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tnemu.tasks.task import TaskSpec

Player = Callable[[np.ndarray], np.ndarray]
"""Scores per action, [n, actions], for observations [n, *spec.shape]; the largest is played, the
first of equals.
"""


def begin(spec: TaskSpec, seed: int, *players: Player) -> Any:
    """The task of ``spec``, watched with the view of the player among ``players`` that has one of its
    own (``player.view``, see tnemu.tasks.atari.view).
    """
    view = next((v for v in (getattr(p, "view", None) for p in players) if v is not None), None)
    return spec.start(seed) if view is None else view.start(spec, seed)


def shown_to(player: Player, observations: np.ndarray, worlds: Iterable[Any]) -> np.ndarray:
    """What a player is shown of the worlds: their ``observations``, or its own view of each."""
    if getattr(player, "view", None) is None:
        return observations
    return np.stack([world.seen() for world in worlds])


@dataclass
class Episode:
    """How one episode went."""

    seed: int
    score: float
    """Points, unclipped."""
    decisions: int
    truncated: bool
    """Cut by the task's own limit of time."""


def play_episodes(
    player: Player, spec: TaskSpec, seeds: Sequence[int], epsilon: float = 0.01
) -> list[Episode]:
    """One episode per seed, side by side in one batch; epsilon is the share of random actions. Same
    seeds, same result.
    """
    worlds = [begin(spec, seed, player) for seed in seeds]
    rngs = [np.random.default_rng([seed, 0x706C6179]) for seed in seeds]
    observations = np.stack([world.reset() for world in worlds])
    running, decisions = np.arange(len(worlds)), np.zeros(len(worlds), int)
    while len(running):
        seen = shown_to(player, observations[running], (worlds[i] for i in running))
        best = np.asarray(player(seen)).argmax(1)
        overs = []
        for i, choice in zip(running, best, strict=True):
            explore, other = rngs[i].random(), int(rngs[i].integers(len(spec.actions)))
            observations[i], _, over = worlds[i].step(other if explore < epsilon else int(choice))
            overs.append(over)
        decisions[running] += 1
        running = running[~np.array(overs)]
    episodes = [
        Episode(seed, world.episode_return, int(count), world.truncated)
        for seed, world, count in zip(seeds, worlds, decisions, strict=True)
    ]
    for world in worlds:
        world.close()
    return episodes


def random_player(actions: int, seed: int) -> Player:
    """Chooses among ``actions`` with equal probabilities, from one stream for all observations."""
    rng = np.random.default_rng(seed)
    return lambda observations: rng.random((len(observations), actions))
