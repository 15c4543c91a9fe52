"""The noise ``xorshift32``: words of a core's generator, in the order in which they are drawn.

A step of the generator is linear over GF(2), so any number of steps is a product with a 32 x 32 matrix of
bits: the exclusive or of one word for each of the state's eight groups of four bits, which tables
hold (draws.py makes them). With sixteen matrices side by side the same eight look-ups give sixteen states:
those after 16, 32, ... 256 steps, and of each of these the next sixteen. So the words of a core come
without a sequence, and a core that has slept jumps.
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
    DRAWS_WEIGHTS,
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
# Tables of sixteen jumps: by 0..15 steps, by 16, 32 .. 256, by 1, 2, 4 .. 2**15, by 2**16 .. 2**31.
SINGLE, SIXTEENS, POWERS = 0, 1, 2
TABLE = 8 * 16 * 64  # bytes of one: eight groups of bits, their sixteen values, sixteen states


def _jumps(e: Emit, tables_at: Any, which: int, y: Any) -> Any:
    """Sixteen states that a table leads to from ``y``."""
    b, total = e.b, None
    for group in range(8):
        bits = b.and_(b.lshr(y, e.word(4 * group)), e.word(15))
        at = b.add(e.at(tables_at, which * TABLE + 1024 * group), b.shl(bits, e.word(6)))
        part = e.load(at, I32, 16)
        total = part if total is None else b.xor(total, part)
    return total


@instruction
def draw_words(e, tables_at, starts_at, words_at, y, count):
    """words[k] = the state ``k`` steps after ``y``, for k = 0..count and up to fifteen more.

    starts: every sixteenth of them.
    """
    b = e.b
    e.store(b.trunc(y, I32), starts_at)

    def sixteen_starts(index: Any, _nothing: list[Any]) -> list[Any]:
        at = b.add(starts_at, b.shl(index, e.word(6)))
        first = b.zext(e.load(at, I32), I64)
        e.store(_jumps(e, tables_at, SIXTEENS, first), e.at(at, 4))
        return []

    def sixteen_words(index: Any, _nothing: list[Any]) -> list[Any]:
        first = b.zext(e.load(b.add(starts_at, b.shl(index, e.word(2))), I32), I64)
        words = _jumps(e, tables_at, SINGLE, first)
        e.store(words, b.add(words_at, b.shl(index, e.word(6))))
        return []

    sixteens = b.lshr(count, e.word(4))
    e.loop(b.lshr(b.add(sixteens, e.word(15)), e.word(4)), [], sixteen_starts)
    e.loop(b.add(sixteens, e.word(1)), [], sixteen_words)


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


@njit(cache=True, nogil=True)
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


# Words of leaks and thresholds lie behind each other as they were drawn; the neurons that draw are bits.


def _expanded(e: Emit, words_at: Any, masks_at: Any, starts_at: Any, group: int) -> Any:
    """The next words in those of sixteen lanes whose bit is 1, from the group's first word on."""
    b, kind = e.b, ir.VectorType(I32, 16)
    start = b.zext(e.load(e.at(starts_at, 2 * group), I16), I64)
    at = b.inttoptr(b.add(words_at, b.shl(start, e.word(2))), I32.as_pointer())
    taken = e.bits(e.load(e.at(masks_at, 2 * group), I16))
    return e.call("llvm.masked.expandload.v16i32", kind, at, taken, e.fill(I32, 16, 0))


@instruction
def spread(e, words_at, masks_at, starts_at, out_at):
    """out[j] = the word that neuron j has drawn, where each draws one at most; else 0."""
    for group in range(16):
        word = _expanded(e, words_at, masks_at, starts_at, group)
        e.store(word, e.at(out_at, 64 * group))


@instruction
def spread_pairs(e, words_at, masks_at, starts_at, leak_at, eta_at):
    """The same where each may draw two: lane 2 j is neuron j's leak, lane 2 j + 1 its threshold."""
    lanes = ir.VectorType(I32, 16)
    for group in range(16):
        first, second = (
            _expanded(e, words_at, masks_at, starts_at, 2 * group + half) for half in (0, 1)
        )
        for kind, out_at in enumerate((leak_at, eta_at)):
            mine = ir.Constant(lanes, [2 * lane + kind for lane in range(16)])
            e.store(e.b.shuffle_vector(first, second, mine), e.at(out_at, 64 * group))


@instruction
def leaks_of_words(e, block_at, magnitudes_at, leak_at):
    """leak[j] = F(leak_j, word AND 255) times the block's leak value; certain leaks have magnitude 255."""
    b, wide = e.b, ir.VectorType(I32, 16)
    for group in range(16):
        at = e.at(leak_at, 64 * group)
        rho = b.and_(e.load(at, I32, 16), e.fill(I32, 16, 255))
        limit = b.zext(e.load(e.at(magnitudes_at, 16 * group), I8, 16), wide)
        value = e.load(e.at(block_at, 1024 * LEAK_DRAWN + 64 * group), I32, 16)
        passes = b.icmp_unsigned(">=", limit, rho)
        e.store(e.choose(passes, value, e.fill(I32, 16, 0)), at)


