"""Sixty-four boards abreast: a neuron after the other, each in all lanes at once.

A vector has a lane for each board, so a core costs what its neurons and synapses cost, not 256 of each in
every board: right for cores that use few of them, such as samplers with their helpers. What a neuron does
is the rule of vector.py, word for word, with its parameters the same in every lane. Words of noise are
drawn as alone: a lane's generator steps where the lane draws.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import DRAWS_LEAK, SEQUENCE
from tnemu.emulator.engines.compiled.kernels.emit import I16, I32, I64, Emit, instruction
from tnemu.emulator.engines.compiled.kernels.sequence import jumped
from tnemu.emulator.engines.compiled.kernels.vector import (
    ADD_BELOW,
    ADD_FIRED,
    ALPHA,
    CEILING,
    ETA_BELOW,
    ETA_FIRED,
    ETA_FLOOR,
    ETA_MASK,
    FLOOR,
    KEEP_BELOW,
    KEEP_FIRED,
    LEAK,
    LEAK_DRAWN,
    PARAMETERS,
)
from tnemu.emulator.engines.compiled.kernels.words import ones_in, word_8

LANES = 64
# What a core costs beside its neurons and synapses, in the units of arrays.py.
ABREAST_COST, ABREAST_NEURON_COST, ABREAST_SYNAPSE_COST = 600, 30, 2


class Abreast(NamedTuple):
    """The m cores that are evaluated so, and their synapses by neuron."""

    place: Any  # int32 [n]  which of the m a core is; -1: none of them
    width: Any  # int64 [m]  neurons up to the last that is used
    cost: Any  # int64 [m]
    certain: Any  # int32 [..]  synapses: weight << 8 | axon, neuron by neuron
    certain_ends: Any  # int64 [m, 257]  where each neuron's begin, and the last one's end
    drawn: Any  # int32 [..]  those that are drawn: sign << 16 | magnitude << 8 | axon
    drawn_ends: Any  # int64 [m, 257]


class AbreastScratch(NamedTuple):
    """What one neuron's evaluation writes and the next one overwrites."""

    sums: Any  # int16 [64]
    leak: Any  # int32 [64]
    eta: Any  # int32 [64]
    changed: Any  # int32 [8]  whether a potential of the core has changed, or noise matters


def _entry(e: Emit, entry_at: Any, words_at: Any) -> tuple[Any, Any]:
    """A synapse, and in which lanes its axon is active."""
    entry = e.load(entry_at, I32)
    axon = e.b.zext(e.b.and_(entry, ir.Constant(I32, 255)), I64)
    return entry, e.bits(e.load(e.b.add(words_at, e.b.shl(axon, e.word(3))), I64))


@instruction
def sum_certain(e, words_at, entries_at, count, sums_at):
    """sums[lane] = the weights of ``count`` synapses whose axon is active; 16 bits must hold them."""
    b, none = e.b, e.fill(I16, LANES, 0)

    def add(index: Any, carried: list[Any]) -> list[Any]:
        entry, active = _entry(e, b.add(entries_at, b.shl(index, e.word(2))), words_at)
        weight = e.spread(b.trunc(b.ashr(entry, ir.Constant(I32, 8)), I16), LANES)
        return [b.add(carried[0], e.choose(active, weight, none))]

    (total,) = e.loop(count, [none], add)
    e.store(total, sums_at)


def _stepped(e: Emit, y: Any) -> Any:
    """The generator's step in every lane."""
    b = e.b
    y = b.xor(y, b.shl(y, e.fill(I32, LANES, 13)))
    y = b.xor(y, b.lshr(y, e.fill(I32, LANES, 17)))
    return b.xor(y, b.shl(y, e.fill(I32, LANES, 5)))


@instruction
def add_drawn(e, words_at, entries_at, count, sums_at, states_at):
    """sums += F(s, rho) sgn(s) of synapses that are drawn, one after the other; lanes that draw step."""
    b, none = e.b, e.fill(I16, LANES, 0)

    def add(index: Any, carried: list[Any]) -> list[Any]:
        entry, active = _entry(e, b.add(entries_at, b.shl(index, e.word(2))), words_at)
        y = e.load(states_at, I32, LANES)
        magnitude = b.and_(b.lshr(entry, ir.Constant(I32, 8)), ir.Constant(I32, 255))
        rho = b.and_(y, e.fill(I32, LANES, 255))
        passes = b.and_(active, b.icmp_unsigned(">=", e.spread(magnitude, LANES), rho))
        sign = e.spread(b.trunc(b.ashr(entry, ir.Constant(I32, 16)), I16), LANES)
        e.store(e.choose(active, _stepped(e, y), y), states_at)
        return [b.add(carried[0], e.choose(passes, sign, none))]

    (total,) = e.loop(count, [e.load(sums_at, I16, LANES)], add)
    e.store(total, sums_at)


