"""Sets of small pictures with labels: from files, or the 8 x 8 digits that come with scikit-learn.

A pixel is on where its grey value, 0..255, is at least a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import TnemuError, shown, whole
from tnemu.formats.errors import FormatError
from tnemu.formats.idx import read_idx

DIGITS = "digits"
"""Name of the 1,797 digits of 8 x 8 pixels that come with scikit-learn (UCI, CC BY 4.0)."""
IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""Files of MNIST and its relatives, with or without .gz."""
NPZ_NAMES = (
    ("train_x", "train_y", "test_x", "test_y"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("images", "labels"),
)
"""Names of the arrays in an .npz file, one of these rows."""
HELD_OUT = 6
"""Where a set has no test part, every sixth picture is one."""


@dataclass(frozen=True, eq=False)
class Images:
    """Grey pictures uint8 [n, rows, columns] and their labels uint8 [n] (None: not known), of two parts."""

    train: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.uint8] | None
    test: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.uint8] | None
    source: str

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.train.shape[1], self.train.shape[2]


def bits(images: npt.NDArray[np.uint8], threshold: int = 128) -> npt.NDArray[np.bool_]:
    """bool [n, rows * columns]: the pixels of at least ``threshold``, 1..255."""
    threshold = whole("threshold", threshold, 1, 255, error=TnemuError)
    return (images >= threshold).reshape(len(images), -1)


def load_images(data: str | Path) -> Images:
    """The set that ``data`` names.

    "digits": scikit-learn's. A folder: the four IDX files of MNIST and its relatives. A file: .npz with
    train_x, train_y, test_x, test_y (or x_train, ...; or images and, if known, labels), or one IDX file of
    pictures. Without a test part every sixth picture is held out. Raises FormatError for anything else.
    """
    path = Path(data)
    if str(data) == DIGITS and not path.exists():
        return _digits()
    if path.is_dir():
        found = _folder(path)
    else:
        found = _npz(path) if path.suffix == ".npz" else _split(read_idx(path, 3), None, str(path))
    for name, images, labels in (
        ("training", found.train, found.train_labels),
        ("test", found.test, found.test_labels),
    ):
        if not len(images) or images[0].size == 0:
            raise FormatError(f"{files.place(path)} has no {name} pictures; give another file")
        if labels is not None and len(labels) != len(images):
            raise FormatError(
                f"{files.place(path)} has {len(images):,} {name} pictures and {len(labels):,} labels"
            )
    if found.test.shape[1:] != found.train.shape[1:]:
        raise FormatError(
            f"{files.place(path)}: pictures for training have {shown(found.train.shape[1:])} pixels, "
            f"those of the test {shown(found.test.shape[1:])}"
        )
    return found


def _digits() -> Images:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as missing:
        raise TnemuError(
            "data 'digits' come with scikit-learn, which is not installed; run: pip install "
            "scikit-learn, or give a file of pictures"
        ) from missing
    found = load_digits()
    grey = np.minimum(found.images * 16, 255).astype(np.uint8)  # 0..16 in the set
    return _split(grey, found.target.astype(np.uint8), "digits of scikit-learn (UCI, CC BY 4.0)")


def _folder(folder: Path) -> Images:
    def path(name: str) -> Path:
        packed = folder / f"{name}.gz"
        return packed if packed.exists() else folder / name

    train, train_labels, test, test_labels = (
        read_idx(path(name), axes) for name, axes in zip(IDX_NAMES, (3, 1, 3, 1), strict=True)
    )
    return Images(train, train_labels, test, test_labels, str(folder))


def _npz(path: Path) -> Images:
    pictures = {names[k]: (np.uint8, 3) for names in NPZ_NAMES for k in range(0, len(names), 2)}
    labels = {names[k]: (np.uint8, 1) for names in NPZ_NAMES for k in range(1, len(names), 2)}
    found: dict[str, Any] = files.read_npz(
        path, {}, optional=pictures | labels, error=FormatError, what="set of pictures"
    )
    for names in NPZ_NAMES:
        if names[0] in found:
            train, train_labels = found[names[0]], found.get(names[1])
            if len(names) == 2 or names[2] not in found:
                return _split(train, train_labels, str(path))
            return Images(train, train_labels, found[names[2]], found.get(names[3]), str(path))
    raise FormatError(
        f"{files.place(path)} has no pictures: it holds {shown(sorted(found))}, expected one of "
        f"{', '.join(names[0] for names in NPZ_NAMES)} (uint8 [n, rows, columns])"
    )


def _split(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8] | None, source: str
) -> Images:
    if labels is not None and len(labels) != len(images):
        raise FormatError(f"{source} has {len(images):,} pictures and {len(labels):,} labels")
    held = np.arange(len(images)) % HELD_OUT == HELD_OUT - 1
    parts = [(images[here], labels if labels is None else labels[here]) for here in (~held, held)]
    return Images(*parts[0], *parts[1], source)
