"""Which units and neurons share a core: the three stages of a machine's layers, packed.

    1  refractory   a unit's neurons that fire together, one for each core of stage 2 that needs it
    2  quantise     neurons that turn a spike of a unit into |w| spikes
    3  sample       samplers and their helpers

Strategies, any of them together ("1.1+2+3"), or "none"::

    1.1, 1.2[:CENTRAL]   quantising neurons are shared (packing.py)
    2    units of a layer that see many of the same units share a core of stage 2
    3    stages 1 and 3 are filled with the largest unit first, into the first core with room

Without 2 every unit has a core of stage 2, without 3 one of stage 3 of its own, and stage 1 is filled in
order.

Source: Pedroni et al., IEEE TNNLS 2016, section IV.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError
from corelets.library.boltzmann.packing import Packing, Quantiser, pack
from corelets.library.boltzmann.schedule import Schedule
from corelets.library.boltzmann.units import axons_beside, axons_of_a_unit, neurons_of_a_unit
from tnemu.errors import shown
from tnemu.hardware.neuron import AXON_TYPES, AXONS, NEURONS

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Strategies:
    """How a machine is packed: ``packing`` of quantising neurons, ``colocate`` (2), ``largest`` (3)."""

    packing: Packing = field(default_factory=Packing)
    colocate: bool = True
    largest: bool = True

    @classmethod
    def of(cls, text: str) -> Strategies:
        """From "none" or parts between plus signs, such as "1.1+2+3"; CoreletError for other words."""
        words = [word.strip() for word in str(text).split("+")]
        packings = [word for word in words if word.partition(":")[0] in ("1.1", "1.2")]
        known = {"2", "3", *packings} if text != "none" else {"none"}
        if len(packings) > 1 or len(set(words)) < len(words) or not set(words) <= known:
            raise CoreletError(
                f"strategies {shown(text)}: give none, or some of 1.1 (or 1.2, 1.2:CENTRAL), 2 and 3, each "
                "once, such as 1.1+2+3"
            )
        return cls(Packing.of(packings[0] if packings else "none"), "2" in words, "3" in words)

    def __str__(self) -> str:
        words = [str(self.packing)] if self.packing.name != "none" else []
        return "+".join([*words, *["2"][: self.colocate], *["3"][: self.largest]]) or "none"


@dataclass(frozen=True, eq=False)
class Part:
    """Of unit ``unit``: ``sources`` that it hears through a core of stage 2, and the ``quantisers``
    there; axon k of a quantiser is ``sources[k]``.
    """

    unit: int
    sources: Integers
    quantisers: list[Quantiser]


@dataclass(frozen=True, eq=False)
class Layer:
    """The cores of stages 2 and 3 by which a layer of units listens to the other layer.

    quantising  for each core of stage 2 its parts
    sampling    for each core of stage 3 its units
    """

    name: str
    schedule: Schedule
    quantising: list[list[Part]]
    sampling: list[list[int]]

    def sources(self, core: int) -> Integers:
        """The units of the other layer that core ``core`` of stage 2 hears, in order of its axons."""
        return np.unique(np.concatenate([part.sources for part in self.quantising[core]]))


def layer_of(name: str, weights: Integers, schedule: Schedule, strategies: Strategies) -> Layer:
    """Pack the layer whose unit j hears unit i of the other layer with ``weights[i, j]``.

    Raises CoreletError that names the unit, what it needs and the limit.
    """
    parts = [
        part
        for unit in range(weights.shape[1])
        for part in _parts(f"{name} unit {unit}", unit, weights[:, unit], schedule, strategies)
    ]
    need = np.zeros(weights.shape[1], np.int64)
    for part in parts:
        need[part.unit] += len(part.quantisers)
    room = AXONS - axons_beside(schedule)
    need += axons_of_a_unit(schedule)
    if need.max(initial=0) > room:
        unit = int(need.argmax())
        raise CoreletError(
            f"{name} unit {unit}: its weights take {need[unit]:,} axons of a sampling core, which has "
            f"{room} beside those that control it; take a longer accumulation than {schedule.accumulate} "
            "ticks, a smaller scale or smaller weights"
        )
    sampling = [[unit] for unit in range(len(need))]
    if strategies.largest:
        neurons = np.full(len(need), neurons_of_a_unit(schedule))
        sampling = largest_first([need, neurons], [room, NEURONS])
    return Layer(name, schedule, _together(parts, weights.shape[0], strategies), sampling)


def _parts(
    what: str, unit: int, weights: Integers, schedule: Schedule, strategies: Strategies
) -> list[Part]:
    """A unit's weights cut into as few parts as cores of stage 2 hold."""
    every = np.flatnonzero(weights)
    for count in range(1, len(every) + 1):
        found = []
        for sources in np.array_split(every, count):
            own = weights[sources]
            types = sources % AXON_TYPES
            found.append(
                Part(unit, sources, pack(own, schedule.accumulate, strategies.packing, types))
            )
        if all(len(p.sources) <= AXONS and len(p.quantisers) <= NEURONS for p in found):
            return found
    if len(every):
        raise CoreletError(
            f"{what}: its weight {int(np.abs(weights).max()):,} takes more than {NEURONS} neurons of "
            f"{schedule.accumulate} spikes each; take a longer accumulation or a smaller scale"
        )
    return []


