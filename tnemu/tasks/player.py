"""A task and a codec as the application of a host process: eyes and hands of a board.

observation ──encode──▶ pins and ticks ──▶ board ──▶ spikes ──decode──▶ scores ──▶ action ──▶ task
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tnemu.networks.codec import Codec, Spikes, Stimulus
from tnemu.runtime.loop import Outcome
from tnemu.tasks.task import TaskSpec


class TaskPlayer:
    """Plays episode after episode of ``spec``'s task; ``seed`` decides its chance.

    The codec turns observations into spikes, and spikes into scores [actions]; the action with the
    highest score is taken, the first of them on a tie. Raises what ``spec.start`` raises.
    """

    def __init__(self, spec: TaskSpec, seed: int, codec: Codec) -> None:
        self._codec, self._task = codec, spec.start(seed)
        self._observation = self._task.reset()

    def sense(self) -> Stimulus:
        """The spikes of what is to be seen now."""
        return self._codec.encode(self._observation)

    def act(self, spikes: Spikes) -> Outcome:
        """Take the action that is answered; after the end of an episode begin the next one."""
        scores = self._codec.decode(spikes, 0)
        action = int(scores.argmax())
        self._observation, reward, over = self._task.step(action)
        outcome = Outcome(reward, self._task.episode_return, over, scores.tolist(), action)
        if over:
            self._observation = self._task.reset()
        return outcome

    def picture(self) -> npt.NDArray[np.uint8]:
        """What a person would see: uint8 [height, width, 3]."""
        return self._task.picture()

    def close(self) -> None:
        """Put the task away."""
        self._task.close()


class InTurn:
    """Several tasks on one board, an episode of each in turn, from the first one on.

    Each of ``players`` makes a :class:`TaskPlayer`; all ask the same network, and differ in what they
    subtract and which voters they read. The board is not told: its image stays as it is.
    """

    def __init__(self, players: Sequence[Callable[[], TaskPlayer]]) -> None:
        self._players = [make() for make in players]
        self._now = 0

    def sense(self) -> Stimulus:
        """The spikes of what is to be seen now, in the task whose turn it is."""
        return self._players[self._now].sense()

    def act(self, spikes: Spikes) -> Outcome:
        """Take the action that is answered; after the end of an episode it is the next task's turn."""
        outcome = replace(self._players[self._now].act(spikes), player=self._now)
        if outcome.episode_over:
            self._now = (self._now + 1) % len(self._players)
        return outcome

    def picture(self) -> npt.NDArray[np.uint8]:
        """What a person would see of the task whose turn it is: uint8 [height, width, 3]."""
        return self._players[self._now].picture()

    def close(self) -> None:
        """Put all tasks away."""
        for player in self._players:
            player.close()


def check_start(spec: TaskSpec, seed: int) -> None:
    """Start the task once and put it away; it says what is missing, early."""
    spec.start(seed).close()
