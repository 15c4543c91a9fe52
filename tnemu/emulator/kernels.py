# mypy: disable-error-code="no-untyped-def"
"""The compiled engine: noise, crossbar, neuron, delivery and the loop over ticks.

A readable baseline, not the fastest machine: one pass over the cores per tick, one row of the
crossbar at a time. Everything compiled is in this one file and imports nothing of ours, because
numba's cache notices a change only in the file of the function it compiled. The equations are those
of :mod:`tnemu.hardware.neuron`; ``board``, ``machine`` and ``traces`` are the tuples of arrays that
:mod:`tnemu.emulator.compiled` describes and fills.

Words of 64 bits come as pairs of 32, the lower one first: numba turns arithmetic that mixes uint64
with int64 into float64, and 32 bits fit in an int64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NEURONS = 256
WORDS = 8  # 32-bit words of 256 bits
SYNAPSE, LEAK, THRESHOLD = 0, 1, 2
TICKS, SPIKES, SYNAPTIC_OPERATIONS, INPUT_SPIKES = 0, 1, 2, 3
OUTPUT_SPIKES, MERGED, HOPS, CHIP_CROSSINGS = 4, 5, 6, 7


@njit(cache=True)
def noise(seed: int, tick: int, neuron: int, kind: int, axon: int) -> int:
    """Philox2x32-10 of key ``seed`` and counter (tick, neuron | kind << 8 | axon << 10 | tick >> 32).

    A 32-bit integer; :mod:`tnemu.emulator.noise` documents it. The same lines run on Python integers.
    """
    key = seed & 0xFFFFFFFF
    word = tick & 0xFFFFFFFF
    other = neuron | kind << 8 | axon << 10 | ((tick >> 32) & 0x3FFF) << 18
    for _ in range(10):
        # An int64 product that wraps still holds the 64 bits that are cut here.
        product = word * 0xD256D193
        word = ((product >> 32) & 0xFFFFFFFF) ^ key ^ other
        other = product & 0xFFFFFFFF
        key = (key + 0x9E3779B9) & 0xFFFFFFFF
    return word


@njit(cache=True)
def set_slot(machine, slot, core, axon):
    """Set one bit of a core's scheduler; a bit that is already set has merged with another spike."""
    word = axon >> 5
    bit = 1 << (axon & 31)
    if machine.slots[slot, core, word] & bit:
        machine.counters[MERGED] += 1
    machine.slots[slot, core, word] |= bit


@njit(cache=True)
def arrive(machine, inputs, cursor, tick):
    """Set the bits of this tick's external inputs; returns the first input of a later tick."""
    first = cursor
    while cursor < len(inputs) and inputs[cursor, 0] == tick:
        set_slot(machine, tick & 15, inputs[cursor, 1], inputs[cursor, 2])
        cursor += 1
    machine.counters[INPUT_SPIKES] += cursor - first
    return cursor


@njit(cache=True)
def has_input(machine, slot, core):
    """Whether any axon of the core is active."""
    bits = 0
    for word in range(WORDS):
        bits |= machine.slots[slot, core, word]
    return bits != 0


@njit(cache=True)
def add_row(board, core, axon, sums):
    """sums[j] += w_ij s_j for one active axon, without a branch so that it vectorises."""
    kind = board.axon_types[core, axon]
    for word in range(WORDS):
        row = board.crossbar[core, axon, word]
        for bit in range(32):
            j = 32 * word + bit
            sums[j] += board.weights[core, kind, j] & -((row >> bit) & 1)


@njit(cache=True)
def add_drawn_row(board, core, axon, tick, sums):
    """sums[j] += w_ij F(s_j, rho_ij) sgn(s_j) for the drawn weights of one active axon."""
    kind = board.axon_types[core, axon]
    for j in range(NEURONS):
        weight = board.drawn_weights[core, kind, j]
        if weight != 0 and (board.crossbar[core, axon, j >> 5] >> (j & 31)) & 1:
            rho = noise(board.seeds[core], tick, j, SYNAPSE, axon) & 255
            if abs(weight) >= rho:
                sums[j] += 1 if weight > 0 else -1


@njit(cache=True)
def integrate(board, machine, core, tick, sums):
    """sums[j] = what the active axons add to neuron j; clears the scheduler row it has read."""
    sums[:] = 0
    slot = tick & 15
    for word in range(WORDS):
        bits = machine.slots[slot, core, word]
        machine.slots[slot, core, word] = 0
        for bit in range(32 if bits else 0):
            if (bits >> bit) & 1:
                axon = 32 * word + bit
                machine.counters[SYNAPTIC_OPERATIONS] += board.synapses[core, axon]
                add_row(board, core, axon, sums)
                if board.draws_weights[core, board.axon_types[core, axon]]:
                    add_drawn_row(board, core, axon, tick, sums)


