"""One cart with a pole, or one car in a valley, stepped a decision at a time.

    observation = world.reset()                      float32[4] or float32[2]
    observation, reward, over = world.step(index)    index into spec.actions

The same spec and seed give the same sequence of episodes. Source of the rules: tnemu.tasks.control.spec.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from tnemu.errors import whole
from tnemu.tasks.control.physics import REWARDS, RULES, State
from tnemu.tasks.control.pictures import picture_of
from tnemu.tasks.control.seeding import first_state, gym_stream
from tnemu.tasks.task import TaskError

LAST_SEED = (1 << 63) - 1


class Rules(Protocol):
    """What of a ControlSpec the world is run by; the fields are explained there."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def actions(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def steps(self) -> int: ...  # noqa: D102

    @property
    def shaped(self) -> bool: ...  # noqa: D102


class ControlWorld:
    """One environment with its own random stream. Raises TaskError for a seed that is none."""

    def __init__(self, spec: Rules, seed: int) -> None:
        self.spec = spec
        self.seed = whole(f"{spec.name} seed", seed, 0, LAST_SEED, error=TaskError)
        self._stream = gym_stream(self.seed)
        self._rule, self._reward = RULES[spec.name], REWARDS[spec.name]
        self._running = False
        self.state: State = ()
        """In full precision; an observation is it in float32."""
        self.episode_return = 0.0
        """Sum of the rewards of the current (or just ended) episode, shaped where they are."""
        self.episode_decisions = 0
        """Decisions of the current (or just ended) episode."""
        self.truncated = False
        """True when the last episode was cut by spec.steps."""

    def reset(self) -> npt.NDArray[np.float32]:
        """Begin the next episode: its first observation."""
        return self.begin(first_state(self.spec.name, self._stream))

    def begin(self, state: State) -> npt.NDArray[np.float32]:
        """Begin an episode in ``state``, drawing nothing; its observation."""
        self.state = state
        self.episode_return, self.episode_decisions, self.truncated = 0.0, 0, False
        self._running = True
        return np.array(state, np.float32)

    def step(self, action: int) -> tuple[npt.NDArray[np.float32], float, bool]:
        """Push once: what is seen then, the reward, and whether the episode is over."""
        spec = self.spec
        if not self._running:
            raise TaskError(
                f"{spec.name}: step after the episode's end (or before the first); call reset() first"
            )
        action = whole(
            f"{spec.name} action",
            action,
            0,
            len(spec.actions) - 1,
            error=TaskError,
            then="see spec.actions",
        )
        self.state, ended = self._rule(self.state, action)
        reward = self._reward
        if spec.shaped:
            reward = min(reward + abs(self.state[0] + 0.5), -0.1)
        self.episode_decisions += 1
        self.truncated = not ended and self.episode_decisions >= spec.steps
        self._running = not (ended or self.truncated)
        self.episode_return += reward
        return np.array(self.state, np.float32), reward, not self._running

    def picture(self) -> npt.NDArray[np.uint8]:
        """What a person would see now: uint8 [height, width, 3]."""
        return picture_of(self.spec.name, self.state or (0.0,) * 4)

    def close(self) -> None:
        """Nothing to put away: nothing was opened."""
