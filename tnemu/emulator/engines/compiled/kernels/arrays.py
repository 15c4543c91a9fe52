"""The arrays that the tick loop works on, and what their numbers mean."""

from __future__ import annotations

from typing import Any, NamedTuple

BLOCK = 64  # cores per word of a bitmap
CHUNK = 128  # rows that int16 sums hold without overflow: 128 x 255 < 32,768
NEURONS = 256

# The calendar of spikes to come: see delivery.py.
PAGE = 4096  # cores of a page at most
PAGE_ROOM = 65_536  # entries that a list of one should have: its axons may be reached at 60 Hz
SHARERS = 4  # threads up to which each has that room; more share it
CALENDAR_CORES = 8192  # a smaller board lies in the cache and gains nothing

FAR_CORES = 128  # a smaller board lies in the processor's own cache: nothing is prefetched
LEAD = 4  # cores whose rows are prefetched before the first of a block is evaluated

# Words of the gate: arrivals, whether thread 0 is over, the tick after which all threads stop; passages,
# on a cache line of their own.
ARRIVALS, OVER, STOP, PASSAGES = 0, 1, 2, 8

# What a run costs, in units of about a nanosecond: it stops after the tick in which a thread has spent
# its budget, so that an interrupt need not wait for long.
SCAN_COST = 4  # 64 cores looked at
CORE_COST = 60  # a core evaluated
ROW_COST = 5  # a row added
SPIKE_COST = 8
SLOW_CORE_COST = 300  # more for a core in 32 bits, or with a rarer feature
SLOW_ROW_COST = 15  # more for its rows
DRAWN_ROW_COST = 120  # more for its rows where their weights are drawn
SEQUENCE_ROW_COST = 100  # the same where they are drawn in order
LIST_CORE_COST = 1000  # a core evaluated for 64 lanes at once, and the spikes that it is sent
EIGHT_COST = 5  # eight synapses of one of its neurons
NEVER = (1 << 63) - 1

MOST_WORDS = (
    256 * 256 + 2 * 256
)  # that a core can draw in a tick: for every synapse, leak and threshold

# Flags of a parameter block.
EVERY_FEATURE, DRAWS_LEAK, DRAWS_ETA, DRAWS_WEIGHTS, SLICED = 1, 2, 4, 8, 16
NARROW = 32  # 16 bits hold what the neurons reset to, and no rarer feature is used
LIGHT = 64  # no weight is over 127: int16 sums hold all 256 rows
TRINARY = 128  # no weight is over 1
FLOORS = 256  # 16-bit potentials can fall below a floor
REVERSES = 512  # a leak follows the sign of V, or the potential has the other range
LIMITED = 1024  # the potential of a neuron without reset has a ceiling
SEQUENCE = 2048  # words are drawn in order, not by keys
NOISY = 4096  # as NARROW, but leaks or thresholds are drawn

# Where a core's potentials are.
IN_16_BITS, IN_32_BITS, IN_16_BITS_WITH_NOISE = 0, 1, 2

# A target word: spike | hops << 32 | crossings << 42, or OUTPUT | hops and crossings | its number.
# What travels is the spike's 32 bits, axon | delay << 28; its axon counts through all cores: core << 8
# | axon of the core.
NOWHERE = -1
AXON_MASK = (1 << 28) - 1
DELAY_AT, HOPS_AT, CROSSINGS_AT = 28, 32, 42
OUTPUT = 1 << 62
NUMBER_MASK = (1 << 32) - 1  # of an output

(TICKS, SPIKES, SYNAPTIC_OPERATIONS, INPUT_SPIKES, OUTPUT_SPIKES, MERGED, HOPS, CHIP_CROSSINGS) = (
    range(8)
)
COUNTERS = 8
SPENT = COUNTERS  # beside the counters of a thread: what its present run has cost


class Layout(NamedTuple):
    """What does not change while the board runs: n cores that share k parameter blocks."""

    crossbar: Any  # uint64 [n, 256, 4]  row = axon, bit = neuron; 0 for unused neurons
    axon_types: Any  # uint8 [n, 64]  four to a byte, two bits each
    block: Any  # int32 [n]  the core's parameter block
    flags: Any  # uint16 [k]
    weights: Any  # int16 [k, 4, 256]  by axon type; sgn(s) where the weight is drawn
    byte_weights: Any  # int8 [k, 4, 256]  the same, where TRINARY
    magnitudes: Any  # uint8 [k, 4, 256]  |s| where the weight is drawn, else 255
    parameters: Any  # int32 [k, 14, 256]  rows of vector.py
    narrow_parameters: Any  # int16 [k, 11, 256]  the first of them, where NARROW or NOISY
    leak_magnitudes: Any  # uint8 [k, 256]  |leak| where it is drawn, else 255
    signs: Any  # int8 [k, 4]  sign of every axon type, where SLICED
    bias: Any  # int32 [k, 256]  leak - alpha, where SLICED
    # Where words are drawn in order; a neuron draws a leak, then a threshold.
    drawn: Any  # uint64 [k, 4, 4]  by axon type, bit j: neuron j draws the weight
    drawers: Any  # uint8 [k, 256]  1 if neuron j draws its leak, + 2 if its threshold
    draw_places: Any  # uint16 [k, 512]  what the words are for: j a leak, 256 + j a threshold
    draws: Any  # int64 [k]  words a tick, those of weights left out
    jumps: Any  # uint32 [3, 8, 16, 16]  tables of sequence.py
    target: Any  # int64 [n, 256]
    outputs: Any  # int32 [m, 2]  connector and pin of an output
    bounds: Any  # int64 [threads + 1]  first core of every thread, multiples of 64 but for the last
    owners: Any  # uint16 [blocks]  the thread that owns a 64-core word
    page_of: Any  # uint16 [blocks]  its page; a page's cores have one owner
    high: int
    rails: int
    zero_clamp: int


