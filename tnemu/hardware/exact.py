"""Arrays from callers: converted to the type that is stored, never changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError, shown
from tnemu.hardware.errors import RangeError


def exact(
    values: npt.ArrayLike,
    dtype: npt.DTypeLike,
    what: str,
    error: type[TnemuError] = RangeError,
    *,
    low: int | None = None,
    high: int | None = None,
    then: str = "correct the value, nothing is rounded or cut",
) -> npt.NDArray[Any]:
    """``values`` as an array of ``dtype`` that holds the same values.

    ``dtype`` is an integer type or bool; ``low`` and ``high`` narrow its range. Booleans are 0 and 1,
    and floats are taken if they are whole, so that ``np.eye(n)`` is a crossbar. No copy is made of an
    array that has the type already.

    Raises ``error``, naming ``what``, the first wrong value and its place: a value that is not
    whole or is outside the range, NaN, text, other objects, rows of unequal lengths.

    >>> exact([1.0, -1.0], np.int8, "weights").tolist()
    [1, -1]
    """
    wanted = np.dtype(dtype)
    lowest, highest = _limits(wanted)
    low, high = lowest if low is None else low, highest if high is None else high
    must = f"must be a whole number in {low}..{high}"
    try:
        given = np.asarray(values)
    except ValueError as ragged:
        raise error(f"{what} = {shown(values)}: its rows have unequal lengths") from ragged
    except Exception as foreign:  # whatever a foreign __array__ raises
        raise error(f"{what} = {shown(values)} is no array of numbers: {must}") from foreign
    if given.size == 0:
        return given.astype(wanted)
    if given.dtype.kind not in "biuf":
        wrong = np.ones(given.shape, bool) if given.dtype.kind != "O" else _no_int64(given)
        if wrong.any():
            raise error(f"{_place(what, wrong, given)}: {must}; {then}")
        given = given.astype(np.int64)
    wrong = _outside(given, low, high)
    if wrong.any():
        raise error(f"{_place(what, wrong, given)}: {must}; {then}")
    return given.astype(wanted, copy=False)


def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype.kind == "b":
        return 0, 1
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _outside(given: npt.NDArray[Any], low: int, high: int) -> npt.NDArray[np.bool_]:
    """True where a number is not a whole one in low..high."""
    if given.dtype.kind != "f":
        numbers = given.astype(np.uint8) if given.dtype.kind == "b" else given
        kind = numbers.dtype.type
        least, most = _limits(numbers.dtype)
        # Compared in their own type: numpy before 2.2 may end the process at a limit beyond it.
        below = numbers < kind(min(low, most)) if low > least else np.zeros(numbers.shape, bool)
        above = numbers > kind(max(high, least)) if high < most else np.zeros(numbers.shape, bool)
        return below | above | (low > most) | (high < least)
    wide = given.astype(np.promote_types(given.dtype, np.float64))
    # high + 1 is a float where high, such as 2**63 - 1, is none; NaN is on no side of anything
    return ~((wide >= low) & (wide < high + 1)) | (wide != np.floor(wide))


def _no_int64(given: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """True where an object is no whole number of 64 bits."""

    def wrong(value: object) -> bool:
        if isinstance(value, float | np.floating) and float(value).is_integer():
            value = int(value)
        return not (isinstance(value, int | np.integer) and -(2**63) <= int(value) < 2**63)

    return np.asarray(np.frompyfunc(wrong, 1, 1)(given), bool)


def _place(what: str, wrong: npt.NDArray[np.bool_], given: npt.NDArray[Any]) -> str:
    """``what[row, column] = value`` of the first wrong value."""
    where = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    index = f"[{', '.join(str(int(k)) for k in where)}]" if where else ""
    value = given[where]
    return f"{what}{index} = {shown(value.item() if isinstance(value, np.generic) else value)}"
