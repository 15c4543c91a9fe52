"""Arrays that nobody can write to any more, so that what was checked is what will run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

CACHE_LINE = 64


def read_only(array: npt.ArrayLike) -> npt.NDArray[Any]:
    """The array itself if nobody can write to it, else a copy of it; contiguous and aligned.

    Somebody can where it, or anything that it is a view of, is writable. A copy begins on a cache line,
    so that an engine can use it as it is. Subclasses of arrays (masked, mapped) become plain arrays.
    Raises ValueError for what is no array.
    """
    plain = np.asarray(array)
    safe = plain.flags.c_contiguous and plain.flags.aligned and not _writable(plain)
    if safe or plain.dtype.hasobject:
        return plain
    memory = np.zeros(plain.nbytes + CACHE_LINE, np.uint8)
    copy = np.ndarray(plain.shape, plain.dtype, memory, -memory.ctypes.data % CACHE_LINE)
    copy[...] = plain
    memory.flags.writeable = copy.flags.writeable = False
    return copy


def _writable(array: npt.NDArray[Any]) -> bool:
    """Whether the array, or whatever it is a view of, can be written to."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return True
        base = base.base
    try:
        return base is not None and not memoryview(base).readonly
    except TypeError:
        return True  # it does not say
