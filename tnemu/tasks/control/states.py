"""What a player of a control task sees while it plays, as something to learn from or to scale by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.tasks.control.spec import ControlSpec


def played_states(
    decide: Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]],
    spec: ControlSpec,
    seed: int,
    count: int,
    epsilon: float = 0.0,
) -> npt.NDArray[np.float32]:
    """The first ``count`` observations float32 [count, in] that a player sees, episode after episode.

    ``decide`` gives the answers to observations [n, in]; a share ``epsilon`` of its actions is drawn at
    random instead. ``seed`` decides all chance.
    """
    world, rng = spec.start(seed), np.random.default_rng(seed)
    states = np.empty((count, *spec.shape), np.float32)
    state, over = states[0], True
    for k in range(count):
        if over:
            state = world.reset()
        states[k] = state
        action = int(decide(state[None])[0])
        if epsilon and rng.random() < epsilon:
            action = int(rng.integers(len(spec.actions)))
        state, _, over = world.step(action)
    return states
