"""The tick loop for up to 64 boards of one image: a spike is a bit of a word, a lane is a board.

Cores that keep nothing between ticks and add only +1 and -1 are evaluated for all lanes at once
(lists.py), cores of few neurons and synapses neuron by neuron (abreast.py). Any other core is evaluated
lane by lane with the very code of tick.py, while its crossbar is still in the cache. In each way a lane
is identical to a board run alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from tnemu.emulator.engines.compiled.kernels.abreast import each_neuron, operations_of
from tnemu.emulator.engines.compiled.kernels.addresses import addresses
from tnemu.emulator.engines.compiled.kernels.arrays import (
    AXON_MASK,
    CHIP_CROSSINGS,
    CROSSINGS_AT,
    DELAY_AT,
    DRAWS_LEAK,
    HOPS,
    HOPS_AT,
    INPUT_SPIKES,
    MERGED,
    NOWHERE,
    NUMBER_MASK,
    OUTPUT,
    OUTPUT_SPIKES,
    SCAN_COST,
    SEQUENCE,
    SPIKE_COST,
    SPIKES,
    SYNAPTIC_OPERATIONS,
)
from tnemu.emulator.engines.compiled.kernels.delivery import AHEAD
from tnemu.emulator.engines.compiled.kernels.evaluate import (
    cost_of_slow,
    evaluate,
    operations_met,
)
from tnemu.emulator.engines.compiled.kernels.lists import cost_of, fire_core
from tnemu.emulator.engines.compiled.kernels.sequence import jumped
from tnemu.emulator.engines.compiled.kernels.vector import CHANGED
from tnemu.emulator.engines.compiled.kernels.words import lowest_bit, ones_in, prefetch


class LaneArrays(NamedTuple):
    """What a tick changes, for L lanes."""

    potentials: Any  # int32 [L, n, 256]
    abreast: Any  # int32 [m, 256, 64]  of the cores that are evaluated neuron by neuron
    generators: Any  # uint32 [n, 64]
    since: Any  # int64 [n]  the tick that they are of, where words are drawn in order
    words: Any  # uint64 [16, n, 257]  lanes in which an axon is active in a slot; the last is 0
    waiting: Any  # uint64 [16, blocks]
    awake: Any  # uint64 [blocks]
    counters: Any  # int64 [16]
    clock: Any  # int64 [1]  the next tick to be evaluated
    fired: Any  # int64 [n]


class LaneScratch(NamedTuple):
    """What one core's evaluation writes and the next one overwrites."""

    axons: Any  # uint16 [64, 256]
    counts: Any  # int64 [64]
    inverted: Any  # uint64 [257, 1]
    different: Any  # uint64 [256, 1]  lanes in which each of its different neurons fired
    fired: Any  # uint64 [256]  lanes in which a neuron fired
    abreast: Any  # AbreastScratch


@njit(cache=True, nogil=True)
def transpose(words, axons, counts):
    """Lists of the active axons of every lane."""
    counts[:] = 0
    for axon in range(256):
        left = words[axon]
        while left != np.uint64(0):
            lane = lowest_bit(left)
            left &= left - np.uint64(1)
            axons[lane, counts[lane]] = axon
            counts[lane] += 1


@njit(cache=True, nogil=True)
def each_lane(base, board, machine, scratch, answer, core, block, flags, tick):
    """Evaluate one core lane by lane; fired words in scratch. Must it be looked at again, and its cost."""
    axons, counts, fired = scratch.axons, scratch.counts, scratch.fired
    lanes, cores = machine.potentials.shape[0], machine.potentials.shape[1]
    axons_at, potentials_at = axons.ctypes.data, machine.potentials.ctypes.data
    generators = machine.generators
    slept, draws = tick - machine.since[core], board.draws[block]
    machine.since[core] = tick + 1
    fired[:] = 0
    restless, spent = flags & DRAWS_LEAK != 0, np.int64(0)
    for lane in range(lanes):
        mine = np.uint64(1) << np.uint64(lane)
        at = potentials_at + ((lane * cores + core) << 10)
        if flags & SEQUENCE and slept != 0:
            y = np.int64(generators[core, lane])
            generators[core, lane] = jumped(base.jumps, y, slept * draws)
        own_at = generators.ctypes.data + (((core << 6) + lane) << 2)
        evaluate(
            base, at, core, block, flags, own_at, axons_at + (lane << 9), counts[lane], tick, False
        )
        spent += cost_of_slow(flags, counts[lane])
        restless |= answer[CHANGED] != 0 or counts[lane] != 0
        for part in range(4):
            bits = answer[part]
            while bits != np.uint64(0):
                fired[(part << 6) + lowest_bit(bits)] |= mine
                bits &= bits - np.uint64(1)
                restless = True
    return restless, spent


@njit(cache=True, nogil=True)
def record_lanes(fired, firings, row, core, tick):
    """Write the firings of one core down: rows (tick, neuron of all cores, lanes); returns the next."""
    for j in range(256):
        if fired[j] != np.uint64(0):
            firings[row, 0] = tick
            firings[row, 1] = core << 8 | j
            firings[row, 2] = np.int64(fired[j])
            row += 1
    return row


@njit(cache=True, nogil=True)
def set_word(words, waiting, slot, core, axon, lanes):
    """Set one axon's bit in some lanes; returns how many merged."""
    word = words[slot, core, axon]
    words[slot, core, axon] = word | lanes
    waiting[slot, core >> 6] |= np.uint64(1) << np.uint64(core & 63)
    return ones_in(word & lanes)