def _parameter(e: Emit, neuron_at: Any, row: int) -> Any:
    """One neuron's parameter in every lane."""
    return e.spread(e.load(e.at(neuron_at, 1024 * row), I32), LANES)


@instruction
def draw_leaks(e, states_at, neuron_at, magnitude, leak_at):
    """leak[lane] = F(leak, rho) sgn(leak) of one neuron; every lane draws."""
    b = e.b
    y = e.load(states_at, I32, LANES)
    limit = e.spread(b.trunc(magnitude, I32), LANES)
    passes = b.icmp_unsigned(">=", limit, b.and_(y, e.fill(I32, LANES, 255)))
    value = _parameter(e, neuron_at, LEAK_DRAWN)
    e.store(e.choose(passes, value, e.fill(I32, LANES, 0)), leak_at)
    e.store(_stepped(e, y), states_at)


@instruction
def certain_leaks(e, neuron_at, leak_at):
    """leak[lane] = the neuron's leak, which is not drawn."""
    e.store(_parameter(e, neuron_at, LEAK), leak_at)


@instruction
def draw_etas(e, states_at, neuron_at, eta_at):
    """eta[lane] = word AND (2**TM - 1) of one neuron; every lane draws."""
    y = e.load(states_at, I32, LANES)
    e.store(e.b.and_(y, _parameter(e, neuron_at, ETA_MASK)), eta_at)
    e.store(_stepped(e, y), states_at)


class _Rule:
    """Leak, compare and reset of one neuron in eight lanes at a time, for a leak that never reverses."""

    def __init__(self, e: Emit, potentials_at: Any, neuron_at: Any, sums_at: Any) -> None:
        self.e, self.potentials_at, self.sums_at = e, potentials_at, sums_at
        self._rows = [e.load(e.at(neuron_at, 1024 * r), I32) for r in range(PARAMETERS)]

    def row(self, r: int) -> Any:
        return self.e.spread(self._rows[r], 8)

    def before(self, g: int) -> Any:
        return self.e.load(self.e.at(self.potentials_at, 32 * g), I32, 8)

    def leaked(self, g: int, before: Any, leak: Any) -> Any:
        e, b = self.e, self.e.b
        arrived = b.sext(e.load(e.at(self.sums_at, 16 * g), I16, 8), before.type)
        v = b.add(b.add(before, arrived), leak)
        return e.clamp(v, e.fill(I32, 8, -(1 << 19)), self.row(CEILING))


def _answer(e: Emit, fires: list[Any], fired_at: Any, changes: list[Any], changed_at: Any) -> None:
    while len(fires) > 1:
        fires = [e.joined(*fires[i : i + 2]) for i in range(0, len(fires), 2)]
    e.store(e.packed(fires[0]), fired_at)
    changed = reduce(e.b.or_, changes)
    e.store(e.b.or_(e.load(changed_at, I32, 8), changed), changed_at)


@instruction
def step_certain(e, potentials_at, neuron_at, sums_at, fired_at, changed_at):
    """One neuron without noise: the lanes in which it fires in ``fired``."""
    b, rule = e.b, _Rule(e, potentials_at, neuron_at, sums_at)
    fires, changes = [], []
    for g in range(8):
        before = rule.before(g)
        v = rule.leaked(g, before, rule.row(LEAK))
        fires.append(b.icmp_signed(">=", v, rule.row(ALPHA)))
        below = b.icmp_signed("<", v, rule.row(FLOOR))
        bounced = b.add(b.and_(v, rule.row(KEEP_BELOW)), rule.row(ADD_BELOW))
        fired = b.add(b.and_(v, rule.row(KEEP_FIRED)), rule.row(ADD_FIRED))
        after = e.choose(fires[-1], fired, e.choose(below, bounced, v))
        changes.append(b.xor(after, before))
        e.store(after, e.at(potentials_at, 32 * g))
    _answer(e, fires, fired_at, changes, changed_at)