class LiveArrays(NamedTuple):
    """What a tick changes."""

    potentials: Any  # int32 [n, 256]  of the cores that are IN_32_BITS
    narrow: Any  # int16 [n, 256]  of the others
    wide: Any  # uint8 [n]  which of them a core's are
    slots: Any  # uint64 [16, n, 4]
    waiting: Any  # uint8 [16, 64 blocks]  1 where a core has a bit set in the slot
    calendar: Any  # uint32 [threads, 16, pages, room]  axons that spikes of a thread are to reach
    listed: Any  # int64 [threads, 16, pages]  how many they are
    awake: Any  # uint64 [blocks]  cores that must be evaluated without input too
    counters: Any  # int64 [threads, 16]  since the state was attached
    clock: Any  # int64 [1]  the next tick to be evaluated
    fired: Any  # int64 [n]  firings of every core
    generators: Any  # uint32 [n]  state of every core's noise
    since: Any  # int64 [n]  the tick that it is of, where words are drawn in order
    # By tick parity, from, to; of a thread's own only the first entry is written, and none is read.
    outbox: Any  # uint32 [2, threads, threads, capacity]  spikes
    outbox_count: Any  # int64 [2, threads, threads, 8]
    gate: Any  # int64 [16]  the barrier


class Scratch(NamedTuple):
    """One thread's work space."""

    axons: Any  # uint16 [64 * 256 + 8]  active axons of the block's cores: core << 8 | axon
    ends: Any  # int64 [64]  where each core's end
    fired: Any  # uint16 [64 * 256 + 8]  neurons of the block that fired: core << 8 | neuron
    sent: Any  # uint32 [64 * 256]  the block's spikes that go to cores
    answer: Any  # uint64 [16]
    noise: Any  # int32 [512]  this tick's leaks, then threshold noise
    narrow_noise: Any  # int16 [512]  the same in 16 bits
    zeros: Any  # int32 [256]
    places: Any  # uint32 [257]  where each neuron's next word is, and how many there are
    words: Any  # uint32 [MOST_WORDS + 256]
    bytes: Any  # uint8 [MOST_WORDS + 256]  the low one of every word


class TraceBuffers(NamedTuple):
    """Where one thread writes spikes down: rows (tick, connector, pin) and (tick, core, neuron)."""

    outputs: Any  # int64 [capacity, 3]
    spikes: Any  # int64 [capacity, 3]
    recorded: Any  # bool [n]
    counts: Any  # int64 [2]  rows written


class KeptAddresses(NamedTuple):
    """Where cores keep what lasts from tick to tick: addresses of the machine's arrays."""

    potentials: int
    narrow: int
    wide: int
    generators: int
    since: int


class SlotAddresses(NamedTuple):
    """Where one thread's spikes are set: addresses of the machine's arrays, and their sizes."""

    slots: int
    waiting: int
    counters: int
    calendar: int
    listed: int
    page_of: int
    cores: int
    width: int  # of a row of ``waiting``
    pages: int
    room: int  # entries of a page; 0: there is no calendar
    far: bool  # FAR_CORES or more


class SendAddresses(NamedTuple):
    """Where spikes leave a thread's cores: addresses of lists, outboxes and output rows."""

    fired: int
    sent: int
    owners: int
    outbox: int
    outbox_count: int
    capacity: int  # of an outbox
    thread: int
    threads: int
    outputs: int
    output_rows: int
    counts: int


class Base(NamedTuple):
    """Addresses, so that the functions called for every core carry plain integers."""

    crossbar: int
    axon_types: int
    weights: int
    byte_weights: int
    magnitudes: int
    parameters: int
    narrow_parameters: int
    leak_magnitudes: int
    drawn: int
    drawers: int
    draw_places: int
    draws: int
    jumps: int
    answer: int
    leak: int
    eta: int
    narrow_noise: int
    zeros: int
    places: int
    words: int
    bytes: int
    high: int
    rails: int
    zero_clamp: int
