"""The vector instructions of the noise ``counter``: words that are functions of what draws them.

Philox2x32-10 in vector lanes; tnemu.emulator.noise has the definition, philox.py the same one by one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tnemu.emulator.engines.compiled.kernels.emit import I8, I32, I64, Emit, instruction
from tnemu.emulator.engines.compiled.kernels.vector import (
    ETA_MASK,
    LEAK_DRAWN,
    add_to_potentials,
    count_operations,
    row_sums,
)


def _philox(e: Emit, seed: Any, low: Any, high: Any) -> Any:
    """Philox2x32-10 in eight 64-bit lanes: (word, other) of counters (low, high), word lowest.

    The same rounds as ``noise`` of philox.py, on the low halves of the lanes. What the upper halves hold
    is of no consequence until the end, because only lower halves are multiplied; so a product's upper
    half is copied down, not shifted: that is another execution unit's work than multiplying.
    """
    b = e.b
    half, multiplier = e.fill(I64, 8, 0xFFFFFFFF), e.fill(I64, 8, 0xD256D193)
    halves = ir.VectorType(I32, 16)
    odd = ir.Constant(halves, [lane | 1 for lane in range(16)])
    both = ir.Constant(halves, [lane & 14 | lane % 2 << 4 for lane in range(16)])
    word, other, key = low, high, b.and_(seed, e.word(0xFFFFFFFF))
    for _ in range(10):
        product = b.mul(b.and_(word, half), multiplier)
        parts = b.bitcast(product, halves)
        upper = b.bitcast(b.shuffle_vector(parts, parts, odd), product.type)
        word = b.xor(b.xor(upper, e.spread(key, 8)), other)
        other = product
        key = b.and_(b.add(key, e.word(0x9E3779B9)), e.word(0xFFFFFFFF))
    drawn = b.shuffle_vector(b.bitcast(word, halves), b.bitcast(other, halves), both)
    return b.bitcast(drawn, word.type)


def _draws(e: Emit, seed: Any, tick: Any, kind: int, axon: Any, first: int) -> Any:
    """64 random bits for each of eight lanes ``first`` .. ``first + 7`` of one kind of draw."""
    b = e.b
    lanes = ir.Constant(ir.VectorType(I64, 8), [first + lane | kind << 8 for lane in range(8)])
    above = b.and_(b.lshr(tick, e.word(32)), e.word(0x3FFF))
    rest = b.or_(b.shl(axon, e.word(10)), b.shl(above, e.word(18)))
    low = e.spread(b.and_(tick, e.word(0xFFFFFFFF)), 8)
    return _philox(e, seed, low, b.or_(lanes, e.spread(rest, 8)))


@instruction
def add_drawn_rows(
    e, crossbar_at, axons_at, count, types_at, weights_at, magnitudes_at, potentials_at, scratch_at,
    seed, tick,
):  # fmt: skip
    """V += sum over ``count`` active rows of F(s, rho) weights; F = 1 where magnitude >= rho.

    A certain weight has magnitude 255 and its own value; a drawn one |s| and sgn(s). rho is one byte
    of noise for every neuron: byte j % 8 of lane j / 8 of the row's draws.
    """
    b = e.b

    def mask_row(axon: Any, kind: Any, row_at: Any) -> list[Any]:
        words = []
        limits_at = b.add(magnitudes_at, b.shl(kind, e.word(8)))
        for v in range(4):
            rho = b.bitcast(_draws(e, seed, tick, 0, axon, 8 * v), ir.VectorType(I8, 64))
            limit = e.load(e.at(limits_at, 64 * v), I8, 64)
            passes = e.packed(b.icmp_unsigned(">=", limit, rho))
            kept = b.and_(passes, e.load(e.at(row_at, 8 * v), I64))
            words += [b.trunc(kept, I32), b.trunc(b.lshr(kept, e.word(32)), I32)]
        return words

    sums, operations = row_sums(e, crossbar_at, axons_at, count, types_at, weights_at, mask_row)
    add_to_potentials(e, sums, potentials_at)
    count_operations(e, operations, scratch_at)


@instruction
def draw_leak(e, block_at, magnitudes_at, leak_at, seed, tick):
    """leak[j] = F(leak_j, rho_j) times the block's leak value; certain leaks have magnitude 255."""
    b = e.b
    zero = e.fill(I32, 16, 0)
    for v in range(4):
        rho = b.bitcast(_draws(e, seed, tick, 1, e.word(0), 8 * v), ir.VectorType(I8, 64))
        passes = b.icmp_unsigned(">=", e.load(e.at(magnitudes_at, 64 * v), I8, 64), rho)
        for q in range(4):
            value = e.load(e.at(block_at, 1024 * LEAK_DRAWN + 256 * v + 64 * q), I32, 16)
            drawn = e.choose(e.part(passes, 16 * q, 16), value, zero)
            e.store(drawn, e.at(leak_at, 256 * v + 64 * q))


@instruction
def draw_eta(e, block_at, eta_at, seed, tick):
    """eta[j] = half j % 2 of lane j / 2 of the threshold draws AND (2**TM_j - 1)."""
    b = e.b
    for v in range(16):
        drawn = b.bitcast(_draws(e, seed, tick, 2, e.word(0), 8 * v), ir.VectorType(I32, 16))
        mask = e.load(e.at(block_at, 1024 * ETA_MASK + 64 * v), I32, 16)
        e.store(b.and_(drawn, mask), e.at(eta_at, 64 * v))