@instruction
def step_noisy_abreast(
    e, potentials_at, neuron_at, sums_at, leak_at, eta_at, fired_at, changed_at
):  # fmt: skip
    """One neuron with noise. ``changed`` too where some threshold noise could matter in the next tick."""
    b, rule = e.b, _Rule(e, potentials_at, neuron_at, sums_at)
    fires, changes = [], []
    for g in range(8):
        before = rule.before(g)
        leak, eta = (e.load(e.at(at, 32 * g), I32, 8) for at in (leak_at, eta_at))
        v = rule.leaked(g, before, leak)
        fires.append(b.icmp_signed(">=", v, b.add(rule.row(ALPHA), eta)))
        part = lambda r, eta=eta: b.and_(eta, rule.row(r))  # noqa: E731
        below = b.icmp_signed("<", v, b.sub(rule.row(FLOOR), part(ETA_FLOOR)))
        bounced = b.add(b.and_(v, rule.row(KEEP_BELOW)), rule.row(ADD_BELOW))
        bounced = b.add(bounced, part(ETA_BELOW))
        fired = b.add(b.and_(v, rule.row(KEEP_FIRED)), rule.row(ADD_FIRED))
        fired = b.sub(fired, part(ETA_FIRED))
        after = e.choose(fires[-1], fired, e.choose(below, bounced, v))
        following = b.add(after, leak)
        near = b.or_(
            b.icmp_signed(">=", following, rule.row(ALPHA)),
            b.icmp_signed("<", following, rule.row(FLOOR)),
        )
        changes += [b.xor(after, before), b.sext(near, after.type)]
        e.store(after, e.at(potentials_at, 32 * g))
    _answer(e, fires, fired_at, changes, changed_at)


@njit(cache=True, nogil=True)
def each_neuron(base, board, plan, potentials, generators, scratch, active, fired, core, block, flags, slept):  # fmt: skip
    """Evaluate one core neuron by neuron; fired words in ``fired``. Must it be looked at again?

    active: uint64 [257], lanes in which an axon is active. slept: ticks for which its generators were
    left alone.
    """
    place = np.int64(plan.place[core])
    states_at = generators.ctypes.data + (core << 8)
    if flags & SEQUENCE and slept != 0:
        for lane in range(LANES):
            y = np.int64(generators[core, lane])
            generators[core, lane] = jumped(base.jumps, y, slept * board.draws[block])
    quiet = True
    for axon in range(256):
        quiet &= active[axon] == np.uint64(0)
    words_at, fired_at = active.ctypes.data, fired.ctypes.data
    sums_at, leak_at, eta_at = (
        scratch.sums.ctypes.data,
        scratch.leak.ctypes.data,
        scratch.eta.ctypes.data,
    )
    changed_at = scratch.changed.ctypes.data
    certain_at, drawn_at = plan.certain.ctypes.data, plan.drawn.ctypes.data
    scratch.changed[:] = 0
    scratch.sums[:] = 0
    certain_ends, drawn_ends = plan.certain_ends[place], plan.drawn_ends[place]
    for j in range(plan.width[place]):
        at = potentials.ctypes.data + (place << 16) + (j << 8)
        neuron_at = base.parameters + block * (PARAMETERS << 10) + (j << 2)
        if not quiet:
            first, end = certain_ends[j], certain_ends[j + 1]
            sum_certain(words_at, certain_at + (first << 2), end - first, sums_at)
            first, end = drawn_ends[j], drawn_ends[j + 1]
            if end > first:
                add_drawn(words_at, drawn_at + (first << 2), end - first, sums_at, states_at)
        draws = word_8(base.drawers + (block << 8) + j)
        if draws == 0:
            step_certain(at, neuron_at, sums_at, fired_at + (j << 3), changed_at)
            continue
        if draws & 1:
            magnitude = word_8(base.leak_magnitudes + (block << 8) + j)
            draw_leaks(states_at, neuron_at, magnitude, leak_at)
        else:
            certain_leaks(neuron_at, leak_at)
        if draws & 2:
            draw_etas(states_at, neuron_at, eta_at)
        else:
            scratch.eta[:] = 0
        step_noisy_abreast(at, neuron_at, sums_at, leak_at, eta_at, fired_at + (j << 3), changed_at)
    fired[plan.width[place] :] = 0
    restless = not quiet or flags & DRAWS_LEAK != 0
    for k in range(8):
        restless |= scratch.changed[k] != 0
    return restless


@njit(cache=True, nogil=True)
def operations_of(active, synapses):
    """Synaptic operations of all lanes: words [256] times the synapses of each axon [256]."""
    total = 0
    for axon in range(256):
        if active[axon] != np.uint64(0):
            total += ones_in(active[axon]) * synapses[axon]
    return total