@njit(cache=True, nogil=True)
def send(target, fired, words, waiting, counters, rows, row, tick):
    """Deliver one core's fired words: a slot word, or an output row (tick, output, lanes)."""
    words_at, cores = words.ctypes.data, words.shape[1]
    spikes, hops, crossings, merged, outputs = 0, 0, 0, 0, 0
    for j in range(256):
        if j + AHEAD < 256:
            later = target[j + AHEAD]
            place = ((tick + (later >> DELAY_AT)) & 15) * cores + ((later & AXON_MASK) >> 8)
            prefetch(words_at + ((place * 257 + (later & 255)) << 3))
        lanes = fired[j]
        if lanes == np.uint64(0):
            continue
        count = ones_in(lanes)
        spikes += count
        to = target[j]
        if to == NOWHERE:
            continue
        hops += count * ((to >> HOPS_AT) & 1023)
        crossings += count * ((to >> CROSSINGS_AT) & 1023)
        if to >= OUTPUT:
            rows[row, 0] = tick
            rows[row, 1] = to & NUMBER_MASK
            rows[row, 2] = np.int64(lanes)
            row += 1
            outputs += count
        else:
            slot, core = (tick + (to >> DELAY_AT)) & 15, (to & AXON_MASK) >> 8
            merged += set_word(words, waiting, slot, core, to & 255, lanes)
    counters[SPIKES] += spikes
    counters[HOPS] += hops
    counters[CHIP_CROSSINGS] += crossings
    counters[MERGED] += merged
    counters[OUTPUT_SPIKES] += outputs
    return row, spikes


@njit(cache=True, nogil=True)
def advance_lanes(
    board, synapses, lists, plan, machine, work, scratch, lane_mask, inputs, trace, tick, ticks, budget
):  # fmt: skip
    """Run up to ``ticks`` ticks of all lanes, until ``budget`` is spent; returns what was spent.

    work: one thread's scratch of tick.py. synapses: uint16 [n, 256], 1 bits of every crossbar row.
    lists: the cores of lists.py; plan: those of abreast.py.
    inputs: (tick int64 [m], core int64 [m], axon int64 [m], lanes uint64 [m]) in order of tick.
    trace: outputs are rows (tick, output, lanes), spikes (tick, neuron of all cores, lanes).
    """
    base, answer = addresses(board, work), work.answer
    input_tick, input_core, input_axon, input_lanes = inputs
    words, waiting, awake, counters = (
        machine.words,
        machine.waiting,
        machine.awake,
        machine.counters,
    )
    fired, different = scratch.fired, scratch.different
    rows, firings, recorded = trace.outputs, trace.spikes, trace.recorded
    row, fired_row, cursor, spent, ended = 0, 0, 0, np.int64(0), tick
    for now in range(tick, tick + ticks):
        slot = now & 15
        while cursor < len(input_tick) and input_tick[cursor] == now:
            lanes = input_lanes[cursor]
            counters[INPUT_SPIKES] += ones_in(lanes)
            counters[MERGED] += set_word(
                words, waiting, slot, input_core[cursor], input_axon[cursor], lanes
            )
            cursor += 1
        for word in range(len(awake)):
            todo = waiting[slot, word] | awake[word]
            waiting[slot, word] = np.uint64(0)
            stay = np.uint64(0)
            left = todo
            while left != np.uint64(0):
                k = lowest_bit(left)
                left &= left - np.uint64(1)
                core = (word << 6) + k
                block = np.int64(board.block[core])
                flags = board.flags[block]
                active = words[slot, core]
                listed = lists.place[core]
                if listed >= 0:
                    fire_core(lists, listed, active.reshape(257, 1), scratch.inverted, different)
                    for j in range(256):
                        fired[j] = different[lists.stands[listed, j], 0] & lane_mask
                    counters[SYNAPTIC_OPERATIONS] += operations_of(active, synapses[core])
                    restless = False
                    spent += cost_of(lists, listed)
                elif plan.place[core] >= 0:
                    slept = now - machine.since[core]
                    machine.since[core] = now + 1
                    restless = each_neuron(
                        base, board, plan, machine.abreast, machine.generators, scratch.abreast,
                        active, fired, core, block, flags, slept,
                    )  # fmt: skip
                    counters[SYNAPTIC_OPERATIONS] += operations_of(active, synapses[core])
                    fired &= lane_mask
                    spent += plan.cost[plan.place[core]]
                else:
                    transpose(active, scratch.axons, scratch.counts)
                    restless, cost = each_lane(
                        base, board, machine, scratch, answer, core, block, flags, now
                    )
                    spent += cost
                active[:] = 0
                if recorded[core]:
                    fired_row = record_lanes(fired, firings, fired_row, core, now)
                row, spikes = send(
                    board.target[core], fired, words, waiting, counters, rows, row, now
                )
                machine.fired[core] += spikes
                if restless or spikes:
                    stay |= np.uint64(1) << np.uint64(k)
            awake[word] = (awake[word] & ~todo) | stay
        spent += len(awake) * SCAN_COST + 1
        ended = now + 1
        if spent + cursor * SPIKE_COST > budget:
            break
    counters[SYNAPTIC_OPERATIONS] += operations_met(answer)
    trace.counts[0], trace.counts[1] = row, fired_row
    machine.clock[0] = ended
    return spent
