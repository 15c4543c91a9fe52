"""Many ticks of cores that nothing ties together: one core after the other, a bit for each tick.

A core without memory, on no cycle, whose inputs come from such cores and from outside alone, needs no tick
by tick. Its cores are in waves: those that others reach come after them. In wave order

    words of a core     bit k of an axon's word: it is active in tick + k. Shifted by their delays, the
                        words that earlier cores have fired; external spikes; what waited in slots
    words that it fires lists.py, for all ticks at once

The other cores then run tick by tick (tick.py), and find in their slots what has been sent to them. What
lands after the last tick goes to the slots too, so that nothing else knows that ticks were lanes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from tnemu.emulator.engines.compiled.kernels.addresses import place_of, post_of
from tnemu.emulator.engines.compiled.kernels.arrays import (
    CHIP_CROSSINGS,
    HOPS,
    INPUT_SPIKES,
    MERGED,
    NEVER,
    OVER,
    SPIKES,
    SYNAPTIC_OPERATIONS,
)
from tnemu.emulator.engines.compiled.kernels.delivery import (
    AHEAD,
    barrier,
    enter_all,
    leave,
    set_slot,
)
from tnemu.emulator.engines.compiled.kernels.lists import fire_core
from tnemu.emulator.engines.compiled.kernels.tick import advance
from tnemu.emulator.engines.compiled.kernels.words import add_at, lowest_bit, ones_in, prefetch

SLOTS = 16

# A source of an axon: number of the neuron that fires << 12 | delay << 8 | axon. The number is the core's
# place in the lists << 8 | the number of the neuron that stands for it.
SOURCE_AT, SOURCE_DELAY_AT = 12, 8


class Stretch(NamedTuple):
    """The m cores in wave order, as in their lists, and r others that they reach ("inlets")."""

    lists: Any  # Lists
    cores: Any  # int64 [m + r]  which cores they are
    shares: Any  # int64 [waves, threads + 1]  the cores of every thread in a wave
    owner: Any  # uint8 [m]  the thread
    inlets: Any  # int64 [threads + 1]  which inlets a thread owns, from m on
    silent: Any  # uint8 [m]  no neuron fires without input
    sources: Any  # int64 [s]
    source_ends: Any  # int64 [m + r + 1]
    exits: Any  # int64 [x]  number of the neuron in its core << 32 | output
    exit_ends: Any  # int64 [m + 1]
    twins: Any  # int64 [d]  neurons that a neuron stands for
    hops: Any  # int64 [d]  of a spike of all of them
    crossings: Any  # int64 [d]
    synapses: Any  # uint16 [m, 256]  1 bits of every crossbar row
    members: Any  # uint64 [blocks]  bitmap of the m cores
    others: bool  # whether there are cores that run tick by tick


class Waves(NamedTuple):
    """What is worked on, with 64 x width ticks."""

    fired: Any  # uint64 [m, 256, width]  of the different neurons of every core
    external: Any  # uint64 [m, 256, width]  spikes from outside
    fed: Any  # uint8 [m]  whether there are any
    arrived: Any  # uint64 [r, 256, width]  what the inlets are sent
    words: Any  # uint64 [threads, 257, width]
    inverted: Any  # uint64 [threads, 257, width]
    mask: Any  # uint64 [width]  the ticks that are run


@njit(cache=True, nogil=True)
def admit(stretch, waves, inputs, counters, thread, tick):
    """Note the external spikes to a thread's cores: inputs int64 [m, 3] (tick, core, axon)."""
    for i in range(len(inputs)):
        m = stretch.lists.place[inputs[i, 1]]
        if stretch.owner[m] != thread:
            continue
        k, axon = inputs[i, 0] - tick, inputs[i, 2]
        mine = np.uint64(1) << np.uint64(k & 63)
        before = waves.external[m, axon, k >> 6]
        waves.external[m, axon, k >> 6] = before | mine
        waves.fed[m] = 1
        counters[MERGED] += before & mine != 0
        counters[INPUT_SPIKES] += 1


@njit(cache=True, nogil=True)
def gather(stretch, waves, m, words):
    """Add the words that earlier cores have sent to core or inlet m; returns how many spikes merged."""
    merged, width, fired, sources = 0, words.shape[1], waves.fired, stretch.sources
    fired_at, last = fired.ctypes.data, stretch.source_ends[m + 1]
    for s in range(stretch.source_ends[m], last):
        if s + AHEAD < last:
            prefetch(fired_at + (sources[s + AHEAD] >> SOURCE_AT) * (8 * width))
        source = sources[s]
        sender, neuron, axon = source >> 20, source >> SOURCE_AT & 255, source & 255
        delay, earlier = np.uint64(source >> SOURCE_DELAY_AT & 15), np.uint64(0)
        for part in range(width):
            now = fired[sender, neuron, part]
            sent = (now << delay | earlier >> (np.uint64(64) - delay)) & waves.mask[part]
            merged += ones_in(words[axon, part] & sent)
            words[axon, part] |= sent
            earlier = now
    return merged


