"""Who pins belong to, and whose constructor wires them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from corelets.language.errors import CoreletError, Location, caller
from corelets.language.times import Time


class Owner(Protocol):
    """What pins know of the corelet that they belong to."""

    @property
    def parent(self) -> Owner | None:
        """The corelet that this one is a part of."""

    @property
    def path(self) -> str:
        """Attribute path from the outermost corelet, whose own path is empty."""

    def describe(self) -> str:
        """What an error calls it."""

    def connect(self, source: Any, sink: Any, time: Time, location: Location) -> None:
        """Let ``source`` drive ``sink``."""

    def merge(self, ways: Sequence[Any], location: Location) -> Any:
        """The merge of pins of one shape."""

    def leave_silent(self, pins: Any, location: Location) -> None:
        """Let nothing drive ``pins``, on purpose."""

    def adopt(self, neurons: Any) -> None:
        """Make neurons that belong to no corelet its own."""

    def check_source(self, pins: Any, location: Location) -> None:
        """Refuse pins that are no source here."""


def owner_of(pins: Sequence[Any]) -> Owner:
    """The corelet in whose constructor this is; elsewhere the outermost one that ``pins`` belong to.

    Raises CoreletError where there is none.
    """
    from_constructor = CONSTRUCTING[-1] if CONSTRUCTING else None
    if from_constructor is not None:
        return from_constructor
    for some in pins:
        for bundle in some.bundles:
            owner = bundle.owner
            if owner is None:
                continue
            while owner.parent is not None:
                owner = owner.parent
            return owner
    raise CoreletError(
        f"at {caller()}: {pins[0]!r} belongs to no corelet; wire it in the constructor of one, or make "
        "it a port of one first"
    )


CONSTRUCTING: list[Owner] = []
"""Corelets whose constructors run, the innermost last."""
