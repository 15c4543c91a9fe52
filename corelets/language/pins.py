"""Pins: what corelets are wired by.

A *bundle* is a named row of pins that belongs to a corelet: an :class:`~corelets.Input`, an
:class:`~corelets.Output`, the axons or the neurons of a core, a population of neurons. Any selection
of pins, from one bundle or from several, in any shape, is a :class:`Pins`; what is below gives new
selections and never changes the old one::

    self.x[8:16]                the second eight pins; keys and shapes as those of numpy arrays
    self.x[:4] + self.y         pins of two bundles, one after the other
    self.x.after(2)             the same pins, two ticks later
    self.q.loop(1)              the same pins as feedback
    self.x | self.y             a merge: pin k spikes if either pin k does (an OR)
    -self.x, 3 * self.x, W @ self.x, self.x.sum()      weighted sources (corelets/language/weights.py)

``self.x >> self.z`` connects: pin k drives pin k. Python reads ``*`` and ``@`` before ``+``, that
before ``>>``, and that before ``|``; where it reads something else than was meant, an error says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, Location, caller
from corelets.language.operators import NoOtherOperators, Wired
from corelets.language.owners import Owner, owner_of
from corelets.language.selections import ranked, window_places
from corelets.language.times import WITH_THE_WAVE, Time
from corelets.language.weights import Clear, Term, elementwise, product
from tnemu.errors import shown, whole

LAST_PIN = (1 << 31) - 1
"""Pins are numbered by 32 bits."""

Shape = tuple[int, ...]


class Pins(NoOtherOperators):
    """Pins in a shape: pin k (counted through the shape) is pin ``index[k]`` of ``bundles[which[k]]``.

    Made by slicing and adding ports, populations, and the axons or neurons of cores. ``which`` and
    ``index`` are flat; ``time`` says when their spikes arrive. ``len`` and iteration go along the
    first axis.
    """

    __array_ufunc__ = None

    def __init__(
        self,
        bundles: tuple[Bundle, ...],
        which: npt.NDArray[np.intp],
        index: npt.NDArray[np.intp],
        shape: Shape | None = None,
        time: Time = WITH_THE_WAVE,
    ) -> None:
        self.bundles, self.which, self.index = bundles, which, index
        self.shape: Shape = (len(index),) if shape is None else shape
        self.time = time

    # -- selections --------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """Number of pins."""
        return len(self.index)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Pins:
        """The pins at ``key``, as numpy chooses: whole numbers, slices, arrays of them or of booleans.

        Negative numbers count from the end, and slices end where the pins do, as in Python. Raises
        CoreletError for a pin that is not there and for a key that is none of these.
        """
        places = np.arange(self.width).reshape(self.shape)
        parts = key if isinstance(key, tuple) else (key,)
        if any(k is None or isinstance(k, bool | np.bool_) for k in parts):  # all or none, to numpy
            raise self._no_such(key)
        try:
            chosen = np.atleast_1d(places[key])
        except (IndexError, TypeError, ValueError) as error:
            raise self._no_such(key) from error
        return self._at(chosen)

    def _at(self, places: npt.NDArray[np.intp]) -> Pins:
        flat = places.ravel()
        chosen = Pins(self.bundles, self.which[flat], self.index[flat], places.shape, self.time)
        return chosen._compact()

    def _no_such(self, key: Any) -> CoreletError:
        there = f"0..{self.width - 1}" if len(self.shape) == 1 else f"of shape {self.shape}"
        return CoreletError(
            f"{self!r} has pins {there}, not {shown(key)}; choose among them by a whole "
            "number, a slice, or an array of whole numbers or booleans"
        )

    def __iter__(self) -> Iterator[Pins]:
        return (self[k] for k in range(len(self)))

    def __add__(self, other: Any) -> Pins:
        """The pins of both, one after the other along the first axis."""
        if isinstance(other, Wired):
            return NotImplemented
        if not isinstance(other, Pins):
            raise CoreletError(
                f"at {caller()}: {self!r} + {shown(other)}: '+' puts pins after pins; separate the "
                "weighted sources of a neuron by commas: neuron(+a, -b)"
            )
        if other.shape[1:] != self.shape[1:]:
            raise CoreletError(
                f"at {caller()}: {self!r} has shape {self.shape} and {other!r} {other.shape}; '+' puts "
                "pins after each other along the first axis, take the rest alike (pins.flat)"
            )
        if other.time != self.time:
            raise CoreletError(
                f"at {caller()}: {self!r} and {other!r} arrive at different times ({_when(self.time)}; "
                f"{_when(other.time)}); add first and say after() or loop() of the sum, or use each alone"
            )
        shift = len(self.bundles)
        which = np.concatenate([self.which, other.which + shift])
        index = np.concatenate([self.index, other.index])
        shape = (self.shape[0] + other.shape[0], *self.shape[1:])
        return Pins(self.bundles + other.bundles, which, index, shape, self.time)._compact()

    @property
    def flat(self) -> Pins:
        """The same pins in a row."""
        return self.reshape(self.width)

    def reshape(self, *shape: int | Shape) -> Pins:
        """The same pins in another shape; -1 once for what is left."""
        sizes: tuple[Any, ...] = shape
        if len(shape) == 1 and isinstance(shape[0], tuple | list):
            sizes = tuple(shape[0])
        most = self.width
        sizes = tuple(
            whole(f"at {caller()}: reshape of {self!r}", k, -1, most, error=CoreletError)
            for k in sizes
        )
        try:
            return self._at(np.arange(self.width).reshape(sizes))
        except ValueError:
            raise CoreletError(
                f"at {caller()}: {self!r} has {self.width:,} pins, which are not {sizes}; give a shape "
                "of as many"
            ) from None

    def transpose(self, *axes: int) -> Pins:
        """The same pins with the axes in another order, as numpy's; reversed if none is given."""
        try:
            return self._at(np.arange(self.width).reshape(self.shape).transpose(*axes))
        except (ValueError, TypeError) as error:
            raise CoreletError(
                f"at {caller()}: transpose{axes} of {self!r} of shape {self.shape}: name each axis once"
            ) from error

    def windows(self, size: int | tuple[int, int], stride: int = 1) -> Pins:
        """Every window of ``size`` (height, width; or both) over the last two axes, ``stride`` apart.

        Shape [..., rows, columns, height, width]: ``x.windows(2, stride=2).sum((2, 3))`` pools an
        image x.
        """
        if len(self.shape) < 2:
            raise CoreletError(
                f"at {caller()}: {self!r} has shape {self.shape}; windows are taken of the last two "
                "axes of an image, reshape() it first"
            )
        places = np.arange(self.width).reshape(self.shape)
        return self._at(window_places(places, size, stride, repr(self)))

    def _compact(self) -> Pins:
        """The same pins, naming each bundle once and only those in use."""
        if len(self.bundles) == 1:
            return self
        used: dict[Bundle, int] = {}
        renumber = np.zeros(len(self.bundles), np.intp)
        for old in np.unique(self.which):
            renumber[old] = used.setdefault(self.bundles[old], len(used))
        return Pins(tuple(used), renumber[self.which], self.index, self.shape, self.time)

    @property
    def potential(self) -> Potential:
        """Their potentials, for probes: ``c.simulate(..., probe=[c.sums.potential])``."""
        return Potential(self)

    # -- times -------------------------------------------------------------------------------------

    def after(self, ticks: int) -> Pins:
        """These pins ``ticks`` later than with the wave: an offset, which nothing waits for."""
        return self._timed(self.time.later(repr(self), ticks))

    def loop(self, ticks: int) -> Pins:
        """These pins as feedback: exactly ``ticks`` (1 or more) after they fired, outside the wave."""
        return self._timed(self.time.back(repr(self), ticks))

    def _timed(self, time: Time) -> Pins:
        return Pins(self.bundles, self.which, self.index, self.shape, time)

    # -- weights and merges ------------------------------------------------------------------------

    def term(self) -> Term:
        """Pin k to neuron k with weight 1."""
        return elementwise(self, self.shape)

    def __pos__(self) -> Term:
        return self.term()

    def __neg__(self) -> Term:
        return elementwise(self, self.shape, -1)

    def __mul__(self, weights: Any) -> Term:
        if isinstance(weights, Clear | Wired):
            return NotImplemented
        return elementwise(self, self.shape, weights)

    __rmul__ = __mul__

    def __rmatmul__(self, weights: Any) -> Term:
        return product(weights, self, self.shape)

    def sum(self, axis: int | tuple[int, ...] | None = None) -> Term:
        """All pins along ``axis`` (default: all axes) to one neuron, with weight 1."""
        return self.term().sum(axis)

    def any(self, axis: int | tuple[int, ...] | None = None) -> Pins:
        """The merge of all pins along ``axis`` (default: all axes): it spikes if any of them does."""
        term, flat = self.sum(axis), self.flat
        ways = [flat[rows] for rows in ranked(term.row, term.column)]
        return owner_of((self,)).merge(ways, caller()).reshape(term.shape)

    def chance(self, p: float) -> Term:
        """Pin k to neuron k, where each spike counts with probability ``p`` (2/256 to 1)."""
        return self.term().chance(p)

    def __or__(self, other: Any) -> Pins:
        """The merge: pin k spikes in a tick in which pin k of either does."""
        if isinstance(other, Wired | Term):
            return NotImplemented
        if not isinstance(other, Pins):
            raise CoreletError(f"at {caller()}: {self!r} | {shown(other)}: only pins merge")
        if other.shape != self.shape:
            raise CoreletError(
                f"at {caller()}: {self!r} of shape {self.shape} and {other!r} of shape {other.shape} "
                "do not merge pin by pin; take as many pins of both"
            )
        return owner_of((self, other)).merge((self, other), caller())

    # -- wires -------------------------------------------------------------------------------------

    def __rshift__(self, sink: Any) -> Wired:
        """Connect: pin k of these drives pin k of ``sink`` (pins, a part with one input, neurons)."""
        take = getattr(type(sink), "_take", None)
        if take is None:
            raise CoreletError(
                f"at {caller()}: {self!r} >> {shown(sink)}: spikes go to pins such as self.z or "
                "self.part.input, to neurons, or to a part with one input"
            )
        return take(sink, self)

    def _take(self, source: Pins | Term) -> Wired:
        """``source >> self``."""
        if isinstance(source, Term):
            if source.clear or source.drawn or (source.weight != 1).any():
                raise CoreletError(
                    f"at {caller()}: {source!r} >> {self!r}: pins pass spikes on and weigh nothing; "
                    "weigh them where neurons take them"
                )
            return self._take(source.pins)
        if source.shape != self.shape and source.width == self.width:
            raise CoreletError(
                f"at {caller()}: {source!r} has shape {source.shape}, {self!r} has {self.shape}; if the "
                f"pins are meant in this order, say so: source.reshape{self.shape}"
            )
        owner_of((source, self)).connect(source, self, source.time, caller())
        return Wired(f"{source!r} >> {self!r}")

    def __repr__(self) -> str:
        if len(self.bundles) != 1:
            names = " + ".join(bundle.describe() for bundle in self.bundles) or "no pins"
            return f"{self.width} pins ({names})"
        name, bundle = self.bundles[0].describe(), self.bundles[0]
        if np.array_equal(self.index, np.arange(bundle.width)):
            return name
        if self.width == 1:
            return f"{name}[{self.index[0]}]"
        if not self.width:
            return f"{name}[0 pins]"
        first, last = int(self.index[0]), int(self.index[-1])
        if np.array_equal(self.index, np.arange(first, last + 1)):
            return f"{name}[{first}:{last + 1}]"
        return f"{name}[{self.width} pins]"

    def __str__(self) -> str:
        return f"{self!r}: {count(self.width, 'pin')}" if len(self.bundles) == 1 else repr(self)


