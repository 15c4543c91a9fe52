"""The few vector instructions the engine is built from, written in LLVM's intermediate language.

Why at all: a core has 256 neurons and a crossbar row has 256 bits, one for each. What the inner loop
wants is "add this weight vector where these bits are 1" on whole vectors, with all 256 sums in
registers. Plain numba code cannot say that; the compiler's own vector types can, portably: LLVM turns
``select(bits, weights, 0)`` into one masked add on AVX-512, and into compare-and-blend sequences on
AVX2 or ARM. No instruction of any one processor is named here.

How to read it: every function marked ``@intrinsic`` emits code at compile time. Arguments are plain
64-bit integers; those named ``*_at`` are addresses. ``Emit`` below wraps the builder so that the
bodies read like array expressions: a "vector" is a value of N lanes, arithmetic works lane by lane,
and ``choose(mask, a, b)`` picks a where the mask is 1.

Lane numbering: lane k of group g is neuron N g + k; bit b of a row's bytes is neuron b, lowest first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
NEURONS = 256

# Rows of a parameter block, int32 [rows, 256]; tick.py documents what each holds.
(
    LEAK,
    ALPHA,
    FLOOR,
    KEEP_FIRED,
    ADD_FIRED,
    KEEP_BELOW,
    ADD_BELOW,
    REVERSAL,
    ETA_FIRED,
    ETA_BELOW,
    ETA_FLOOR,
    ETA_MASK,
    LEAK_DRAWN,
) = range(13)
PARAMETERS = 13

# Words of the scratch array through which a core's step answers, uint64 [8].
FIRED, OPERATIONS, CHANGED = 0, 4, 5


class Emit:
    """Builder helper: addresses are 64-bit integers, vectors are (type, lanes)."""

    def __init__(self, builder: Any) -> None:
        self.b = builder

    def word(self, value: int) -> Any:
        return ir.Constant(I64, value)

    def at(self, base: Any, offset: int) -> Any:
        return self.b.add(base, self.word(offset)) if offset else base

    def load(self, address: Any, kind: Any, lanes: int = 1) -> Any:
        full = ir.VectorType(kind, lanes) if lanes > 1 else kind
        loaded = self.b.load(self.b.inttoptr(address, full.as_pointer()))
        loaded.align = kind.width // 8
        return loaded

    def store(self, value: Any, address: Any) -> None:
        stored = self.b.store(value, self.b.inttoptr(address, value.type.as_pointer()))
        kind = value.type.element if isinstance(value.type, ir.VectorType) else value.type
        stored.align = kind.width // 8

    def fill(self, kind: Any, lanes: int, value: int) -> Any:
        return ir.Constant(ir.VectorType(kind, lanes), [value] * lanes)

    def spread(self, scalar: Any, lanes: int) -> Any:
        first = self.b.insert_element(self.fill(scalar.type, lanes, 0), scalar, ir.Constant(I32, 0))
        return self.b.shuffle_vector(first, first, self.fill(I32, lanes, 0))

    def part(self, vector: Any, start: int, lanes: int) -> Any:
        picked = ir.Constant(ir.VectorType(I32, lanes), list(range(start, start + lanes)))
        return self.b.shuffle_vector(vector, vector, picked)

    def choose(self, mask: Any, yes: Any, no: Any) -> Any:
        return self.b.select(mask, yes, no)

    def bits(self, integer: Any) -> Any:
        """An integer's bits as a mask, lowest bit = lane 0."""
        return self.b.bitcast(integer, ir.VectorType(I1, integer.type.width))

    def packed(self, mask: Any) -> Any:
        """The inverse of :meth:`bits`."""
        return self.b.bitcast(mask, ir.IntType(mask.type.count))

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        kind = ir.FunctionType(result, [a.type for a in arguments])
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, name), arguments)

    def clamp(self, vector: Any, low: Any, high: Any) -> Any:
        name = f"v{vector.type.count}i{vector.type.element.width}"
        least = self.call(f"llvm.smin.{name}", vector.type, vector, high)
        return self.call(f"llvm.smax.{name}", vector.type, least, low)

    def ones(self, words: Any) -> Any:
        """Number of 1 bits in a vector of four 64-bit words."""
        counts = self.call("llvm.ctpop.v4i64", words.type, words)
        return self.call("llvm.vector.reduce.add.v4i64", I64, counts)

    def any_bit(self, vector: Any) -> Any:
        name = f"llvm.vector.reduce.or.v{vector.type.count}i{vector.type.element.width}"
        return self.call(name, vector.type.element, vector)

    def loop(
        self, count: Any, carried: Sequence[Any], body: Callable[[Any, list[Any]], list[Any]]
    ) -> list[Any]:
        """carried = body(i, carried) for i in 0..count-1; returns the last ``carried``."""
        b = self.b
        before, turn, after = (
            b.basic_block,
            b.append_basic_block("turn"),
            b.append_basic_block("after"),
        )
        b.cbranch(b.icmp_signed(">", count, self.word(0)), turn, after)
        b.position_at_end(turn)
        index = b.phi(I64)
        values = [b.phi(v.type) for v in carried]
        updated = body(index, list(values))
        last = b.basic_block
        following = b.add(index, self.word(1))
        for phi, first, later in zip(
            [index, *values], [self.word(0), *carried], [following, *updated], strict=True
        ):
            phi.add_incoming(first, before)
            phi.add_incoming(later, last)
        b.cbranch(b.icmp_signed("<", following, count), turn, after)
        b.position_at_end(after)
        results = [b.phi(v.type) for v in carried]
        for phi, first, later in zip(results, carried, updated, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, last)
        return results


