"""What goes wrong while corelets are wired, told with the file and line of the user's code."""

from __future__ import annotations

import atexit
import sys
from dataclasses import dataclass

from tnemu.errors import TnemuError


class CoreletError(TnemuError, ValueError):
    """Corelets are wired in a way that no board can be loaded with."""


class UnusedCorelet(UserWarning):
    """A corelet was built but is neither a part of another nor turned into a network."""


@dataclass(frozen=True)
class Location:
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def caller() -> Location:
    """The innermost line on the stack that is not in this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return Location(frame.f_code.co_filename, frame.f_lineno)


def ended_by_error() -> bool:
    """Whether the program ended early: what it did not come to use is then no mistake of its own."""
    return bool(_ENDED)


_ENDED: list[type[BaseException]] = []


@atexit.register
def _note_the_end() -> None:
    last = getattr(sys, "last_type", None)
    if last is not None:
        _ENDED.append(last)


def _ours(module: str) -> bool:
    return module == "corelets" or module.startswith("corelets.")
