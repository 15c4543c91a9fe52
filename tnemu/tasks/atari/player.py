"""An Atari player as the application of a host process: the console, eyes and hands of a board.

observation ──encode──▶ bits ──▶ pins of the board ──▶ votes ──decode──▶ action ──▶ console

``encode`` and ``decode`` come from the caller (a weight file's transduction and vote), so this module
knows no file format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.runtime.loop import Outcome
from tnemu.tasks.atari.spec import AtariSpec
from tnemu.tasks.atari.world import AtariWorld

Encode = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.bool_]]
Decode = Callable[[npt.NDArray[np.int32]], npt.NDArray[np.int32]]


class AtariPlayer:
    """Plays episode after episode of the spec's game; seed 0..2**31 - 1 decides the console's chance.

    ``encode`` turns observations uint8 [1, stack, rows, columns] into bits [1, ...], of which bit k
    of the flattened array is pin k. ``decode`` turns spike counts int32 [1, output pins] into votes
    [1, actions]; the action with most votes is held for ``spec.frame_skip`` raw frames, the first of
    them on a tie. Raises WorldError when the console cannot be started (no ROM).
    """

    def __init__(self, spec: AtariSpec, seed: int, encode: Encode, decode: Decode) -> None:
        self._encode, self._decode = encode, decode
        self._world = AtariWorld(spec, seed)
        self._observation = self._world.reset()

    def sense(self) -> npt.NDArray[np.integer[Any]]:
        """Pins whose bits are set for what is on the screen."""
        return np.flatnonzero(self._encode(self._observation[None])[0])

    def act(self, votes: npt.NDArray[np.int32]) -> Outcome:
        """Hold the action that was voted for; after the end of an episode begin the next one."""
        action = int(self._decode(votes[None])[0].argmax())
        self._observation, reward, over = self._world.step(action)
        outcome = Outcome(reward, self._world.episode_return, over)
        if over:
            self._observation = self._world.reset()
        return outcome

    def picture(self) -> npt.NDArray[np.uint8]:
        """The console's screen, uint8 [210, 160, 3]."""
        return self._world.raw_screen_rgb()

    def close(self) -> None:
        """Nothing to put away: the console lives in this process alone."""


def check_console(spec: AtariSpec, seed: int) -> None:
    """Start the spec's console once and forget it; WorldError says what is missing, early."""
    AtariWorld(spec, seed)
