"""A task that is no Atari game: a ball falls through a small field, a paddle has to be under it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from tnemu.tasks.task import TaskError


@dataclass(frozen=True)
class CatchSpec:
    """rows x columns cells, ball 255 and paddle 128; a caught ball is a point, a missed one -1."""

    kind: ClassVar[str] = "catch"
    name: ClassVar[str] = "catch"
    actions: ClassVar[tuple[str, ...]] = ("STAY", "LEFT", "RIGHT")
    decisions_per_second: ClassVar[float] = 10.0

    rows: int = 5
    columns: int = 4
    balls: int = 3
    """Of an episode."""

    @property
    def shape(self) -> tuple[int, ...]:
        return 1, self.rows, self.columns

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> CatchSpec:
        return cls(**json.loads(text))

    def start(self, seed: int) -> Catch:
        return Catch(self, seed)


class Catch:
    """One field with its own random stream."""

    def __init__(self, spec: CatchSpec, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise TaskError(f"Catch seed = {seed!r}: must be a whole number of 0 or more")
        self.spec, self.episode_return, self.truncated = spec, 0.0, False
        self._rng, self._left = np.random.default_rng(seed), 0

    def reset(self) -> np.ndarray:
        self.episode_return, self._left = 0.0, self.spec.balls
        self._paddle = 0
        self._drop()
        return self._seen()

    def step(self, action: int) -> tuple[np.ndarray, float, bool]:
        if not self._left:
            raise TaskError("catch: step after the episode's end; call reset() first")
        if not 0 <= action < len(self.spec.actions):
            raise TaskError(f"catch: action {action} is not in 0..{len(self.spec.actions) - 1}")
        self._paddle = int(np.clip(self._paddle + (0, -1, 1)[action], 0, self.spec.columns - 1))
        self._row += 1
        reward = 0.0
        if self._row == self.spec.rows - 1:
            reward = 1.0 if self._column == self._paddle else -1.0
            self._left -= 1
            self._drop()
        self.episode_return += reward
        return self._seen(), reward, not self._left

    def picture(self) -> np.ndarray:
        return np.repeat(self._seen()[0, :, :, None], 3, axis=2)

    def close(self) -> None:
        pass

    def _drop(self) -> None:
        self._row, self._column = 0, int(self._rng.integers(self.spec.columns))

    def _seen(self) -> np.ndarray:
        field = np.zeros(self.spec.shape, np.uint8)
        field[0, -1, self._paddle] = 128
        field[0, self._row, self._column] = 255
        return field
