"""A folder of class folders, of pictures or of sounds, in any of three arrangements:

    PATH/train/CLASS/*   PATH/test/CLASS/*     a split of its own
    PATH/CLASS/*                               every fifth file of each class, in order, is for the test

Classes are the names of the folders, sorted; files are taken in the order of their names. Pictures
are scaled to ``shape``, sounds become log-mel pictures of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.formats.sound_file import read_sound
from tnemu.tasks.classify.data import DataError, Images, LabelledData, Part
from tnemu.tasks.classify.mel import log_mel
from tnemu.tasks.classify.pictures import SUFFIXES, read_picture

SOUNDS = (".wav",)
EVERY = 5
"""Where a folder has no split of its own, every fifth file of a class is for the test."""
MOST_FILES = 1 << 21

Shape = tuple[int, int, int]


def load_folders(path: Path, name: str, shape: Shape) -> LabelledData:
    """The data of a folder of class folders. DataError names what is missing or no picture."""
    if (path / "train").is_dir() and (path / "test").is_dir():
        classes = class_folders(path / "train")
        strange = sorted(set(class_folders(path / "test")) - set(classes))
        if strange:
            raise DataError(
                f"{files.place(path)}: test has the class {strange[0]!r}, train has not; give both the "
                "same class folders"
            )
        parts = [_listed(path / which, classes) for which in ("train", "test")]
    else:
        classes = class_folders(path)
        everything = _listed(path, classes)
        place = [k for c in range(len(classes)) for k in range(sum(x[1] == c for x in everything))]
        pairs = list(zip(everything, place, strict=True))
        parts = [
            [x for x, k in pairs if (k % EVERY == EVERY - 1) == test] for test in (False, True)
        ]
    train, test = (Part(shown([x for x, _ in part], shape), labels_of(part)) for part in parts)
    return LabelledData(name, tuple(classes), train, test)


def class_folders(path: Path) -> list[str]:
    """Names of the folders in ``path``, sorted. DataError where there are not two at least."""
    names = sorted(entry.name for entry in _entries(path) if entry.is_dir())
    names = [name for name in names if not name.startswith(".")]
    if len(names) < 2:
        raise DataError(
            f"{files.place(path)} has {len(names)} class folders, a data set has 2 or more; give the "
            "folder that holds one folder for each class"
        )
    return names


def files_in(path: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files of ``path`` with one of ``suffixes`` (lower case), in the order of their names."""
    entries = [entry.name for entry in _entries(path)]
    found = sorted(n for n in entries if os.path.splitext(n)[1].lower() in suffixes)
    return [path / n for n in found]


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            entries = [entry for entry, _ in zip(found, range(MOST_FILES), strict=False)]
    except OSError as error:
        raise DataError(
            f"cannot read folder {files.place(path)}: {error.strerror}; give the folder of the data"
        ) from None
    return entries


def _listed(path: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    """Every file of every class, with its label."""
    found = []
    for label, name in enumerate(classes):
        if (path / name).is_dir():
            found += [(file, label) for file in files_in(path / name, (*SUFFIXES, *SOUNDS))]
    return found


def labels_of(listed: Iterable[tuple[Path, int]]) -> np.ndarray:
    """int64 [n]."""
    return np.array([label for _, label in listed], np.int64)


def shown(paths: Sequence[Path], shape: Shape) -> Images:
    """uint8 [n, *shape] of pictures or sounds. DataError for sounds in other than one channel."""
    out = np.zeros((len(paths), *shape), np.uint8)
    for k, path in enumerate(paths):
        if path.suffix.lower() in SOUNDS:
            if shape[0] != 1:
                raise DataError(
                    f"{files.place(path)} is a sound, which has 1 channel, not {shape[0]}"
                )
            out[k] = log_mel(*read_sound(path), shape[1], shape[2])
        else:
            out[k] = read_picture(path, shape)
    return out