@njit(cache=True)
def draw_noise(board, core, tick, leak, eta):
    """This tick's leak and threshold noise of every neuron."""
    for j in range(NEURONS):
        leak[j] = board.leak[core, j]
        eta[j] = 0
    if not board.noisy[core]:
        return
    seed = board.seeds[core]
    for j in range(NEURONS):
        if board.leak_drawn[core, j]:
            size = abs(board.leak[core, j])
            step = 1 if size >= noise(seed, tick, j, LEAK, 0) & 255 else 0
            leak[j] = step * np.sign(board.leak[core, j])
        if board.noise_mask[core, j]:
            eta[j] = noise(seed, tick, j, THRESHOLD, 0) & board.noise_mask[core, j]


@njit(cache=True)
def update(board, machine, core, sums, leak, eta, fired):
    """Leak, range, compare, reset of 256 neurons; fired[j] = 1 where j spikes. Did a V change?

    Written with selections instead of branches so that it vectorises.
    """
    changed = 0
    for j in range(NEURONS):
        before = machine.potentials[core, j]
        v = before + sums[j]
        sign = (v > 0) - (v < 0)
        reversal = board.leak_reversal[core, j]
        leaked = v + (leak[j] * sign if reversal else leak[j])
        crossed = board.zero_clamp & reversal & (leaked * sign < 0)
        v = 0 if crossed else leaked

        railed = board.rails & (v > board.high)
        v = min(max(v, board.low), board.high)

        gamma, kappa = board.gamma[core, j], board.kappa[core, j]
        reset, beta = board.reset[core, j], board.beta[core, j]
        ceiling = board.alpha[core, j] + eta[j]
        floor = -beta if kappa else -beta - eta[j]
        fires = v >= ceiling
        after_spike = reset if gamma == 0 else (v - ceiling if gamma == 1 else v)
        bounced = -reset if gamma == 0 else (v - floor if gamma == 1 else v)
        after_floor = floor if kappa else bounced
        after = after_spike if fires else (after_floor if v < floor else v)
        after = v if railed else after

        fired[j] = railed | fires
        changed |= after ^ before
        machine.potentials[core, j] = after
    return changed != 0


@njit(cache=True)
def send(board, machine, traces, core, j, tick, outputs):
    """Send neuron j's packet: set a bit in a later slot, or write an output spike down."""
    target = board.target[core, j]
    if target == -1:
        return outputs
    machine.counters[HOPS] += board.hops[core, j]
    machine.counters[CHIP_CROSSINGS] += board.crossings[core, j]
    if target >= 0:
        set_slot(machine, (tick + board.delay[core, j]) & 15, target, board.row[core, j])
        return outputs
    machine.counters[OUTPUT_SPIKES] += 1
    traces.outputs[outputs, 0] = tick
    traces.outputs[outputs, 1] = -2 - target
    traces.outputs[outputs, 2] = board.row[core, j]
    return outputs + 1


@njit(cache=True)
def advance(board, machine, traces, inputs, tick, ticks):
    """Run up to ``ticks`` ticks from ``tick``; stops early, between ticks, when a trace may overflow.

    inputs: int64 [m, 3] rows (tick, core, axon) in order of tick, none earlier than ``tick``.
    Returns (ticks done, inputs taken, output spikes written, neuron spikes written).
    """
    sums = np.zeros(NEURONS, np.int32)
    leak = np.zeros(NEURONS, np.int32)
    eta = np.zeros(NEURONS, np.int32)
    fired = np.zeros(NEURONS, np.uint8)
    done, cursor, outputs, spikes = 0, 0, 0, 0
    while (
        done < ticks
        and outputs + traces.outputs_per_tick <= len(traces.outputs)
        and spikes + traces.spikes_per_tick <= len(traces.spikes)
    ):
        now = tick + done
        cursor = arrive(machine, inputs, cursor, now)
        for core in range(len(board.seeds)):
            active = has_input(machine, now & 15, core)
            if machine.settled[core] and not active:
                continue
            integrate(board, machine, core, now, sums)
            draw_noise(board, core, now, leak, eta)
            changed = update(board, machine, core, sums, leak, eta, fired)
            count = 0
            for j in range(NEURONS):
                if fired[j]:
                    count += 1
                    outputs = send(board, machine, traces, core, j, now, outputs)
                    if traces.recorded[core]:
                        traces.spikes[spikes, 0] = now
                        traces.spikes[spikes, 1] = core
                        traces.spikes[spikes, 2] = j
                        spikes += 1
            machine.counters[SPIKES] += count
            # A tick without input, noise, spike or change will repeat itself until an input comes.
            machine.settled[core] = not (active or board.noisy[core] or changed or count)
        machine.counters[TICKS] += 1
        done += 1
    return done, cursor, outputs, spikes
