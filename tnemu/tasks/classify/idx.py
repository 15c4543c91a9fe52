"""MNIST and its relatives: four IDX files in one folder, plain or packed by gzip.

Packed files that carry the published names are compared with their published MD5.
Sources: Y. LeCun, C. Cortes, C. Burges, the MNIST database; H. Xiao et al., Fashion-MNIST (MIT).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.formats.idx import read_idx
from tnemu.tasks.classify.data import DataError, LabelledData, Part
from tnemu.tasks.classify.hashes import check_md5

NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
MD5 = {
    "mnist": {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
}
CLASSES = {
    "fashion-mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
}


def load_idx(path: Path, shape: tuple[int, int, int], name: str) -> LabelledData:
    """The data of ``name``, "mnist" or "fashion-mnist". Raises DataError, or FormatError for a
    damaged file.
    """
    parts = [_part(path, names, MD5[name]) for names in NAMES.values()]
    classes = CLASSES.get(name, tuple("0123456789"))
    for part in parts:
        if part.images.shape[1:] != shape:
            raise DataError(
                f"{files.place(path)}: pictures of {list(part.images.shape[2:])}, {name} has "
                f"{list(shape[1:])}; give another folder"
            )
    return LabelledData(name, classes, *parts)


def _part(folder: Path, names: tuple[str, str], md5: dict[str, str]) -> Part:
    images, labels = (
        read_idx(_file(folder, name, md5), axes) for name, axes in zip(names, (3, 1), strict=True)
    )
    return Part(images[:, None], labels.astype(np.int64))


def _file(folder: Path, name: str, md5: dict[str, str]) -> Path:
    """The file of that name, or of its other spelling (a dot before idx), or packed."""
    for spelled in (name, name.replace("-idx", ".idx")):
        for end in ("", ".gz"):
            path = folder / (spelled + end)
            if path.is_file():
                if spelled + end in md5:
                    check_md5(path, md5[spelled + end])
                return path
    raise DataError(
        f"{files.place(folder)} has no {name} nor {name}.gz; give the folder of the four IDX files"
    )
