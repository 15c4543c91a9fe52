"""1,797 handwritten digits of 8 x 8 pixels, which come with tnemu: a data set with nothing given.

Grey levels 0..16 are shown as 0..255. They are the test set of the "Optical Recognition of Handwritten
Digits" of E. Alpaydin and C. Kaynak (UCI Machine Learning Repository, 1998, CC BY 4.0), as scikit-learn
ships them, unchanged. The split is ours, for scikit-learn names none: the first 1,437 are for training,
the last 360 for the test; the digits are in the order of their 13 writers, so most test digits are
of people who wrote no training digit.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.files.npz import Member
from tnemu.tasks.classify.data import DataError, LabelledData, Part

TRAINING = 1437


def load_digits(path: Path | None = None) -> LabelledData:
    """The digits; ``path`` may name another file of ``images`` uint8 [n, 8, 8] and ``labels``."""
    own = Path(str(resources.files("tnemu.tasks.classify") / "digits.npz"))
    members: dict[str, Member] = {"images": (np.uint8, (None, 8, 8)), "labels": (np.uint8, 1)}
    found = files.read_npz(path or own, members, error=DataError, what="digits")
    images = np.rint(found["images"].astype(np.float64) * 255 / 16).clip(0, 255).astype(np.uint8)
    labels = found["labels"].astype(np.int64)
    whole = Part(images[:, None], labels)
    where = np.arange(len(whole))
    classes = tuple("0123456789")
    return LabelledData(
        "digits", classes, whole.take(where[:TRAINING]), whole.take(where[TRAINING:])
    )