@njit(cache=True, nogil=True)
def collect_slots(machine, core, tick, words):
    """Move what waits in a core's slots to the first 16 ticks of its words."""
    for k in range(SLOTS):
        slot = (tick + k) & 15
        if not machine.waiting[slot, core]:
            continue
        machine.waiting[slot, core] = 0
        for part in range(4):
            bits = machine.slots[slot, core, part]
            machine.slots[slot, core, part] = 0
            while bits != np.uint64(0):
                words[(part << 6) + lowest_bit(bits), 0] |= np.uint64(1) << np.uint64(k)
                bits &= bits - np.uint64(1)


@njit(cache=True, nogil=True)
def collect_external(external, words):
    """Add the spikes from outside, and forget them; returns how many merged."""
    merged = 0
    for axon in range(256):
        for part in range(words.shape[1]):
            merged += ones_in(words[axon, part] & external[axon, part])
            words[axon, part] |= external[axon, part]
            external[axon, part] = 0
    return merged


@njit(cache=True, nogil=True)
def write_exits(stretch, fired, m, place, post, tick):
    """Write the spikes of a core that leave the board down."""
    for x in range(stretch.exit_ends[m], stretch.exit_ends[m + 1]):
        neuron, output = stretch.exits[x] >> 32, stretch.exits[x] & 0xFFFFFFFF
        for part in range(fired.shape[1]):
            bits = fired[neuron, part]
            while bits != np.uint64(0):
                leave(place, post, output, tick + (part << 6) + lowest_bit(bits))
                bits &= bits - np.uint64(1)


@njit(cache=True, nogil=True)
def record_waves(fired, stands, trace, core, tick):
    """Write the firings of a core down, neuron by neuron."""
    row, spikes = trace.counts[1], trace.spikes
    for j in range(256):
        for part in range(fired.shape[1]):
            bits = fired[stands[j], part]
            while bits != np.uint64(0):
                spikes[row, 0] = tick + (part << 6) + lowest_bit(bits)
                spikes[row, 1] = core
                spikes[row, 2] = j
                row += 1
                bits &= bits - np.uint64(1)
    trace.counts[1] = row


@njit(cache=True, nogil=True)
def evaluate_core(stretch, waves, machine, counters, m, thread, tick):
    """All ticks of one core; returns how often its neurons fired."""
    words, fired = waves.words[thread], waves.fired[m]
    words[:] = 0
    collect_slots(machine, stretch.cores[m], tick, words)
    merged = 0
    if waves.fed[m]:
        merged += collect_external(waves.external[m], words)
        waves.fed[m] = 0
    merged += gather(stretch, waves, m, words)
    counters[MERGED] += merged
    operations, first, width = 0, stretch.lists.first[m], words.shape[1]
    some = np.uint64(0)
    for axon in range(256):
        active = 0
        for part in range(width):
            some |= words[axon, part]
            active += ones_in(words[axon, part])
        operations += active * np.int64(stretch.synapses[m, axon])
    counters[SYNAPTIC_OPERATIONS] += operations
    if some == np.uint64(0) and stretch.silent[m]:
        fired[:] = 0
        return 0
    spikes, hops, crossings = 0, 0, 0
    for d in range(fire_core(stretch.lists, m, words, waves.inverted[thread], fired)):
        count = 0
        for part in range(width):
            fired[d, part] &= waves.mask[part]
            count += ones_in(fired[d, part])
        spikes += count * stretch.twins[first + d]
        hops += count * stretch.hops[first + d]
        crossings += count * stretch.crossings[first + d]
    counters[SPIKES] += spikes
    counters[HOPS] += hops
    counters[CHIP_CROSSINGS] += crossings
    return spikes


@njit(cache=True, nogil=True)
def carry(stretch, waves, place, m, tick, ticks):
    """Put what core or inlet m has been sent for ticks after the last one into its slots."""
    merged, core, fired, sources = 0, stretch.cores[m] << 8, waves.fired, stretch.sources
    for s in range(stretch.source_ends[m], stretch.source_ends[m + 1]):
        source = sources[s]
        sender, neuron = source >> 20, source >> SOURCE_AT & 255
        delay = source >> SOURCE_DELAY_AT & 15
        # The last ``delay`` ticks' spikes, bit 0 the first of them: it lands right after the last tick.
        at = ticks - delay
        part, shift = at >> 6, np.uint64(at & 63)
        late = fired[sender, neuron, part] >> shift
        if shift != np.uint64(0) and part + 1 < fired.shape[2]:
            late |= fired[sender, neuron, part + 1] << (np.uint64(64) - shift)
        late &= (np.uint64(1) << np.uint64(delay)) - np.uint64(1)
        while late != np.uint64(0):
            merged += set_slot(place, (tick + ticks + lowest_bit(late)) & 15, core | source & 255)
            late &= late - np.uint64(1)
    add_at(place.counters + 8 * MERGED, merged)


