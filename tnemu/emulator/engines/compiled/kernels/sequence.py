"""The noise ``xorshift32``: words of a core's generator, in the order in which they are drawn.

A step of the generator is linear over GF(2), so any number of steps is a product with a 32 x 32 matrix of
bits: the exclusive or of one word for each of the state's eight groups of four bits, which tables hold
(draws.py makes them). With sixteen matrices side by side the same eight look-ups give sixteen states,
sixteen steps apart, that go on together; and a core that has slept jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import (
    DRAWS_ETA,
    DRAWS_LEAK,
    NEURONS,
)
from tnemu.emulator.engines.compiled.kernels.emit import I8, I32, I64, Emit, instruction
from tnemu.emulator.engines.compiled.kernels.vector import (
    ETA_MASK,
    LEAK_DRAWN,
)
from tnemu.emulator.engines.compiled.kernels.words import (
    integer_at,
    put_32,
    put_64,
    word_16,
    word_32,
)

PERIOD = (1 << 32) - 1
# Tables of sixteen jumps: by 0, 16, 32 .. 240 steps, by 1, 2, 4 .. 2**15, and by 2**16 .. 2**31.
SIXTEENS, POWERS = 0, 1
TABLE = 8 * 16 * 64  # bytes of one: eight groups of bits, their sixteen values, sixteen states


def _looked_up(e: Emit, tables_at: Any, offset: int, y: Any, lanes: int) -> Any:
    """Where a table's jumps lead to from ``y``: of ``lanes`` side by side, ``offset`` bytes on."""
    b, total = e.b, None
    for group in range(8):
        bits = b.and_(b.lshr(y, e.word(4 * group)), e.word(15))
        at = b.add(e.at(tables_at, offset + 1024 * group), b.shl(bits, e.word(6)))
        part = e.load(at, I32, lanes)
        total = part if total is None else b.xor(total, part)
    return total


def _step(e: Emit, y: Any) -> Any:
    """The generator's step in every lane."""
    b = e.b
    y = b.xor(y, b.shl(y, e.fill(I32, 16, 13)))
    y = b.xor(y, b.lshr(y, e.fill(I32, 16, 17)))
    return b.xor(y, b.shl(y, e.fill(I32, 16, 5)))


def _transposed(e: Emit, rows: list[Any]) -> list[Any]:
    """Sixteen vectors of sixteen lanes with rows and columns exchanged, by squares of 2, 4, 8 and 16."""
    for d in (8, 4, 2, 1):
        # Lanes of the upper row are numbered from 0, of the lower one from 16 on.
        upper = ir.Constant(ir.VectorType(I32, 16), [k ^ d | 16 if k & d else k for k in range(16)])
        lower = ir.Constant(ir.VectorType(I32, 16), [k | 16 if k & d else k | d for k in range(16)])
        for i in (i for i in range(16) if not i & d):
            pair = rows[i], rows[i | d]
            rows[i] = e.b.shuffle_vector(*pair, upper)
            rows[i | d] = e.b.shuffle_vector(*pair, lower)
    return rows


def _draw(
    e: Emit, tables_at: Any, words_at: Any, y: Any, count: Any,
    put: Callable[[Any, Any, list[Any]], None],
) -> None:  # fmt: skip
    """The states 0..``count`` steps after ``y`` and up to 255 more, in 256s of 1,024 bytes each.

    Sixteen states, sixteen steps apart, step side by side: ``put(index, at, rows)`` keeps a 256, lane l of
    row r being its state 16 l + r. The first one after them all is kept too.
    """
    b = e.b

    def many(index: Any, carried: list[Any]) -> list[Any]:
        (first,) = carried
        by_256 = POWERS * TABLE + 4 * 8
        following = _looked_up(e, tables_at, by_256, first, 1)
        rows = [_looked_up(e, tables_at, SIXTEENS * TABLE, first, 16)]
        while len(rows) < 16:
            rows.append(_step(e, rows[-1]))
        first_at = b.add(words_at, b.shl(index, e.word(10)))
        put(index, first_at, rows)
        e.store(following, e.at(first_at, 1024))
        return [b.zext(following, I64)]

    e.store(b.trunc(y, I32), words_at)
    e.loop(b.lshr(b.add(count, e.word(255)), e.word(8)), [y], many)


@instruction
def draw_words(e, tables_at, words_at, y, count):
    """words[k] = the state ``k`` steps after ``y``, for k = 0..count and up to 255 more."""

    def put(index: Any, at: Any, rows: list[Any]) -> None:
        for k, row in enumerate(_transposed(e, rows)):
            e.store(row, e.at(at, 64 * k))

    _draw(e, tables_at, words_at, y, count, put)


@instruction
def draw_bytes(e, tables_at, words_at, bytes_at, y, count):
    """bytes[k] = the low byte of the state ``k`` steps after ``y``; the state is at ``place_of_word``."""
    b = e.b
    low, fours = e.fill(I32, 16, 255), ir.VectorType(I32, 16)

    def zipped(x: Any, y: Any) -> list[Any]:
        """The lanes of both in turn."""
        n = x.type.count
        turns = [i // 2 + n * (i % 2) for i in range(2 * n)]
        return [
            b.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, n), half))
            for half in (turns[:n], turns[n:])
        ]

    def put(index: Any, at: Any, rows: list[Any]) -> None:
        for k, row in enumerate(rows):
            e.store(row, e.at(at, 64 * k))
        q = []  # lane l of the i-th has four bytes, from 16 l + 4 i on
        for i in range(0, 16, 4):
            own = [b.shl(b.and_(rows[i + k], low), e.fill(I32, 16, 8 * k)) for k in range(4)]
            q.append(reduce(b.or_, own))
        out_at, pairs = b.add(bytes_at, b.shl(index, e.word(8))), ir.VectorType(I64, 8)
        halves = zip(zipped(q[0], q[1]), zipped(q[2], q[3]), strict=True)
        wholes = [w for x, y in halves for w in zipped(b.bitcast(x, pairs), b.bitcast(y, pairs))]
        for k, whole in enumerate(wholes):
            e.store(b.bitcast(whole, fours), e.at(out_at, 64 * k))

    _draw(e, tables_at, words_at, y, count, put)


