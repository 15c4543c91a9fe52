"""Many boards of one image in lockstep: one bit of a word is one board's spike.

    lane k of LaneEmulator(image, lanes)  ==  Emulator(image) given lane k's input

to the bit, noise included. Each crossbar row is read once for 64 lanes, and cores that keep nothing
between ticks and add only +1 and -1 (trinary students) are evaluated for all lanes at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engines.compiled import engine as compiled
from tnemu.emulator.engines.compiled import layout, memory
from tnemu.emulator.engines.compiled.compiler import check_compiler
from tnemu.emulator.engines.compiled.kernels import arrays
from tnemu.emulator.engines.compiled.kernels import lanes as kernel
from tnemu.emulator.errors import EmulatorError
from tnemu.emulator.inputs import InputError, Pins
from tnemu.emulator.spikes import OUTPUT_DTYPE, OutputSpikes
from tnemu.emulator.state import Counters, State
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURONS, SLOTS

WORD = 64
"""Lanes of one word."""


@dataclass(frozen=True, eq=False)
class LaneSpikes:
    """Spikes that left the boards: ``records`` (lane, tick, connector, pin), in order of lane."""

    lane: npt.NDArray[np.int64]
    spikes: OutputSpikes
    lanes: int

    def of(self, lane: int) -> OutputSpikes:
        """One board's spikes, as its own run would have returned them."""
        return OutputSpikes(self.spikes.records[self.lane == lane], self.spikes.connectors)

    def counts(self, name: str) -> npt.NDArray[np.int64]:
        """Spikes of every pin of one output connector in every lane: int64 [lanes, width]."""
        index = self.spikes.index(name)
        mine = self.spikes.records["connector"] == index
        width = self.spikes.connectors[index].width
        place = self.lane[mine] * width + self.spikes.records["pin"][mine]
        return np.bincount(place, minlength=self.lanes * width).reshape(self.lanes, width)


