"""Pins: what corelets are wired by.

A *bundle* is a named row of pins that belongs to a corelet: an :class:`Input`, an :class:`Output`,
the axons of a core or its neurons. Any selection of pins, from one bundle or from several, is a
:class:`Pins`; slicing and ``+`` give new selections and never change the old one::

    self.x[8:16]                the second eight pins
    self.x[order]               pins in the order of an integer array
    self.x[:4] + self.y         pins of two bundles, one after the other
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, Location, caller

if TYPE_CHECKING:
    from corelets.language.corelet import Core, Corelet


class Pins:
    """A row of pins: pin k is pin ``index[k]`` of bundle ``bundles[which[k]]``."""

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
        """The pins at ``key``: an integer, a slice, or an array of integers or booleans."""
        places = np.arange(self.width)
        try:
            chosen = np.atleast_1d(places[key]).ravel()
        except IndexError as error:
            raise CoreletError(
                f"{self!r} has pins 0..{self.width - 1}, not {key!r}; choose among them"
            ) from error
        return Pins(self.bundles, self.which[chosen], self.index[chosen])._compact()

    def __add__(self, other: Pins) -> Pins:
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


class Bundle(Pins):
    """A named row of pins. ``owner`` and ``name`` are known once it is part of a corelet."""

    kind: ClassVar[str]

    def __init__(self, width: int) -> None:
        location = caller()
        least = 1 if isinstance(self, Input | Output) else 0
        if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < least:
            raise CoreletError(
                f"{type(self).__name__}({width!r}) at {location}: the width is a number of pins, "
                f"{least} or more"
            )
        super().__init__((self,), np.zeros(width, np.intp), np.arange(width, dtype=np.intp))
        self.location: Location = location
        self.owner: Corelet | None = None
        self.name = ""

    def describe(self) -> str:
        """What an error calls it: kind, quoted name and owner."""
        if self.owner is None:
            return f"{self.kind} made at {self.location}"
        return f"{self.kind} {self.name!r} of {self.owner.describe()}"


class Input(Bundle):
    """``width`` pins by which spikes enter a corelet: assign it to an attribute of the corelet."""

    kind = "input"


class Output(Bundle):
    """``width`` pins by which spikes leave a corelet: assign it to an attribute of the corelet."""

    kind = "output"


class Axons(Bundle):
    """The axons of one core, in order; a connection can end here."""

    kind = "axons"

    def __init__(self, core: Core, width: int) -> None:
        super().__init__(width)
        self.core, self.owner, self.name = core, core.owner, core.name


class Neurons(Bundle):
    """The neurons of one core, in order; a connection can begin here."""

    kind = "neurons"

    def __init__(self, core: Core, width: int) -> None:
        super().__init__(width)
        self.core, self.owner, self.name = core, core.owner, core.name