def _together(parts: list[Part], sources: int, strategies: Strategies) -> list[list[Part]]:
    """Strategy 2: to what is in a core comes what adds the fewest axons to it."""
    if not strategies.colocate:
        return [[part] for part in parts]
    seen = np.zeros((len(parts), sources), np.bool_)
    for row, part in zip(seen, parts, strict=True):
        row[part.sources] = True
    size = np.array([len(part.quantisers) for part in parts])
    left = np.ones(len(parts), np.bool_)
    cores = []
    while left.any():
        core: list[Part] = []
        heard, room = np.zeros(sources, np.bool_), NEURONS
        while True:
            new = (seen & ~heard).sum(axis=1)
            fits = left & (size <= room) & (new + heard.sum() <= AXONS)
            if not fits.any():
                break
            # the first core begins at the first part; then: fewest new axons, of those the largest
            best = min(
                np.flatnonzero(fits).tolist(), key=lambda k: (new[k], -size[k]) if core else k
            )
            core.append(parts[best])
            heard |= seen[best]
            room -= int(size[best])
            left[best] = False
        cores.append(core)
    return cores


def largest_first(needs: Sequence[Integers], rooms: Sequence[int]) -> list[list[int]]:
    """First fit, largest first: things with ``needs`` of several kinds into bins with ``rooms``.

    Largest by the share of a bin's room that is scarcest to it; no thing may need more than a room.
    """
    return _fill(needs, rooms, np.argsort(-_shares(needs, rooms), kind="stable"), first=True)


def in_order(needs: Sequence[Integers], rooms: Sequence[int]) -> list[list[int]]:
    """Next fit: a bin is filled until something does not fit, and then left."""
    return _fill(needs, rooms, np.arange(len(needs[0])), first=False)


def _shares(needs: Sequence[Integers], rooms: Sequence[int]) -> npt.NDArray[np.float64]:
    return np.max([need / room for need, room in zip(needs, rooms, strict=True)], axis=0)


def _fill(
    needs: Sequence[Integers], rooms: Sequence[int], order: npt.NDArray[Any], first: bool
) -> list[list[int]]:
    table, room = np.stack(needs, axis=1), np.array(rooms)
    bins: list[list[int]] = []
    left: list[Integers] = []
    for thing in order.tolist():
        for at in range(0 if first else max(0, len(bins) - 1), len(bins)):
            if (left[at] >= table[thing]).all():
                break
        else:
            at = len(bins)
            bins.append([])
            left.append(room.copy())
        bins[at].append(thing)
        left[at] -= table[thing]
    return bins


def refractory_cores(
    name: str, copies: Integers, axons: int, strategies: Strategies
) -> list[list[int]]:
    """Stage 1: cores of units that fire ``copies`` [n] times each; a unit takes ``axons``.

    Raises CoreletError for a unit that is needed in more places than a core has neurons.
    """
    if copies.max(initial=0) > NEURONS:
        unit = int(copies.argmax())
        raise CoreletError(
            f"{name} unit {unit} is needed in {copies[unit]:,} places, a core has {NEURONS} neurons that "
            "can fire with it; let units share cores (strategy 2) or connect it to fewer"
        )
    fill: Callable[..., list[list[int]]] = largest_first if strategies.largest else in_order
    return fill([copies, np.full(len(copies), axons)], [NEURONS, AXONS - 2])
