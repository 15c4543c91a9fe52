"""A labelled data set in memory: what a network is shown, and what it should answer.

Whatever the layout on disk, a loader of this package gives a :class:`LabelledData`; its observations are
uint8 [n, channels, rows, columns], its labels whole numbers 0..classes-1. Loaders check what they
read: classes, counts and, where the publisher names them, hashes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.tasks.task import TaskError

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


class DataError(TaskError):
    """A data set that is not there, not whole, or not what it should be."""


@dataclass(frozen=True, eq=False)
class Part:
    """Training or test part.

    images  uint8 [n, channels, rows, columns]
    labels  int64 [n]
    groups  int64 [n] or None: pictures of one thing (frames of one traffic sign) share a number, so
            that a validation part never holds the neighbours of what was trained on
    """

    images: Images
    labels: Labels
    groups: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: npt.NDArray[np.integer]) -> Part:
        """Those at the indices ``which``, in that order."""
        groups = None if self.groups is None else self.groups[which]
        return Part(self.images[which], self.labels[which], groups)


@dataclass(frozen=True, eq=False)
class LabelledData:
    """The two parts of a data set and the names of its classes, in the order of the labels.

    Raises DataError for parts that are empty, of different shapes, or with labels of no class.
    """

    name: str
    classes: tuple[str, ...]
    train: Part
    test: Part

    def __post_init__(self) -> None:
        for which in ("train", "test"):
            part: Part = getattr(self, which)
            images, labels = part.images, part.labels
            if images.ndim != 4 or images.dtype != np.uint8 or len(images) != len(labels):
                raise DataError(
                    f"{self.name}: the {which} part has {images.dtype}{list(images.shape)} and "
                    f"{len(labels)} labels; it needs uint8 [n, channels, rows, columns] and n labels"
                )
            if not len(labels):
                raise DataError(
                    f"{self.name}: the {which} part is empty; give a path with pictures or sounds"
                )
            if labels.min() < 0 or labels.max() >= len(self.classes):
                raise DataError(
                    f"{self.name}: the {which} part has labels {labels.min()}..{labels.max()}, there "
                    f"are {len(self.classes)} classes, 0..{len(self.classes) - 1}; correct the labels"
                )
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise DataError(
                f"{self.name}: training pictures are {list(self.train.images.shape[1:])}, test "
                f"pictures {list(self.test.images.shape[1:])}; both must have one shape"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns) of an observation."""
        channels, rows, columns = self.train.images.shape[1:]
        return channels, rows, columns


def split(part: Part, hold_out: int, seed: int) -> tuple[Part, Part]:
    """Training and validation: 1 / hold_out of the groups (or pictures), drawn by ``seed``.

    Raises DataError where that leaves nothing on one side.
    """
    groups = np.arange(len(part)) if part.groups is None else part.groups
    names = np.unique(groups)
    count = len(names) // hold_out
    if not 0 < count < len(names):
        raise DataError(
            f"{len(names)} groups of pictures, of which 1 / {hold_out} is {count}; choose another "
            "--hold-out, or give more data"
        )
    held = np.random.default_rng(seed).choice(names, count, replace=False)
    inside = np.isin(groups, held)
    return part.take(np.flatnonzero(~inside)), part.take(np.flatnonzero(inside))


def check_counts(name: str, data: LabelledData, counts: tuple[int, int]) -> None:
    """Raises DataError unless both parts have as many pictures as were published."""
    for which, count in zip(("train", "test"), counts, strict=True):
        found = len(getattr(data, which))
        if found != count:
            raise DataError(
                f"{name}: {found:,} pictures in the {which} part, {count:,} were published; the "
                "folder is not whole, unpack it again, or give what you have as an .npz file"
            )