class Bundle(Pins):
    """A named row of pins. ``owner`` and ``name`` are known once it is part of a corelet."""

    kind: ClassVar[str]

    def __init__(self, shape: int | Shape, owner: Owner | None = None, name: str = "") -> None:
        sizes = (shape,) if isinstance(shape, int) else shape
        width = int(np.prod(sizes))
        super().__init__((self,), np.zeros(width, np.intp), np.arange(width, dtype=np.intp), sizes)
        self.location: Location = caller()
        self.owner, self.name = owner, name

    def describe(self) -> str:
        """What an error calls it: kind, quoted name and owner."""
        if self.owner is None:
            return f"{self.kind} made at {self.location}"
        return f"{self.kind} {self.name!r} of {self.owner.describe()}"


class Axons(Bundle):
    """The axons of one core, in order; a connection can end here."""

    kind = "axons"


class Neurons(Bundle):
    """The neurons of one core, in order; a connection can begin here."""

    kind = "neurons"


@dataclass(frozen=True, eq=False)
class Potential:
    """The potentials of neurons, for a probe: ``c.sums.potential``."""

    pins: Pins

    def __repr__(self) -> str:
        return f"the potentials of {self.pins!r}"


class Merge(Bundle):
    """What ``a | b`` is: several sources may drive a pin of it."""

    kind = "merge"

    def describe(self) -> str:
        """What an error calls it: the line where it was written."""
        return f"the merge at {self.location}"


def _when(time: Time) -> str:
    return str(time) or "with the wave"


def count(number: int, noun: str) -> str:
    """``1 pin``, ``2,000 pins``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
