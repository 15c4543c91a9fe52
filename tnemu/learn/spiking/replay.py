"""Transitions to learn from: a ring of the last so many, all equally likely to be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, from_numpy

from tnemu.learn.spiking.checkpoint import array_of

FIRST_ROOM = 4096


class Batch(NamedTuple):
    """Drawn transitions: states and those that followed float [n, in], actions int64 [n], rewards
    float [n], and 0 where the episode ended by itself, 1 otherwise, float [n].
    """

    states: Tensor
    actions: Tensor
    rewards: Tensor
    following: Tensor
    goes_on: Tensor


class Transitions:
    """At most ``most`` of them, of observations of ``inputs`` numbers; memory grows as it fills."""

    def __init__(self, most: int, inputs: int) -> None:
        self.most, self.added = most, 0
        """``added`` counts all that ever were."""
        self._make(min(most, FIRST_ROOM), inputs)

    def _make(self, room: int, inputs: int) -> None:
        self.arrays: dict[str, np.ndarray] = {
            "states": np.zeros((room, inputs), np.float32),
            "actions": np.zeros(room, np.int64),
            "rewards": np.zeros(room, np.float32),
            "following": np.zeros((room, inputs), np.float32),
            "goes_on": np.zeros(room, np.float32),
        }

    def __len__(self) -> int:
        return min(self.added, self.most)

    def add(
        self, state: np.ndarray, action: int, reward: float, following: np.ndarray, over: bool
    ) -> None:
        """One more; beyond ``most`` the oldest goes."""
        at = self.added % self.most
        if at == len(self.arrays["states"]):
            for name, array in self.arrays.items():
                room = min(self.most, 2 * at) - at
                self.arrays[name] = np.concatenate(
                    [array, np.zeros((room, *array.shape[1:]), array.dtype)]
                )
        row: tuple[Any, ...] = (state, action, reward, following, float(not over))
        for array, value in zip(self.arrays.values(), row, strict=True):
            array[at] = value
        self.added += 1

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        """``count`` of them, each any."""
        places = rng.integers(len(self), size=count)
        return Batch(*(from_numpy(array[places]) for array in self.arrays.values()))

    def filled(self) -> dict[str, np.ndarray]:
        """The arrays, cut to what is in them, for the checkpoint."""
        return {f"replay.{name}": array[: len(self)] for name, array in self.arrays.items()}

    def restore(self, arrays: dict[str, np.ndarray], added: int, out: Path) -> None:
        """From the checkpoint of ``out``. Raises FormatError for arrays of another form."""
        self.added = added
        count = len(self)
        room = min(self.most, max(FIRST_ROOM, count))
        for name, old in self.arrays.items():
            got = array_of(arrays, f"replay.{name}", old.dtype, (count, *old.shape[1:]), out)
            self.arrays[name] = np.zeros((room, *old.shape[1:]), old.dtype)
            self.arrays[name][:count] = got
