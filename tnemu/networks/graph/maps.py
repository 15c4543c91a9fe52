"""Linear maps in exact whole numbers: y = 2**exponent M x, M sparse.

Every floating-point number is a whole number times a power of two, so a map of floats is one of whole
numbers, sums and products of maps too; what would need more than 62 bits is refused, and nothing is
rounded anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

MOST_SYNAPSES = 1 << 24
"""Entries of one map."""
_BITS = 62


class MapError(ValueError):
    """What cannot be kept exact, or is too large."""


@dataclass(frozen=True, eq=False)
class Map:
    """Entry k is ``values[k]`` in row ``rows[k]``, column ``columns[k]``; sorted by row, then column."""

    rows: Ints
    columns: Ints
    values: Ints
    size: tuple[int, int]
    exponent: int = 0

    @classmethod
    def of(
        cls, rows: Ints, columns: Ints, values: Ints, size: tuple[int, int], exponent: int
    ) -> Map:
        """Entries in any order; those of one place add up, and zeros are left out."""
        if len(values) > MOST_SYNAPSES:
            raise MapError(f"takes {len(values):,} synapses, the limit is {MOST_SYNAPSES:,}")
        key = rows * size[1] + columns
        order = np.argsort(key, kind="stable")
        key, values = key[order], values[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        if len(first) < len(key):
            most = int(np.diff(np.append(first, len(key))).max())
            _fits(int(np.abs(values).max()) * most)
            values = np.add.reduceat(values, first)
            key = key[first]
        some = values != 0
        key, values = key[some], values[some]
        return cls(key // size[1], key % size[1], values, size, exponent)

    @classmethod
    def identity(cls, width: int) -> Map:
        """y = x."""
        every = np.arange(width)
        return cls(every, every, np.ones(width, np.int64), (width, width))

    @classmethod
    def dense(cls, weight: npt.NDArray[np.generic]) -> Map:
        """y = W x, for weight [out, in]."""
        rows, columns = np.nonzero(weight)
        values, exponent = whole_parts(weight[rows, columns])
        return cls.of(rows, columns, values, (weight.shape[0], weight.shape[1]), exponent)

    @property
    def is_identity(self) -> bool:
        """Whether y = x."""
        every = np.arange(self.size[0])
        return (
            self.size[0] == self.size[1] == len(self.values)
            and self.exponent == 0
            and bool((self.values == 1).all())
            and np.array_equal(self.rows, every)
            and np.array_equal(self.columns, every)
        )

    def after(self, inner: Map) -> Map:
        """y = self (inner x)."""
        if inner.is_identity:
            return self
        begins = np.searchsorted(inner.rows, np.arange(inner.size[0] + 1))
        each = np.diff(begins)[self.columns]
        total = int(each.sum())
        if total > MOST_SYNAPSES:
            raise MapError(f"takes {total:,} products of weights, the limit is {MOST_SYNAPSES:,}")
        place = np.arange(total) - np.repeat(np.cumsum(each) - each, each)
        place += np.repeat(begins[self.columns], each)
        _fits(_largest(self) * _largest(inner))
        return Map.of(
            np.repeat(self.rows, each),
            inner.columns[place],
            np.repeat(self.values, each) * inner.values[place],
            (self.size[0], inner.size[1]),
            self.exponent + inner.exponent,
        )

    def plus(self, other: Map) -> Map:
        """y = self x + other x."""
        low = min(self.exponent, other.exponent)
        one, two = self.at(low), other.at(low)
        return Map.of(
            np.concatenate([one.rows, two.rows]),
            np.concatenate([one.columns, two.columns]),
            np.concatenate([one.values, two.values]),
            self.size,
            low,
        )

    def at(self, exponent: int) -> Map:
        """The same with a lower exponent."""
        shift = self.exponent - exponent
        if not shift:
            return self
        if not len(self.values):
            return replace(self, exponent=exponent)
        if shift > _BITS:
            _fits(1 << shift)
        _fits(_largest(self) << shift)
        return replace(self, values=self.values << shift, exponent=exponent)


def whole_parts(numbers: npt.NDArray[np.generic]) -> tuple[Ints, int]:
    """(n, e) with numbers = n 2**e exactly and e as large as it can be. Raises MapError beyond 62 bits."""
    flat = np.asarray(numbers).ravel()
    if flat.dtype.kind in "biu":
        if flat.size:
            _fits(max(abs(int(flat.min())), abs(int(flat.max()))))
        mantissa, power = flat.astype(np.int64), np.zeros(len(flat), np.int64)
    else:
        part, power = np.frexp(flat.astype(np.float64))
        mantissa, power = (part * (1 << 53)).astype(np.int64), power.astype(np.int64) - 53
    some = mantissa != 0
    if not some.any():
        return np.zeros(len(flat), np.int64), 0
    low = mantissa[some] & -mantissa[some]
    zeros = np.frexp(low.astype(np.float64))[1].astype(np.int64) - 1
    power[some] += zeros
    mantissa[some] //= low
    least = int(power[some].min())
    shift = np.where(some, power - least, 0)
    if int(shift.max()) > _BITS:
        _fits(1 << int(shift.max()))
    _fits(max(abs(int(m)) << int(s) for m, s in _ends(mantissa[some], shift[some])))
    return mantissa << shift, least


def _ends(mantissa: Ints, shift: Ints) -> list[tuple[int, int]]:
    """The pairs that can be the largest product: of each shift, the largest mantissa."""
    most: dict[int, int] = {}
    order = np.lexsort((np.abs(mantissa), shift))
    last = np.flatnonzero(np.diff(shift[order], append=-1))
    for k in order[last]:
        most[int(shift[k])] = int(mantissa[k])
    return [(m, s) for s, m in most.items()]


def _largest(one: Map) -> int:
    return int(np.abs(one.values).max(initial=0))


def _fits(largest: int) -> None:
    if largest >= 1 << _BITS:
        raise MapError(
            f"the numbers lie so far apart that exact sums take {largest.bit_length()} bits, the limit is {_BITS}"
        )
