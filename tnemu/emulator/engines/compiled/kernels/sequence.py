"""The noise ``xorshift32``: words of a core's generator, in the order in which they are drawn.

A step of the generator is linear over GF(2), so any number of steps is a product with a 32 x 32 matrix of
bits: the exclusive or of one word for each of the state's eight groups of four bits, which tables hold
(draws.py makes them). With sixteen matrices side by side the same eight look-ups give sixteen states,
sixteen steps apart, that go on together; and a core that has slept jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import (
    DRAWS_ETA,
    DRAWS_LEAK,
    NEURONS,
)
from tnemu.emulator.engines.compiled.kernels.emit import I8, I16, I32, I64, Emit, instruction
from tnemu.emulator.engines.compiled.kernels.vector import (
    ETA_MASK,
    LEAK_DRAWN,
    core_row,
    count_operations,
    row_sums,
)
from tnemu.emulator.engines.compiled.kernels.words import (
    integer_at,
    put_32,
    put_64,
    word_8,
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


@instruction
def count_hits(
    e, crossbar_at, axons_at, count, types_at, ones_at, drawn_at, hits_at, scratch_at
):  # fmt: skip
    """hits[j] = how many of ``count`` active rows hit neuron j with a weight that is drawn.

    ones: int16 [4, 256], all 1. The rows' synaptic operations are counted in scratch.
    """
    b = e.b

    def mask_row(axon: Any, kind: Any, row_at: Any) -> list[Any]:
        mine_at = b.add(drawn_at, b.shl(kind, e.word(5)))
        return [
            b.and_(e.load(e.at(row_at, 4 * g), I32), e.load(e.at(mine_at, 4 * g), I32))
            for g in range(8)
        ]

    sums, operations = row_sums(e, crossbar_at, axons_at, count, types_at, ones_at, mask_row)
    for g, total in enumerate(sums):
        e.store(total, e.at(hits_at, 64 * g))
    count_operations(e, operations, scratch_at)


@instruction
def place_draws(e, hits_at, places_at, drawers_at):
    """places[j] = words drawn before neuron j's; places[256] = of all neurons.

    hits: int16 [256]; drawers: uint8 [256], the low two bits are its leak and its threshold.
    """
    b, kind, wide = e.b, ir.VectorType(I16, 16), ir.VectorType(I32, 8)
    nothing, before, lanes = e.fill(I16, 16, 0), e.fill(I32, 8, 0), range(16)
    for g in range(16):
        drawer = b.zext(e.load(e.at(drawers_at, 16 * g), I8, 16), kind)
        own = b.add(b.and_(drawer, e.fill(I16, 16, 1)), b.lshr(drawer, e.fill(I16, 16, 1)))
        own = b.add(own, e.load(e.at(hits_at, 32 * g), I16, 16))
        total = own
        for d in (1, 2, 4):  # the sum of 2 d lanes up to each, of the eight that it is one of
            moved = [lane - d if lane % 8 >= d else 16 for lane in lanes]
            picked = ir.Constant(ir.VectorType(I32, 16), moved)
            total = b.add(total, b.shuffle_vector(total, nothing, picked))
        for half in (0, 1):
            mine = b.zext(e.part(total, 8 * half, 8), wide)
            others = b.sub(mine, b.zext(e.part(own, 8 * half, 8), wide))
            e.store(b.add(before, others), e.at(places_at, 64 * g + 32 * half))
            before = b.add(before, b.shuffle_vector(mine, mine, e.fill(I32, 8, 7)))
    e.store(b.extract_element(before, ir.Constant(I32, 0)), e.at(places_at, 1024))


def _next_bytes(e: Emit, places_at: Any, bytes_at: Any) -> list[Any]:
    """The next eight bytes of 32 neurons: vectors of 32 lanes, the k-th holds every neuron's k-th byte.

    Neuron 16 h + 2 v + i begins in half h of vector v, as its i-th eight bytes; four times interleaved
    with the vector four further on, half by half, its bytes are in lane 16 h + 2 v + i of eight vectors.
    """
    b, eights = e.b, []
    for v in range(8):
        four = e.fill(I64, 4, 0)
        for lane in range(4):
            neuron = 16 * (lane // 2) + 2 * v + lane % 2
            place = b.zext(e.load(e.at(places_at, 4 * neuron), I32), I64)
            eight = b.load(b.inttoptr(b.add(bytes_at, place), I64.as_pointer()))
            eight.align = 1
            four = b.insert_element(four, eight, ir.Constant(I32, lane))
        eights.append(b.bitcast(four, ir.VectorType(I8, 32)))
    lanes = ir.VectorType(I32, 32)
    first, second = (
        ir.Constant(lanes, [16 * h + i + 32 * of for h in (0, 1) for i in part for of in (0, 1)])
        for part in (range(8), range(8, 16))
    )
    for _ in range(4):
        pairs = zip(eights[:4], eights[4:], strict=True)
        eights = [b.shuffle_vector(*pair, half) for pair in pairs for half in (first, second)]
    return eights


@instruction
def add_rows_of_bytes(
    e, crossbar_at, axons_at, count, types_at, weights_at, magnitudes_at, drawn_at, potentials_at,
    places_at, bytes_at,
):  # fmt: skip
    """V += sum of F(s, rho) weights over ``count`` (at most 8) active rows; F = 1 where magnitude >= rho.

    rho is the byte at the neuron's place, which moves on where a weight is drawn; a certain one has
    magnitude 255. 32 neurons at a time: their next eight bytes are eight vectors, and what a row
    takes from the first moves up from the others, so that no lane has to ask where its byte is.
    """
    b = e.b

    def add_to_32(group: Any, carried: list[Any]) -> list[Any]:
        by_4, by_32, by_64, by_128 = (b.shl(group, e.word(k)) for k in (2, 5, 6, 7))
        rows_at, hits_at = b.add(crossbar_at, by_4), b.add(drawn_at, by_4)
        limits_at, mine_at = b.add(magnitudes_at, by_32), b.add(weights_at, by_64)
        my_places_at, v_at = b.add(places_at, by_128), b.add(potentials_at, by_128)

        def add_row(index: Any, carried: list[Any]) -> list[Any]:
            total, taken, *coming = carried
            axon_at = b.add(axons_at, b.shl(index, e.word(1)))
            _, kind, row_at = core_row(e, rows_at, axon_at, types_at)
            row = e.load(row_at, I32)
            limit = e.load(b.add(limits_at, b.shl(kind, e.word(8))), I8, 32)
            weight = e.load(b.add(mine_at, b.shl(kind, e.word(9))), I16, 32)
            passes = b.and_(row, e.packed(b.icmp_unsigned(">=", limit, coming[0])))
            drawn = e.load(b.add(hits_at, b.shl(kind, e.word(5))), I32)
            takes = e.bits(b.and_(row, drawn))
            total = b.add(total, e.choose(e.bits(passes), weight, e.fill(I16, 32, 0)))
            taken = b.sub(taken, b.sext(takes, taken.type))
            moved = [e.choose(takes, later, own) for own, later in pairwise(coming)]
            return [total, taken, *moved, coming[-1]]

        nothing = [e.fill(I16, 32, 0), e.fill(I8, 32, 0)]
        total, taken, *_ = e.loop(
            count, [*nothing, *_next_bytes(e, my_places_at, bytes_at)], add_row
        )
        for at, more in ((v_at, b.sext), (my_places_at, b.zext)):
            for half in (0, 1):
                lanes = e.part(total if at is v_at else taken, 16 * half, 16)
                place = e.at(at, 64 * half)
                wide = more(lanes, ir.VectorType(I32, 16))
                e.store(b.add(e.load(place, I32, 16), wide), place)
        return carried

    e.loop(e.word(8), [], add_to_32)


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
    # The words' place holds the hits until words are drawn.
    count_hits(crossbar_at, axons_at, count, types_at, base.ones, drawn_at, words, base.answer)
    place_draws(words, places, drawers_at)
    draws = word_32(places + (NEURONS << 2))
    draw_bytes(base.jumps, words, base.bytes, y, draws)
    for first in range(0, count, 8):
        add_rows_of_bytes(
            crossbar_at, axons_at + (first << 1), min(8, count - first), types_at, weights_at,
            base.magnitudes + (block << 10), drawn_at, potentials_at, places, base.bytes,
        )  # fmt: skip
    for j in range(NEURONS if flags & (DRAWS_LEAK | DRAWS_ETA) else 0):
        # What draws nothing takes a word that its magnitude or mask makes idle.
        k = word_32(places + (j << 2))
        put_32(base.leak + (j << 2), word_32(words + place_of_word(k)))
        k += word_8(drawers_at + j) & 1
        put_32(base.eta + (j << 2), word_32(words + place_of_word(k)))
    noise_of_words(base, block, block_at, flags, base.leak, base.eta)
    return word_32(words + place_of_word(draws))
