"""What callers hand over, looked at once, where it enters: nothing is rounded, wrapped or guessed."""

from __future__ import annotations

from collections.abc import ItemsView, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tnemu.emulator.errors import EmulatorError, InputError
from tnemu.errors import shown
from tnemu.hardware.exact import exact
from tnemu.hardware.image import BoardImage


class Pictured(Protocol):
    """What has a board image, as a plan does."""

    @property
    def image(self) -> BoardImage:
        """The image."""
        ...


def whole_array(
    name: str, value: npt.ArrayLike, low: int, high: int, then: str
) -> npt.NDArray[np.int64]:
    """``value`` as int64 in ``low``..``high``, or an InputError; floats and booleans are refused."""
    if isinstance(value, np.ndarray):
        value = np.array(value)  # plain, and nobody else's: what is checked is what is used
        fits = value.dtype.kind in "iu" and value.size
        if fits and low <= int(value.min()) and int(value.max()) <= high:
            return value.astype(np.int64, copy=False)
    given = getattr(value, "dtype", None)
    if not isinstance(given, np.dtype):
        given = None
        with suppress(Exception):  # what is no array at all is refused below, in words
            given = np.asarray(value).dtype
    if given is not None and given.kind in "bf" and np.size(value):
        raise InputError(
            f"{name} = {shown(value)}: must be a whole number in {low}..{high}; {then}"
        )
    return exact(value, np.int64, name, InputError, low=low, high=high, then=then)


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
    image.still_whole()  # engines read it once more, while they are made
    return image


def pins_by_name(spikes: Mapping[str, Any] | None) -> ItemsView[str, Any]:
    """Name and pins of every input that ``spikes`` maps, or an InputError."""
    if spikes is not None and not isinstance(spikes, Mapping):
        raise InputError(
            f"spikes = {shown(spikes)}: must map names of inputs to pins; write {{'name': pins}}"
        )
    return (spikes or {}).items()


def recorded_cores(value: Any, cores: int) -> npt.NDArray[np.bool_]:
    """bool [n] of ``record_spikes``: True, False, or indices of cores."""
    if isinstance(value, bool | np.bool_):
        return np.full(cores, bool(value))
    indices = whole_array(
        "record_spikes", value, 0, cores - 1, "use True, False, or a list of core indices"
    )
    if indices.ndim != 1:
        raise InputError(
            f"record_spikes = {shown(value)}: must be True, False, or a list of core indices"
        )
    recorded = np.zeros(cores, np.bool_)
    recorded[indices] = True
    return recorded
