"""The reference engine: the neuron and the core in plain Python integers, to be read and trusted.

Every other engine is tested against this one. It is slow and stays simple: every used neuron is
evaluated in every tick, in the order of the equations in :mod:`tnemu.hardware.neuron`. The 256
axons of a core are one 256-bit integer, so that the synapses of a type that are hit are counted with
``int.bit_count``; that equals adding them one by one because a potential is brought into its range
once a tick, not after each addition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engine import Trace
from tnemu.emulator.noise import LEAK, SOURCES, SYNAPSE, THRESHOLD, Source
from tnemu.emulator.state import Counters, Events, State
from tnemu.hardware import packet
from tnemu.hardware.board import ChipSpec
from tnemu.hardware.image import NOT_CONNECTED, BoardImage
from tnemu.hardware.neuron import (
    AXON_TYPES,
    NEURONS,
    POTENTIAL_MAX,
    POTENTIAL_MIN,
    RAIL,
    SLOTS,
    reset_potential,
)


@dataclass(frozen=True, slots=True)
class Neuron:
    """One neuron type's parameters as plain integers; names as in the equations."""

    s: tuple[int, ...]
    b: tuple[int, ...]
    leak: int
    c: int
    epsilon: int
    alpha: int
    beta: int
    mask: int
    gamma: int
    kappa: int
    R: int
    ceiling: int

    @classmethod
    def of(cls, record: np.void, chip: ChipSpec) -> Neuron:
        """A NEURON_DTYPE record as integers: mask = 2^TM - 1, R = sigma_VR (2^VR - 1).

        ceiling: the highest potential, of a neuron without reset that of ``chip.no_reset_ceiling``.
        """
        mask = (1 << int(record["TM"])) - 1
        above = {"alpha+mask": mask, "alpha+255": 255, "none": POTENTIAL_MAX}
        limited = record["gamma"] == 2
        plain = {name: int(record[name]) for name in cls.__slots__ if name in _SCALARS}
        return cls(
            s=tuple(map(int, record["s"])),
            b=tuple(map(int, record["b"])),
            mask=mask,
            R=int(reset_potential(record)),
            ceiling=int(record["alpha"]) + above[chip.no_reset_ceiling]
            if limited
            else POTENTIAL_MAX,
            **plain,
        )


_SCALARS = ("leak", "c", "epsilon", "alpha", "beta", "gamma", "kappa")


def sgn(x: int) -> int:
    """sgn(x) = -1, 0 or +1."""
    return (x > 0) - (x < 0)


def f(s: int, rho: int) -> int:
    """F(s, rho) = 1 if |s| >= rho else 0."""
    return 1 if abs(s) >= rho else 0


def axons_of(bits: int) -> Iterator[int]:
    """The axons whose bit is set, in rising order."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def step_neuron(
    p: Neuron,
    v: int,
    hits: Sequence[int],
    chip: ChipSpec,
    word: Callable[[int, int], int],
) -> tuple[int, bool]:
    """One tick of one neuron: (potential after the tick, whether it spikes).

    hits[g] is the 256-bit integer of the axons of type g that are active and connected to the
    neuron; word(kind, axon) draws its next word of noise. A flag decides whether a word is drawn, not
    whether it matters: one for every hit of a type with b = 1 in the order of axons, one for the leak
    if c = 1, one for the threshold if TM > 0.
    """
    # 1  synaptic integration
    drawn = 0
    for s, b, hit in zip(p.s, p.b, hits, strict=True):
        drawn |= hit if b else 0
        v += 0 if b else s * hit.bit_count()
    for axon in axons_of(drawn):
        s = next(s for s, hit in zip(p.s, hits, strict=True) if hit >> axon & 1)
        v += f(s, word(SYNAPSE, axon) & 255) * sgn(s)

    # 2  leak
    omega = sgn(v) if p.epsilon else 1
    leak = f(p.leak, word(LEAK, 0) & 255) * sgn(p.leak) if p.c else p.leak
    leaked = v + omega * leak
    if chip.leak_zero_clamp and p.epsilon and sgn(leaked) == -sgn(v):
        leaked = 0
    v = leaked

    # 3  threshold noise
    eta = word(THRESHOLD, 0) & p.mask if p.mask else 0

    # Range of the potential
    v = min(v, p.ceiling)
    if chip.potential_range == "rails393216":
        if v > RAIL:
            return RAIL, True
        v = max(v, -RAIL)
    else:
        v = max(POTENTIAL_MIN, min(v, POTENTIAL_MAX))

    # 4  compare, fire, reset
    if v >= p.alpha + eta:
        return (p.R, v - (p.alpha + eta), v)[p.gamma], True
    if p.kappa and v < -p.beta:
        return -p.beta, False
    if not p.kappa and v < -(p.beta + eta):
        return (-p.R, v + (p.beta + eta), v)[p.gamma], False
    return v, False


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a neuron's packet ends (see ``BoardImage.destinations``) and the way it takes."""

    target: int
    row: int
    delay: int
    hops: int
    chip_crossings: int


@dataclass(frozen=True, slots=True)
class Core:
    """One core: 256-bit integers of the axons of each type, and its used neurons."""

    types: tuple[int, ...]
    neurons: tuple[tuple[int, int, Neuron, Destination], ...]  # (j, column of the crossbar, ...)


BYTES_PER_NEURON = 230
"""What a used neuron takes: its entry, its destination, and its column of the crossbar."""


def needs_bytes(image: BoardImage) -> int:
    """What the engine takes for ``image`` beside it, its state included."""
    used = int(np.count_nonzero(image.types))
    state = NEURONS * 4 + SLOTS * NEURONS // 8  # potentials and slots: before a tick, and after it
    return used * BYTES_PER_NEURON + image.core_count * 2 * state


