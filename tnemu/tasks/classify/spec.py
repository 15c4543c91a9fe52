"""Classification as a task: a picture is seen, a class is answered, one point where it is right.

Which data set, in what shape and with what contrast is the spec; where the data lies on this computer is
not. An episode is ``episode`` pictures of the test part, drawn without repetition.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import shown, whole
from tnemu.tasks.classify.catalogue import data_set, load
from tnemu.tasks.classify.data import DataError, LabelledData
from tnemu.tasks.task import TaskError

_MOST_SIDE, _MOST_CLASSES = 1 << 12, 1 << 16


@dataclass(frozen=True)
class ClassifySpec:
    """What every classifier of a data set sees and may answer. Two can be compared if and only if their
    ``sha256`` are equal. Raises DataError for what cannot be.
    """

    kind: ClassVar[str] = "classify"
    decisions_per_second: ClassVar[float] = 1000.0
    """A picture every tick of 1 ms."""

    dataset: str
    """Of tnemu.tasks.classify.catalogue."""
    actions: tuple[str, ...]
    """Names of the classes, in the order of their labels."""
    shape: tuple[int, ...]
    """(channels, rows, columns) of an observation."""
    contrast: bool = False
    """Every picture's contrast is made equal, see tnemu.tasks.classify.contrast."""
    episode: int = 100
    """Pictures of an episode."""

    def __post_init__(self) -> None:
        data_set(self.dataset)
        names = self.actions
        if not (
            isinstance(names, tuple)
            and 2 <= len(names) <= _MOST_CLASSES
            and all(isinstance(name, str) for name in names)
            and len(set(names)) == len(names)
        ):
            raise DataError(
                f"ClassifySpec.actions = {shown(names)}: must be 2..{_MOST_CLASSES} different names; name "
                "every class once"
            )
        if not isinstance(self.shape, tuple) or len(self.shape) != 3:
            raise DataError(
                f"ClassifySpec.shape = {shown(self.shape)}: must be (channels, rows, columns)"
            )
        for size in self.shape:
            whole("ClassifySpec.shape", size, 1, _MOST_SIDE, error=DataError)
        if not isinstance(self.contrast, bool):
            raise DataError(
                f"ClassifySpec.contrast = {shown(self.contrast)}: must be true or false"
            )
        whole("ClassifySpec.episode", self.episode, 1, 1 << 30, error=DataError)

    @classmethod
    def of(cls, data: LabelledData, contrast: bool | None = None) -> ClassifySpec:
        """The spec of data as :func:`tnemu.tasks.classify.catalogue.load` gave it."""
        usual = data_set(data.name).contrast
        return cls(data.name, data.classes, data.shape, usual if contrast is None else contrast)

    @property
    def name(self) -> str:
        """The data set."""
        return self.dataset

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Of an observation."""
        return np.dtype(np.uint8)

    @property
    def sha256(self) -> str:
        """Hash of ``to_json()``."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical: keys sorted, no spaces."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ClassifySpec:
        """The inverse of to_json. Raises DataError."""
        with files.parse_fields(text, "ClassifySpec", error=DataError) as given:
            return cls(
                dataset=given.text("dataset"),
                actions=tuple(given.texts("actions")),
                shape=tuple(given.wholes("shape", 1, _MOST_SIDE, count=3)),
                contrast=given.flag("contrast"),
                episode=given.whole("episode", 1, 1 << 30),
            )

    def load(self, path: str | None, **more: Any) -> LabelledData:
        """The data at ``path``, as this spec shows it. Raises DataError where it is other data."""
        data = load(self.dataset, path, self.contrast, **more)
        if (data.shape, data.classes) != (self.shape, self.actions):
            raise DataError(
                f"{path}: pictures {list(data.shape)} of {len(data.classes)} classes "
                f"({shown(', '.join(data.classes))}), the network sees {list(self.shape)} and answers "
                f"{len(self.actions)} ({shown(', '.join(self.actions))}); give the data that it was "
                "trained for"
            )
        return data

    def start(self, seed: int, path: str | None = None) -> Classification:
        """The task; ``path`` is needed for all data but digits."""
        return Classification(self, self.load(path), seed)


class Classification:
    """Pictures of the test part one after the other; an answer is 1 point where it is right."""

    def __init__(self, spec: ClassifySpec, data: LabelledData, seed: int) -> None:
        seed = whole("Classification seed", seed, 0, (1 << 63) - 1, error=TaskError)
        self.spec, self.episode_return, self.truncated = spec, 0.0, False
        self._part, self._names = data.test, spec.actions
        self._rng, self._order, self._at = np.random.default_rng(seed), np.zeros(0, np.int64), 0

    def reset(self) -> npt.NDArray[np.uint8]:
        """The first picture of the next episode."""
        count = min(self.spec.episode, len(self._part))
        self._order, self._at = self._rng.permutation(len(self._part))[:count], 0
        self.episode_return = 0.0
        return self._seen()

    def step(self, action: int) -> tuple[npt.NDArray[np.uint8], float, bool]:
        """Answer class ``action``: the next picture (the last again at the end), 1.0 if it was right."""
        action = whole("action", action, 0, len(self._names) - 1, error=TaskError)
        if self._at >= len(self._order):
            raise TaskError("the episode is over, or none has begun; call reset first")
        reward = float(self._part.labels[self._order[self._at]] == action)
        self.episode_return += reward
        self._at += 1
        over = self._at == len(self._order)
        return self._seen(), reward, over

    def _seen(self) -> npt.NDArray[np.uint8]:
        return self._part.images[self._order[min(self._at, len(self._order) - 1)]].copy()

    def picture(self) -> npt.NDArray[np.uint8]:
        """The picture, four times as large, in colours."""
        if not len(self._order):
            raise TaskError("no picture is shown yet; call reset first")
        image = self._seen()
        rgb = image[[0, 0, 0]] if len(image) != 3 else image
        return np.ascontiguousarray(rgb.transpose(1, 2, 0).repeat(4, 0).repeat(4, 1))

    def close(self) -> None:
        """Nothing is held."""
