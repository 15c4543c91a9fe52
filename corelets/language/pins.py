"""Pins: what corelets are wired by.

A *bundle* is a named row of pins that belongs to a corelet: an :class:`Input`, an :class:`Output`,
the axons of a core or its neurons, a population. Any selection of pins, from one bundle or from
several, in any shape, is a :class:`Pins`; what is below gives new selections and never changes the
old one::

    self.x[8:16]                the second eight pins; keys and shapes as of a numpy array
    self.x[:4] + self.y         pins of two bundles, one after the other
    self.x.after(2)             the same pins, two ticks later
    self.q.loop(1)              the same pins as feedback
    self.x | self.y             a merge: pin k spikes if either pin k does (an OR)
    -self.x, 3 * self.x, W @ self.x, self.x.sum()      weighted sources of neurons

and ``self.x >> self.z`` connects. Python reads ``*`` and ``@`` before ``+``, that before ``>>``, and
that before ``|``; where that gives something else than what was meant, an error says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, Location, caller
from corelets.language.sources import Source
from corelets.language.times import WITH_THE_WAVE, Time
from tnemu.errors import shown, whole

LAST_PIN = (1 << 31) - 1
"""Pins are numbered by 32 bits."""

Shape = tuple[int, ...]


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
