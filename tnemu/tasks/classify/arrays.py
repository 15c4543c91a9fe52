"""Data that is arrays already: an .npz file with train_x, train_y, test_x, test_y.

x  uint8 [n, rows, columns] or [n, rows, columns, channels]
y  uint8, int32 or int64 [n]
train_track  int32 [n], optional: pictures of one thing share a number
classes      text [classes], optional: their names
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import TnemuError
from tnemu.files.npz import Member
from tnemu.tasks.classify.data import DataError, Images, LabelledData, Part

_LABELS = (np.uint8, np.int32, np.int64)


def load_arrays(path: Path, name: str, classes: tuple[str, ...] = ()) -> LabelledData:
    """The data of an .npz file; ``classes`` if the file does not name them. Raises DataError."""
    last: TnemuError | None = None
    for axes in (3, 4):
        for kind in _LABELS:
            try:
                found = _read(path, axes, kind)
            except DataError as error:
                last = last or error
                continue
            return _data(found, name, classes)
    raise DataError(
        f"{last}; tnemu reads uint8 train_x, test_x [n, rows, columns(, channels)] and train_y, test_y "
        "[n] of uint8, int32 or int64"
    )


def _read(path: Path, axes: int, kind: type) -> dict[str, npt.NDArray[np.generic]]:
    needed: dict[str, Member] = {"train_x": (np.uint8, axes), "test_x": (np.uint8, axes)}
    needed |= {"train_y": (kind, 1), "test_y": (kind, 1)}
    optional: dict[str, Member] = {"train_track": (np.int32, 1), "classes": (str, 1)}
    return files.read_npz(path, needed, optional=optional, error=DataError, what="data set")


def _data(
    found: dict[str, npt.NDArray[np.generic]], name: str, classes: tuple[str, ...]
) -> LabelledData:
    if "classes" in found:
        classes = tuple(str(each) for each in found["classes"])
    highest = max((int(found[k].max()) for k in ("train_y", "test_y") if len(found[k])), default=0)
    classes = classes or tuple(str(k) for k in range(highest + 1))
    groups = found.get("train_track")
    train = Part(
        _channels_first(found["train_x"]),
        found["train_y"].astype(np.int64),
        None if groups is None else groups.astype(np.int64),
    )
    test = Part(_channels_first(found["test_x"]), found["test_y"].astype(np.int64))
    return LabelledData(name, classes, train, test)


def _channels_first(found: npt.NDArray[np.generic]) -> Images:
    images: Images = found.astype(np.uint8, copy=False)
    if images.ndim == 3:
        return images[:, None]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
