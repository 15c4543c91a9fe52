"""From weighted sources to axons: the types, copies and crossbar of a group of neurons.

A spike reaches a neuron by an axon, whose type (0..3) chooses one of the neuron's four weights. So

* a source takes an axon for each type that some neuron needs it in: axons are counted, not inputs;
* which weight has which type is chosen so that axons are fewest: the same weight is the same type
  everywhere, or each source has its type, or each neuron's weights are numbered by size;
* a weight that is split into bits takes one axon for each bit that is set, and further axons of
  the same type where a type stands for several bits;
* CLEAR weighs as much below 0 as the neuron can hold and get in one tick.

A group of more neurons or axons than a core has is several cores, cut between neurons; the mapper
joins small cores and cuts what is still too large.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError
from corelets.language.group import NeuronGroup
from corelets.language.kinds import highest_left
from corelets.language.pins import Bundle, Shape
from corelets.language.times import Time
from corelets.language.weights import LARGEST, MOST_BITS, Term
from tnemu.hardware.neuron import AXON_TYPES, AXONS, NEURONS, POTENTIAL_MAX

Ints = npt.NDArray[np.int64]
Entries = npt.NDArray[np.void]

_ENTRY = np.dtype(
    [
        ("source", np.int64),
        ("neuron", np.int64),
        ("weight", np.int64),
        ("drawn", np.bool_),
        ("clear", np.bool_),
        ("base", np.int8),
        ("term", np.int32),
        ("copy", np.int32),
        ("type", np.int8),
    ]
)
"""One synapse: a source (by number) drives a neuron; see :class:`~corelets.language.weights.Term`."""


@dataclass(frozen=True, eq=False)
class Piece:
    """One core: ``neurons`` [n] are flat places in the group, ``sources`` [a] drive its axons."""

    neurons: Ints
    sources: Ints
    types: npt.NDArray[np.uint8]
    crossbar: npt.NDArray[np.bool_]
    records: npt.NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Derived:
    """The cores of a group. Source k is pin ``pin[k]`` of ``bundles[bundle[k]]`` at ``times[time[k]]``."""

    pieces: tuple[Piece, ...]
    bundles: tuple[Bundle, ...]
    times: tuple[Time, ...]
    bundle: Ints
    pin: Ints
    time: Ints
    plus: Ints
    """The most that sources can add to each neuron in a tick."""


def derive(group: NeuronGroup) -> Derived:
    """Axons, types and crossbars of ``group``; CoreletError for weights that no axons can give."""
    sources = _Sources()
    count = group.width
    parts = [_entries(term, k, sources, group) for k, term in enumerate(group.terms)]
    entries = _summed(np.concatenate([np.zeros(0, _ENTRY), *parts]))
    entries["weight"] *= group.of.scale
    records = group.of.records(group.shape, group.describe())
    entries = _split(entries)
    plus = np.zeros(count, np.int64)
    rising = entries[(entries["weight"] > 0) & ~entries["clear"]]
    np.add.at(plus, rising["neuron"], np.where(rising["drawn"], 1, rising["weight"]))
    entries = _cleared(entries, records, plus, group)
    _check_weights(entries, records, plus, group)
    entries["copy"] = _ranks(entries, "source", "neuron", "weight", "drawn")
    entries = _typed(entries, group)
    records["s"][entries["neuron"], entries["type"]] = entries["weight"]
    records["b"][entries["neuron"], entries["type"]] = entries["drawn"]
    pieces = tuple(_piece(entries, part, records) for part in _parts(entries, count))
    bundle, pin, time = sources.table()
    return Derived(pieces, tuple(sources.bundles), tuple(sources.times), bundle, pin, time, plus)


class _Sources:
    """Pins at times, each with one number."""

    def __init__(self) -> None:
        self.bundles: dict[Bundle, int] = {}
        self.times: dict[Time, int] = {}
        self._keys: dict[tuple[int, int, int], int] = {}

    def numbers(self, term: Term) -> Ints:
        """The numbers of the pins of ``term``, int64 [pins]."""
        time = self.times.setdefault(term.pins.time, len(self.times))
        own = [self.bundles.setdefault(b, len(self.bundles)) for b in term.pins.bundles]
        keys = zip(
            np.array(own, np.int64)[term.pins.which].tolist(), term.pins.index.tolist(), strict=True
        )
        known = self._keys
        return np.array([known.setdefault((b, k, time), len(known)) for b, k in keys], np.int64)

    def table(self) -> tuple[Ints, Ints, Ints]:
        """Bundle, pin and time of every source."""
        rows = np.array(list(self._keys), np.int64).reshape(-1, 3)
        return rows[:, 0], rows[:, 1], rows[:, 2]


def _entries(term: Term, number: int, sources: _Sources, group: NeuronGroup) -> Entries:
    """The synapses of one source, for every neuron that its shape stands for."""
    row, column, weight = term.row, term.column, term.weight
    if term.shape != group.shape:
        row, column, weight = _spread(term, group.shape)
    entries = np.zeros(len(row), _ENTRY)
    entries["source"] = sources.numbers(term)[row]
    entries["neuron"], entries["weight"] = column, weight
    entries["drawn"], entries["clear"], entries["base"] = term.drawn, term.clear, term.base
    entries["term"] = number
    return entries


def _spread(term: Term, shape: Shape) -> tuple[Ints, Ints, Ints]:
    """Row, column and weight of the entries of ``term`` repeated to ``shape``."""
    size = int(np.prod(term.shape))
    places = np.zeros((1,) * len(shape), np.int64)
    if size > 1:
        places = np.arange(size).reshape(term.shape)
    stands_for = np.broadcast_to(places, shape).ravel()
    order = np.argsort(term.column, kind="stable")
    low = np.searchsorted(term.column[order], stands_for, side="left")
    high = np.searchsorted(term.column[order], stands_for, side="right")
    number = high - low
    skip = np.repeat(low - (np.cumsum(number) - number), number)
    chosen = order[skip + np.arange(len(skip))]
    column = np.repeat(np.arange(len(stands_for)), number)
    return term.row[chosen], column, term.weight[chosen]


def _summed(entries: Entries) -> Entries:
    """One entry for each source, neuron and manner, with the sum of its weights; no zeros."""
    keys = [entries[name] for name in ("base", "clear", "drawn", "neuron", "source")]
    keys.append(np.where(entries["drawn"], entries["term"], 0))  # each is drawn on its own
    order = np.lexsort(keys)
    entries = entries[order]
    new = np.ones(len(entries), np.bool_)
    if len(entries):
        new[1:] = np.any([k[order][1:] != k[order][:-1] for k in keys], axis=0)
        heads = np.flatnonzero(new)
        sums = np.add.reduceat(entries["weight"], heads)
        entries = entries[heads]
        entries["weight"] = sums
    return entries[entries["weight"] != 0]


def _split(entries: Entries) -> Entries:
    """Weights of ``base`` bits as entries of one bit each."""
    done = [entries[entries["base"] == 0]]
    for bits in np.unique(entries["base"][entries["base"] > 0]).tolist():
        mine = entries[entries["base"] == bits]
        for unit, digit in digits(mine["weight"], bits):
            more = np.repeat(mine, digit)
            more["weight"] = unit
            done.append(more)
    return np.concatenate(done)


def digits(weights: Ints, bits: int) -> list[tuple[int, Ints]]:
    """(weight of a type, how many axons of it each of ``weights`` takes): two's complement.

    The lower bits - 1 bits are shared out to three types, the lowest taking one more where they
    are not even; the highest bit weighs -2**(bits - 1).
    """
    rest = bits - 1
    sizes = [(rest + 2 - k) // 3 for k in range(3)]
    plain = weights & ((1 << rest) - 1)
    found, first = [], 0
    for size in sizes:
        if size:
            found.append((1 << first, plain >> first & ((1 << size) - 1)))
        first += size
    return [*found, (-(1 << rest), (weights < 0).astype(np.int64))]


def _cleared(
    entries: Entries, records: npt.NDArray[np.void], plus: Ints, group: NeuronGroup
) -> Entries:
    """The entries of CLEAR with a weight that is enough, as several axons where one is too little."""
    clears = entries[entries["clear"]]
    if not len(clears):
        return entries
    mine = np.unique(clears["neuron"])
    high = highest_left(records, plus)[mine]
    if not np.isfinite(high).all():
        raise CoreletError(
            f"{group.describe()}: CLEAR cannot empty {group.of!r}, which has no highest potential; "
            "take an Accumulator, or let a tick bring no more than the threshold"
        )
    leak = np.maximum(np.abs(records["leak"][mine].astype(np.int64)), 0)
    below = records["beta"][mine].astype(np.int64) + (records["kappa"][mine] == 0)
    need = int((high + plus[mine] + leak + below).max())
    copies = max(1, -(-need // LARGEST))
    clears = np.repeat(clears, copies)
    clears["weight"] = -max(1, -(-need // copies))
    return np.concatenate([entries[~entries["clear"]], clears])


def _check_weights(
    entries: Entries, records: npt.NDArray[np.void], plus: Ints, group: NeuronGroup
) -> None:
    large = np.abs(entries["weight"]) > LARGEST
    if large.any():
        weight = int(entries["weight"][large][0])
        neuron = int(entries["neuron"][large][0])
        raise CoreletError(
            f"{group.describe()}: a source has the weight {weight:,} at neuron {neuron}, a synapse "
            f"weighs -{LARGEST}..{LARGEST}; scale weights and thresholds down together"
        )
    most = np.maximum(records["V0"], records["alpha"]).astype(np.int64) + plus
    if (most > POTENTIAL_MAX).any():
        neuron = int(np.argmax(most))
        raise CoreletError(
            f"{group.describe()}: neuron {neuron} can reach {int(most[neuron]):,} in one tick, a "
            f"potential has 20 bits, up to {POTENTIAL_MAX:,}; scale weights and thresholds down"
        )


def _ranks(entries: Entries, *names: str) -> Ints:
    """The place of every entry among those that are equal in ``names``."""
    order = np.lexsort([entries[name] for name in names])
    same = np.ones(len(entries), np.bool_)
    if len(entries):
        same[0] = False
        for name in names:
            column = entries[name][order]
            same[1:] &= column[1:] == column[:-1]
    run = np.arange(len(entries))
    heads = np.maximum.accumulate(np.where(same, 0, run))
    ranks = np.zeros(len(entries), np.int64)
    ranks[order] = run - heads
    return ranks


def _typed(entries: Entries, group: NeuronGroup) -> Entries:
    """The entries with axon types: of the ways to number weights, the one with the fewest axons."""
    if not len(entries):
        return entries
    value = entries["weight"] * 2 + entries["drawn"]
    _, kind = np.unique(value, return_inverse=True)
    by_neuron = _levels(entries["neuron"], value)
    if by_neuron.max() >= AXON_TYPES:
        raise _too_many(entries, by_neuron, group)
    ways = []
    for own in (entries["term"].astype(np.int64), entries["source"]):
        places = entries["neuron"] * AXON_TYPES + own
        if own.max() < AXON_TYPES and _levels(places, value).max() == 0:
            ways.append(own)
    if kind.max() < AXON_TYPES:
        ways.append(kind)
    ways.append(by_neuron)
    found = min(ways, key=lambda types: len(_axons(entries, types)))
    entries = entries.copy()
    entries["type"] = found
    return entries


def _levels(of: Ints, value: Ints) -> Ints:
    """Every value's place among the different values of the same ``of``, the largest first."""
    order = np.lexsort((-value, of))
    one, other = of[order], value[order]
    fresh = np.ones(len(of), np.bool_)
    fresh[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    begins = np.ones(len(of), np.bool_)
    begins[1:] = one[1:] != one[:-1]
    running = np.cumsum(fresh)
    first = np.maximum.accumulate(np.where(begins, running, 0))
    levels = np.zeros(len(of), np.int64)
    levels[order] = running - first
    return levels


def _axons(entries: Entries, types: Ints) -> Ints:
    """A number for every axon (source, type, copy), in order."""
    return np.unique(_axon_keys(entries, types))


def _axon_keys(entries: Entries, types: Ints) -> Ints:
    return (entries["source"] << 20) + entries["copy"].astype(np.int64) * AXON_TYPES + types


def _too_many(entries: Entries, levels: Ints, group: NeuronGroup) -> CoreletError:
    worst = int(entries["neuron"][np.argmax(levels)])
    weights = np.unique(entries["weight"][entries["neuron"] == worst])
    low, high = int(weights.min()), int(weights.max())
    bits = next(
        (b for b in range(2, MOST_BITS + 1) if -(1 << b - 1) <= low and high < 1 << b - 1), None
    )
    advice = "use smaller weights"
    if bits is not None:
        advice = (
            f"write (W @ x).bits({bits}), which makes each weight a sum over axons of several types, "
            "or use fewer different weights"
        )
    return CoreletError(
        f"{group.describe()}: neuron {worst} has {int(levels.max()) + 1} different weights or more, "
        f"{low}..{high}; an axon has one of {AXON_TYPES} types, so a neuron has {AXON_TYPES} weights: "
        f"{advice}"
    )


def _parts(entries: Entries, count: int) -> list[tuple[Ints, Ints]]:
    """Flat neurons of every core, and the entries of each: runs of neurons that a core has room for."""
    order = np.argsort(entries["neuron"], kind="stable")
    heads = np.searchsorted(entries["neuron"][order], np.arange(count + 1))
    keys, axon = np.unique(
        _axon_keys(entries, entries["type"].astype(np.int64)), return_inverse=True
    )
    if count <= NEURONS and len(keys) <= AXONS:
        return [(np.arange(count), order)]
    pairs = np.unique(entries["neuron"][order] * len(keys) + axon[order])
    if np.bincount(pairs // max(len(keys), 1), minlength=1).max() > AXONS:
        return [(np.arange(count), order)]  # the mapper adds up in parts, which neurons share
    last = np.full(len(keys), -1)
    cuts, used = [0], 0
    mine = np.split(axon[order], heads[1:-1])
    for neuron, axons in enumerate(mine):
        here = np.unique(axons)
        new = here[last[here] != len(cuts)]
        if neuron > cuts[-1] and (neuron - cuts[-1] >= NEURONS or used + len(new) > AXONS):
            cuts.append(neuron)
            used, new = 0, here
        last[new] = len(cuts)
        used += len(new)
    cuts.append(count)
    return [(np.arange(a, b), order[heads[a] : heads[b]]) for a, b in itertools.pairwise(cuts)]


def _piece(entries: Entries, part: tuple[Ints, Ints], records: npt.NDArray[np.void]) -> Piece:
    neurons, places = part
    mine = entries[places]
    keys, axon = np.unique(_axon_keys(mine, mine["type"].astype(np.int64)), return_inverse=True)
    crossbar = np.zeros((len(keys), len(neurons)), np.bool_)
    crossbar[axon, mine["neuron"] - neurons[0]] = True
    return Piece(
        neurons,
        keys >> 20,
        (keys % AXON_TYPES).astype(np.uint8),
        crossbar,
        records[neurons],
    )
