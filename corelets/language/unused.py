"""A corelet that is built and never used is most likely a mistake: it warns, with its line.

As in Amaranth (``amaranth/hdl/_unused.py``), except that a corelet whose construction failed says
nothing: the error has said it.
"""

from __future__ import annotations

import atexit
import functools
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Self

from corelets.language.errors import Location, UnusedCorelet, caller
from corelets.language.owners import CONSTRUCTING


class MustUse:
    """Knows where it was built, and warns when it goes without having been used."""

    _built_at: Location
    _used: bool

    def __new__(cls, *_arguments: Any, **_keywords: Any) -> Self:
        """An object that knows the line it was built in, and was not used yet."""
        self = super().__new__(cls)
        self.__dict__.update(_built_at=caller(), _used=False)
        return self

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__init__" in cls.__dict__:
            cls.__init__ = constructs(cls.__init__)  # type: ignore[method-assign]

    def __del__(self) -> None:
        if not self._used and not _ENDED:
            warnings.warn_explicit(
                f"{type(self).describe(self)} was built and never used: make it a part of a corelet that is "
                "used, or call build()",
                UnusedCorelet,
                self._built_at.file,
                self._built_at.line,
            )

    def describe(self) -> str:
        """What an error calls it: class, and where it was built."""
        return f"{type(self).__name__} ({self._built_at})"

    def _use(self) -> None:
        """Nothing is amiss with it any more."""
        self.__dict__["_used"] = True

    def _inside(self) -> Iterable[MustUse]:
        """What it was built of."""
        return ()


def constructs(method: Callable[..., None]) -> Callable[..., None]:
    """``method`` of a MustUse, a constructor: while it runs, neurons that are made belong to its corelet.

    Where it fails there is nothing that could be used.
    """

    @functools.wraps(method)
    def construct(self: MustUse, *arguments: Any, **keywords: Any) -> None:
        CONSTRUCTING.append(self.__dict__["_body"])
        try:
            method(self, *arguments, **keywords)
        except BaseException:
            self._use()
            for corelet in self._inside():
                corelet._use()
            raise
        finally:
            CONSTRUCTING.pop()

    return construct


_ENDED: list[type[BaseException]] = []
"""Not empty once the program ended early: what it did not come to use is then no mistake of its own."""


@atexit.register
def _note_the_end() -> None:
    last = getattr(sys, "last_type", None)
    if last is not None:
        _ENDED.append(last)
