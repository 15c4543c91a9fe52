"""The noise ``xorshift32``: words of a core's generator, in the order in which they are drawn.

A step of the generator is linear over GF(2), so any number of steps is a product with a 32 x 32 matrix of
bits: the exclusive or of one word for each of the state's eight groups of four bits, which tables hold
(draws.py makes them). With sixteen matrices side by side the same eight look-ups give sixteen states,
sixteen steps apart, that go on together; and a core that has slept jumps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import (
    CHUNK,
    DRAWS_ETA,
    DRAWS_LEAK,
    NEURONS,
)
from tnemu.emulator.engines.compiled.kernels.emit import I8, I16, I32, I64, Emit, instruction
from tnemu.emulator.engines.compiled.kernels.vector import (
    ETA_MASK,
    LEAK_DRAWN,
    add_to_potentials,
    count_operations,
    row_sums,
)
from tnemu.emulator.engines.compiled.kernels.words import (
    integer_at,
    lowest_bit,
    put_32,
    put_64,
    word_8,
    word_16,
    word_32,
    word_at,
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


@instruction
def draw_words(e, tables_at, words_at, y, count):
    """words[k] = the state ``k`` steps after ``y``, for k = 0..count and up to 255 more.

    In 256s: sixteen states, sixteen steps apart, step side by side, and are put in order.
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
        for k, row in enumerate(_transposed(e, rows)):
            e.store(row, e.at(first_at, 64 * k))
        e.store(following, e.at(first_at, 1024))
        return [b.zext(following, I64)]

    e.store(b.trunc(y, I32), words_at)
    e.loop(b.lshr(b.add(count, e.word(255)), e.word(8)), [y], many)


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


@instruction
def add_certain_rows(
    e, crossbar_at, axons_at, count, types_at, weights_at, drawn_at, potentials_at, scratch_at
):  # fmt: skip
    """``add_rows`` without the weights that are drawn: uint64 [4 types, 4] at ``drawn_at``, bit j."""
    b = e.b

    def mask_row(axon: Any, kind: Any, row_at: Any) -> list[Any]:
        mine_at = b.add(drawn_at, b.shl(kind, e.word(5)))
        return [
            b.and_(e.load(e.at(row_at, 4 * g), I32), b.not_(e.load(e.at(mine_at, 4 * g), I32)))
            for g in range(8)
        ]

    sums, operations = row_sums(e, crossbar_at, axons_at, count, types_at, weights_at, mask_row)
    add_to_potentials(e, sums, potentials_at)
    count_operations(e, operations, scratch_at)