class ReferenceEngine:
    """The engine ``reference``. ``source`` replaces the noise source, for scripted tests."""

    threads = 1

    def __init__(
        self, image: BoardImage, source: Callable[[int, int], Source] | None = None
    ) -> None:
        self._chip = image.board.chip
        self._cores = _cores(image)
        self._source = source or SOURCES[self._chip.noise]

    def advance(self, state: State, ticks: int, trace: Trace) -> None:
        """As :meth:`Engine.advance`: one tick after the other, on the state itself."""
        for _ in range(ticks):
            self._tick(state, trace)

    def deliver(self, state: State) -> None:
        """Nothing to do: this engine works on the state itself."""

    def settle(self, state: State) -> None:
        """Nothing to do either."""

    def _tick(self, state: State, trace: Trace) -> None:
        """One tick on a copy of what it changes, put in place in one step: an interrupt halves no tick."""
        count = dict.fromkeys(Counters.__dataclass_fields__, 0)
        tick, slots, potentials = state.tick, state.slots.copy(), state.potentials.copy()
        firings, generators = state.firings.copy(), state.generators.copy()
        due = state.due()
        now = int(np.searchsorted(due[:, 0], tick, side="right"))
        for _, core, axon in due[:now].tolist():
            count["input_spikes"] += 1
            count["merged"] += _set_bit(slots[tick % SLOTS], core, axon)
        sent = []
        for index, core in enumerate(self._cores):
            active = int.from_bytes(slots[tick % SLOTS, index].tobytes(), "little")
            source = self._source(int(generators[index]), tick)
            fired = self._evaluate(core, active, source, potentials[index], count)
            generators[index] = source.state
            firings[index] += len(fired)
            sent += [(index, j, destination) for j, destination in fired]
        slots[tick % SLOTS] = 0

        outputs = []
        for _, _, destination in sent:
            count["spikes"] += 1
            count["hops"] += destination.hops
            count["chip_crossings"] += destination.chip_crossings
            if destination.target >= 0:
                row = slots[(tick + destination.delay) % SLOTS]
                count["merged"] += _set_bit(row, destination.target, destination.row)
            elif destination.target <= -2:
                count["output_spikes"] += 1
                outputs.append((tick, -2 - destination.target, destination.row))

        spikes = [(tick, core, j) for core, j, _ in sent if trace.recorded[core]]
        count["ticks"] += 1
        vars(state).update(
            clock=np.array([tick + 1]),
            potentials=potentials,
            slots=slots,
            counters=state.counters + np.array(list(count.values())),
            firings=firings,
            generators=generators,
            pending=due[now:],
        )
        trace.write(_rows(outputs), _rows(spikes))

    def _evaluate(
        self,
        core: Core,
        active: int,
        source: Source,
        potentials: npt.NDArray[np.int32],
        count: dict[str, int],
    ) -> list[tuple[int, Destination]]:
        """Evaluate the used neurons of one core with its active axons; returns those that fired."""
        by_type = [active & members for members in core.types]
        v = potentials.tolist()
        fired = []
        for j, column, neuron, destination in core.neurons:
            hits = [bits & column for bits in by_type]
            count["synaptic_operations"] += (active & column).bit_count()
            v[j], spikes = step_neuron(neuron, v[j], hits, self._chip, partial(source.word, j))
            if spikes:
                fired.append((j, destination))
        potentials[:] = v
        return fired


def _set_bit(slot: npt.NDArray[np.uint64], core: int, axon: int) -> int:
    """Set one bit of a core's scheduler row; returns 1 where it was set already, a merged spike."""
    word = int(slot[core, axon // 64])
    bit = 1 << axon % 64
    slot[core, axon // 64] = word | bit
    return 1 if word & bit else 0


def _rows(events: list[tuple[int, int, int]]) -> Events:
    return np.array(events, dtype=np.int64).reshape(-1, 3)


def _cores(image: BoardImage) -> list[Core]:
    """The image as plain integers."""
    kinds = [Neuron.of(record, image.board.chip) for record in image.neuron_types]
    destinations = _destinations(image)
    cores = []
    for index, types in enumerate(image.types.tolist()):
        bits = np.unpackbits(image.crossbar[index].view(np.uint8), axis=1, bitorder="little")
        columns = _integers(bits.T)
        neurons = [
            (j, columns[j], kinds[kind], destinations[index][j])
            for j, kind in enumerate(types)
            if kind
        ]
        members = _integers(image.axon_types[index] == np.arange(AXON_TYPES)[:, None])
        cores.append(Core(tuple(members), tuple(neurons)))
    return cores


def _integers(bits: npt.NDArray[Any]) -> list[int]:
    """Every row of bits [m, 256], lowest first, as one integer."""
    packed = np.packbits(bits, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def _destinations(image: BoardImage) -> list[list[Destination]]:
    """Where every neuron of every core sends its packet."""
    parts = np.stack([*image.destinations(), *packet.decode(image.targets)], axis=2).tolist()
    return [
        [_destination(image.board.chip, x, y, *neuron) for neuron in core]
        for (_, x, y), core in zip(image.positions.tolist(), parts, strict=True)
    ]


def _destination(
    chip: ChipSpec, x: int, y: int, target: int, row: int, dx: int, dy: int, axon: int, delay: int
) -> Destination:
    """The way of a packet that leaves core (x, y); one that is not sent goes nowhere."""
    if target == NOT_CONNECTED:
        return Destination(target, row, delay, hops=0, chip_crossings=0)
    borders_x = abs((x + dx) // chip.cores_x - x // chip.cores_x)
    borders_y = abs((y + dy) // chip.cores_y - y // chip.cores_y)
    return Destination(target, row, delay, abs(dx) + abs(dy), borders_x + borders_y)
