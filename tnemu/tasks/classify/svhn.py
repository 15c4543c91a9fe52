"""Street View House Numbers, cropped digits: train_32x32.mat and test_32x32.mat.

X uint8 [32, 32, 3, n] and y [n, 1], in which 10 stands for the digit 0. The published files are known
by their MD5. The extra part is not read. Source: Y. Netzer et al., 2011.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.formats.mat_file import read_mat
from tnemu.tasks.classify.data import DataError, Images, LabelledData, Part
from tnemu.tasks.classify.hashes import check_md5

MD5 = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}


def load_svhn(path: Path, shape: tuple[int, int, int]) -> LabelledData:
    """Both parts. Raises DataError."""
    return LabelledData("svhn", tuple("0123456789"), *(_part(path / name) for name in MD5))


def _part(path: Path) -> Part:
    check_md5(path, MD5[path.name])
    held = read_mat(path)
    images, labels = held.get("X"), held.get("y")
    if (
        images is None
        or labels is None
        or images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[:3] != (32, 32, 3)
        or labels.size != images.shape[3]
        or not np.isin(labels, np.arange(1, 11)).all()
    ):
        raise DataError(
            f"{files.place(path)} is no part of SVHN: it needs X uint8 [32, 32, 3, n] and n labels 1..10"
        )
    pictures: Images = np.ascontiguousarray(images.transpose(3, 2, 0, 1)).astype(np.uint8)
    return Part(pictures, labels.ravel().astype(np.int64) % 10)
