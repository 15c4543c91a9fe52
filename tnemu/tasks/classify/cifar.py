"""CIFAR-10 and CIFAR-100 in their three layouts: python pickles, binary records, folders of pictures.

python   data uint8 [n, 3072] (red, green, blue plane, each row by row), labels or fine_labels
binary   records of 1 label byte (CIFAR-100: coarse, then fine) and 3,072 picture bytes
folders  train/CLASS/*.png and test/CLASS/*.png

The published files are known by their MD5. Source: A. Krizhevsky, 2009.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tnemu import files
from tnemu.formats.plain_pickle import read_plain_pickle
from tnemu.tasks.classify.data import DataError, LabelledData, Part
from tnemu.tasks.classify.folders import load_folders
from tnemu.tasks.classify.hashes import check_md5

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
PIXELS = 3072
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
}
_BATCHES = tuple(f"data_batch_{k}" for k in range(1, 6))
MOST_BYTES = 1 << 29


def load_cifar10(path: Path, shape: tuple[int, int, int]) -> LabelledData:
    """CIFAR-10 in whichever layout ``path`` has. Raises DataError."""
    folder = _inside(path, "cifar-10-batches-py", "cifar-10-batches-bin")
    if (folder / "test_batch").is_file():
        parts = [_pickled(folder, names, "labels") for names in (_BATCHES, ("test_batch",))]
    elif (folder / "test_batch.bin").is_file():
        parts = [_binary(folder, names, 1) for names in (_BATCHES, ("test_batch",))]
    else:
        return _pictures(path, "cifar10", shape, CIFAR10_CLASSES)
    return LabelledData("cifar10", CIFAR10_CLASSES, *parts)


def load_cifar100(path: Path, shape: tuple[int, int, int]) -> LabelledData:
    """CIFAR-100, its 100 fine classes, in whichever layout ``path`` has. Raises DataError."""
    folder = _inside(path, "cifar-100-python", "cifar-100-binary")
    if (folder / "train").is_file():
        meta = read_plain_pickle(folder / "meta")
        names = meta.get("fine_label_names") if isinstance(meta, dict) else None
        if not isinstance(names, list) or not all(isinstance(n, str | bytes) for n in names):
            raise DataError(
                f"{files.place(folder / 'meta')} names no fine_label_names; get it again"
            )
        classes = tuple(n.decode("latin-1") if isinstance(n, bytes) else n for n in names)
        parts = [_pickled(folder, (name,), "fine_labels") for name in ("train", "test")]
    elif (folder / "train.bin").is_file():
        text = files.read_text(folder / "fine_label_names.txt", error=DataError)
        classes = tuple(text.split())
        parts = [_binary(folder, (name,), 2) for name in ("train", "test")]
    else:
        return _pictures(path, "cifar100", shape, ())
    return LabelledData("cifar100", classes, *parts)


def _inside(path: Path, *names: str) -> Path:
    """The folder that an archive unpacks to, if ``path`` is the one around it."""
    return next((path / name for name in names if (path / name).is_dir()), path)


def _pictures(
    path: Path, name: str, shape: tuple[int, int, int], classes: tuple[str, ...]
) -> LabelledData:
    if not (path / "train").is_dir() or not (path / "test").is_dir():
        raise DataError(
            f"{files.place(path)} holds {name} in none of its layouts: no batches of python or binary, no "
            "folders train and test; give the folder that was unpacked"
        )
    data = load_folders(path, name, shape)
    if classes and data.classes != classes:
        raise DataError(
            f"{files.place(path)}: the class folders are {', '.join(data.classes)}; {name} has "
            f"{', '.join(classes)}"
        )
    return data


def _pickled(folder: Path, names: tuple[str, ...], key: str) -> Part:
    images, labels = [], []
    for name in names:
        path = folder / name
        check_md5(path, MD5[name])
        held: Any = read_plain_pickle(path)
        data, said = (held.get(k) if isinstance(held, dict) else None for k in ("data", key))
        if (
            not isinstance(data, np.ndarray)
            or data.dtype != np.uint8
            or data.ndim != 2
            or data.shape[1] != PIXELS
            or not isinstance(said, list)
            or len(said) != len(data)
            or not all(isinstance(label, int) for label in said)
        ):
            raise DataError(
                f"{files.place(path)} is no batch of CIFAR: it needs data uint8 [n, {PIXELS}] and n "
                f"{key}; get it again"
            )
        images.append(data)
        labels += said
    return Part(np.concatenate(images).reshape(-1, 3, 32, 32), np.array(labels, np.int64))


def _binary(folder: Path, names: tuple[str, ...], labels: int) -> Part:
    records = []
    for name in names:
        path = folder / f"{name}.bin"
        data = files.read_bytes(path, error=DataError, what="CIFAR batch", most_bytes=MOST_BYTES)
        if not data or len(data) % (PIXELS + labels):
            raise DataError(
                f"{files.place(path)} has {len(data):,} bytes, no multiple of the {PIXELS + labels:,} of a "
                "record; it is cut off, get it again"
            )
        records.append(np.frombuffer(data, np.uint8).reshape(-1, PIXELS + labels))
    held = np.concatenate(records)
    images = np.ascontiguousarray(held[:, labels:]).reshape(-1, 3, 32, 32)
    return Part(images, held[:, labels - 1].astype(np.int64))
