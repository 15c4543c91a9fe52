"""One core's tick: which instructions its flags ask for.

What is called for every core is given addresses, never arrays (see tick.py). Potentials are kept in 16
bits, without noise or with it, or in 32 with every feature.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import (
    CHUNK,
    DRAWN_ROW_COST,
    DRAWS_ETA,
    DRAWS_LEAK,
    DRAWS_WEIGHTS,
    EVERY_FEATURE,
    FLOORS,
    IN_16_BITS_WITH_NOISE,
    IN_32_BITS,
    LIGHT,
    LIMITED,
    NEURONS,
    REVERSES,
    SEQUENCE,
    SEQUENCE_ROW_COST,
    SLOW_CORE_COST,
    SLOW_ROW_COST,
    TRINARY,
)
from tnemu.emulator.engines.compiled.kernels.keyed import add_drawn_rows, draw_eta, draw_leak
from tnemu.emulator.engines.compiled.kernels.narrow import (
    NARROW_PARAMETERS,
    narrowed,
    step_narrow,
    step_narrow_open,
    step_noisy,
    step_noisy_trinary,
    step_trinary,
    step_trinary_open,
    widen,
)
from tnemu.emulator.engines.compiled.kernels.sequence import (
    add_rows_in_order,
    draw_in_order,
    wake,
)
from tnemu.emulator.engines.compiled.kernels.vector import (
    CHANGED,
    ESCAPED,
    OPERATIONS,
    PARAMETERS,
    add_rows,
    answer_noise_matters,
    step,
    step_any,
    step_drawn,
    step_limited,
)
from tnemu.emulator.engines.compiled.kernels.words import (
    integer_at,
    put_8,
    put_32,
    word_8,
    word_32,
    word_at,
)


@njit(cache=True, nogil=True, forceinline=True)
def draw(base, block, flags, generator_at, tick):
    """base.leak and base.eta of a core that draws no weights."""
    block_at = base.parameters + block * (PARAMETERS << 10)
    seed = word_32(generator_at)
    if flags & SEQUENCE:
        put_32(generator_at, draw_in_order(base, block, block_at, flags, seed))
        return
    draw_by_keys(base, block, block_at, flags, seed, tick)


@njit(cache=True, nogil=True)
def draw_by_keys(base, block, block_at, flags, seed, tick):
    """base.leak and base.eta of the noise ``counter``."""
    if flags & DRAWS_LEAK:
        draw_leak(block_at, base.leak_magnitudes + (block << 8), base.leak, seed, tick)
    if flags & DRAWS_ETA:
        draw_eta(block_at, base.eta, seed, tick)


@njit(cache=True, nogil=True)
def evaluate(base, potentials_at, core, block, flags, generator_at, axons_at, count, tick, drawn):
    """One core's tick; ``base`` holds addresses; the answer is in scratch.

    drawn: whether its leak and threshold noise have been, by :func:`draw`.
    """
    crossbar_at = base.crossbar + (core << 13)
    types_at = base.axon_types + (core << 6)
    weights_at = base.weights + (block << 11)
    block_at = base.parameters + block * (PARAMETERS << 10)
    quiet = count == 0
    if flags & DRAWS_WEIGHTS and flags & SEQUENCE:
        state = add_rows_in_order(
            base, crossbar_at, types_at, block, block_at, flags, potentials_at, axons_at, count,
            word_32(generator_at),
        )  # fmt: skip
        put_32(generator_at, state)
        count = 0
    elif flags & DRAWS_WEIGHTS:
        seed = word_32(generator_at)
        draw_by_keys(base, block, block_at, flags, seed, tick)
        while count > 0:
            some = min(count, CHUNK)
            add_drawn_rows(
                crossbar_at, axons_at, some, types_at, weights_at, base.magnitudes + (block << 10),
                potentials_at, base.answer, seed, tick,
            )  # fmt: skip
            axons_at += some << 1
            count -= some
    elif flags & (DRAWS_LEAK | DRAWS_ETA) and not drawn:
        draw(base, block, flags, generator_at, tick)
    rest = 0 if flags & EVERY_FEATURE else CHUNK
    while count > rest:
        some = min(count, CHUNK)
        add_rows(crossbar_at, axons_at, some, types_at, weights_at, potentials_at, base.answer)
        axons_at += some << 1
        count -= some
    if flags & EVERY_FEATURE:
        step_every(base, potentials_at, block_at, flags, quiet)
        return
    step(crossbar_at, axons_at, count, types_at, weights_at, potentials_at, block_at, base.answer)


@njit(cache=True, nogil=True)
def step_every(base, potentials_at, block_at, flags, quiet):
    """Leak, compare and reset of a core whose rows have been added and whose noise has been drawn."""
    high, rails, zero_clamp = base.high, base.rails, base.zero_clamp
    leak_at = base.leak if flags & DRAWS_LEAK else block_at
    eta_at = base.eta if flags & DRAWS_ETA else base.zeros
    if flags & LIMITED:
        step_limited(potentials_at, block_at, leak_at, eta_at, base.answer, high, rails, zero_clamp)
    elif flags & REVERSES:
        step_any(potentials_at, block_at, leak_at, eta_at, base.answer, high, rails, zero_clamp)
    else:
        step_drawn(potentials_at, block_at, leak_at, eta_at, base.answer)
    if quiet and flags & DRAWS_ETA and word_at(base.answer + 8 * CHANGED) == np.uint64(0):
        answer_noise_matters(potentials_at, block_at, leak_at, base.answer, high, rails, zero_clamp)


@njit(cache=True, nogil=True, forceinline=True)
def evaluate_narrow(base, potentials_at, core, block, flags, axons_at, count):
    """One tick of a core whose potentials are kept in 16 bits; False if they no longer fit.

    Then the tick has not been evaluated.
    """
    crossbar_at = base.crossbar + (core << 13)
    types_at = base.axon_types + (core << 6)
    weights_at = base.weights + (block << 11)
    block_at = base.narrow_parameters + block * (NARROW_PARAMETERS << 9)
    if flags & TRINARY:
        weights_at = base.byte_weights + (block << 10)
    elif count > CHUNK and not flags & LIGHT:
        return False
    if flags & TRINARY and flags & FLOORS:
        step_trinary(
            crossbar_at, axons_at, count, types_at, weights_at, potentials_at, block_at, base.answer
        )
    elif flags & TRINARY:
        step_trinary_open(
            crossbar_at, axons_at, count, types_at, weights_at, potentials_at, block_at, base.answer
        )
    elif flags & FLOORS:
        step_narrow(
            crossbar_at, axons_at, count, types_at, weights_at, potentials_at, block_at, base.answer
        )
    else:
        step_narrow_open(
            crossbar_at, axons_at, count, types_at, weights_at, potentials_at, block_at, base.answer
        )
    return word_at(base.answer + 8 * ESCAPED) == np.uint64(0)


@njit(cache=True, nogil=True, forceinline=True)
def evaluate_noisy(base, potentials_at, core, block, flags, generator_at, axons_at, count, tick):
    """The same of a core with noise, which is drawn in any case."""
    draw(base, block, flags, generator_at, tick)
    crossbar_at = base.crossbar + (core << 13)
    types_at = base.axon_types + (core << 6)
    block_at = base.narrow_parameters + block * (NARROW_PARAMETERS << 9)
    leak_at, eta_at = block_at, base.zeros
    if flags & DRAWS_LEAK:
        leak_at = base.narrow_noise
        narrowed(base.leak, leak_at)
    if flags & DRAWS_ETA:
        eta_at = base.narrow_noise + 2 * NEURONS
        narrowed(base.eta, eta_at)
    if flags & TRINARY:
        step_noisy_trinary(
            crossbar_at, axons_at, count, types_at, base.byte_weights + (block << 10),
            potentials_at, block_at, base.answer, leak_at, eta_at,
        )  # fmt: skip
    elif count <= CHUNK or flags & LIGHT:
        step_noisy(
            crossbar_at, axons_at, count, types_at, base.weights + (block << 11),
            potentials_at, block_at, base.answer, leak_at, eta_at,
        )  # fmt: skip
    else:
        return False
    return word_at(base.answer + 8 * ESCAPED) == np.uint64(0)


@njit(cache=True, nogil=True)
def evaluate_rare(base, kept, core, block, flags, axons_at, count, tick):
    """One tick of a core that has noise, or whose potentials are, or now have to be, in 32 bits."""
    narrow_at, potentials_at = kept.narrow + (core << 9), kept.potentials + (core << 10)
    generator_at, where = kept.generators + (core << 2), word_8(kept.wide + core)
    if flags & SEQUENCE:
        draws = integer_at(base.draws + (block << 3))
        wake(base.jumps, generator_at, kept.since + (core << 3), draws, tick)
    drawn = where == IN_16_BITS_WITH_NOISE
    if drawn and evaluate_noisy(
        base, narrow_at, core, block, flags, generator_at, axons_at, count, tick
    ):
        return
    if where != IN_32_BITS:
        put_8(kept.wide + core, IN_32_BITS)
        widen(narrow_at, potentials_at)
    evaluate(base, potentials_at, core, block, flags, generator_at, axons_at, count, tick, drawn)


@njit(cache=True, nogil=True)
def operations_met(answer):
    """The synaptic operations counted in ``answer`` since this was last asked."""
    total = np.int64(0)
    for part in range(OPERATIONS, OPERATIONS + 4):
        total += np.int64(answer[part])
        answer[part] = 0
    return total


@njit(cache=True, nogil=True)
def cost_of_slow(flags, rows):
    """What a core costs more than CORE_COST and ROW_COST that is not evaluated in 16 bits."""
    if not flags & DRAWS_WEIGHTS:
        return SLOW_CORE_COST + rows * SLOW_ROW_COST
    return SLOW_CORE_COST + rows * (SEQUENCE_ROW_COST if flags & SEQUENCE else DRAWN_ROW_COST)
