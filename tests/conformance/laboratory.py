"""Small boards for the conformance cases: a few cores on ``tiny``, wired by hand, ticked and watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from engines import ways

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engine import Trace, rows
from tnemu.emulator.engines.reference.engine import ReferenceEngine
from tnemu.emulator.state import State
from tnemu.hardware import BoardImage, InputConnector, OutputConnector, load_board, packet
from tnemu.hardware.image import TAP_DTYPE
from tnemu.hardware.neuron import NEURON_DTYPE

Script = Callable[[int, int], int]
"""A scripted generator: (kind, axon) -> the word that is drawn."""

Hits = Mapping[int, Sequence[int]]
"""Tick -> the axons that are active in it."""

ALL = [(axon, 0) for axon in range(256)]
"""Every axon connected to neuron 0."""


def every_tick(*axons: int, ticks: int = 1000) -> Hits:
    """The same axons active in every tick."""
    return dict.fromkeys(range(ticks), axons)


class Scripted:
    """A noise source that reads its words from a script."""

    state = 0

    def __init__(self, script: Script) -> None:
        self._script = script

    def word(self, neuron: int, kind: int, axon: int) -> int:
        return self._script(kind, axon)


@dataclass
class Core:
    """One hand-made core. Axon i has type ``axon_types[i]``, and type i mod 4 where that says nothing.

    wires: neuron -> (core, axon, delay), or (name of an output connector, pin, delay).
    """

    neurons: Mapping[int, np.void]
    synapses: Iterable[tuple[int, int]] = ()
    wires: Mapping[int, tuple[int | str, int, int]] = field(default_factory=dict)
    axon_types: Mapping[int, int] = field(default_factory=dict)
    seed: int = 4294967295
    at: tuple[int, int] | None = None


@dataclass
class Course:
    """What one neuron did: its potential after each tick, and the ticks in which it fired."""

    v: list[int]
    fired: list[int]


@dataclass(frozen=True)
class Laboratory:
    """One of the ways to run a board (engines.py), on a chip with one setting of the switches."""

    engine: str
    chip: tuple[tuple[str, Any], ...] = ()

    def image(
        self,
        *cores: Core,
        board: str = "tiny",
        inputs: Mapping[str, Sequence[tuple[int, int, int, int]]] | None = None,
        outputs: Mapping[str, int] | None = None,
    ) -> BoardImage:
        """The cores in columns from x = 0, or where they say; an input is rows (pin, core, axon, delay)."""
        spec = load_board(board).override({f"chip.{key}": value for key, value in self.chip})
        n = len(cores)
        places = [core.at or (i // spec.height, i % spec.height) for i, core in enumerate(cores)]
        exits = {
            name: OutputConnector(name, width, -32 - k, ((0, -1, k),))
            for k, (name, width) in enumerate((outputs or {}).items())
        }
        records = [np.zeros((), NEURON_DTYPE)[()]]
        types, targets = np.zeros((n, 256), np.uint16), np.zeros((n, 256), np.uint32)
        crossbar = np.zeros((n, 256, 256), np.uint8)
        axon_types = np.tile(np.arange(256, dtype=np.uint8) % 4, (n, 1))
        for index, core in enumerate(cores):
            for j, record in core.neurons.items():
                types[index, j] = len(records)
                records.append(record)
            for axon, j in core.synapses:
                crossbar[index, axon, j] = 1
            for axon, kind in core.axon_types.items():
                axon_types[index, axon] = kind
            x, y = places[index]
            for j, (target, row, delay) in core.wires.items():
                to_x, to_y = exits[target].exits[0][1:] if target in exits else places[int(target)]
                targets[index, j] = packet.encode(to_x - x, to_y - y, row, delay)
        records[0]["alpha"], records[0]["sigma_VR"] = 1, 1
        return BoardImage(
            board=spec,
            positions=np.array([(0, x, y) for x, y in places], np.int32).reshape(n, 3),
            core_ids=np.arange(n, dtype=np.int64),
            seeds=np.array([core.seed for core in cores], np.uint32),
            axon_types=axon_types,
            crossbar=np.packbits(crossbar, axis=2, bitorder="little").view(np.uint64),
            neuron_types=np.array(records, NEURON_DTYPE),
            types=types,
            targets=targets,
            inputs=tuple(
                InputConnector(name, max(row[0] for row in taps) + 1, np.array(taps, TAP_DTYPE))
                for name, taps in (inputs or {}).items()
            ),
            outputs=tuple(exits.values()),
        )

    def load(self, *cores: Core, **options: Any) -> Emulator:
        """The cores on a board, loaded and at tick 0."""
        return self.start(self.image(*cores, **options))

    def start(self, image: BoardImage) -> Emulator:
        """The image on this engine, at tick 0."""
        return ways()[self.engine](image)

    def watch(
        self,
        neuron: np.void,
        ticks: int,
        hits: Hits | None = None,
        *,
        axon_types: Mapping[int, int] | None = None,
    ) -> Course:
        """Neuron 0 of one core, connected to all axons, for ``ticks`` ticks."""
        emulator = self.load(Core({0: neuron}, ALL, axon_types=axon_types or {}))
        course = Course([], [])
        for tick in range(ticks):
            emulator.inject(0, (hits or {}).get(tick, ()), tick)
            emulator.run(1, record_spikes=True)
            course.v.append(int(emulator.potentials[0, 0]))
            course.fired += emulator.last_spikes.records["tick"].tolist()
        return course

    def scripted(self, neuron: np.void, script: Script, hits: Sequence[int] = ()) -> Course:
        """One tick of :meth:`watch` with a scripted generator, on the reference engine."""
        image = self.image(Core({0: neuron}, ALL))
        state, trace = State.initial(image), Trace(np.ones(1, np.bool_), limit=256)
        state.add_pending(np.array([(0, 0, axon) for axon in hits], np.int64).reshape(-1, 3))
        engine = ReferenceEngine(image, lambda state, tick: Scripted(script))
        engine.advance(state, 1, trace)
        return Course([int(state.potentials[0, 0])], rows(trace.spikes)[:, 0].tolist())

    def crowd(
        self, neuron: np.void, ticks: int, hits: Hits | None = None
    ) -> tuple[float, np.ndarray]:
        """256 equal neurons, all connected: (mean firing rate per neuron and tick, potentials)."""
        everything = [(axon, j) for axon in range(4) for j in range(256)]
        emulator = self.load(Core(dict.fromkeys(range(256), neuron), everything, seed=7))
        for tick, axons in (hits or {}).items():
            if tick < ticks:
                emulator.inject(0, axons, tick)
        emulator.run(ticks)
        return emulator.counters.spikes / (256 * ticks), emulator.potentials[0]


def fire_ticks(emulator: Emulator, ticks: int, core: int, neuron: int) -> list[int]:
    """Run, and return the ticks in which that neuron fired."""
    emulator.run(ticks, record_spikes=[core])
    records = emulator.last_spikes.records
    return records["tick"][records["neuron"] == neuron].tolist()
