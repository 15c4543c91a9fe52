"""The noise ``xorshift32`` where synapses are random: a neuron's hits by drawn weights, then leak, threshold.

A core's neurons draw one after the other, its rows are added to all neurons at once: so the words are
drawn first, each neuron's place among them is found, and every row takes one more from there.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from llvmlite import ir
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import DRAWS_ETA, DRAWS_LEAK, NEURONS
from tnemu.emulator.engines.compiled.kernels.emit import I8, I16, I32, I64, Emit, instruction
from tnemu.emulator.engines.compiled.kernels.sequence import (
    draw_bytes,
    noise_of_words,
    place_of_word,
)
from tnemu.emulator.engines.compiled.kernels.vector import core_row, count_operations
from tnemu.emulator.engines.compiled.kernels.words import put_32, word_8, word_32


@instruction
def count_hits(e, crossbar_at, axons_at, count, types_at, drawn_at, hits_at, scratch_at):
    """hits[j] = how many of ``count`` active rows hit neuron j with a weight that is drawn: int16 [256].

    In bytes, which hold 128 rows. The rows' synaptic operations are counted in scratch.
    """
    b, wide = e.b, ir.VectorType(I16, 32)

    def count_128(index: Any, carried: list[Any]) -> list[Any]:
        *sums, operations = carried
        first = b.shl(index, e.word(7))
        start_at = b.add(axons_at, b.shl(first, e.word(1)))

        def count_row(index: Any, carried: list[Any]) -> list[Any]:
            *bytes_, operations = carried
            axon_at = b.add(start_at, b.shl(index, e.word(1)))
            _, kind, row_at = core_row(e, crossbar_at, axon_at, types_at)
            mine_at = b.add(drawn_at, b.shl(kind, e.word(5)))
            for g, total in enumerate(bytes_):
                row, drawn = (e.load(e.at(at, 4 * g), I32) for at in (row_at, mine_at))
                hit = b.sext(e.bits(b.and_(row, drawn)), total.type)
                bytes_[g] = b.sub(total, hit)
            return [*bytes_, b.add(operations, e.ones(e.load(row_at, I64, 4)))]

        rows = e.least(b.sub(count, first), 128)
        *bytes_, operations = e.loop(rows, [e.fill(I8, 32, 0)] * 8 + [operations], count_row)
        return [*(b.add(s, b.zext(t, wide)) for s, t in zip(sums, bytes_, strict=True)), operations]

    start = [e.fill(I16, 32, 0)] * 8 + [e.fill(I64, 4, 0)]
    *sums, operations = e.loop(b.lshr(b.add(count, e.word(127)), e.word(7)), start, count_128)
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


@njit(cache=True, nogil=True)
def add_rows_in_order(
    base, crossbar_at, types_at, block, block_at, flags, potentials_at, axons_at, count, y
):
    """V += the rows of a core that draws weights; base.leak and base.eta as of ``draw_in_order``.

    Returns the generator's state after it.
    """
    weights_at, drawn_at = base.weights + (block << 11), base.drawn + (block << 7)
    drawers_at, places, words = base.drawers + (block << 8), base.places, base.words
    # The words' place holds the hits until words are drawn.
    count_hits(crossbar_at, axons_at, count, types_at, drawn_at, words, base.answer)
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
