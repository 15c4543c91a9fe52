"""Pins: what corelets are wired by.

A *bundle* is a named row of pins that belongs to a corelet: an :class:`Input`, an :class:`Output`,
the axons of a core or its neurons. Any selection of pins, from one bundle or from several, is a
:class:`Pins`; slicing and ``+`` give new selections and never change the old one::

    self.x[8:16]                the second eight pins
    self.x[order]               pins in the order of an integer array
    self.x[:4] + self.y         pins of two bundles, one after the other
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, Location, caller
from tnemu.errors import shown, whole

LAST_PIN = (1 << 31) - 1
"""Pins are numbered by 32 bits."""


class Owner(Protocol):
    """What pins and cores know of the corelet that they belong to."""

    @property
    def parent(self) -> Owner | None:
        """The corelet that this one is a part of."""

    @property
    def path(self) -> str:
        """Attribute path from the outermost corelet, whose own path is empty."""

    def describe(self) -> str:
        """What an error calls it."""


class Pins:
    """A row of pins: pin k is pin ``index[k]`` of bundle ``bundles[which[k]]``.

    Made by slicing and adding ports and the axons or neurons of cores; ``len`` and iteration go by
    pin.
    """

    def __init__(
        self,
        bundles: tuple[Bundle, ...],
        which: npt.NDArray[np.intp],
        index: npt.NDArray[np.intp],
    ) -> None:
        self.bundles, self.which, self.index = bundles, which, index

    @property
    def width(self) -> int:
        """Number of pins."""
        return len(self.index)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> Pins:
        """The pins at ``key``: a whole number, a slice, or an array of whole numbers or booleans.

        Negative numbers count from the end, and slices end where the pins do, as in Python. Raises
        CoreletError for a pin that is not there and for a key that is none of these.
        """
        places = np.arange(self.width)
        if key is None or isinstance(key, bool | np.bool_ | tuple):  # numpy would take all or none
            raise self._no_such(key)
        try:
            chosen = np.atleast_1d(places[key]).ravel()
        except (IndexError, TypeError, ValueError) as error:
            raise self._no_such(key) from error
        return Pins(self.bundles, self.which[chosen], self.index[chosen])._compact()

    def _no_such(self, key: Any) -> CoreletError:
        return CoreletError(
            f"{self!r} has pins 0..{self.width - 1}, not {shown(key)}; choose among them by a whole "
            "number, a slice, or an array of whole numbers or booleans"
        )

    def __iter__(self) -> Iterator[Pins]:
        return (self[k] for k in range(self.width))

    def __add__(self, other: Pins) -> Pins:
        """The pins of both, one after the other."""
        if not isinstance(other, Pins):
            return NotImplemented
        shift = len(self.bundles)
        which = np.concatenate([self.which, other.which + shift])
        index = np.concatenate([self.index, other.index])
        return Pins(self.bundles + other.bundles, which, index)._compact()

    def _compact(self) -> Pins:
        """The same pins, naming each bundle once and only those in use."""
        used: dict[Bundle, int] = {}
        renumber = np.zeros(len(self.bundles), np.intp)
        for old in np.unique(self.which):
            renumber[old] = used.setdefault(self.bundles[old], len(used))
        return Pins(tuple(used), renumber[self.which], self.index)

    def __repr__(self) -> str:
        if len(self.bundles) != 1:
            names = " + ".join(bundle.describe() for bundle in self.bundles) or "no pins"
            return f"{self.width} pins ({names})"
        name, bundle = self.bundles[0].describe(), self.bundles[0]
        if np.array_equal(self.index, np.arange(bundle.width)):
            return name
        if self.width == 1:
            return f"{name}[{self.index[0]}]"
        first, last = int(self.index[0]), int(self.index[-1])
        if np.array_equal(self.index, np.arange(first, last + 1)):
            return f"{name}[{first}:{last + 1}]"
        return f"{name}[{self.width} pins]"

    def __str__(self) -> str:
        return f"{self!r}: {count(self.width, 'pin')}" if len(self.bundles) == 1 else repr(self)


class Bundle(Pins):
    """A named row of pins. ``owner`` and ``name`` are known once it is part of a corelet."""

    kind: ClassVar[str]

    def __init__(self, width: int, owner: Owner | None = None, name: str = "") -> None:
        super().__init__((self,), np.zeros(width, np.intp), np.arange(width, dtype=np.intp))
        self.location: Location = caller()
        self.owner, self.name = owner, name

    def describe(self) -> str:
        """What an error calls it: kind, quoted name and owner."""
        if self.owner is None:
            return f"{self.kind} made at {self.location}"
        return f"{self.kind} {self.name!r} of {self.owner.describe()}"


class _Port(Bundle):
    def __init__(self, width: int) -> None:
        what = f"{type(self).__name__} at {caller()}: width"
        super().__init__(whole(what, width, 1, LAST_PIN, error=CoreletError))


class Input(_Port):
    """``width`` pins by which spikes enter a corelet: assign it to an attribute of the corelet.

    Raises CoreletError for a width that is not a whole number of at least 1.
    """

    kind = "input"


class Output(_Port):
    """``width`` pins by which spikes leave a corelet: assign it to an attribute of the corelet.

    Raises CoreletError for a width that is not a whole number of at least 1.
    """

    kind = "output"


class Axons(Bundle):
    """The axons of one core, in order; a connection can end here."""

    kind = "axons"


class Neurons(Bundle):
    """The neurons of one core, in order; a connection can begin here."""

    kind = "neurons"


@dataclass(frozen=True, eq=False)
class Connection:
    """``source`` drives ``sink``, pin by pin; ``delay`` 0 leaves the delay to the mapper."""

    source: Pins
    sink: Pins
    delay: int
    location: Location


def count(number: int, noun: str) -> str:
    """``1 pin``, ``2,000 pins``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
