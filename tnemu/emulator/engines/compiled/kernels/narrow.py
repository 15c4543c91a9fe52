"""The vector instructions of a core whose potentials are kept in 16 bits, with noise and without."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from llvmlite import ir

from tnemu.emulator.engines.compiled.kernels.emit import I8, I16, I32, I64, Emit, instruction
from tnemu.emulator.engines.compiled.kernels.vector import (
    ADD_BELOW,
    ADD_FIRED,
    ALPHA,
    ESCAPED,
    ETA_BELOW,
    ETA_FIRED,
    ETA_FLOOR,
    ETA_MASK,
    FLOOR,
    KEEP_BELOW,
    KEEP_FIRED,
    LEAK,
    answer_changed,
    answer_fired,
    core_row,
    count_operations,
    row_sums,
)

NARROW_PARAMETERS = 11  # the rows up to ETA_MASK, in 16 bits

NARROW_MOST = 32_511  # potentials kept in 16 bits are in -32,512..32,511: a leak cannot overflow
NARROW_TM = 14  # bits of threshold noise that 16 bits hold beside them: at most half of their range

BYTE_ROWS = 64  # rows of weights -1, 0, 1 that are summed in bytes before they are widened


@instruction
def narrowed(e, noise_at, narrow_at):
    """Noise int32 [256] in 16 bits, which are enough."""
    for g in range(16):
        wide = e.b.and_(e.load(e.at(noise_at, 64 * g), I32, 16), e.fill(I32, 16, 0xFFFF))
        e.store(e.b.trunc(wide, ir.VectorType(I16, 16)), e.at(narrow_at, 32 * g))


@instruction
def widen(e, narrow_at, potentials_at):
    """Potentials of 16 bits in 32."""
    for g in range(16):
        v = e.load(e.at(narrow_at, 32 * g), I16, 16)
        e.store(e.b.sext(v, ir.VectorType(I32, 16)), e.at(potentials_at, 64 * g))


def _row_sums_in_bytes(
    e: Emit, crossbar_at: Any, axons_at: Any, count: Any, types_at: Any, weights_at: Any
) -> tuple[list[Any], Any]:
    """The same of weights -1, 0, 1 given as int8: half the instructions of a row.

    Bytes hold BYTE_ROWS rows; then they are added to the int16 sums.
    """
    b = e.b

    def row_bytes(first: Any, count: Any, operations: Any) -> tuple[list[Any], Any]:
        """Sums of at most BYTE_ROWS rows from ``first`` on as int16."""
        start_at = b.add(axons_at, b.shl(first, e.word(1)))

        def add_row(index: Any, carried: list[Any]) -> list[Any]:
            axon_at = b.add(start_at, b.shl(index, e.word(1)))
            _, kind, row_at = core_row(e, crossbar_at, axon_at, types_at)
            weights = b.add(weights_at, b.shl(kind, e.word(8)))
            bytes_ = [
                b.add(total, e.choose(e.bits(e.load(e.at(row_at, 8 * g), I64)),
                                      e.load(e.at(weights, 64 * g), I8, 64), e.fill(I8, 64, 0)))
                for g, total in enumerate(carried[:4])
            ]  # fmt: skip
            return [*bytes_, b.add(carried[4], e.ones(e.load(row_at, I64, 4)))]

        *bytes_, operations = e.loop(count, [e.fill(I8, 64, 0)] * 4 + [operations], add_row)
        wide = ir.VectorType(I16, 32)
        return [
            b.sext(e.part(bytes_[g // 2], 32 * (g % 2), 32), wide) for g in range(8)
        ], operations

    def add_rows(index: Any, carried: list[Any]) -> list[Any]:
        first = b.mul(b.add(index, e.word(1)), e.word(BYTE_ROWS))
        *sums, operations = carried
        more, operations = row_bytes(first, e.least(b.sub(count, first), BYTE_ROWS), operations)
        return [*(b.add(total, some) for total, some in zip(sums, more, strict=True)), operations]

    sums, operations = row_bytes(e.word(0), e.least(count, BYTE_ROWS), e.fill(I64, 4, 0))
    further = b.sdiv(b.sub(count, e.word(1)), e.word(BYTE_ROWS))
    *sums, operations = e.loop(further, [*sums, operations], add_rows)
    return sums, operations


def _narrow(sums_of: Callable[..., tuple[list[Any], Any]], *, floors: bool) -> Any:
    """``step`` with potentials and parameters of 16 bits: half the traffic, twice the lanes.

    The sums must fit 16 bits. Adding them saturates, and a V outside of -32,512..32,511 in any lane
    answers ESCAPED: then nothing was stored, and the core has to be evaluated with ``step``. CHANGED is
    answered only where ``count`` is 0.
    Without ``floors`` no V of 16 bits may be below a floor.
    """

    def step(
        e, crossbar_at, axons_at, count, types_at, weights_at, narrow_at, block_at, scratch_at
    ):  # type: ignore[no-untyped-def]
        sums, operations = sums_of(e, crossbar_at, axons_at, count, types_at, weights_at)
        rule = _Narrow(e, narrow_at, block_at, floors=floors)
        _step_narrow(e, rule, sums, operations, count, scratch_at)

    return instruction(step)


def _noisy(sums_of: Callable[..., tuple[list[Any], Any]]) -> Any:
    """The same with noise: leak, eta int16 [256], this tick's leak and threshold noise.

    CHANGED is answered too where some threshold noise could matter in the next tick.
    """

    def step(
        e, crossbar_at, axons_at, count, types_at, weights_at, narrow_at, block_at, scratch_at,
        leak_at, eta_at,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        sums, operations = sums_of(e, crossbar_at, axons_at, count, types_at, weights_at)
        rule = _NarrowNoise(e, narrow_at, block_at, leak_at, eta_at)
        _step_narrow(e, rule, sums, operations, count, scratch_at)

    return instruction(step)


class _Narrow:
    """Leak, compare and reset of 32 neurons at a time in 16 bits."""

    def __init__(self, e: Emit, narrow_at: Any, block_at: Any, *, floors: bool = True) -> None:
        self.e, self.narrow_at, self.block_at, self.floors = e, narrow_at, block_at, floors

    def row(self, r: int, g: int) -> Any:
        return self.e.load(self.e.at(self.block_at, 512 * r + 64 * g), I16, 32)

    def before(self, g: int) -> Any:
        return self.e.load(self.e.at(self.narrow_at, 64 * g), I16, 32)

    def leak(self, g: int) -> Any:
        return self.row(LEAK, g)

    def leaked(self, g: int) -> Any:
        return self.e.b.add(self.before(g), self.leak(g))

    def compared(self, g: int, v: Any) -> tuple[Any, Any]:
        """Which neurons fire, and what V becomes."""
        e, b, after = self.e, self.e.b, v
        fires = b.icmp_signed(">=", v, self.row(ALPHA, g))
        if self.floors:
            bounced = b.add(b.and_(v, self.row(KEEP_BELOW, g)), self.row(ADD_BELOW, g))
            after = e.choose(b.icmp_signed("<", v, self.row(FLOOR, g)), bounced, after)
        fired = b.add(b.and_(v, self.row(KEEP_FIRED, g)), self.row(ADD_FIRED, g))
        return fires, e.choose(fires, fired, after)

    def restless(self, g: int) -> Any | None:
        """Where the next tick may differ although nothing changed in one without input."""
        return None


class _NarrowNoise(_Narrow):
    """The same with noise."""

    def __init__(self, e: Emit, narrow_at: Any, block_at: Any, leak_at: Any, eta_at: Any) -> None:
        super().__init__(e, narrow_at, block_at)
        self.leak_at, self.eta_at = leak_at, eta_at

    def leak(self, g: int) -> Any:
        return self.e.load(self.e.at(self.leak_at, 64 * g), I16, 32)

    def compared(self, g: int, v: Any) -> tuple[Any, Any]:
        e, b = self.e, self.e.b
        eta = e.load(e.at(self.eta_at, 64 * g), I16, 32)
        part = lambda r: b.and_(eta, self.row(r, g))  # noqa: E731
        fires = b.icmp_signed(">=", v, e.add_saturating(self.row(ALPHA, g), eta))
        floor = e.add_saturating(self.row(FLOOR, g), b.neg(part(ETA_FLOOR)))
        bounced = b.add(b.and_(v, self.row(KEEP_BELOW, g)), self.row(ADD_BELOW, g))
        bounced = b.add(bounced, part(ETA_BELOW))
        fired = b.add(b.and_(v, self.row(KEEP_FIRED, g)), self.row(ADD_FIRED, g))
        fired = b.sub(fired, part(ETA_FIRED))
        return fires, e.choose(fires, fired, e.choose(b.icmp_signed("<", v, floor), bounced, v))

    def restless(self, g: int) -> Any:
        e, b, v = self.e, self.e.b, self.leaked(g)
        mask, none = self.row(ETA_MASK, g), e.fill(I16, 32, 0)
        lowers = b.and_(mask, self.row(ETA_FLOOR, g))
        near = e.choose(b.icmp_signed(">=", v, self.row(ALPHA, g)), mask, none)
        return b.or_(near, e.choose(b.icmp_signed("<", v, self.row(FLOOR, g)), lowers, none))


def _step_narrow(
    e: Emit, rule: _Narrow, sums: list[Any], operations: Any, count: Any, scratch_at: Any
) -> None:
    b = e.b
    lift, span = e.fill(I16, 32, NARROW_MOST + 1), e.fill(I16, 32, 2 * NARROW_MOST + 1)
    results, masks, heights = [], [], []
    for g in range(8):
        v = e.add_saturating(rule.leaked(g), sums[g])
        heights.append(b.add(v, lift))
        fires, after = rule.compared(g, v)
        results.append(after)
        masks.append(fires)
    outside = b.icmp_unsigned(">", reduce(e.larger, heights), span)
    escaped = b.icmp_unsigned("!=", e.packed(outside), ir.Constant(I32, 0))
    e.store(b.zext(escaped, I64), e.at(scratch_at, 8 * ESCAPED))
    answer_fired(e, masks, scratch_at)
    with b.if_then(b.icmp_signed("==", count, e.word(0)), likely=False):
        changes = [b.xor(after, rule.before(g)) for g, after in enumerate(results)]
        changes += [near for near in map(rule.restless, range(8)) if near is not None]
        answer_changed(e, reduce(b.or_, changes), scratch_at)
    with b.if_then(b.not_(escaped), likely=True):
        count_operations(e, operations, scratch_at)
        for g, after in enumerate(results):
            e.store(after, e.at(rule.narrow_at, 64 * g))


step_narrow, step_narrow_open = _narrow(row_sums, floors=True), _narrow(row_sums, floors=False)
# The same of weights -1, 0 or 1; ``weights_at`` has them as int8.
step_trinary = _narrow(_row_sums_in_bytes, floors=True)
step_trinary_open = _narrow(_row_sums_in_bytes, floors=False)
step_noisy, step_noisy_trinary = _noisy(row_sums), _noisy(_row_sums_in_bytes)
