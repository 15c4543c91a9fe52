"""FlickrLogos-32: brands in photographs, cut out by their boxes.

    classes/jpg/BRAND/PICTURE.jpg    classes/masks/BRAND/PICTURE.jpg.bboxes.txt: a heading, then x y width height
    trainset.relpaths.txt, valset-logosonly.relpaths.txt: training; testset-logosonly.relpaths.txt: test

Each box is a picture of its brand; training and validation lists are the training part, as nothing but the
test part judges. Pictures without a logo are left out. Source: S. Romberg et al., 2011, version 2. Esser et al.
(2016) do not say how they cut theirs, so accuracies compare with the paper's at most roughly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.errors import shown
from tnemu.tasks.classify.data import DataError, LabelledData, Part
from tnemu.tasks.classify.folders import Shape, class_folders
from tnemu.tasks.classify.pictures import Box, read_picture

LISTS = {
    "train": ("trainset.relpaths.txt", "valset-logosonly.relpaths.txt"),
    "test": ("testset-logosonly.relpaths.txt",),
}
_NONE = "no-logo"


def load_logos(path: Path, shape: Shape) -> LabelledData:
    """Both parts. Raises DataError."""
    root = path / "FlickrLogos-v2" if (path / "FlickrLogos-v2").is_dir() else path
    brands = [name for name in class_folders(root / "classes" / "jpg") if name != _NONE]
    parts = [_part(root, names, brands, shape) for names in LISTS.values()]
    return LabelledData("logo32", tuple(brands), *parts)


def _part(root: Path, lists: tuple[str, ...], brands: list[str], shape: Shape) -> Part:
    images, labels = [], []
    for name in lists:
        text = files.read_text(root / name, error=DataError, what="list of pictures")
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            words = line.strip().split("/")
            if len(words) != 4 or words[:2] != ["classes", "jpg"] or ".." in words:
                raise DataError(
                    f"{files.place(root / name)}, line {number}: {shown(line)} is not "
                    "classes/jpg/BRAND/PICTURE; give the lists of version 2"
                )
            brand, picture = words[2:]
            if brand not in brands:
                continue
            for box in _boxes(root / "classes" / "masks" / brand / f"{picture}.bboxes.txt"):
                images.append(read_picture(root / "classes" / "jpg" / brand / picture, shape, box))
                labels.append(brands.index(brand))
    stacked = np.stack(images) if images else np.zeros((0, *shape), np.uint8)
    return Part(stacked, np.array(labels, np.int64))


def _boxes(path: Path) -> list[Box]:
    boxes = []
    for number, line in enumerate(files.read_text(path, error=DataError).splitlines(), 1):
        words = line.split()
        if not words or not words[0].lstrip("-").isdigit():
            continue  # the heading "x y width height"
        try:
            x, y, width, height = map(int, words)
        except ValueError:
            raise DataError(
                f"{files.place(path)}, line {number}: {shown(line)} is not x y width height"
            ) from None
        boxes.append((x, y, x + width, y + height))
    return boxes
