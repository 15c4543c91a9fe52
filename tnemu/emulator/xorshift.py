"""xorshift32, the generator that IBM's run time used for noise, and its jumps.

    y <- y XOR (y << 13);  y <- y XOR (y >> 17);  y <- y XOR (y << 5)        (32 bits)

A draw gives y, then y steps. A step is linear over GF(2): y <- M y with a 32 x 32 matrix of bits, so n
steps are one product, M**n y. It runs through all states but 0 and comes back after 2**32 - 1 steps; 0
stays 0. A matrix is a tuple of its columns: column i, a 32-bit word, is what becomes of bit i.

Source: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003. That it is IBM's was
found in a recording of its run time: docs/semantics.md, section 7.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

PERIOD = (1 << 32) - 1
"""Steps after which a state other than 0 comes back."""

Matrix = tuple[int, ...]

_WORD = 0xFFFFFFFF


def step(y: int) -> int:
    """The state after ``y``."""
    y ^= y << 13 & _WORD
    y ^= y >> 17
    return y ^ (y << 5 & _WORD)


def times(matrix: Matrix, y: int) -> int:
    """The product of a matrix and a state."""
    return reduce(xor, (column for i, column in enumerate(matrix) if y >> i & 1), 0)


def power(steps: int) -> Matrix:
    """M**steps: what so many steps, 0 or more, do."""
    total = tuple(1 << i for i in range(32))
    square = tuple(step(bit) for bit in total)
    steps %= PERIOD
    while steps:
        if steps & 1:
            total = tuple(times(square, column) for column in total)
        square = tuple(times(square, column) for column in square)
        steps >>= 1
    return total


def jump(y: int, steps: int) -> int:
    """The state ``steps`` draws after ``y``."""
    return times(power(steps), y)