@instruction
def count_hits(e, crossbar_at, axons_at, count, types_at, ones_at, drawn_at, places_at):
    """places[j] = how many of ``count`` active rows hit neuron j with a weight that is drawn.

    ones: int16 [4, 256], all 1.
    """
    b = e.b

    def mask_row(axon: Any, kind: Any, row_at: Any) -> list[Any]:
        mine_at = b.add(drawn_at, b.shl(kind, e.word(5)))
        return [
            b.and_(e.load(e.at(row_at, 4 * g), I32), e.load(e.at(mine_at, 4 * g), I32))
            for g in range(8)
        ]

    sums, _ = row_sums(e, crossbar_at, axons_at, count, types_at, ones_at, mask_row)
    for g in range(16):
        half = e.part(sums[g // 2], 16 * (g % 2), 16)
        e.store(b.zext(half, ir.VectorType(I32, 16)), e.at(places_at, 64 * g))


@instruction
def place_draws(e, places_at, drawers_at):
    """places[j] = words drawn before neuron j's, of its hits so far; places[256] = of all neurons.

    drawers: uint8 [256], the low two bits are its leak and its threshold.
    """
    b, kind = e.b, ir.VectorType(I32, 16)
    nothing, before = e.fill(I32, 16, 0), e.fill(I32, 16, 0)
    for g in range(16):
        at = e.at(places_at, 64 * g)
        drawer = b.zext(e.load(e.at(drawers_at, 16 * g), I8, 16), kind)
        own = b.add(b.and_(drawer, e.fill(I32, 16, 1)), b.lshr(drawer, e.fill(I32, 16, 1)))
        own = b.add(own, e.load(at, I32, 16))
        total = own
        for d in (1, 2, 4, 8):  # the sum of 2 d lanes up to each
            moved = ir.Constant(kind, [lane - d if lane >= d else 16 for lane in range(16)])
            total = b.add(total, b.shuffle_vector(total, nothing, moved))
        e.store(b.add(before, b.sub(total, own)), at)
        last = b.shuffle_vector(total, total, e.fill(I32, 16, 15))
        before = b.add(before, last)
    e.store(b.extract_element(before, ir.Constant(I32, 0)), e.at(places_at, 1024))


@instruction
def add_drawn_hit(e, words_at, places_at, magnitudes_at, weights_at, potentials_at, neuron):
    """V += F(s, rho) weight of one neuron, whose next word is rho; the place of its next word moves on.

    Without a branch, which nobody could foresee.
    """
    b = e.b
    place_at = b.add(places_at, b.shl(neuron, e.word(2)))
    place = e.load(place_at, I32)
    e.store(b.add(place, ir.Constant(I32, 1)), place_at)
    word = e.load(b.add(words_at, b.shl(b.zext(place, I64), e.word(2))), I32)
    rho = b.and_(word, ir.Constant(I32, 255))
    limit = b.zext(e.load(b.add(magnitudes_at, neuron), I8), I32)
    # 1 where |s| >= rho, by a carry: a comparison would become the branch.
    passes = b.lshr(b.add(b.sub(limit, rho), ir.Constant(I32, 256)), ir.Constant(I32, 8))
    weight = b.sext(e.load(b.add(weights_at, b.shl(neuron, e.word(1))), I16), I32)
    at = b.add(potentials_at, b.shl(neuron, e.word(2)))
    e.store(b.add(e.load(at, I32), b.and_(weight, b.neg(passes))), at)


@njit(cache=True, nogil=True)
def add_drawn_hits(base, crossbar_at, types_at, block, potentials_at, axons_at, count):
    """Add the weights that are drawn of ``count`` active rows, from the words at each neuron's place."""
    for i in range(count):
        axon = word_8(axons_at + (i << 1))
        kind = (word_8(types_at + (axon >> 2)) >> ((axon & 3) << 1)) & 3
        row_at, drawn_at = crossbar_at + (axon << 5), base.drawn + (block << 7) + (kind << 5)
        for part in range(0, 32, 8):
            hits, first = word_at(row_at + part) & word_at(drawn_at + part), part << 3
            magnitudes_at = base.magnitudes + (block << 10) + (kind << 8)
            weights_at = base.weights + (block << 11) + (kind << 9)
            while hits != np.uint64(0):
                j = first + lowest_bit(hits)
                hits &= hits - np.uint64(1)
                add_drawn_hit(base.words, base.places, magnitudes_at, weights_at, potentials_at, j)


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


@njit(cache=True, nogil=True)
def add_rows_in_order(
    base, crossbar_at, types_at, block, block_at, flags, potentials_at, axons_at, count, y
):
    """The same of a core that draws weights too, and its rows added."""
    weights_at, drawn_at = base.weights + (block << 11), base.drawn + (block << 7)
    drawers_at, places, words = base.drawers + (block << 8), base.places, base.words
    for first in range(0, count, CHUNK):
        add_certain_rows(
            crossbar_at, axons_at + (first << 1), min(CHUNK, count - first), types_at,
            weights_at, drawn_at, potentials_at, base.answer,
        )  # fmt: skip
    count_hits(crossbar_at, axons_at, count, types_at, base.ones, drawn_at, places)
    place_draws(places, drawers_at)
    draws = word_32(places + (NEURONS << 2))
    draw_words(base.jumps, words, y, draws)
    add_drawn_hits(base, crossbar_at, types_at, block, potentials_at, axons_at, count)
    for j in range(NEURONS if flags & (DRAWS_LEAK | DRAWS_ETA) else 0):
        # What draws nothing takes a word that its magnitude or mask makes idle.
        place = words + (word_32(places + (j << 2)) << 2)
        put_32(base.leak + (j << 2), word_32(place))
        place += (word_8(drawers_at + j) & 1) << 2
        put_32(base.eta + (j << 2), word_32(place))
    noise_of_words(base, block, block_at, flags, base.leak, base.eta)
    return word_32(words + (draws << 2))
