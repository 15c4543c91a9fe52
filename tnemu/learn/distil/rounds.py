"""Rounds of states: how they are collected, what they depend on, and where they lie.

Round 0 of a game is what its teacher visits. It depends on the teacher, the spec and some settings, not on
the student, so runs of other sizes, losses and games share it: it lies in the data folder under the
game's name and a hash of all that. Later rounds are visited by the run's own student, and lie in
the run's folder.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from tnemu.files import json_text
from tnemu.formats.errors import FormatError
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.states import Facts, States
from tnemu.learn.players.episodes import Player, begin, shown_to
from tnemu.learn.run.runs import derived_seed
from tnemu.tasks.task import TaskSpec

EPSILONS = (0.01, 0.05, 0.1, 0.2)
"""Shares of random actions while collecting, dealt to the worlds in turn."""
DATA = "data"
"""Folder in the run's, where no other is named."""


def bytes_of(spec: TaskSpec, count: int) -> int:
    """What ``count`` labelled states take."""
    return count * (math.prod(spec.shape) + 4 * len(spec.actions))


def facts_of(
    settings: DistilSettings,
    stage: int,
    g: int,
    spec: TaskSpec,
    teacher_sha256: str,
    view: Any = None,
) -> dict[str, Any]:
    """What the states of a round of game ``g`` depend on, but for the student that visits later ones.

    ``view`` is the teacher's own, if it has one. All games have the seed of a game alone in round 0, so
    that their states are those of a run of that game alone.
    """
    s = settings
    facts = {
        "spec_sha256": spec.sha256,
        "teacher_sha256": teacher_sha256,
        "states": s.dagger_states if stage else s.states,
        "keep_every": s.keep_every,
        "worlds": s.worlds,
        "epsilons": list(EPSILONS),
        "seed": derived_seed(s.seed, 1, stage, g if stage else 0),
    }
    if view is not None:
        facts["view"] = asdict(view)
    return facts | ({"teacher_share": s.teacher_share**stage} if stage else {})


def folder_of(settings: DistilSettings, out: Path, stage: int, g: int, facts: Facts) -> Path:
    """Where the states of a round of game ``g`` of the run in ``out`` lie."""
    game = settings.games[g]
    if stage:
        return out / (f"round{stage}" if len(settings.games) == 1 else f"round{stage}-{game}")
    data = out / DATA if settings.data is None else Path(settings.data)
    text = json_text(facts, "facts", error=FormatError, sort_keys=True)
    return data / f"{game}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def collect(
    player: Player,
    teacher: Player,
    spec: TaskSpec,
    states: int,
    keep_every: int,
    worlds: int,
    seed: int,
    teacher_share: float = 0.0,
) -> States:
    """States that ``player`` visits, with some random actions, labelled by ``teacher``; one with a view
    of its own labels what it sees at the same moment.

    They are in order of time, the worlds interleaved; every ``keep_every``-th decision is kept.
    Each decision of each world is the teacher's with probability ``teacher_share``, before the
    random ones are dealt.
    """
    seeds = np.random.SeedSequence(seed).generate_state(worlds + 1) >> 1
    mix = np.random.default_rng([seed, 1])  # a stream of its own: without a mix nothing changes
    consoles = [begin(spec, int(s), teacher) for s in seeds[:-1]]
    apart = getattr(teacher, "view", None) is not None
    rng = np.random.default_rng(int(seeds[-1]))
    epsilons = np.array([EPSILONS[i % len(EPSILONS)] for i in range(worlds)])
    now = np.stack([world.reset() for world in consoles])
    screens = np.empty((-(-states // worlds), *now.shape), now.dtype)
    labels = np.empty((len(screens) if apart else 0, worlds, len(spec.actions)), np.float32)
    for decision in range(len(screens) * keep_every):
        keep = decision % keep_every == 0
        if keep:
            screens[decision // keep_every] = now
        said = None
        if teacher_share or player is teacher or (keep and apart):
            said = np.asarray(teacher(shown_to(teacher, now, consoles)))
        if keep and apart:
            labels[decision // keep_every] = said
        actions = np.asarray(said if player is teacher else player(now)).argmax(1)
        if teacher_share:
            helped = mix.random(worlds) < teacher_share
            actions = np.where(helped, np.asarray(said).argmax(1), actions)
        other = rng.integers(len(spec.actions), size=worlds)
        actions = np.where(rng.random(worlds) < epsilons, other, actions)
        for i, world in enumerate(consoles):
            now[i], _, over = world.step(int(actions[i]))
            if over:
                now[i] = world.reset()
    kept = screens.reshape(-1, *spec.shape)[:states]
    if apart:
        return States(kept, labels.reshape(-1, len(spec.actions))[:states])
    q = np.concatenate([teacher(kept[i : i + 500]) for i in range(0, states, 500)])
    return States(kept, q.astype(np.float32))


def mean_screen(spec: TaskSpec, seed: int, decisions: int = 2000) -> npt.NDArray[np.float32]:
    """The mean of the newest screens of random play: the background that a student of a teacher
    without one subtracts. float32 [rows, columns]
    """
    world, rng = spec.start(seed), np.random.default_rng(seed)
    seen, over = world.reset(), False
    total = np.zeros(seen.shape[1:])
    for _ in range(decisions):
        if over:
            seen, over = world.reset(), False
        total += seen[0]
        seen, _, over = world.step(int(rng.integers(len(spec.actions))))
    world.close()
    return (total / decisions).astype(np.float32)


def label_temperature(q: Tensor, peak: float) -> float:
    """tau for which the mean over states of max_a softmax(q / tau) is ``peak``."""
    low, high = 1e-6, 1e3
    for _ in range(60):
        tau = math.sqrt(low * high)
        if float((q / tau).softmax(1).amax(1).mean()) > peak:
            low = tau
        else:
            high = tau
    return tau
