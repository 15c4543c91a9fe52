"""Where spikes go: slots, the calendar of spikes to come, outboxes of other threads, outputs.

A spike with delay d, sent in tick t, is a bit of the slot row (t + d) mod 16 of its core. Set there at
once, every spike would touch a cache line of its own, far away on a large board. So a large board has
calendars (Brown, Communications of the ACM 31, 1988): each thread has for every slot row and page, up to
4,096 cores of one owner, a list to which it appends. The owner sets the bits when those cores' turn has
come, nearby and in the cache. What a list has no room for, and all spikes of a board without calendars,
go to slots directly, those for other threads' cores through outboxes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import (
    ARRIVALS,
    AXON_MASK,
    CHIP_CROSSINGS,
    CROSSINGS_AT,
    DELAY_AT,
    HOPS,
    HOPS_AT,
    INPUT_SPIKES,
    MERGED,
    NOWHERE,
    NUMBER_MASK,
    OUTPUT,
    OUTPUT_SPIKES,
    PAGE,
    PASSAGES,
    SPIKES,
)
from tnemu.emulator.engines.compiled.kernels.words import (
    add_at,
    atomic_add,
    count_up,
    integer_at,
    let_others_run,
    prefetch,
    put_8,
    put_32,
    put_64,
    set_bits,
    word_16,
    word_32,
)

AHEAD = 8  # spikes between fetching a slot and setting a bit in it


@njit(cache=True, nogil=True)
def set_slot(place, slot, axon):
    """Set one scheduler bit and remember that the core has input in that slot; 1 if it merged.

    ``axon`` counts through all cores, here and below: core << 8 | axon of the core.
    """
    shift = np.uint64(axon & 63)
    word = ((slot * place.cores) << 2) + (axon >> 6)
    before = set_bits(place.slots + (word << 3), np.uint64(1) << shift)
    # A byte and not a bit of a word: many spikes in a row would wait for each other to set theirs.
    put_8(place.waiting + slot * place.width + (axon >> 8), 1)
    return np.int64((before >> shift) & np.uint64(1))


@njit(cache=True, nogil=True)
def list_of(place, thread, slot, page):
    """Which of the calendars' lists a thread has for a slot row and a page."""
    return ((thread << 4) + slot) * place.pages + page


@njit(cache=True, nogil=True)
def enlist(place, post, count, tick):
    """Append the block's spikes to our calendar; returns how many, kept in front, had no room."""
    left = 0
    for i in range(count):
        spike = word_32(post.sent + (i << 2))
        axon, slot = spike & AXON_MASK, (tick + (spike >> DELAY_AT)) & 15
        page = word_16(place.page_of + (axon >> 14 << 1))
        own = list_of(place, post.thread, slot, page)
        at = count_up(place.listed + (own << 3), place.room)
        if at < place.room:
            put_32(place.calendar + ((own * place.room + at) << 2), axon)
        else:
            put_32(post.sent + (left << 2), spike)
            left += 1
    return left


@njit(cache=True, nogil=True)
def enter(place, post, slot, first, last):
    """Set the bits that all calendars have for a page of ours, its cores ``first`` .. ``last`` - 1.

    Its part of the slot row, last used 16 ticks ago, is fetched in order before it is in no order, if
    there is a spike for most of its lines.
    """
    total, merged = 0, np.int64(0)
    page = word_16(place.page_of + (first >> 6 << 1))
    for source in range(post.threads):
        total += integer_at(place.listed + (list_of(place, source, slot, page) << 3))
    if total == 0:
        return
    row_at, lines = place.slots + ((slot * place.cores + first) << 5), (last - first) >> 1
    for line in range(lines if total > lines else 0):
        prefetch(row_at + (line << 6))
    for source in range(post.threads):
        theirs = list_of(place, source, slot, page)
        entries_at = place.calendar + ((theirs * place.room) << 2)
        for i in range(integer_at(place.listed + (theirs << 3))):
            merged += set_slot(place, slot, word_32(entries_at + (i << 2)))
        put_64(place.listed + (theirs << 3), 0)
    add_at(place.counters + 8 * MERGED, merged)


@njit(cache=True, nogil=True)
def enter_all(place, post, first, last):
    """Leave nothing in the calendars for our cores: whoever reads the state finds it in the slots."""
    for core in range(first, last if place.room != 0 else first, PAGE):
        for slot in range(16):
            enter(place, post, slot, core, min(core + PAGE, last))


@njit(cache=True, nogil=True)
def fetch_slot(place, spike, tick):
    """Ask for the slot that a spike will set a bit in."""
    row = ((tick + (spike >> DELAY_AT)) & 15) * place.cores + ((spike & AXON_MASK) >> 8)
    prefetch(place.slots + (row << 5))


