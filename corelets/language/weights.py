"""Weighted sources of neurons: which pin reaches which neuron, with which weight.

+x, -x, 3 * x       pin k to neuron k with weight 1, -1, 3
w * x               pin k to neuron k with weight w[k]; shapes go together as numpy's do
W @ x               pin k to neuron j with weight W[j, k]
x.sum(), x.sum(1)   all pins of the axes that are summed over; so does (w * x).sum(1)
x.chance(p)         each spike counts with probability p, by the neuron's stochastic synapse
CLEAR * x           a spike empties the neuron, whatever it holds and gets in the same tick
(W @ x).bits(4)     many weights of 4 bits, each as a sum over axons of weight 1, 2, 4 and -8
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, caller
from corelets.language.operators import NoOtherOperators, Wired
from tnemu.errors import real, shown, whole
from tnemu.hardware.exact import exact

Ints = npt.NDArray[np.int64]

LARGEST = 255
"""Largest magnitude of a synapse's weight: sign and 8 bits."""
MOST_BITS = 8
"""Bits of a weight that is made of several axons; the highest weighs -128."""
LARGEST_TERM = 1 << 28
"""Synapses of one source."""


@dataclass(frozen=True, eq=False, repr=False)
class Term(NoOtherOperators):
    """Entries (pin ``row`` of ``pins``, neuron ``column`` of ``shape`` flattened, ``weight``).

    ``clear``: the weights are chosen when the neuron is known. ``drawn``: the synapses are
    stochastic, and |weight| / 256 is the probability (less 1/256). ``base`` 0, or the number of bits
    that its weights are split into.
    """

    pins: Any
    row: Ints
    column: Ints
    weight: Ints
    shape: tuple[int, ...]
    clear: bool = False
    drawn: bool = False
    base: int = 0

    __array_ufunc__ = None

    def __repr__(self) -> str:
        return f"a weighted source from {self.pins!r}"

    # -- weights -----------------------------------------------------------------------------------

    def __pos__(self) -> Term:
        return self

    def __neg__(self) -> Term:
        return self * -1

    def __mul__(self, factor: Any) -> Term:
        """Every weight times ``factor``: a whole number, or an array of the term's shape."""
        if isinstance(factor, Clear):
            return factor * self
        numbers = _numbers(factor, self.pins)
        if self.clear:
            raise CoreletError(
                f"at {caller()}: CLEAR needs no weight, it empties the neuron anyway"
            )
        if numbers.ndim and numbers.shape != self.shape:
            raise CoreletError(
                f"at {caller()}: weights of shape {numbers.shape} for {self!r} of shape {self.shape}; "
                "give a number, or weights of that shape"
            )
        weights = np.broadcast_to(numbers, self.shape).ravel()[self.column]
        return replace(self, weight=self.weight * weights)

    __rmul__ = __mul__

    def sum(self, axis: int | tuple[int, ...] | None = None) -> Term:
        """Entries of the axes ``axis`` (default: all) reach one neuron, as numpy's ``sum`` adds them."""
        axes = _axes(axis, len(self.shape), repr(self))
        kept = [k for k in range(len(self.shape)) if k not in axes]
        places = np.unravel_index(self.column, self.shape)
        shape = tuple(self.shape[k] for k in kept) or (1,)
        column = np.zeros(len(self.column), np.int64)
        for k in kept:
            column = column * self.shape[k] + places[k]
        return replace(self, column=column, shape=shape)

    def bits(self, bits: int) -> Term:
        """Weights of ``bits`` bits, 2..8, each as a sum over axons: more than four different ones.

        The weights of the axons' types are powers of two and, for the sign, -2**(bits - 1); up to
        4 bits an input takes an axon for each bit, beyond that some bits take more.
        """
        bits = whole(f"at {caller()}: bits", bits, 2, MOST_BITS, error=CoreletError)
        least, most = -(1 << bits - 1), (1 << bits - 1) - 1
        outside = (self.weight < least) | (self.weight > most)
        if outside.any():
            raise CoreletError(
                f"at {caller()}: {self!r} has the weight {int(self.weight[outside][0])}, {bits} bits "
                f"hold {least}..{most}; take more bits, up to {MOST_BITS}, or smaller weights"
            )
        return replace(self, base=bits)

    def chance(self, p: float) -> Term:
        """Each spike counts only with probability ``p``, a multiple of 1/256 from 2/256 to 1.

        It then counts 1, with the sign of its weight. P = (|s| + 1) / 256 (Cassidy 2013, b = 1).
        """
        share = real(f"at {caller()}: chance(p): p", p, 2 / 256, 1, error=CoreletError)
        if not (share * 256).is_integer() or not np.isin(self.weight, (-1, 0, 1)).all():
            raise CoreletError(
                f"at {caller()}: chance({shown(p)}) of {self!r}: p is a multiple of 1/256 and the "
                f"weights are -1, 0, 1; the nearest is {round(share * 256)} / 256"
            )
        return replace(self, weight=self.weight * (int(share * 256) - 1), drawn=True)

    # -- times and wires ---------------------------------------------------------------------------

    def after(self, ticks: int) -> Term:
        """The same, ``ticks`` later."""
        return replace(self, pins=self.pins.after(ticks))

    def loop(self, ticks: int) -> Term:
        """The same as feedback, ``ticks`` after it was fired."""
        return replace(self, pins=self.pins.loop(ticks))

    def __rshift__(self, sink: Any) -> Wired:
        """Drive the neurons ``sink`` besides what drives them already."""
        take = getattr(type(sink), "_take", None)
        if take is None:
            raise CoreletError(
                f"at {caller()}: {self!r} >> {shown(sink)}: what has weights leads to neurons; make "
                "them first, as in n = Threshold(at=1)[width]()"
            )
        return take(sink, self)

    def _commas(self, other: object) -> NoReturn:
        raise CoreletError(
            f"at {caller()}: weighted sources are not added with '+' or merged with '|'; separate "
            "them by commas: neuron(+a, -b); merge first and weigh then: 3 * (a | b)"
        )

    __add__ = __radd__ = __or__ = __ror__ = _commas