@njit(cache=True, nogil=True, forceinline=True)
def place_of_word(k):
    """How many bytes after the first the k-th word of ``draw_bytes`` is."""
    return (k >> 8 << 10) + ((k & 15) << 6) + ((k >> 4 & 15) << 2)


@njit(cache=True, nogil=True)
def jumped(tables_at, y, steps):
    """The state ``steps`` draws, fewer than 2**63, after ``y``."""
    left, bit = steps % PERIOD, 0
    while left != 0:
        if left & 1:
            at = tables_at + (POWERS + (bit >> 4)) * TABLE + ((bit & 15) << 2)
            after = 0
            for group in range(8):
                after ^= word_32(at + (group << 10) + (((y >> (group << 2)) & 15) << 6))
            y = after
        left >>= 1
        bit += 1
    return y


@njit(cache=True, nogil=True, forceinline=True)
def wake(tables_at, generator_at, since_at, draws, tick):
    """Bring a core's generator from the tick it was left in to this one: ``draws`` words a tick."""
    slept = tick - integer_at(since_at)
    if slept != 0:
        put_32(generator_at, jumped(tables_at, word_32(generator_at), slept * draws))
    put_64(since_at, tick + 1)


@njit(cache=True, nogil=True)
def catch_up(tables, generators, since, draws, tick):
    """Bring all generators [lanes, n] to the beginning of a tick; draws [n], 0 where none is drawn."""
    for core in range(len(since)):
        slept = tick - since[core]
        since[core] = tick
        if slept != 0 and draws[core] != 0:
            for lane in range(len(generators)):
                y = np.int64(generators[lane, core])
                generators[lane, core] = jumped(tables.ctypes.data, y, slept * draws[core])


@instruction
def unzip(e, words_at, leak_at, eta_at):
    """leak[j], eta[j] = words[2 j], words[2 j + 1]."""
    lanes = ir.VectorType(I32, 16)
    for group in range(16):
        pair = [e.load(e.at(words_at, 128 * group + 64 * half), I32, 16) for half in (0, 1)]
        for kind, out_at in enumerate((leak_at, eta_at)):
            mine = ir.Constant(lanes, [2 * lane + kind for lane in range(16)])
            e.store(e.b.shuffle_vector(*pair, mine), e.at(out_at, 64 * group))


@instruction
def leaks_of_words(e, words_at, block_at, magnitudes_at, leak_at):
    """leak[j] = F(leak_j, word AND 255) times the block's leak value; certain leaks have magnitude 255."""
    b, wide = e.b, ir.VectorType(I32, 16)
    for group in range(16):
        rho = b.and_(e.load(e.at(words_at, 64 * group), I32, 16), e.fill(I32, 16, 255))
        limit = b.zext(e.load(e.at(magnitudes_at, 16 * group), I8, 16), wide)
        value = e.load(e.at(block_at, 1024 * LEAK_DRAWN + 64 * group), I32, 16)
        passes = b.icmp_unsigned(">=", limit, rho)
        e.store(e.choose(passes, value, e.fill(I32, 16, 0)), e.at(leak_at, 64 * group))


@instruction
def etas_of_words(e, words_at, block_at, eta_at):
    """eta[j] = word AND (2**TM_j - 1)."""
    for group in range(16):
        mask = e.load(e.at(block_at, 1024 * ETA_MASK + 64 * group), I32, 16)
        word = e.load(e.at(words_at, 64 * group), I32, 16)
        e.store(e.b.and_(word, mask), e.at(eta_at, 64 * group))


@njit(cache=True, nogil=True, forceinline=True)
def draw_in_order(base, block, block_at, flags, y):
    """base.leak and base.eta of a core that draws no weights; returns the generator's state after it."""
    draws, words = integer_at(base.draws + (block << 3)), base.words
    draw_words(base.jumps, words, y, draws)
    leak_words, eta_words = base.leak, base.eta
    if draws == 2 * NEURONS:
        unzip(words, leak_words, eta_words)
    elif draws == NEURONS and not flags & DRAWS_ETA:
        leak_words = words
    elif draws == NEURONS and not flags & DRAWS_LEAK:
        eta_words = words
    else:  # the other places keep what they have, which magnitudes and masks make idle
        places_at = base.draw_places + (block << 10)
        for k in range(draws):
            place = word_16(places_at + (k << 1))
            put_32(base.leak + (place << 2), word_32(words + (k << 2)))
    noise_of_words(base, block, block_at, flags, leak_words, eta_words)
    return word_32(words + (draws << 2))


@njit(cache=True, nogil=True, forceinline=True)
def noise_of_words(base, block, block_at, flags, leak_words, eta_words):
    """base.leak and base.eta, of words of all neurons."""
    if flags & DRAWS_LEAK:
        leaks_of_words(leak_words, block_at, base.leak_magnitudes + (block << 8), base.leak)
    if flags & DRAWS_ETA:
        etas_of_words(eta_words, block_at, base.eta)