@njit(cache=True, nogil=True)
def arrive(place, inputs, cursor, tick, first, last):
    """Set the bits of this tick's external inputs to our cores; returns the first later input."""
    while cursor < len(inputs) and inputs[cursor, 0] == tick:
        core = inputs[cursor, 1]
        if first <= core < last:
            merged = set_slot(place, tick & 15, core << 8 | inputs[cursor, 2])
            add_at(place.counters + 8 * MERGED, merged)
            add_at(place.counters + 8 * INPUT_SPIKES, 1)
        cursor += 1
    return cursor


@njit(cache=True, nogil=True)
def deliver(place, post, targets_at, sought, count, tick):
    """Send a block's spikes: to the calendar, slots, the outboxes of other threads, or output rows.

    Short loops, one after the other, keep what they need in registers; together they would not.
    """
    going = gather(place, post, targets_at, sought, count, tick)
    if place.room != 0:
        going = enlist(place, post, going, tick)
    if post.threads > 1:
        going = share(post, going, tick & 1)
    take(place, post.sent, going, tick)


@njit(cache=True, nogil=True)
def gather(place, post, targets_at, sought, count, tick):
    """List the spikes that go to a core; write the others to output rows.

    Those of the first ``sought`` spikes have been fetched.
    """
    hops, crossings, going = 0, 0, 0
    for i in range(sought, count if place.far else 0):
        prefetch(targets_at + (word_16(post.fired + (i << 1)) << 3))
    for i in range(count):
        to = integer_at(targets_at + (word_16(post.fired + (i << 1)) << 3))
        if to == NOWHERE:
            continue
        hops += (to >> HOPS_AT) & 1023
        crossings += (to >> CROSSINGS_AT) & 1023
        if to >= OUTPUT:
            leave(place, post, to & NUMBER_MASK, tick)
            continue
        put_32(post.sent + (going << 2), to)
        going += 1
    add_at(place.counters + 8 * HOPS, hops)
    add_at(place.counters + 8 * CHIP_CROSSINGS, crossings)
    add_at(place.counters + 8 * SPIKES, count)
    return going


@njit(cache=True, nogil=True)
def leave(place, post, output, tick):
    """Write a spike to an output down: tick, connector, pin."""
    row_at = post.output_rows + 24 * integer_at(post.counts)
    put_64(row_at, tick)
    put_64(row_at + 8, word_32(post.outputs + (output << 3)))
    put_64(row_at + 16, word_32(post.outputs + (output << 3) + 4))
    add_at(post.counts, 1)
    add_at(place.counters + 8 * OUTPUT_SPIKES, 1)


@njit(cache=True, nogil=True)
def share(post, count, parity):
    """Put what goes to others into their outboxes; what is ours moves to the front of the list.

    Whose core a spike is for nobody can foresee, so both places are written for every spike: that
    costs less than a branch that is mispredicted half of the time.
    """
    ours, first = 0, (parity * post.threads + post.thread) * post.threads
    for i in range(count):
        spike = word_32(post.sent + (i << 2))
        owner = word_16(post.owners + ((spike & AXON_MASK) >> 14 << 1))
        mine = np.int64(owner == post.thread)
        count_at = post.outbox_count + ((first + owner) << 6)
        at = integer_at(count_at)
        put_32(post.outbox + (((first + owner) * post.capacity + at) << 2), spike)
        put_64(count_at, at + 1 - mine)
        put_32(post.sent + (ours << 2), spike)
        ours += mine
    return ours


@njit(cache=True, nogil=True)
def take(place, spikes_at, count, tick):
    """Set the bits of ``count`` spikes."""
    merged = np.int64(0)
    for i in range(count):
        if place.far and i + AHEAD < count:
            fetch_slot(place, word_32(spikes_at + ((i + AHEAD) << 2)), tick)
        spike = word_32(spikes_at + (i << 2))
        merged += set_slot(place, (tick + (spike >> DELAY_AT)) & 15, spike & AXON_MASK)
    add_at(place.counters + 8 * MERGED, merged)


@njit(cache=True, nogil=True)
def barrier(gate_at, threads, generation):
    """Return when all threads have come for the ``generation``-th time. Spins briefly, then yields."""
    if atomic_add(gate_at + 8 * ARRIVALS, 1) == threads - 1:
        atomic_add(gate_at + 8 * ARRIVALS, -threads)
        atomic_add(gate_at + 8 * PASSAGES, 1)
        return
    turns = 0
    while atomic_add(gate_at + 8 * PASSAGES, 0) < generation:
        turns += 1
        if turns > 200:
            let_others_run()


@njit(cache=True, nogil=True)
def collect(place, post, tick):
    """Take in what other threads have sent to our cores in this tick."""
    for source in range(post.threads):
        box = ((tick & 1) * post.threads + source) * post.threads + post.thread
        count_at = post.outbox_count + (box << 6)
        take(place, post.outbox + ((box * post.capacity) << 2), integer_at(count_at), tick)
        put_64(count_at, 0)