class LaneEmulator:
    """``lanes`` boards loaded with ``image``, at tick 0, all potentials at V0, nothing in flight.

    Memory: 33 kB a core and 64 lanes for the slots, and 1 kB a core and lane for potentials, of which
    only cores that keep something between ticks use any.
    Raises ImageError for an inconsistent image, InputError for fewer than one lane, EmulatorError
    for boards that do not fit into the memory that is left or have more than 2**20 cores.
    """

    def __init__(self, image: BoardImage, lanes: int) -> None:
        if not isinstance(lanes, int | np.integer) or lanes < 1:
            raise InputError(f"lanes = {lanes} is not possible; use 1 or more")
        image.validate()  # compiled code checks no bounds
        self.image, self.lanes, self.tick = image, lanes, 0
        self._pins = {connector.name: Pins(connector) for connector in image.inputs}
        memory.check_engine(image)
        check_compiler()
        self._board = layout.load(image, threads=1)
        memory.check_lanes(self._board, lanes)
        self._synapses = np.bitwise_count(self._board.crossbar).sum(axis=2, dtype=np.uint16)
        self._scratch = compiled.scratch()
        start = State.initial(image).potentials
        self._words = [_Word(start, min(WORD, lanes - first)) for first in range(0, lanes, WORD)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the boards' memory; nothing can be read or run any more."""
        self._words = []

    def _open(self) -> list[_Word]:
        """The boards, or an EmulatorError when they are closed."""
        if not self._words:
            raise EmulatorError(
                "the lanes are closed and their boards are gone; run and read them inside their "
                "'with' block"
            )
        return self._words

    @property
    def counters(self) -> Counters:
        """What has happened on all boards together; ``ticks`` counts each board's."""
        total = np.sum([word.counters for word in self._open()], axis=0)
        total[arrays.TICKS] = self.tick * self.lanes
        return Counters(*total[: arrays.COUNTERS].tolist())

    @property
    def potentials(self) -> npt.NDArray[np.int32]:
        """A copy of V after the last tick: int32 [lanes, n, 256]."""
        return np.concatenate([word.machine["potentials"] for word in self._open()])

    def inject_pins(self, name: str, pins: npt.NDArray[np.bool_], tick: int | None = None) -> None:
        """Pins bool [lanes, width] of input connector ``name`` spike at source tick ``tick``."""
        connector = self.image.input(name)
        spikes = np.asarray(pins)
        if spikes.dtype != np.bool_ or spikes.shape != (self.lanes, connector.width):
            raise InputError(
                f"input {name!r} of {self.lanes} lanes takes bool "
                f"[{self.lanes}, {connector.width}], not {spikes.dtype} {list(spikes.shape)}"
            )
        for index, word in enumerate(self._open()):
            lanes = spikes[WORD * index : WORD * (index + 1)]
            active = np.flatnonzero(lanes.any(axis=0))
            events = self._pins[name].events(active, self.tick if tick is None else tick, self.tick)
            # A pin's taps follow one another in ``events``, in the order of the pins.
            taps = np.bincount(connector.taps["pin"], minlength=connector.width)[active]
            word.pending.append((events, np.repeat(_packed(lanes[:, active]), taps)))

    def run(
        self, ticks: int, spikes: Mapping[str, npt.NDArray[np.bool_]] | None = None
    ) -> LaneSpikes:
        """Evaluate ``ticks`` ticks of every board and return the spikes that left them.

        ``spikes`` maps input connectors to bool [lanes, width] that spike at the current tick.
        Raises EmulatorError when the boards are closed, and for a negative number of ticks.
        """
        words = self._open()
        if not isinstance(ticks, int | np.integer) or ticks < 0:
            raise EmulatorError(f"a run of {ticks} ticks is not possible; run 0 or more")
        for name, pins in (spikes or {}).items():
            self.inject_pins(name, pins)
        found = [word.run(self, int(ticks)) for word in words]
        self.tick += int(ticks)
        lane = np.concatenate([WORD * i + lane for i, (lane, _) in enumerate(found)])
        records = np.concatenate([records for _, records in found])
        numbers = np.array([c.number for c in self.image.outputs], np.int64)[records["connector"]]
        order = np.lexsort((records["pin"], numbers, records["tick"], lane))
        spikes_out = OutputSpikes(records[order], self.image.outputs)
        return LaneSpikes(lane[order], spikes_out, self.lanes)


class _Word:
    """Up to 64 lanes: their state, and inputs that are still to come."""

    def __init__(self, potentials: npt.NDArray[np.int32], lanes: int) -> None:
        n = len(potentials)
        self.counters = np.zeros(2 * arrays.COUNTERS, np.int64)
        self.pending: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]] = []
        self.mask = np.uint64((1 << lanes) - 1)
        held = layout.aligned((lanes, n, NEURONS), np.int32)
        if potentials.any():
            held[:] = potentials
        self.machine: dict[str, Any] = {
            "potentials": held,
            "words": layout.aligned((SLOTS, n, AXONS + 1), np.uint64),
            "waiting": np.zeros((SLOTS, -(-n // arrays.BLOCK)), np.uint64),
            "awake": compiled.every_core(n),
            "counters": self.counters,
            "fired": np.zeros(n, np.int64),
        }
        self.scratch = kernel.LaneScratch(
            axons=layout.aligned((WORD, AXONS), np.uint16),
            counts=np.zeros(WORD, np.int64),
            plus=np.zeros(AXONS + 8, np.int16),
            minus=np.zeros(AXONS + 8, np.int16),
            fired=layout.aligned((NEURONS,), np.uint64),
        )

    def run(
        self, boards: LaneEmulator, ticks: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
        """Lane and record of every output spike, in no order."""
        board = boards._board
        most = max(1, int(layout.outputs_per_tick(board).sum()))
        machine = kernel.LaneMachine(**self.machine)
        pieces = []
        now, last = boards.tick, boards.tick + ticks
        while now < last:
            some = min(last - now, max(1, compiled.BUFFER_ROWS // most))
            rows = np.empty((most * some, 3), np.int64)
            count = kernel.advance_lanes(
                board, boards._synapses, machine, boards._scratch, self.scratch,
                self.mask, self._due(now + some), rows, now, some,
            )  # fmt: skip
            pieces.append(rows[:count].copy())
            now += some
        return _unpacked(np.concatenate([np.zeros((0, 3), np.int64), *pieces]), board.outputs)

    def _due(self, end: int) -> tuple[npt.NDArray[Any], ...]:
        """The pending inputs before tick ``end``, as (tick, core, axon, lanes) in order of tick."""
        empty = (np.zeros((0, 3), np.int64), np.zeros(0, np.uint64))
        events = np.concatenate([e for e, _ in [empty, *self.pending]])
        lanes = np.concatenate([w for _, w in [empty, *self.pending]])
        later = events[:, 0] >= end
        self.pending = [(events[later], lanes[later])]
        order = np.argsort(events[~later, 0], kind="stable")
        due = events[~later][order]
        return *(np.ascontiguousarray(column) for column in due.T), lanes[~later][order]


def _packed(lanes: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """Words uint64 [m] of bool [lanes, m]: bit k = lane k."""
    padded = np.zeros((WORD, lanes.shape[1]), bool)
    padded[: len(lanes)] = lanes
    packed = np.packbits(padded.T, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view(np.uint64).reshape(-1)


def _unpacked(
    rows: npt.NDArray[np.int64], outputs: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
    """Lane and record of every lane bit of rows (tick, output, lanes)."""
    words = np.ascontiguousarray(rows[:, 2]).view(np.uint8).reshape(-1, 8)
    spike, lane = np.nonzero(np.unpackbits(words, axis=1, bitorder="little"))
    records = np.empty(len(spike), OUTPUT_DTYPE)
    records["tick"] = rows[spike, 0]
    records["connector"], records["pin"] = outputs[rows[spike, 1]].T
    return lane, records