@njit(cache=True, nogil=True)
def arrive_at_inlet(arrived, place, core, tick, begin, end):
    """Set the slots of an inlet for ticks ``begin`` .. ``end`` - 1 after ``tick``, at most 16."""
    merged = 0
    part, shift = begin >> 6, np.uint64(begin & 63)
    some = (np.uint64(1) << np.uint64(end - begin)) - np.uint64(1)
    for axon in range(256):
        bits = arrived[axon, part] >> shift & some  # 16 divides 64: they lie in one word
        while bits != np.uint64(0):
            slot = (tick + begin + lowest_bit(bits)) & 15
            merged += set_slot(place, slot, core << 8 | axon)
            bits &= bits - np.uint64(1)
    add_at(place.counters + 8 * MERGED, merged)


@njit(cache=True, nogil=True)
def run_others(board, machine, scratch, trace, inputs, stretch, waves, thread, tick, ticks, met):
    """The cores that run tick by tick, 16 ticks at a time: as many as there are slots."""
    place, arrived = place_of(board, machine, thread), waves.arrived
    first, last, members = stretch.inlets[thread], stretch.inlets[thread + 1], len(waves.fired)
    for m in range(first, last):
        arrived[m - members] = 0
        merged = gather(stretch, waves, m, arrived[m - members])
        add_at(place.counters + 8 * MERGED, merged)
    cursor = 0
    for begin in range(0, ticks, SLOTS):
        end = min(ticks, begin + SLOTS)
        for m in range(first, last):
            arrive_at_inlet(arrived[m - members], place, stretch.cores[m], tick, begin, end)
        advance(
            board, machine, scratch, trace, inputs[cursor:], thread, tick + begin, end - begin,
            NEVER, met + begin,
        )  # fmt: skip
        while cursor < len(inputs) and inputs[cursor, 0] < tick + end:
            cursor += 1


@njit(cache=True, nogil=True)
def advance_waves(
    board, machine, scratch, trace, inputs, others, stretch, waves, thread, tick, ticks
):  # fmt: skip
    """Run ``ticks`` ticks, 16 or more, of one thread's cores; all threads are given the same.

    inputs, others: int64 rows (tick, core, axon) of these ticks, to cores of the stretch and to others.
    The recorded spikes are in no order.
    """
    first, last = board.bounds[thread], board.bounds[thread + 1]
    place = place_of(board, machine, thread)
    post = post_of(board, machine, scratch, trace, thread)
    gate_at, counters, awake = machine.gate.ctypes.data, machine.counters[thread], machine.awake
    enter_all(place, post, first, last)
    admit(stretch, waves, inputs, counters, thread, tick)
    if post.threads > 1:
        barrier(gate_at, post.threads, 1)
    count = len(stretch.shares)
    for wave in range(count):
        for m in range(stretch.shares[wave, thread], stretch.shares[wave, thread + 1]):
            core = stretch.cores[m]
            spikes = evaluate_core(stretch, waves, machine, counters, m, thread, tick)
            if spikes:
                machine.fired[core] += spikes
                write_exits(stretch, waves.fired[m], m, place, post, tick)
                if trace.recorded[core]:
                    record_waves(waves.fired[m], stretch.lists.stands[m], trace, core, tick)
        if post.threads > 1:
            barrier(gate_at, post.threads, wave + 2)
    if stretch.others:
        for word in range((first + 63) >> 6, (last + 63) >> 6):
            awake[word] &= ~stretch.members[word]
        run_others(
            board, machine, scratch, trace, others, stretch, waves, thread, tick, ticks, count + 1
        )
    for word in range((first + 63) >> 6, (last + 63) >> 6):
        awake[word] |= stretch.members[word]
    for wave in range(len(stretch.shares)):
        for m in range(stretch.shares[wave, thread], stretch.shares[wave, thread + 1]):
            carry(stretch, waves, place, m, tick, ticks)
    for m in range(stretch.inlets[thread], stretch.inlets[thread + 1]):
        carry(stretch, waves, place, m, tick, ticks)
    if thread == 0:
        machine.clock[0] = tick + ticks
        machine.gate[OVER] = 1
