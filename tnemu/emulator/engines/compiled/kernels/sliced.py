"""Sixty-four boards at once: one bit per lane, neurons added and compared as bit planes.

A word of 64 bits holds one spike in 64 independent boards (lanes). For a stateless trinary neuron

    fires  <=>  sum of + inputs  -  sum of - inputs  +  bias  >=  0

and the sums are small, so they are kept as bit planes: plane p holds bit p of the sum of every lane.
Adding an input to a sum is a carry-save adder on whole words. Eight neurons are worked on side by
side (8 x 64 lanes = one 512-bit vector): a row of the crossbar picks, per neuron, whether the row's
word takes part.
"""

from __future__ import annotations

from typing import Any

from tnemu.emulator.engines.compiled.kernels.emit import I8, I16, I32, I64, Emit, instruction

PLANES = 9  # sums of up to 256 + 255 inputs
WIDTH = 11  # two's complement planes of the difference plus the bias


def _add3(e: Emit, x: Any, y: Any, z: Any) -> tuple[Any, Any]:
    """Full adder of three planes: (sum, carry)."""
    b = e.b
    both = b.xor(x, y)
    return b.xor(both, z), b.or_(b.and_(x, y), b.and_(both, z))


def _count(e: Emit, words_at: Any, column_at: Any, list_at: Any, rows: Any) -> list[Any]:
    """Planes of the number of listed rows whose word and crossbar bit are 1; ``rows`` in eights."""
    b = e.b
    zero = e.fill(I64, 8, 0)

    def add_eight(index: Any, planes: list[Any]) -> list[Any]:
        ones, twos, fours, *high = planes
        x = []
        for r in range(8):
            entry_at = b.add(list_at, b.shl(b.add(b.shl(index, e.word(3)), e.word(r)), e.word(1)))
            axon = b.zext(e.load(entry_at, I16), I64)
            row = b.and_(axon, e.word(255))  # the axon that is never active has no row of its own
            taken = e.bits(e.load(b.add(column_at, b.shl(row, e.word(5))), I8))
            word = e.spread(e.load(b.add(words_at, b.shl(axon, e.word(3))), I64), 8)
            x.append(e.choose(taken, word, zero))
        ones, a = _add3(e, ones, x[0], x[1])
        ones, c = _add3(e, ones, x[2], x[3])
        twos, four = _add3(e, twos, a, c)
        ones, a = _add3(e, ones, x[4], x[5])
        ones, c = _add3(e, ones, x[6], x[7])
        twos, more = _add3(e, twos, a, c)
        fours, carry = _add3(e, fours, four, more)
        ripple = []
        for plane in high:
            ripple.append(b.xor(plane, carry))
            carry = b.and_(plane, carry)
        return [ones, twos, fours, *ripple]

    return e.loop(rows, [zero] * PLANES, add_eight)


@instruction
def fire_lanes(
    e, words_at, crossbar_at, plus_at, plus_eights, minus_at, minus_eights, bias_at, fired_at
):  # fmt: skip
    """fired[j] = lanes in which + inputs - inputs + bias_j >= 0, for the 256 neurons of a core.

    words: uint64 [257], the lanes in which each axon is active, the last one 0. plus, minus: int16
    lists of the + and - axons, filled up to a multiple of eight with 256. bias: int32 [256].
    """
    b = e.b

    def eight_neurons(group: Any, _nothing: list[Any]) -> list[Any]:
        column_at = b.add(crossbar_at, group)
        plus = _count(e, words_at, column_at, plus_at, plus_eights)
        minus = _count(e, words_at, column_at, minus_at, minus_eights)
        zero, ones = e.fill(I64, 8, 0), e.fill(I64, 8, -1)
        bias = b.sext(e.load(b.add(bias_at, b.shl(group, e.word(5))), I32, 8), zero.type)
        borrow, carry, total = ones, zero, zero  # minus is added as its complement plus one
        for p in range(WIDTH):
            above = plus[p] if p < PLANES else zero
            below = b.xor(minus[p], ones) if p < PLANES else ones
            difference, borrow = _add3(e, above, below, borrow)
            bit = b.ashr(b.shl(bias, e.fill(I64, 8, 63 - p)), e.fill(I64, 8, 63))
            total, carry = _add3(e, difference, bit, carry)
        e.store(b.xor(total, ones), b.add(fired_at, b.shl(group, e.word(6))))
        return []

    e.loop(e.word(32), [], eight_neurons)
