"""The world as a gymnasium environment, for agents and tools that speak gymnasium.

    import gymnasium, tnemu.tasks.atari.env
    env = gymnasium.make("tnemu/Atari-v0", game="krull")

It is :class:`tnemu.tasks.atari.world.AtariWorld` and nothing more: the same integers, sticky actions and
no-op starts that teachers, students and boards see, so that an agent trained on it elsewhere can be
compared with them. Rewards are points, unclipped.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from tnemu.tasks.atari.spec import AtariSpec, SpecError, spec_for
from tnemu.tasks.atari.world import AtariWorld

ID = "tnemu/Atari-v0"


class AtariEnv(gymnasium.Env[npt.NDArray[np.uint8], np.int64]):
    """observation uint8 [stack, rows, columns], newest screen first; action 0..n-1 of spec.actions.

    ``reset(seed=s)`` starts a new console; without a seed the same console goes on to its next
    episode. ``atari_spec`` replaces the project's spec of the game. Raises SpecError for a game
    without a spec, WorldError for a missing ROM.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012

    def __init__(
        self, game: str, render_mode: str | None = None, atari_spec: AtariSpec | None = None
    ) -> None:
        self.spec_of_game = atari_spec or spec_for(game)
        if self.spec_of_game.game != game:
            raise SpecError(
                f"AtariEnv: atari_spec is of {self.spec_of_game.game!r}, the game is {game!r}; "
                "pass a spec of that game"
            )
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Box(0, 255, self.spec_of_game.shape, np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(self.spec_of_game.actions))
        self._world = AtariWorld(self.spec_of_game, seed=0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """The next episode; a new console with a seed. ``options`` has none."""
        super().reset(seed=seed)
        if seed is not None:
            self._world = AtariWorld(self.spec_of_game, seed=seed)
        return self._world.reset(), self._info()

    def step(
        self, action: np.int64
    ) -> tuple[npt.NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """One decision; an episode is truncated when spec.max_frames have passed."""
        observation, reward, over = self._world.step(int(action))
        truncated = self._world.truncated
        return observation, reward, over and not truncated, truncated, self._info()

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The console's screen, uint8 [210, 160, 3], in mode rgb_array."""
        return self._world.picture() if self.render_mode == "rgb_array" else None

    def _info(self) -> dict[str, Any]:
        return {"lives": self._world.lives, "spec_sha256": self.spec_of_game.sha256}


gymnasium.register(ID, entry_point="tnemu.tasks.atari.env:AtariEnv")
