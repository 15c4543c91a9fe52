"""Free Spoken Digit Dataset: ``recordings/DIGIT_SPEAKER_TAKE.wav``, 8 kHz, six speakers, 50 takes each.

Official split: takes 0-4 of every speaker and digit are for the test, the others for training. With
``unseen`` the takes of one speaker are the test part and those of the others the training part.
Source: Z. Jackson et al., github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.tasks.classify.data import DataError, LabelledData, Part
from tnemu.tasks.classify.folders import SOUNDS, Shape, files_in, shown

TEST_TAKES = 5
_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")


def load_spoken(path: Path, shape: Shape, unseen: str = "") -> LabelledData:
    """The digits as log-mel pictures of ``shape``. DataError for a folder without recordings, and for
    a speaker that nobody is.
    """
    folder = path / "recordings" if (path / "recordings").is_dir() else path
    found = [(file, _NAME.fullmatch(file.name)) for file in files_in(folder, SOUNDS)]
    named = [(file, m) for file, m in found if m]
    if not named:
        raise DataError(
            f"{files.place(folder)} holds no DIGIT_SPEAKER_TAKE.wav; give the folder 'recordings' of the "
            "Free Spoken Digit Dataset"
        )
    speakers = sorted({m[2] for _, m in named})
    if unseen and unseen not in speakers:
        raise DataError(f"speaker {unseen!r} is not there; choose among {', '.join(speakers)}")
    images = shown([file for file, _ in named], shape)
    labels = np.array([int(m[1]) for _, m in named], np.int64)
    who = np.array([speakers.index(m[2]) for _, m in named])
    takes = np.array([int(m[3]) for _, m in named])
    test = who == speakers.index(unseen) if unseen else takes < TEST_TAKES
    whole = Part(images, labels)
    train, held = (whole.take(np.flatnonzero(mask)) for mask in (~test, test))
    return LabelledData("spoken-digits", tuple("0123456789"), train, held)
