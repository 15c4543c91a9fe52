"""Where spikes go: slots, the calendar of spikes to come, outboxes of other threads, outputs.

A spike with delay d, sent in tick t, is a bit of the slot row (t + d) mod 16 of its core. Set there at
once, every spike would touch a cache line of its own, far away on a large board. So a large board has
a calendar (Brown, Communications of the ACM 31, 1988): for every slot row and 4,096 cores a page, to
which a spike is appended. Its bits are set when those cores' turn has come, nearby and in the cache.
What a page has no room for, and all spikes of a board without calendar, go to the slots directly.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tnemu.emulator.kernels.arrays import (
    ARRIVALS,
    CHIP_CROSSINGS,
    HOPS,
    INPUT_SPIKES,
    MERGED,
    NOWHERE,
    OUTPUT,
    OUTPUT_SPIKES,
    PAGE,
    PAGE_BITS,
    PASSAGES,
    SPIKES,
)
from tnemu.emulator.kernels.words import (
    atomic_add,
    count_up,
    let_others_run,
    prefetch,
    put_32,
    set_bits,
)

AHEAD = 8  # spikes between fetching a slot and setting a bit in it


@njit(cache=True, nogil=True)
def set_slot(place, slot, core, axon):
    """Set one scheduler bit and remember that the core has input in that slot; 1 if it merged."""
    shift = np.uint64(axon & 63)
    at = place.slots + ((slot * place.cores + core) << 5) + ((axon >> 6) << 3)
    before = set_bits(at, np.uint64(1) << shift)
    at = place.waiting + ((slot * place.blocks + (core >> 6)) << 3)
    set_bits(at, np.uint64(1) << np.uint64(core & 63))
    return np.int64((before >> shift) & np.uint64(1))


@njit(cache=True, nogil=True)
def send(place, to, tick):
    """A spike with target word ``to`` into the calendar, or its slot; 1 if it merged there."""
    slot, core, axon = (tick + to) & 15, to >> 32, (to >> 4) & 255
    if place.room != 0:
        inside = core - place.first
        page = slot * place.pages + (inside >> PAGE_BITS)
        count = count_up(place.listed + (page << 3), place.room)
        if count < place.room:
            entry = (inside & (PAGE - 1)) << 8 | axon
            put_32(place.calendar + ((page * place.room + count) << 2), entry)
            return 0
    return set_slot(place, slot, core, axon)


@njit(cache=True, nogil=True)
def enter(place, calendar, listed, slot, page):
    """Set the bits that a page of the calendar has for a slot row; returns how many merged.

    The page's part of the row, last used 16 ticks ago, is fetched in order before it is in no order,
    if there is a spike for most of its lines.
    """
    at = slot * place.pages + page
    count, merged = listed[at], np.int64(0)
    row_at = place.slots + ((slot * place.cores + place.first + (page << PAGE_BITS)) << 5)
    for line in range(PAGE >> 1 if count > PAGE >> 1 else 0):
        prefetch(row_at + (line << 6))
    listed[at] = 0
    for entry in calendar[at * place.room : at * place.room + count]:
        core = place.first + (page << PAGE_BITS) + np.int64(entry >> 8)
        merged += set_slot(place, slot, core, np.int64(entry & 255))
    return merged


@njit(cache=True, nogil=True)
def enter_all(place, calendar, listed, counters):
    """Leave nothing in our calendar: whoever reads the state finds all spikes in the slots."""
    for slot in range(16):
        for page in range(place.pages):
            if listed[slot * place.pages + page]:
                counters[MERGED] += enter(place, calendar, listed, slot, page)


@njit(cache=True, nogil=True)
def fetch_slot(place, to, tick):
    """Ask for the slot that a spike with this target word will set a bit in."""
    row = ((tick + to) & 15) * place.cores + (to >> 32)
    prefetch(place.slots + (row << 5))


@njit(cache=True, nogil=True)
def arrive(place, inputs, cursor, tick, first, last, counters):
    """Set the bits of this tick's external inputs to our cores; returns the first later input."""
    while cursor < len(inputs) and inputs[cursor, 0] == tick:
        core = inputs[cursor, 1]
        if first <= core < last:
            counters[MERGED] += set_slot(place, tick & 15, core, inputs[cursor, 2])
            counters[INPUT_SPIKES] += 1
        cursor += 1
    return cursor