def _philox(e: Emit, seed: Any, low: Any, high: Any) -> Any:
    """Philox2x32-10 in eight 64-bit lanes: (word, other) of counters (low, high), word lowest.

    The same rounds as ``noise`` of tick.py; every 32-bit half stays in the low half of its lane.
    """
    b = e.b
    half, multiplier = e.fill(I64, 8, 0xFFFFFFFF), e.fill(I64, 8, 0xD256D193)
    shift = e.fill(I64, 8, 32)
    word, other, key = low, high, b.and_(seed, e.word(0xFFFFFFFF))
    for _ in range(10):
        product = b.mul(b.and_(word, half), multiplier)
        word = b.xor(b.xor(b.lshr(product, shift), e.spread(key, 8)), other)
        other = b.and_(product, half)
        key = b.and_(b.add(key, e.word(0x9E3779B9)), e.word(0xFFFFFFFF))
    return b.or_(word, b.shl(other, shift))


def _draws(e: Emit, seed: Any, tick: Any, kind: int, axon: Any, first: int) -> Any:
    """64 random bits for each of eight lanes ``first`` .. ``first + 7`` of one kind of draw."""
    b = e.b
    lanes = ir.Constant(ir.VectorType(I64, 8), [first + lane | kind << 8 for lane in range(8)])
    above = b.and_(b.lshr(tick, e.word(32)), e.word(0x3FFF))
    rest = b.or_(b.shl(axon, e.word(10)), b.shl(above, e.word(18)))
    low = e.spread(b.and_(tick, e.word(0xFFFFFFFF)), 8)
    return _philox(e, seed, low, b.or_(lanes, e.spread(rest, 8)))


