"""Settings out of their range, refused by name before anything is begun with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from tnemu.errors import TnemuError, shown


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int": (_is_whole, "a whole number"),
    "float": (_is_number, "a number"),
    "str": (_is_text, "text"),
    "float | None": (lambda value: value is None or _is_number(value), "a number"),
    "int | None": (lambda value: value is None or _is_whole(value), "a whole number"),
    "str | None": (lambda value: value is None or _is_text(value), "text"),
    "tuple[int, ...]": (
        lambda value: isinstance(value, tuple) and all(map(_is_whole, value)),
        "a tuple of whole numbers",
    ),
    "tuple[str, ...]": (
        lambda value: isinstance(value, tuple) and bool(value) and all(map(_is_text, value)),
        "a tuple of one text or more",
    ),
}
"""By annotation."""


def check_types(settings: Any) -> None:
    """Raises a TnemuError for the first setting that is not of the type its field has."""
    for f in fields(settings):
        holds, what = _TYPES[str(f.type)]
        value = getattr(settings, f.name)
        if not holds(value) and value is not f.default:
            raise _refusal(f.name, value, what)


def at_least(least: int, settings: Any, names: str) -> None:
    """Raises a TnemuError for the first of ``names``, words of one text, that is below ``least``."""
    _refuse(settings, names, lambda value: value >= least, f"{least} or more")


def above_zero(settings: Any, names: str) -> None:
    """Rates: finite and above 0. Raises a TnemuError."""
    _refuse(settings, names, lambda value: 0 < value < float("inf"), "finite and above 0")


def shares(settings: Any, names: str) -> None:
    """Probabilities: 0..1, both ends included. Raises a TnemuError."""
    _refuse(settings, names, lambda value: 0 <= value <= 1, "between 0 and 1")


def percentiles(settings: Any, names: str) -> None:
    """Above 0 and at most 100. Raises a TnemuError."""
    _refuse(settings, names, lambda value: 0 < value <= 100, "above 0 and at most 100")


def inside(low: float, high: float, settings: Any, names: str) -> None:
    """Between ``low`` and ``high``, both ends excluded. Raises a TnemuError."""
    _refuse(settings, names, lambda value: low < value < high, f"above {low} and below {high}")


def world_seeds(settings: Any, first: str, count: str) -> None:
    """The seeds of ``count`` episodes, from ``first`` on: those that a console takes. Raises a
    TnemuError.
    """
    at_least(0, settings, first)
    most = 2**31 - getattr(settings, count)
    _refuse(settings, first, lambda value: value <= most, f"{most:,} or less")


def _refuse(settings: Any, names: str, holds: Callable[[Any], bool], limit: str) -> None:
    for name in names.split():
        value = getattr(settings, name)
        if not holds(value):  # so that nan is refused too
            raise _refusal(name, value, limit)


def _refusal(name: str, value: Any, limit: str) -> TnemuError:
    option = name.replace("_", "-")
    return TnemuError(f"{name} = {shown(value)}: must be {limit}; choose another --{option}")