@njit(cache=True, nogil=True)
def deliver(
    place, target, fired, sought, count, sent, tick, thread, counters,
    owners, outbox, outbox_count, outputs, output_rows, counts,
):  # fmt: skip
    """Send every spike of the block: to its slot, the outbox of another thread, or an output row.

    ``sent`` is room for their target words. Short loops, one after the other, keep what they need
    in registers; together they would not.
    """
    count = gather(
        place, target, fired, sought, count, sent, tick, counters, outputs, output_rows, counts
    )  # fmt: skip
    if len(outbox) > 1:
        count = share(sent, count, owners, thread, outbox, outbox_count)
    counters[MERGED] += take(place, sent, count, tick)


@njit(cache=True, nogil=True)
def gather(
    place, target, fired, sought, count, sent, tick, counters, outputs, output_rows, counts
):  # fmt: skip
    """List the target words of the spikes that go to a core; write the others to output rows.

    Those of the first ``sought`` spikes have been fetched.
    """
    hops, crossings, going = 0, 0, 0
    target_at = target.ctypes.data
    for i in range(sought, count if place.far else 0):
        prefetch(target_at + (np.int64(fired[i]) << 3))
    for i in range(count):
        to = target[fired[i]]
        if to == NOWHERE:
            continue
        hops += (to >> 12) & 1023
        crossings += (to >> 22) & 1023
        if to >= OUTPUT:
            row = counts[0]
            output = (to - OUTPUT) >> 32
            output_rows[row, 0] = tick
            output_rows[row, 1] = outputs[output, 0]
            output_rows[row, 2] = outputs[output, 1]
            counts[0] = row + 1
            counters[OUTPUT_SPIKES] += 1
            continue
        sent[going] = to
        going += 1
    counters[HOPS] += hops
    counters[CHIP_CROSSINGS] += crossings
    counters[SPIKES] += count
    return going


@njit(cache=True, nogil=True)
def share(sent, count, owners, thread, outbox, outbox_count):
    """Put what goes to others into their outboxes; what is ours moves to the front of the list.

    Whose core a spike is for nobody can foresee, so both places are written for every spike: that
    costs less than a branch that is guessed wrong half of the time.
    """
    ours = 0
    for i in range(count):
        to = sent[i]
        owner = owners[to >> 38]
        mine = np.int64(owner == thread)
        at = outbox_count[owner, 0]
        outbox[owner, at] = to
        outbox_count[owner, 0] = at + 1 - mine
        sent[ours] = to
        ours += mine
    return ours


@njit(cache=True, nogil=True)
def take(place, sent, count, tick):
    """Set the bits of ``count`` spikes, or enter them in the calendar; returns how many merged."""
    merged = np.int64(0)
    for i in range(count):
        if place.far and place.room == 0 and i + AHEAD < count:
            fetch_slot(place, sent[i + AHEAD], tick)
        merged += send(place, sent[i], tick)
    return merged


@njit(cache=True, nogil=True)
def meet(gate_at, threads, generation):
    """Barrier: returns when all threads have come. Spins briefly, then lets others run."""
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
def collect(place, outbox, outbox_count, counters, thread, tick):
    """Take in what other threads have sent to our cores in this tick."""
    for source in range(outbox.shape[0]):
        count = outbox_count[source, thread, 0]
        counters[MERGED] += take(place, outbox[source, thread], count, tick)
        outbox_count[source, thread, 0] = 0
