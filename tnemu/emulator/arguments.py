"""What callers hand over, looked at once, where it enters: nothing is rounded, wrapped or guessed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.errors import EmulatorError, InputError
from tnemu.hardware.image import BoardImage

INT64_MAX = (1 << 63) - 1


def shown(value: object, length: int = 60) -> str:
    """repr of a value in at most about ``length`` characters."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}..."


def whole_number(
    name: str, value: object, low: int, high: int, kind: type[EmulatorError] | type[InputError]
) -> int:
    """``value`` as an int of ``low``..``high``, also a numpy integer; True and 1.0 are none."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not low <= int(value) <= high:  # type: ignore[call-overload]
        raise kind(f"{name} = {shown(value)} is not possible; use a whole number, {low}..{high}")
    return int(value)  # type: ignore[call-overload]


def whole_array(name: str, value: npt.ArrayLike) -> npt.NDArray[np.integer[Any]]:
    """``value`` as an array of whole numbers that int64 holds, or an InputError; empty is allowed."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise InputError(
            f"{name} = {shown(value)} is no array; give a whole number, or rows of one length"
        ) from None
    if array.size == 0:
        return array.astype(np.int64) if array.dtype.kind in "biuf" else np.zeros(0, np.int64)
    if array.dtype.kind == "O" and all(type(item) is int for item in array.flat):
        for item in array.flat:
            if not -INT64_MAX <= item <= INT64_MAX:
                raise InputError(f"{name} = {shown(item)} is more than a whole number here may be")
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise InputError(
            f"{name} = {shown(value)} is not a whole number; round it before it gets here"
        )
    if array.dtype == np.uint64 and int(array.max()) > INT64_MAX:
        raise InputError(f"{name} = {int(array.max())} is more than a whole number here may be")
    return array


def flag(name: str, value: object) -> bool:
    """``value`` if it is True or False, numpy's own included."""
    if not isinstance(value, bool | np.bool_):
        raise EmulatorError(f"{name} = {shown(value)} is not possible; use True or False")
    return bool(value)


def image_of(given: object, what: str) -> BoardImage:
    """The board image itself, or that of a plan; frozen and checked."""
    image = given if isinstance(given, BoardImage) else getattr(given, "image", None)
    if not isinstance(image, BoardImage):
        advice = "; open a folder with BoardImage.load" if isinstance(given, str | Path) else ""
        raise EmulatorError(
            f"{what} runs a BoardImage, or a plan that has one; {shown(given)} is a "
            f"{type(given).__name__}{advice}"
        )
    image.validate()  # compiled code checks no bounds
    return image


def path_of(name: str, value: object) -> Path:
    """``value`` as a path, or an EmulatorError."""
    if not isinstance(value, str | os.PathLike):
        raise EmulatorError(f"{name} = {shown(value)} is not a path; give the name of a file")
    return Path(os.fsdecode(value))


def recorded_cores(value: object, cores: int) -> npt.NDArray[np.bool_]:
    """bool [n] of ``record_spikes``: True, False, or indices of cores."""
    if isinstance(value, bool | np.bool_):
        return np.full(cores, bool(value))
    indices = whole_array("record_spikes", value)  # type: ignore[arg-type]
    if indices.ndim != 1:
        raise InputError(
            f"record_spikes = {shown(value)} is not possible; use True, False, or a list of core indices"
        )
    bad = (indices < 0) | (indices >= cores)
    if bad.any():
        raise InputError(
            f"core {int(indices[bad][0])} cannot be recorded; the image has cores 0..{cores - 1}"
        )
    recorded = np.zeros(cores, np.bool_)
    recorded[indices] = True
    return recorded
