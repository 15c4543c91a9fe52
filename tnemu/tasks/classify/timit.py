"""TIMIT in its own layout: the phones of read sentences, in the 39 classes of Lee and Hon.

    TRAIN | TEST / DR1 .. DR8 / SPEAKER / SENTENCE.WAV (NIST SPHERE or RIFF) and SENTENCE.PHN

A line of .PHN is ``first last phone`` in samples. Each phone is one picture: the log-mel of its samples and
24 ms on either side; the sentences SA1 and SA2, which everybody reads, and the glottal stop q are left out.
The test part is all of TEST. Phones of one speaker are a group.
Source: J. Garofolo et al., 1993; folding: K.-F. Lee, H.-W. Hon, 1989.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.errors import shown
from tnemu.formats.sound_file import read_sound
from tnemu.tasks.classify.data import DataError, LabelledData, Part
from tnemu.tasks.classify.folders import Shape
from tnemu.tasks.classify.mel import log_mel

CLASSES = tuple(
    "aa ae ah aw ay b ch d dh dx eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh sil t th uh uw v "
    "w y z".split()
)
FOLDED = {
    "ao": "aa",
    "ax": "ah",
    "ax-h": "ah",
    "axr": "er",
    "hv": "hh",
    "ix": "ih",
    "el": "l",
    "em": "m",
    "en": "n",
    "nx": "n",
    "eng": "ng",
    "zh": "sh",
    "ux": "uw",
    **dict.fromkeys("pcl tcl kcl bcl dcl gcl h# pau epi".split(), "sil"),
}
"""The other phones of the alphabet of 61; q is left out."""
LEFT_OUT = "q"
AROUND_S = 0.024


def load_timit(path: Path, shape: Shape) -> LabelledData:
    """Both parts. Raises DataError."""
    parts = [_part(_folder(path, name), shape) for name in ("train", "test")]
    return LabelledData("timit", CLASSES, *parts)


def _folder(path: Path, name: str) -> Path:
    roots = (path, path / "TIMIT", path / "timit", path / "TIMIT" / "TIMIT")
    for root in roots:
        for spelled in (name.upper(), name):
            if (root / spelled).is_dir():
                return root / spelled
    raise DataError(f"{files.place(path)} has no folder {name.upper()}; give the folder of TIMIT")


def _part(folder: Path, shape: Shape) -> Part:
    images, labels, speakers = [], [], []
    for number, speaker in enumerate(sorted(p for p in folder.glob("*/*") if p.is_dir())):
        listed = sorted(p for p in speaker.iterdir() if p.suffix.lower() == ".phn")
        for sentence in listed:
            if sentence.stem.lower() in ("sa1", "sa2"):
                continue
            samples, rate = read_sound(_sound(sentence))
            around = round(AROUND_S * rate)
            for first, last, label in _phones(sentence, len(samples)):
                images.append(
                    log_mel(samples[max(0, first - around) : last + around], rate, *shape[1:])
                )
                labels.append(label)
                speakers.append(number)
    stacked = np.stack(images) if images else np.zeros((0, *shape), np.uint8)
    return Part(stacked, np.array(labels, np.int64), np.array(speakers, np.int64))


def _sound(sentence: Path) -> Path:
    for suffix in (".WAV", ".wav"):
        if sentence.with_suffix(suffix).is_file():
            return sentence.with_suffix(suffix)
    raise DataError(f"{files.place(sentence)} has no .WAV beside it; unpack TIMIT again")


def _phones(path: Path, samples: int) -> list[tuple[int, int, int]]:
    """(first, last, class) of every phone that is not left out."""
    found = []
    for number, line in enumerate(files.read_text(path, error=DataError).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        name = words[-1].lower()
        if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
            raise DataError(
                f"{files.place(path)}, line {number}: {shown(line)} is not first last phone"
            )
        first, last = int(words[0]), int(words[1])
        folded = FOLDED.get(name, name)
        if name == LEFT_OUT:
            continue
        if folded not in CLASSES or not first < min(last, samples):
            raise DataError(
                f"{files.place(path)}, line {number}: {shown(line)} is no phone of TIMIT in {samples:,} "
                "samples; get the file again"
            )
        found.append((first, last, CLASSES.index(folded)))
    return found
