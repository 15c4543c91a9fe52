"""Settings out of their range, refused by name before anything is begun with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tnemu.errors import TnemuError


def at_least(least: int, settings: Any, names: str) -> None:
    """Raises a TnemuError for the first of ``names``, words of one text, that is below ``least``."""
    _refuse(settings, names, lambda value: value >= least, f"{least} or more")


def above_zero(settings: Any, names: str) -> None:
    """Rates: finite and above 0."""
    _refuse(settings, names, lambda value: 0 < value < float("inf"), "finite and above 0")


def shares(settings: Any, names: str) -> None:
    _refuse(settings, names, lambda value: 0 <= value <= 1, "between 0 and 1")


def inside(low: float, high: float, settings: Any, names: str) -> None:
    """The ends are excluded."""
    _refuse(settings, names, lambda value: low < value < high, f"above {low} and below {high}")


def world_seeds(settings: Any, first: str, count: str) -> None:
    """The seeds of ``count`` episodes, from ``first`` on: those that a console takes."""
    at_least(0, settings, first)
    most = 2**31 - getattr(settings, count)
    _refuse(settings, first, lambda value: value <= most, f"{most:,} or less")


def _refuse(settings: Any, names: str, holds: Callable[[Any], bool], limit: str) -> None:
    for name in names.split():
        value = getattr(settings, name)
        if not holds(value):  # so that nan is refused too
            option = name.replace("_", "-")
            raise TnemuError(f"{name} = {value}: must be {limit}; choose another --{option}")
