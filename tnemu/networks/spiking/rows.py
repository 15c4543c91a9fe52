"""Weights of b bits from the four weights that a neuron of the chip has.

A whole number in -2^(b-1) .. 2^(b-1) - 1 is a sum over rows of the crossbar: one row of weight -2^(b-1),
and some rows of up to three positive weights, each switched on or off for every neuron:

    bits            2     3       4         5                  6                  7                   8
    positive rows   1     1 2     1 2 4     1 2 4 4 4          1 1 3 3 9 9 9      1 4 16, 3 of each   4 of 1, 4 of 5, 5 of 25
    rows an input   2     3       4         6                  8                  10                  14

So a core of 256 axons takes 16 inputs of 8 bits (18 of 14 rows), or 64 of 4 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import whole
from tnemu.networks.errors import NetworkError

_COINS: dict[int, tuple[tuple[int, int], ...]] = {
    2: ((1, 1),),
    3: ((1, 1), (2, 1)),
    4: ((1, 1), (2, 1), (4, 1)),
    5: ((1, 1), (2, 1), (4, 3)),
    6: ((1, 2), (3, 2), (9, 3)),
    7: ((1, 3), (4, 3), (16, 3)),
    8: ((1, 4), (5, 4), (25, 5)),
}
"""Bits -> (weight, rows of it), the smallest first."""
LEAST_BITS, MOST_BITS = min(_COINS), max(_COINS)


@dataclass(frozen=True)
class Rows:
    """How weights of so many bits are made: ``types[r]`` is the axon type of row r, ``weights[g]`` the
    neuron's weight for axon type g.
    """

    bits: int
    types: tuple[int, ...]
    weights: tuple[int, ...]

    @classmethod
    def of(cls, bits: int) -> Rows:
        """Raises NetworkError for bits outside 2..8."""
        bits = whole("bits", bits, LEAST_BITS, MOST_BITS, error=NetworkError)
        coins = _COINS[bits]
        types = [g for g, (_, count) in enumerate(coins) for _ in range(count)]
        weights = [weight for weight, _ in coins]
        return cls(bits, (*types, len(coins)), (*weights, -(1 << (bits - 1))))

    @property
    def low(self) -> int:
        """The least weight: -2^(bits - 1)."""
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """The largest weight: 2^(bits - 1) - 1."""
        return (1 << (self.bits - 1)) - 1

    def __len__(self) -> int:
        return len(self.types)

    def crossbar(self, weights: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
        """Which rows are on, bool [rows, in, out], for weights [in, out] in low..high."""
        w = weights.astype(np.int64)
        bits = np.zeros((len(self), *w.shape), bool)
        bits[-1] = w < 0
        left = w - np.where(w < 0, self.low, 0)
        row = len(self) - 1
        for weight, count in reversed(_COINS[self.bits]):
            used = np.minimum(left // weight, count)
            left = left - used * weight
            row -= count
            bits[row : row + count] = np.arange(count)[:, None, None] < used
        return bits


def most_bits(inputs: int, axons: int) -> int:
    """The most bits with which ``inputs`` fit on so many axons; 0 if none do."""
    fitting = [bits for bits in _COINS if inputs * len(Rows.of(bits)) <= axons]
    return max(fitting, default=0)
