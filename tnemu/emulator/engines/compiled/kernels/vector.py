"""The vector instructions of a core: rows of its crossbar, leak, compare and reset.

emit.py says how such code is written and read. Lane numbering: lane k of group g is neuron N g + k;
bit b of a row's bytes is neuron b, lowest first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from tnemu.emulator.engines.compiled.kernels.emit import I1, I8, I16, I32, I64, Emit, instruction

NEURONS = 256

# Rows of a parameter block, int32 [14, 256]. A reset is V <- (V AND keep) + add.
(
    LEAK,
    ALPHA,
    FLOOR,  # -beta
    KEEP_FIRED,
    ADD_FIRED,
    KEEP_BELOW,
    ADD_BELOW,
    ETA_FIRED,  # all ones where a spike subtracts the threshold noise too
    ETA_BELOW,  # all ones where the floor's reset adds it
    ETA_FLOOR,  # all ones where it lowers the floor
    ETA_MASK,  # 2**TM - 1
    REVERSAL,  # all ones where the leak is multiplied by sgn(V)
    LEAK_DRAWN,  # sgn(leak) where the leak is drawn, else the leak
    CEILING,  # the highest potential of a neuron without reset; of others one that is never reached
) = range(14)
PARAMETERS = 14

# Words of the scratch array through which a core's step answers, uint64 [10]: four of what fired,
# four whose sum are the synaptic operations since the array was cleared, whether a potential changed
# (only for a core without input: with input nobody asks), and whether 16 bits were too few.
FIRED, OPERATIONS, CHANGED, ESCAPED = 0, 4, 8, 9


def core_row(e: Emit, crossbar_at: Any, axon_at: Any, types_at: Any) -> tuple[Any, Any, Any]:
    """The axon that a list names, its type, and where its crossbar row is."""
    b = e.b
    axon = b.zext(e.load(axon_at, I8), I64)  # the low byte of the list's 16 bits
    four = b.zext(e.load(b.add(types_at, b.lshr(axon, e.word(2))), I8), I64)
    kind = b.and_(b.lshr(four, b.shl(b.and_(axon, e.word(3)), e.word(1))), e.word(3))
    return axon, kind, b.add(crossbar_at, b.shl(axon, e.word(5)))


def row_sums(
    e: Emit, crossbar_at: Any, axons_at: Any, count: Any, types_at: Any, weights_at: Any,
    mask_row: Callable[[Any, Any, Any], list[Any]] | None = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """Sums of ``count`` active rows in eight vectors of 32 int16 lanes, and the 1 bits met.

    ``mask_row(axon, type, row_at)`` may give the row's eight 32-bit words in place of the crossbar's.
    """
    b = e.b

    def add_row(index: Any, carried: list[Any]) -> list[Any]:
        axon_at = b.add(axons_at, b.shl(index, e.word(1)))
        axon, kind, row_at = core_row(e, crossbar_at, axon_at, types_at)
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

    start = [e.fill(I16, 32, 0)] * 8 + [e.fill(I64, 4, 0)]
    *sums, operations = e.loop(count, start, add_row)
    return sums, operations


def add_to_potentials(e: Emit, sums: list[Any], potentials_at: Any) -> None:
    """V += sums, eight vectors of 32 int16."""
    for g in range(16):
        place = e.at(potentials_at, 64 * g)
        half = e.part(sums[g // 2], 16 * (g % 2), 16)
        wide = e.b.sext(half, ir.VectorType(I32, 16))
        e.store(e.b.add(e.load(place, I32, 16), wide), place)


def count_operations(e: Emit, operations: Any, scratch_at: Any) -> None:
    """Add to the synaptic operations that are counted in scratch."""
    place = e.at(scratch_at, 8 * OPERATIONS)
    e.store(e.b.add(e.load(place, I64, 4), operations), place)


def answer_fired(e: Emit, masks: list[Any], scratch_at: Any) -> None:
    """Which neurons fired, in four whole words: one written in parts is read back slowly."""
    while len(masks) > 4:
        masks = [e.joined(*masks[i : i + 2]) for i in range(0, len(masks), 2)]
    for part, mask in enumerate(masks):
        e.store(e.packed(mask), e.at(scratch_at, 8 * (FIRED + part)))


def answer_changed(e: Emit, changed: Any, scratch_at: Any) -> None:
    """Whether a bit of ``changed`` is 1."""
    e.store(e.b.zext(e.any_bit(changed), I64), e.at(scratch_at, 8 * CHANGED))


@instruction
def step(
    e, crossbar_at, axons_at, count, types_at, weights_at, potentials_at, block_at, scratch_at
):
    """One tick of a core whose leak is monotonic and draws nothing: rows, leak, compare, reset.

    ``count`` active axons (at most 128, so that int16 sums cannot overflow: 128 x 255 = 32,640).
    Answers in scratch: which neurons fired, synaptic operations met, whether a potential changed.
    """
    sums, operations = row_sums(e, crossbar_at, axons_at, count, types_at, weights_at)
    count_operations(e, operations, scratch_at)
    b = e.b
    low, high = e.fill(I32, 16, -(1 << 19)), e.fill(I32, 16, (1 << 19) - 1)
    changed, masks = e.fill(I32, 16, 0), []
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
        masks.append(fires)
    answer_fired(e, masks, scratch_at)
    answer_changed(e, changed, scratch_at)


def _step_any(*, ceiling: bool) -> Any:
    """Leak, range, compare and reset with every feature of the neuron; sums are already in V.

    leak, eta: int32 [256], this tick's leak and threshold noise. ``high`` is the top of the range (the
    bottom is -high, or -high - 1 without rails); ``rails`` and ``zero_clamp`` are 0 or 1. Neurons
    without reset have their ceiling only with ``ceiling``.
    """

    def step(e, potentials_at, block_at, leak_at, eta_at, scratch_at, high, rails, zero_clamp):  # type: ignore[no-untyped-def]
        b = e.b
        changed, masks = e.fill(I32, 16, 0), []
        rule = _Range(e, high, rails, zero_clamp)
        for g in range(16):
            before, leak, eta = _drawn(e, g, potentials_at, leak_at, eta_at)
            v, railed = rule.leaked(g, block_at, before, leak, ceiling)
            fires, after = _reset_with_noise(e, g, block_at, v, eta)
            after = e.choose(railed, v, after)
            changed = b.or_(changed, b.xor(after, before))
            e.store(after, e.at(potentials_at, 64 * g))
            masks.append(b.or_(fires, railed))
        answer_fired(e, masks, scratch_at)
        answer_changed(e, changed, scratch_at)

    return instruction(step)


class _Range:
    """The leak and the range of the potential, by the switches of the chip."""

    def __init__(self, e: Emit, high: Any, rails: Any, zero_clamp: Any) -> None:
        b = e.b
        self.e, self.zero = e, e.fill(I32, 16, 0)
        self.top = e.spread(b.trunc(high, I32), 16)
        self.bottom = e.spread(b.trunc(b.sub(b.sub(rails, e.word(1)), high), I32), 16)
        self.railed_too = e.spread(b.trunc(rails, I1), 16)
        self.clamps = e.spread(b.trunc(zero_clamp, I1), 16)

    def leaked(
        self, g: int, block_at: Any, before: Any, leak: Any, ceiling: bool
    ) -> tuple[Any, Any]:
        """V of sixteen neurons as it is compared, and where it was above the upper rail."""
        e, b, zero = self.e, self.e.b, self.zero
        reverses = b.icmp_signed("!=", _parameter(e, block_at, REVERSAL, g), zero)
        above, under = b.icmp_signed(">", before, zero), b.icmp_signed("<", before, zero)
        signed = e.choose(above, leak, e.choose(under, b.neg(leak), zero))  # sgn(V) leak
        v = b.add(before, e.choose(reverses, signed, leak))
        fell, rose = b.icmp_signed("<", v, zero), b.icmp_signed(">", v, zero)
        crossed = b.and_(b.or_(b.and_(above, fell), b.and_(under, rose)), reverses)
        v = e.choose(b.and_(crossed, self.clamps), zero, v)
        if ceiling:
            most = _parameter(e, block_at, CEILING, g)
            v = e.choose(b.icmp_signed("<", v, most), v, most)
        railed = b.and_(b.icmp_signed(">", v, self.top), self.railed_too)
        return e.clamp(v, self.bottom, self.top), railed


step_any, step_limited = _step_any(ceiling=False), _step_any(ceiling=True)


@instruction
def step_drawn(e, potentials_at, block_at, leak_at, eta_at, scratch_at):
    """``step_any`` where no leak reverses and the potential has its usual range."""
    b = e.b
    low, high = e.fill(I32, 16, -(1 << 19)), e.fill(I32, 16, (1 << 19) - 1)
    changed, masks = e.fill(I32, 16, 0), []
    for g in range(16):
        before, leak, eta = _drawn(e, g, potentials_at, leak_at, eta_at)
        v = e.clamp(b.add(before, leak), low, high)
        fires, after = _reset_with_noise(e, g, block_at, v, eta)
        changed = b.or_(changed, b.xor(after, before))
        e.store(after, e.at(potentials_at, 64 * g))
        masks.append(fires)
    answer_fired(e, masks, scratch_at)
    answer_changed(e, changed, scratch_at)


def _parameter(e: Emit, block_at: Any, row: int, g: int) -> Any:
    """Sixteen neurons' part of a row of the parameter block."""
    return e.load(e.at(block_at, 1024 * row + 64 * g), I32, 16)


