"""The error everything raises, the words it is made of, and the checks of what callers pass.

Each message names the object, its value, the limit and the next step. This module imports nothing of
tnemu and no numpy: every room may use it.
"""

from __future__ import annotations

import datetime
import enum
import math
import numbers
import operator
import pathlib
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any

_MOST_ITEMS = 8
_MOST_DEPTH = 3
_MOST_NAMES = 12
_LONGEST_NAME = 100
_DATES = (datetime.date, datetime.time, datetime.timedelta)
_SMALL = (bool, float, complex, range, type(None), type(Ellipsis), pathlib.PurePath, *_DATES)
_BRACKETS = ((list, "[]"), (tuple, "()"), (set, "{}"), (frozenset, "{}"))


class TnemuError(Exception):
    """Any refusal by tnemu that a user can act on; commands print it and exit with status 1."""


def shown(value: Any, most: int = 80) -> str:
    """``repr(value)`` in one line of at most ``most`` characters, for use in a message.

    Never raises and never builds more than it shows: long text, numbers of many digits, deep or
    wide containers and large arrays are cut and marked with "...". An object of a class that is
    not one of Python's or numpy's is named by its class, its own ``repr`` is not called.
    """
    try:
        text = _shown(value, most, 0)
    except Exception:  # whatever a foreign __len__, __iter__ or dtype raises
        text = f"<{_class_name(value)}>"
    return _cut(text, most)


def did_you_mean(name: Any, known: Iterable[Any], *, cutoff: float = 0.6) -> str:
    """``did you mean 'x' or 'y'?`` with the up to three nearest of ``known``, or an empty text."""
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        return ""
    names = [str(item) for item in known if len(str(item)) <= _LONGEST_NAME]
    close = get_close_matches(str(name), names, n=3, cutoff=cutoff)
    return f"did you mean {' or '.join(map(shown, close))}?" if close else ""


def whole(
    name: str,
    value: Any,
    low: int,
    high: int,
    *,
    error: type[TnemuError],
    then: str = "choose one in that range",
) -> int:
    """``value`` as an int: a whole number in ``low..high``, Python's or numpy's.

    Raises ``error`` for anything else: bool, float (2.0 as well), NaN, text, None, an array.
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        number = operator.index(value)
        if low <= number <= high:
            return number
    raise error(f"{name} = {shown(value)}: must be a whole number in {low}..{high}; {then}")


def real(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    error: type[TnemuError],
    then: str = "correct the value",
) -> float:
    """``value`` as a float: a finite number in ``low..high``, Python's or numpy's, whole or not.

    Raises ``error`` for anything else: bool, NaN, infinity, text, None, an array.
    """
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond every float
            number = math.inf
        if math.isfinite(number) and low <= number <= high:
            return number
    limits = "" if (low, high) == (-math.inf, math.inf) else f" in {low}..{high}"
    raise error(f"{name} = {shown(value)}: must be a finite number{limits}; {then}")


def one_of(name: str, value: Any, known: Collection[str], *, error: type[TnemuError]) -> str:
    """``value`` as a str: one of ``known``. Raises ``error`` for anything else, with the nearest."""
    if isinstance(value, str) and str.__str__(value) in list(known):
        return str.__str__(value)
    names = ", ".join([repr(item) for item in known][:_MOST_NAMES])
    names += ", ..." if len(known) > _MOST_NAMES else ""
    then = did_you_mean(value, known) or "choose one of them"
    raise error(f"{name} = {shown(value)}: must be one of {names}; {then}")


def _shown(value: Any, room: int, depth: int) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, str):
        # the plain type's slice and repr: a subclass may have its own
        return _quoted(str.__getitem__(value, slice(room)), str.__len__(value))
    if isinstance(value, bytes | bytearray):
        return _quoted(bytes(value[:room]), len(value))
    if isinstance(value, int) and not isinstance(value, bool):
        bits = int.bit_length(value)
        if bits > 4 * room:
            return f"<a whole number of about {bits * 30103 // 100000 + 1} digits>"
        return int.__repr__(value)
    if isinstance(value, _SMALL):
        return repr(value)
    for kind, brackets in _BRACKETS:
        if isinstance(value, kind):
            return _items(value, brackets, room, depth)
    if isinstance(value, dict):
        return _items(value.items(), "{}", room, depth)
    return _foreign(value)


def _quoted(head: str | bytes, length: int) -> str:
    return repr(head) + ("..." if length > len(head) else "")


def _items(values: Collection[Any], brackets: str, room: int, depth: int) -> str:
    pairs = not isinstance(values, list | tuple | set | frozenset)
    if depth >= _MOST_DEPTH and len(values):
        return f"{brackets[0]}...{brackets[1]}"
    parts: list[str] = []
    for count, item in enumerate(values):
        if count == _MOST_ITEMS or room <= 0:
            parts.append("...")
            break
        inner = item if pairs else (item,)
        parts.append(": ".join(_shown(part, room, depth + 1) for part in inner))
        room -= len(parts[-1]) + 2
    comma = "," if isinstance(values, tuple) and len(values) == 1 else ""
    return f"{brackets[0]}{', '.join(parts)}{comma}{brackets[1]}"


def _foreign(value: Any) -> str:
    """numpy's and torch's values by repr where they are small; anything else by its class."""
    root = type(value).__module__.partition(".")[0]
    if root in ("numpy", "torch") and hasattr(value, "shape") and hasattr(value, "dtype"):
        shape, dtype = tuple(value.shape), str(value.dtype)
        plain = getattr(value.dtype, "kind", "f") in "biufc"
        if plain and math.prod(shape) <= _MOST_ITEMS:
            return " ".join(repr(value).split())
        return f"<{_class_name(value)} of {_cut(dtype, 40)}, shape {_shown(shape, 60, 0)}>"
    if isinstance(value, type):
        return f"<class {value.__name__}>"
    return f"<{_class_name(value)}>"


def _class_name(value: Any) -> str:
    return _cut(type(value).__name__, 60)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(most - 3, 0)] + "..."
