"""Inputs of parts that are meant to get no spikes."""

from __future__ import annotations

from typing import Any

from corelets.language.errors import CoreletError, caller
from corelets.language.operators import Wired
from corelets.language.owners import owner_of
from corelets.language.pins import Pins
from tnemu.errors import shown


class Silence:
    """``SILENCE >> part.x[4:]``: these inputs of parts are meant to get no spikes."""

    __array_ufunc__ = None

    def __rshift__(self, sink: Any) -> Wired:
        if not isinstance(sink, Pins):
            raise CoreletError(
                f"at {caller()}: SILENCE >> {shown(sink)}: give pins of a part's input"
            )
        owner_of((sink,)).leave_silent(sink, caller())
        return Wired(f"SILENCE >> {sink!r}")

    def __repr__(self) -> str:
        return "SILENCE"


SILENCE = Silence()