def _drawn(e: Emit, g: int, potentials_at: Any, leak_at: Any, eta_at: Any) -> list[Any]:
    """V, leak and threshold noise of sixteen neurons."""
    return [e.load(e.at(address, 64 * g), I32, 16) for address in (potentials_at, leak_at, eta_at)]


def _reset_with_noise(e: Emit, g: int, block_at: Any, v: Any, eta: Any) -> tuple[Any, Any]:
    """Which of sixteen neurons fire, and what V becomes."""
    b = e.b
    row = lambda r: _parameter(e, block_at, r, g)  # noqa: E731
    fires = b.icmp_signed(">=", v, b.add(row(ALPHA), eta))
    below = b.icmp_signed("<", v, b.sub(row(FLOOR), b.and_(eta, row(ETA_FLOOR))))
    fired = b.sub(b.add(b.and_(v, row(KEEP_FIRED)), row(ADD_FIRED)), b.and_(eta, row(ETA_FIRED)))
    bounced = b.add(b.add(b.and_(v, row(KEEP_BELOW)), row(ADD_BELOW)), b.and_(eta, row(ETA_BELOW)))
    return fires, e.choose(fires, fired, e.choose(below, bounced, v))


@instruction
def answer_noise_matters(
    e, potentials_at, block_at, leak_at, scratch_at, high, rails, zero_clamp
):  # fmt: skip
    """CHANGED: could some threshold noise make a neuron fire or be lifted in the next tick?

    Asked of a core at rest: no input, no spike, no drawn leak, no potential that has changed. Where V
    is below alpha, and not below the floor that noise lowers, the next tick is as this one whatever is drawn.
    """
    b, near = e.b, e.fill(I32, 16, 0)
    rule = _Range(e, high, rails, zero_clamp)
    for g in range(16):
        row = lambda r, g=g: _parameter(e, block_at, r, g)  # noqa: E731
        before, leak = (e.load(e.at(at, 64 * g), I32, 16) for at in (potentials_at, leak_at))
        v, _ = rule.leaked(g, block_at, before, leak, ceiling=True)
        lowers = b.and_(row(ETA_MASK), row(ETA_FLOOR))
        near = b.or_(near, e.choose(b.icmp_signed(">=", v, row(ALPHA)), row(ETA_MASK), rule.zero))
        near = b.or_(near, e.choose(b.icmp_signed("<", v, row(FLOOR)), lowers, rule.zero))
    answer_changed(e, near, scratch_at)


@instruction
def add_rows(e, crossbar_at, axons_at, count, types_at, weights_at, potentials_at, scratch_at):
    """V += sum of the weights of ``count`` (at most 128) active rows; V is not clamped."""
    sums, operations = row_sums(e, crossbar_at, axons_at, count, types_at, weights_at)
    add_to_potentials(e, sums, potentials_at)
    count_operations(e, operations, scratch_at)
