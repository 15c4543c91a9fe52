"""German Traffic Sign Recognition Benchmark in its official layout.

    Final_Training/Images/00000 ... 00042/TRACK_FRAME.ppm     GT-00000.csv ...: the sign's box and class
    Final_Test/Images/00000.ppm ...                           GT-final_test.csv

A picture is cut to its sign's box (Roi.X1 .. Roi.Y2, both ends inside) and scaled. Frames of one track
show one sign: they are a group, so that validation sees other signs. The list of the test part with
classes (GT-final_test.csv) comes in an archive of its own.
Source: J. Stallkamp, M. Schlipsing, J. Salmen, C. Igel, 2012.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.errors import shown
from tnemu.tasks.classify.data import DataError, LabelledData, Part
from tnemu.tasks.classify.folders import Shape
from tnemu.tasks.classify.pictures import Box, read_picture

CLASSES = 43
_COLUMNS = ("Filename", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId")


def load_gtsrb(path: Path, shape: Shape) -> LabelledData:
    """Both parts. Raises DataError."""
    root = next((p for p in (path, path / "GTSRB") if (p / "Final_Training").is_dir()), None)
    if root is None:
        raise DataError(
            f"{files.place(path)} has no Final_Training; give the folder GTSRB as it was unpacked"
        )
    rows, groups = [], []
    for label in range(CLASSES):
        folder = root / "Final_Training" / "Images" / f"{label:05}"
        for file, box, said in _listed(folder / f"GT-{label:05}.csv", folder):
            if said != label:
                raise DataError(f"{files.place(file)} is of class {said} in the folder of {label}")
            rows.append((file, box, label))
            groups.append((label, file.name.partition("_")[0]))
    numbers = {track: number for number, track in enumerate(dict.fromkeys(groups))}
    train = _part(rows, shape, np.array([numbers[track] for track in groups], np.int64))
    images = root / "Final_Test" / "Images"
    lists = (images / "GT-final_test.csv", root / "GT-final_test.csv", path / "GT-final_test.csv")
    listed = next((file for file in lists if file.is_file()), lists[0])
    test = _part(_listed(listed, images), shape)
    return LabelledData("gtsrb", tuple(str(k) for k in range(CLASSES)), train, test)


def _part(
    rows: list[tuple[Path, Box, int]], shape: Shape, groups: np.ndarray | None = None
) -> Part:
    images = np.zeros((len(rows), *shape), np.uint8)
    for k, (file, box, _) in enumerate(rows):
        images[k] = read_picture(file, shape, box)
    return Part(images, np.array([label for *_, label in rows], np.int64), groups)


def _listed(path: Path, folder: Path) -> list[tuple[Path, Box, int]]:
    """(picture, box, class) of every row of a list with semicolons."""
    text = files.read_text(path, error=DataError, what="list of signs")
    rows = []
    for number, row in enumerate(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"), 2):
        try:
            name, *numbers = (row[column] for column in _COLUMNS)
            x1, y1, x2, y2, label = map(int, numbers)
        except (KeyError, TypeError, ValueError):
            raise DataError(
                f"{files.place(path)}, line {number}: needs {'; '.join(_COLUMNS)}, has "
                f"{shown(row)}; get the list with classes"
            ) from None
        if "/" in name or name.startswith("."):
            raise DataError(
                f"{files.place(path)}, line {number}: {shown(name)} is no picture's name"
            )
        rows.append((folder / name, (x1, y1, x2 + 1, y2 + 1), label))
    return rows