@instruction
def etas_of_words(e, block_at, eta_at):
    """eta[j] = word AND (2**TM_j - 1)."""
    for group in range(16):
        at = e.at(eta_at, 64 * group)
        mask = e.load(e.at(block_at, 1024 * ETA_MASK + 64 * group), I32, 16)
        e.store(e.b.and_(e.load(at, I32, 16), mask), at)


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
def add_drawn_hit(e, words_at, places_at, magnitudes_at, weights_at, potentials_at, neuron):
    """V += F(s, rho) weight of one neuron, whose next word is rho; the place of its next word moves on."""
    b = e.b
    place_at = b.add(places_at, b.shl(neuron, e.word(2)))
    place = e.load(place_at, I32)
    e.store(b.add(place, ir.Constant(I32, 1)), place_at)
    word_at = b.add(words_at, b.shl(b.zext(place, I64), e.word(2)))
    rho = e.load(word_at, I8)  # the word's low byte: words are kept as the processor keeps numbers
    limit = e.load(b.add(magnitudes_at, neuron), I8)
    weight = b.sext(e.load(b.add(weights_at, b.shl(neuron, e.word(1))), I16), I32)
    added = b.select(b.icmp_unsigned(">=", limit, rho), weight, ir.Constant(I32, 0))
    at = b.add(potentials_at, b.shl(neuron, e.word(2)))
    e.store(b.add(e.load(at, I32), added), at)


@njit(cache=True, nogil=True)
def drawn_hits(base, crossbar_at, types_at, block, axon, part):
    """The type of an axon, and which of 64 neurons it hits with a weight that is drawn."""
    kind = (word_8(types_at + (axon >> 2)) >> ((axon & 3) << 1)) & 3
    row = word_at(crossbar_at + (axon << 5) + (part << 3))
    return kind, row & word_at(base.drawn + (block << 7) + (kind << 5) + (part << 3))


@njit(cache=True, nogil=True)
def draw_rows(base, crossbar_at, types_at, block, potentials_at, axons_at, count, y):
    """Add the rows of active axons and draw all words of the tick; returns the generator's state after it.

    Leak and threshold words of the neurons lie in base.leak and base.eta.
    """
    places, words = base.places, base.words
    for j in range(NEURONS):
        put_32(places + (j << 2), 0)
    for i in range(count):
        axon = word_8(axons_at + (i << 1))
        for part in range(4):
            _, hits = drawn_hits(base, crossbar_at, types_at, block, axon, part)
            while hits != np.uint64(0):
                at = places + ((part << 6) + lowest_bit(hits) << 2)
                put_32(at, word_32(at) + 1)
                hits &= hits - np.uint64(1)
    total = 0
    for j in range(NEURONS):
        hits = word_32(places + (j << 2))
        put_32(places + (j << 2), total)
        drawer = word_8(base.drawers + (block << 8) + j)
        total += hits + (drawer & 1) + (drawer >> 1)
    draw_words(base.jumps, base.sixteens, words, y, total)
    for i in range(count):
        axon = word_8(axons_at + (i << 1))
        for part in range(4):
            kind, hits = drawn_hits(base, crossbar_at, types_at, block, axon, part)
            magnitudes_at = base.magnitudes + (block << 10) + (kind << 8)
            weights_at = base.weights + (block << 11) + (kind << 9)
            while hits != np.uint64(0):
                j = (part << 6) + lowest_bit(hits)
                hits &= hits - np.uint64(1)
                add_drawn_hit(words, places, magnitudes_at, weights_at, potentials_at, j)
    for j in range(NEURONS):  # what draws nothing takes a word that its magnitude or mask makes idle
        place = word_32(places + (j << 2))
        put_32(base.leak + (j << 2), word_32(words + (place << 2)))
        place += word_8(base.drawers + (block << 8) + j) & 1
        put_32(base.eta + (j << 2), word_32(words + (place << 2)))
    return word_32(words + (total << 2))


@njit(cache=True, nogil=True)
def draw_sequence(base, crossbar_at, types_at, block, flags, potentials_at, axons_at, count, y):
    """Draw what a core draws in a tick, and add the rows where weights are drawn; returns the state."""
    if flags & DRAWS_WEIGHTS:
        weights_at, drawn_at = base.weights + (block << 11), base.drawn + (block << 7)
        for first in range(0, count, CHUNK):
            add_certain_rows(
                crossbar_at, axons_at + (first << 1), min(CHUNK, count - first), types_at,
                weights_at, drawn_at, potentials_at, base.answer,
            )  # fmt: skip
        return draw_rows(base, crossbar_at, types_at, block, potentials_at, axons_at, count, y)
    draws = integer_at(base.draws + (block << 3))
    masks_at, starts_at = base.draw_masks + (block << 6), base.draw_starts + (block << 6)
    draw_words(base.jumps, base.sixteens, base.words, y, draws)
    if flags & DRAWS_LEAK and flags & DRAWS_ETA:
        spread_pairs(base.words, masks_at, starts_at, base.leak, base.eta)
    elif flags & DRAWS_LEAK:
        spread(base.words, masks_at, starts_at, base.leak)
    else:
        spread(base.words, masks_at, starts_at, base.eta)
    return word_32(base.words + (draws << 2))