class Clear:
    """``CLEAR * x``: a spike of x empties the neuron."""

    __array_ufunc__ = None

    def __mul__(self, source: Any) -> Term:
        term = source if isinstance(source, Term) else getattr(source, "term", lambda: None)()
        if not isinstance(term, Term) or (term.weight != 1).any():
            raise CoreletError(
                f"at {caller()}: CLEAR * {shown(source)}: CLEAR weighs pins without other weights, as "
                "in CLEAR * self.reset.after(1)"
            )
        return replace(term, clear=True)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return "CLEAR"


CLEAR = Clear()
"""The weight that empties a neuron: it goes to its lowest potential, and does not fire in that tick."""


def elementwise(pins: Any, shape: tuple[int, ...], weights: Any = 1) -> Term:
    """Pin k of ``pins`` to element k of ``shape`` with weight ``weights`` (which may be larger)."""
    numbers = _numbers(weights, pins)
    try:
        wide = np.broadcast_shapes(numbers.shape, shape)
    except ValueError:
        raise CoreletError(
            f"at {caller()}: weights of shape {numbers.shape} do not go with {pins!r} of shape "
            f"{shape}; give a number, or an array whose last axes are those, or 1"
        ) from None
    _small_enough(wide, pins)
    row = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), wide).ravel()
    column = np.arange(len(row), dtype=np.int64)
    weight = np.broadcast_to(numbers, wide).ravel()
    return _without_zeros(Term(pins, row.astype(np.int64), column, weight.astype(np.int64), wide))


def product(weights: Any, pins: Any, shape: tuple[int, ...]) -> Term:
    """``weights @ pins``: the sum over the last axis of weights [..., pins]."""
    numbers = _numbers(weights, pins)
    if len(shape) != 1 or numbers.ndim < 1 or numbers.shape[-1] != shape[0]:
        raise CoreletError(
            f"at {caller()}: W @ {pins!r}: W has shape {numbers.shape}, the pins {shape}; the last axis "
            "of W is that of a flat row of pins (pins.flat)"
        )
    out = numbers.shape[:-1] or (1,)
    flat = numbers.reshape(-1, shape[0])
    column, row = np.nonzero(flat)
    return Term(pins, row, column, flat[column, row], out)


def _without_zeros(term: Term) -> Term:
    some = term.weight != 0
    if some.all():
        return term
    return replace(term, row=term.row[some], column=term.column[some], weight=term.weight[some])


def _small_enough(shape: tuple[int, ...], pins: Any) -> None:
    if int(np.prod([int(k) for k in shape], dtype=object)) > LARGEST_TERM:
        raise CoreletError(f"at {caller()}: weights of {pins!r} have shape {shape}, too large")


def _numbers(weights: Any, pins: Any) -> Ints:
    return exact(
        weights,
        np.int64,
        f"at {caller()}: weight of {pins!r}",
        CoreletError,
        low=-(1 << 31),
        high=1 << 31,
        then="scale weights and thresholds together until both are whole",
    )


def _axes(axis: Any, count: int, what: str) -> set[int]:
    if axis is None:
        return set(range(count))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    return {
        whole(f"at {caller()}: axis of the sum of {what}", k, -count, count - 1, error=CoreletError)
        % count
        for k in given
    }
