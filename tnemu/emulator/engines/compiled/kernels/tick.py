"""The compiled tick loop: scan, integrate and update, deliver, for the cores of one thread.

For every tick, in blocks of 64 cores (one word of a bitmap)::

    scan      which cores have input or are awake; their active axons as lists
    evaluate  rows + leak + compare + reset of 256 neurons in vector registers (vector.py)
    deliver   every spike sets one bit in a slot that is not being read (delays are 1..15)

Nothing here allocates, and nothing of ours is imported but what lies beside it. What is
called for every core or spike is given addresses, never arrays: numba counts the references to an
array argument with two atomic additions a call, which once were 40 % of the time. What every core of a
usual board needs is made part of the loop (``forceinline``): a call hands most of its arguments over in
memory.
Threads own disjoint ranges of cores. A spike for a core of another thread goes through a list of the
calendar or an outbox, which the core's owner empties after the barrier that ends the tick: no two threads
touch one of them in the same tick.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tnemu.emulator.engines.compiled.kernels.addresses import addresses, kept_of, place_of, post_of
from tnemu.emulator.engines.compiled.kernels.arrays import (
    CORE_COST,
    DRAWS_LEAK,
    LEAD,
    OVER,
    PAGE,
    ROW_COST,
    SCAN_COST,
    SPENT,
    SPIKE_COST,
    STOP,
    SYNAPTIC_OPERATIONS,
)
from tnemu.emulator.engines.compiled.kernels.delivery import (
    arrive,
    barrier,
    collect,
    deliver,
    enter,
    enter_all,
)
from tnemu.emulator.engines.compiled.kernels.evaluate import (
    cost_of_slow,
    evaluate_narrow,
    evaluate_rare,
    operations_met,
)
from tnemu.emulator.engines.compiled.kernels.vector import CHANGED
from tnemu.emulator.engines.compiled.kernels.words import (
    add_at,
    atomic_add,
    drain_bytes,
    integer_at,
    lowest_bit,
    lowest_bit_or_64,
    ones_in,
    prefetch,
    put_16,
    put_64,
    word_16,
    word_at,
)


@njit(cache=True, nogil=True, forceinline=True)
def scan(slots_at, axons_at, ends_at, todo):
    """List the active axons of the block's cores and clear their slot; returns how many there are.

    One list for all cores: a loop for each would end where nobody can foresee.
    """
    count = 0
    while todo != np.uint64(0):
        k = lowest_bit(todo)
        todo &= todo - np.uint64(1)
        for part in range(4):
            at = slots_at + (k << 5) + (part << 3)
            count = list_bits(word_at(at), (k << 8) + (part << 6), axons_at, count)
            put_64(at, 0)
        put_64(ends_at + (k << 3), count)
    return count


@njit(cache=True, nogil=True)
def fetch(list_at, first, last, base_at, shift):
    """Ask for what entries ``first`` .. ``last`` - 1 of a list name; returns ``last``."""
    for i in range(first, last):
        prefetch(base_at + (word_16(list_at + (i << 1)) << shift))
    return last


@njit(cache=True, nogil=True)
def list_bits(bits, first, list_at, count):
    """Write ``first`` + the index of every 1 bit behind ``count`` others; returns the new count.

    Most words have few bits, how many nobody can foresee. Four places are written whether or not
    there are as many bits, because a mispredicted branch costs more than they do.
    """
    after, at = count + ones_in(bits), list_at + (count << 1)
    for i in range(4):
        put_16(at + (i << 1), first + lowest_bit_or_64(bits))
        bits &= bits - np.uint64(1)
    at += 8
    while bits != np.uint64(0):
        put_16(at, first + lowest_bit(bits))
        bits &= bits - np.uint64(1)
        at += 2
    return after


@njit(cache=True, nogil=True, forceinline=True)
def list_fired(answer_at, fired_at, count, core_in_block):
    """Append the neurons that the answer's bits name."""
    for part in range(4):
        bits, first = word_at(answer_at + (part << 3)), (core_in_block << 8) + (part << 6)
        count = list_bits(bits, first, fired_at, count)
    return count


@njit(cache=True, nogil=True)
def record(spikes, counts, fired, first, last, core, tick):
    """Write the firings of one core down."""
    row = counts[1]
    for i in range(first, last):
        spikes[row, 0] = tick
        spikes[row, 1] = core
        spikes[row, 2] = fired[i] & 255
        row += 1
    counts[1] = row


