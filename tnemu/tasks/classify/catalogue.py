"""The data sets that are known by name: how each is read, checked and shown.

:func:`load` gives the data of a set from a path. Whatever the set, a path to an .npz file is read as
arrays (tnemu.tasks.classify.arrays), whose counts are its own; a folder is read in the official
layouts, whose counts, and hashes where they were published, are checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tnemu import files
from tnemu.errors import one_of
from tnemu.tasks.classify.arrays import load_arrays
from tnemu.tasks.classify.contrast import normalised
from tnemu.tasks.classify.data import DataError, LabelledData, Part, check_counts

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Published:
    """A row of Table 1 of Esser et al. (PNAS 2016): one chip, 1.0 V, each tick one frame."""

    accuracy: float
    cores: int
    frames_per_second: float
    power_mw: float
    frames_per_second_per_watt: float


@dataclass(frozen=True)
class DataSet:
    """One data set.

    title        what it is
    loader       "module:function" of (path, shape, **more) -> LabelledData, for folders
    layout       what the path holds, for messages and help
    shape        (channels, rows, columns) that it is shown in
    counts       pictures that were published, (train, test); None: not checked
    contrast     whether every picture's contrast is made equal
    flip, shift  what training may do to a picture: mirror it, move it by so many pixels
    turn, zoom   turn it by so many degrees, scale it by up to this share
    preset       network that it is trained with by default
    licence      of the data
    """

    title: str
    loader: str
    layout: str
    shape: Shape
    counts: tuple[int, int] | None = None
    contrast: bool = False
    flip: bool = False
    shift: int = 2
    turn: float = 0.0
    zoom: float = 0.0
    preset: str = "small"
    licence: str = "not stated"
    classes: int = 0
    published: Published | None = None
    more: dict[str, Any] = field(default_factory=dict)


_HERE = "tnemu.tasks.classify"
_SOUND = "sounds as log-mel pictures, see tnemu.tasks.classify.mel"
DATA_SETS: dict[str, DataSet] = {
    "digits": DataSet(
        "8 x 8 handwritten digits that come with tnemu (UCI; as in scikit-learn)",
        f"{_HERE}.digits:load_digits",
        "no path is needed",
        (1, 8, 8),
        (1437, 360),
        shift=0,
        turn=10,
        zoom=0.1,
        preset="tiny",
        licence="CC BY 4.0",
        classes=10,
    ),
    "mnist": DataSet(
        "MNIST, handwritten digits",
        f"{_HERE}.idx:load_idx",
        "the four IDX files, plain or .gz",
        (1, 28, 28),
        (60000, 10000),
        turn=10,
        zoom=0.1,
        classes=10,
        more={"name": "mnist"},
    ),
    "fashion-mnist": DataSet(
        "Fashion-MNIST, clothes",
        f"{_HERE}.idx:load_idx",
        "the four IDX files, plain or .gz",
        (1, 28, 28),
        (60000, 10000),
        flip=True,
        licence="MIT",
        classes=10,
        more={"name": "fashion-mnist"},
    ),
    "cifar10": DataSet(
        "CIFAR-10, small photographs",
        f"{_HERE}.cifar:load_cifar10",
        "data_batch_1 ... test_batch (python), or data_batch_1.bin ... (binary), or train/ and test/ with "
        "a folder for each class",
        (3, 32, 32),
        (50000, 10000),
        flip=True,
        shift=4,
        contrast=True,
        classes=10,
        published=Published(83.41, 4042, 1249, 204.4, 6108.6),
    ),
    "cifar100": DataSet(
        "CIFAR-100, small photographs of 100 classes",
        f"{_HERE}.cifar:load_cifar100",
        "train, test, meta (python), or train.bin, test.bin (binary), or train/ and test/ with a folder "
        "for each class",
        (3, 32, 32),
        (50000, 10000),
        flip=True,
        shift=4,
        contrast=True,
        preset="one",
        classes=100,
        published=Published(55.64, 4042, 1526, 207.8, 7343.7),
    ),
    "svhn": DataSet(
        "Street View House Numbers, cropped digits",
        f"{_HERE}.svhn:load_svhn",
        "train_32x32.mat and test_32x32.mat",
        (3, 32, 32),
        (73257, 26032),
        contrast=True,
        licence="non-commercial use only",
        classes=10,
        published=Published(96.66, 4042, 2526, 256.5, 9849.9),
    ),
    "gtsrb": DataSet(
        "German Traffic Sign Recognition Benchmark",
        f"{_HERE}.gtsrb:load_gtsrb",
        "Final_Training/Images/00000 ... and Final_Test/Images with GT-final_test.csv; or an .npz file of "
        "resized arrays",
        (3, 32, 32),
        (39209, 12630),
        contrast=True,
        turn=8,
        zoom=0.12,
        classes=43,
        published=Published(96.50, 4042, 1615, 200.6, 8051.8),
    ),
    "logo32": DataSet(
        "FlickrLogos-32, brands",
        f"{_HERE}.logos:load_logos",
        "classes/jpg, classes/masks and the lists trainset.relpaths.txt ...",
        (3, 32, 32),
        contrast=True,
        flip=False,
        turn=8,
        zoom=0.12,
        licence="research only",
        classes=32,
        published=Published(85.70, 3236, 1775, 171.7, 10335.5),
    ),
    "spoken-digits": DataSet(
        f"Free Spoken Digit Dataset; {_SOUND}",
        f"{_HERE}.spoken:load_spoken",
        "the folder recordings of DIGIT_SPEAKER_TAKE.wav",
        (1, 32, 32),
        shift=3,
        zoom=0.1,
        licence="CC BY-SA 4.0",
        classes=10,
    ),
    "timit": DataSet(
        f"TIMIT, 39 classes of phones; {_SOUND}",
        f"{_HERE}.timit:load_timit",
        "TRAIN and TEST with DRn/SPEAKER/SENTENCE.WAV and .PHN",
        (1, 32, 32),
        licence="Linguistic Data Consortium",
        classes=39,
        published=Published(79.16, 1943, 2610, 142.6, 18300.1),
    ),
    "pictures": DataSet(
        "any folder of class folders of pictures",
        f"{_HERE}.folders:load_folders",
        "a folder for each class, or train/ and test/ with such folders; or an .npz file",
        (3, 32, 32),
        contrast=True,
        more={"name": "pictures"},
    ),
    "sounds": DataSet(
        f"any folder of class folders of wav files; {_SOUND}",
        f"{_HERE}.folders:load_folders",
        "a folder for each class, or train/ and test/ with such folders; or an .npz file",
        (1, 32, 32),
        more={"name": "sounds"},
    ),
}
"""By the name that a user types."""


def data_set(name: str) -> DataSet:
    """What is known of a data set; DataError with near names for one that is not there."""
    return DATA_SETS[one_of("data set", name, DATA_SETS, error=DataError)]


def load(
    name: str,
    path: str | Path | None,
    contrast: bool | None = None,
    shape: Shape | None = None,
    **more: Any,
) -> LabelledData:
    """The data of set ``name`` at ``path``, checked, as a network is shown it.

    ``contrast`` False shows pictures as they are; None: as is usual for the set. ``shape``: in which
    folders of pictures are shown, if not the set's usual one. ``more`` goes to the set's loader
    (``unseen``, a speaker of spoken-digits). Raises DataError.
    """
    known = data_set(name)
    if path is None and name != "digits":
        raise DataError(f"data set {name!r} needs --data PATH: {known.layout}")
    place = None if path is None else Path(path)
    if place is not None and place.suffix == ".npz" and name != "digits":
        data = load_arrays(place, name)
    else:
        if place is not None and not place.exists():
            raise DataError(f"there is no {files.place(place)}; give --data PATH: {known.layout}")
        data = _loader(known.loader)(
            place,
            **({} if name == "digits" else {"shape": shape or known.shape}),
            **known.more,
            **more,
        )
        if known.counts and not more:
            check_counts(name, data, known.counts)
    if known.classes and len(data.classes) != known.classes:
        raise DataError(
            f"{files.place(place or '')}: {len(data.classes)} classes, {name} has {known.classes}; give "
            "another path, or another data set"
        )
    if known.contrast if contrast is None else contrast:
        parts = (Part(normalised(p.images), p.labels, p.groups) for p in (data.train, data.test))
        data = LabelledData(data.name, data.classes, *parts)
    return data


def _loader(where: str) -> Callable[..., LabelledData]:
    module, _, name = where.partition(":")
    found: Callable[..., LabelledData] = getattr(import_module(module), name)
    return found