def _row_sums(
    e: Emit, crossbar_at: Any, axons_at: Any, count: Any, types_at: Any, weights_at: Any,
    mask_row: Callable[[Any, Any, Any], list[Any]] | None = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """Sums of ``count`` active rows in eight vectors of 32 int16 lanes, and the 1 bits met.

    ``mask_row(axon, type, row_at)`` may give the row's eight 32-bit words in place of the crossbar's.
    """
    b = e.b

    def add_row(index: Any, carried: list[Any]) -> list[Any]:
        axon = b.zext(e.load(b.add(axons_at, index), I8), I64)
        kind = b.zext(e.load(b.add(types_at, axon), I8), I64)
        row_at = b.add(crossbar_at, b.shl(axon, e.word(5)))
        weights = b.add(weights_at, b.shl(kind, e.word(9)))
        words = mask_row(axon, kind, row_at) if mask_row else [
            e.load(e.at(row_at, 4 * g), I32) for g in range(8)
        ]  # fmt: skip
        sums = [
            b.add(total, e.choose(e.bits(words[g]), e.load(e.at(weights, 64 * g), I16, 32),
                                  e.fill(I16, 32, 0)))
            for g, total in enumerate(carried[:8])
        ]  # fmt: skip
        return [*sums, b.add(carried[8], e.ones(e.load(row_at, I64, 4)))]

    start = [e.fill(I16, 32, 0)] * 8 + [e.word(0)]
    *sums, operations = e.loop(count, start, add_row)
    return sums, operations


def _add_to_potentials(e: Emit, sums: list[Any], potentials_at: Any) -> None:
    for g in range(16):
        place = e.at(potentials_at, 64 * g)
        half = e.part(sums[g // 2], 16 * (g % 2), 16)
        wide = e.b.sext(half, ir.VectorType(I32, 16))
        e.store(e.b.add(e.load(place, I32, 16), wide), place)


def _count_operations(e: Emit, operations: Any, scratch_at: Any) -> None:
    place = e.at(scratch_at, 8 * OPERATIONS)
    e.store(e.b.add(e.load(place, I64), operations), place)


def _sign(e: Emit, v: Any) -> Any:
    """sgn(v) in {-1, 0, 1}."""
    wide, zero = v.type, e.fill(I32, 16, 0)
    above = e.b.zext(e.b.icmp_signed(">", v, zero), wide)
    return e.b.add(above, e.b.sext(e.b.icmp_signed("<", v, zero), wide))


def _instruction(emit: Callable[..., None]) -> Any:
    """Make emit(e, *integers) callable from compiled code: every argument is a 64-bit integer."""

    def typed(_context: Any, *kinds: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            emit(Emit(builder), *values)
            return context.get_dummy_value()

        return types.void(*[types.int64] * len(kinds)), generate

    # numba checks calls against the signature that this attribute gives.
    typed.__signature__ = inspect.signature(emit)
    typed.__name__, typed.__doc__ = emit.__name__, emit.__doc__
    return intrinsic(typed)


@_instruction
def step(
    e, crossbar_at, axons_at, count, types_at, weights_at, potentials_at, block_at, scratch_at
):
    """One tick of a core whose leak is monotonic and draws nothing: rows, leak, compare, reset.

    ``count`` active axons (at most 128, so that int16 sums cannot overflow: 128 x 255 = 32,640).
    Answers in scratch: which neurons fired, synaptic operations met, whether a potential changed.
    """
    sums, operations = _row_sums(e, crossbar_at, axons_at, count, types_at, weights_at)
    _count_operations(e, operations, scratch_at)
    b = e.b
    low, high = e.fill(I32, 16, -(1 << 19)), e.fill(I32, 16, (1 << 19) - 1)
    changed = e.fill(I32, 16, 0)
    for g in range(16):
        row = lambda r, g=g: e.load(e.at(block_at, 1024 * r + 64 * g), I32, 16)  # noqa: E731
        place = e.at(potentials_at, 64 * g)
        before = e.load(place, I32, 16)
        arrived = b.sext(e.part(sums[g // 2], 16 * (g % 2), 16), before.type)
        v = e.clamp(b.add(b.add(before, arrived), row(LEAK)), low, high)
        fires, below = b.icmp_signed(">=", v, row(ALPHA)), b.icmp_signed("<", v, row(FLOOR))
        fired = b.add(b.and_(v, row(KEEP_FIRED)), row(ADD_FIRED))
        bounced = b.add(b.and_(v, row(KEEP_BELOW)), row(ADD_BELOW))
        after = e.choose(fires, fired, e.choose(below, bounced, v))
        changed = b.or_(changed, b.xor(after, before))
        e.store(after, place)
        e.store(e.packed(fires), e.at(scratch_at, 8 * FIRED + 2 * g))
    e.store(b.zext(e.any_bit(changed), I64), e.at(scratch_at, 8 * CHANGED))


@_instruction
def step_any(
    e, potentials_at, block_at, leak_at, eta_at, scratch_at, high, rails, zero_clamp
):  # fmt: skip
    """Leak, range, compare and reset with every feature of the neuron; sums are already in V.

    leak, eta: int32 [256], this tick's leak and threshold noise. ``high`` is the ceiling (the floor
    is -high, or -high - 1 without rails); ``rails`` and ``zero_clamp`` are 0 or 1.
    """
    b = e.b
    zero = e.fill(I32, 16, 0)
    top = e.spread(b.trunc(high, I32), 16)
    bottom = e.spread(b.trunc(b.sub(b.sub(rails, e.word(1)), high), I32), 16)
    railed_too = e.spread(b.trunc(rails, I1), 16)
    clamps = e.spread(b.trunc(zero_clamp, I1), 16)
    changed = zero
    for g in range(16):
        row = lambda r, g=g: e.load(e.at(block_at, 1024 * r + 64 * g), I32, 16)  # noqa: E731
        place = e.at(potentials_at, 64 * g)
        before = e.load(place, I32, 16)
        leak, eta = (e.load(e.at(a, 64 * g), I32, 16) for a in (leak_at, eta_at))
        reverses = b.icmp_signed("!=", row(REVERSAL), zero)
        sign = _sign(e, before)
        leaked = b.add(before, e.choose(reverses, b.mul(leak, sign), leak))
        crossed = b.and_(b.icmp_signed("<", b.mul(_sign(e, leaked), sign), zero), reverses)
        leaked = e.choose(b.and_(crossed, clamps), zero, leaked)
        railed = b.and_(b.icmp_signed(">", leaked, top), railed_too)
        v = e.clamp(leaked, bottom, top)
        fires = b.icmp_signed(">=", v, b.add(row(ALPHA), eta))
        below = b.icmp_signed("<", v, b.sub(row(FLOOR), b.and_(eta, row(ETA_FLOOR))))
        fired = b.sub(
            b.add(b.and_(v, row(KEEP_FIRED)), row(ADD_FIRED)), b.and_(eta, row(ETA_FIRED))
        )
        bounced = b.add(
            b.add(b.and_(v, row(KEEP_BELOW)), row(ADD_BELOW)), b.and_(eta, row(ETA_BELOW))
        )
        after = e.choose(fires, fired, e.choose(below, bounced, v))
        after = e.choose(railed, v, after)
        changed = b.or_(changed, b.xor(after, before))
        e.store(after, place)
        e.store(e.packed(b.or_(fires, railed)), e.at(scratch_at, 8 * FIRED + 2 * g))
    e.store(b.zext(e.any_bit(changed), I64), e.at(scratch_at, 8 * CHANGED))


@_instruction
def add_rows(e, crossbar_at, axons_at, count, types_at, weights_at, potentials_at, scratch_at):
    """V += sum of the weights of ``count`` (at most 128) active rows; V is not clamped."""
    sums, operations = _row_sums(e, crossbar_at, axons_at, count, types_at, weights_at)
    _add_to_potentials(e, sums, potentials_at)
    _count_operations(e, operations, scratch_at)


@_instruction
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

    sums, operations = _row_sums(e, crossbar_at, axons_at, count, types_at, weights_at, mask_row)
    _add_to_potentials(e, sums, potentials_at)
    _count_operations(e, operations, scratch_at)


@_instruction
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


@_instruction
def draw_eta(e, block_at, eta_at, seed, tick):
    """eta[j] = half j % 2 of lane j / 2 of the threshold draws AND (2**TM_j - 1)."""
    b = e.b
    for v in range(16):
        drawn = b.bitcast(_draws(e, seed, tick, 2, e.word(0), 8 * v), ir.VectorType(I32, 16))
        mask = e.load(e.at(block_at, 1024 * ETA_MASK + 64 * v), I32, 16)
        e.store(b.and_(drawn, mask), e.at(eta_at, 64 * v))


@_instruction
def prefetch(e, address):
    """Ask for the cache line at ``address``; by the time it is read, it has come."""
    pointer = e.b.inttoptr(address, I8.as_pointer())
    options = [ir.Constant(I32, option) for option in (0, 2, 1)]  # read, keep in L2, data
    e.call("llvm.prefetch.p0", ir.VoidType(), pointer, *options)


@intrinsic
def lowest_bit(_context: Any, _word: Any) -> Any:
    """Index of the lowest 1 bit of a 64-bit word that is not 0."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(I1, 1))

    return types.int64(types.uint64), generate


@intrinsic
def ones_in(_context: Any, _word: Any) -> Any:
    """Number of 1 bits of a 64-bit word."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.int64(types.uint64), generate


@intrinsic
def set_bits(_context: Any, _address: Any, _bits: Any) -> Any:
    """Set bits of the uint64 at an address; returns what it was. Not atomic."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        e = Emit(builder)
        word = e.load(values[0], I64)
        e.store(builder.or_(word, values[1]), values[0])
        return word

    return types.uint64(types.int64, types.uint64), generate


@intrinsic
def atomic_add(_context: Any, _address: Any, _amount: Any) -> Any:
    """Add to the int64 at an address, seen by all threads in one order; returns the old value."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        pointer = builder.inttoptr(values[0], I64.as_pointer())
        return builder.atomic_rmw("add", pointer, values[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@_instruction
def let_others_run(e):
    """Give the processor to another thread or process that wants it (POSIX sched_yield)."""
    e.call("sched_yield", I32)