@njit(cache=True, nogil=True)
def advance(board, machine, scratch, trace, inputs, thread, tick, ticks, budget, met):
    """Run up to ``ticks`` ticks of one thread's cores; all threads are given the same tick and ticks.

    They all stop after the tick in which one of them has spent ``budget`` (see arrays.py); the clock
    then says which tick is next.

    inputs: int64 [m, 3] rows (tick, core, axon) in order of tick, none earlier than ``tick``. Spikes to
    come may stay in the calendar; 0 ticks move them to the slots. met: how often the threads have met at the
    barrier since it was set up.
    """
    first, last = board.bounds[thread], board.bounds[thread + 1]
    base, place = addresses(board, scratch), place_of(board, machine, thread)
    post = post_of(board, machine, scratch, trace, thread)
    awake, ends_at = machine.awake, scratch.ends.ctypes.data
    fired, answer = scratch.fired, scratch.answer
    targets_at = board.target.ctypes.data
    block_of, flags_of = board.block, board.flags
    counters = machine.counters[thread]
    totals, recorded = machine.fired, trace.recorded
    wide, axons_at, fired_at = machine.wide, scratch.axons.ctypes.data, post.fired
    kept, narrow_at = kept_of(machine), machine.narrow.ctypes.data
    stop_at = machine.gate.ctypes.data + 8 * STOP
    # In memory and not in a variable, which would take a register from the loop over cores.
    spent_at = place.counters + 8 * SPENT
    put_64(spent_at, 0)
    cursor, ended = 0, tick
    for now in range(tick, tick + ticks):
        slot = now & 15
        cursor = arrive(place, inputs, cursor, now, first, last)
        for word in range((first + 63) >> 6, (last + 63) >> 6):
            low = word << 6
            if place.room != 0 and (low - first) & (PAGE - 1) == 0:
                enter(place, post, slot, low, min(low + PAGE, last))
            todo = drain_bytes(place.waiting + slot * place.width + low) | awake[word]
            if todo == np.uint64(0):
                continue
            rows = scan(place.slots + ((slot * place.cores + low) << 5), axons_at, ends_at, todo)
            cores = np.int64(ones_in(todo))
            # As many rows and targets a core as there are on average, so that the loops can be foreseen.
            pace = rows // cores + 1 if place.far else 0
            rows_at, words_at = base.crossbar + (low << 13), targets_at + (low << 11)
            fetched, sought = fetch(axons_at, 0, min(rows, LEAD * pace), rows_at, 5), 0
            count, begin = 0, 0
            stay = np.uint64(0)
            left = todo
            while left != np.uint64(0):
                k = lowest_bit(left)
                left &= left - np.uint64(1)
                core = low + k
                fetched = fetch(axons_at, fetched, min(rows, fetched + pace), rows_at, 5)
                block = np.int64(block_of[core])
                flags = flags_of[block]
                end = integer_at(ends_at + (k << 3))
                mine_at, active = axons_at + (begin << 1), end - begin
                begin = end
                at = narrow_at + (core << 9)
                if wide[core] or not evaluate_narrow(base, at, core, block, flags, mine_at, active):
                    evaluate_rare(base, kept, core, block, flags, mine_at, active, now)
                    add_at(spent_at, cost_of_slow(flags, active))
                before = count
                count = list_fired(base.answer, fired_at, count, k)
                sought = fetch(fired_at, sought, min(count, sought + pace), words_at, 3)
                totals[core] += count - before
                # Without input, spike, change, or noise that matters a tick repeats itself until an
                # input comes.
                if active != 0 or count != before or answer[CHANGED] != 0 or flags & DRAWS_LEAK:
                    stay |= np.uint64(1) << np.uint64(k)
                if recorded[core]:
                    record(trace.spikes, trace.counts, fired, before, count, core, now)
            awake[word] = (awake[word] & ~todo) | stay
            deliver(place, post, words_at, sought, count, now)
            add_at(spent_at, cores * CORE_COST + rows * ROW_COST + count * SPIKE_COST)
        add_at(spent_at, ((last - first) >> 6) * SCAN_COST + 1)
        ended = now + 1
        if integer_at(spent_at) + cursor * SPIKE_COST > budget:
            put_64(stop_at, now)
        if post.threads > 1:
            barrier(machine.gate.ctypes.data, post.threads, met + now - tick + 1)
            collect(place, post, now)
            # Written before the barrier, or by a thread that is a tick ahead, and then it is later than now.
            if atomic_add(stop_at, 0) <= now:
                break
        elif integer_at(stop_at) <= now:
            break
    if ticks == 0:
        enter_all(place, post, first, last)
    counters[SYNAPTIC_OPERATIONS] += operations_met(answer)
    if thread == 0:
        machine.clock[0] = ended
        machine.gate[OVER] = 1
