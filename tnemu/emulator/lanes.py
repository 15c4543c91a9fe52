"""Many boards of one image in lockstep: one bit of a word is one board's spike.

    lane k of LaneEmulator(image, lanes, noise_seed=s)  ==  Emulator(image, noise_seed=s[k])

given lane k's input, to the bit, noise included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tnemu.emulator.arguments import pins_by_name
from tnemu.emulator.engine import LaneEngine, LaneTrace, rows
from tnemu.emulator.engines import DEFAULT, registry
from tnemu.emulator.errors import EmulatorError, InputError
from tnemu.emulator.inputs import axon_events, check_size
from tnemu.emulator.lane_state import LaneInputs, LaneState, generators, mask, packed
from tnemu.emulator.loaded import SPIKE_LIMIT, Cores, Loaded
from tnemu.emulator.one_caller import alone
from tnemu.emulator.spikes import NeuronSpikes, OutputSpikes
from tnemu.emulator.state import LAST_TICK, Counters
from tnemu.errors import shown, whole
from tnemu.files import PathLike
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import MAX_DELAY

__all__ = ["LaneEmulator", "LaneNeuronSpikes", "LaneSpikes"]

MOST_LANES = 1 << 20


@dataclass(frozen=True, eq=False)
class LaneSpikes:
    """Spikes that left the boards, sorted by (lane, tick, connector number, pin).

    lane    int64 [m]  the lane of every record of ``spikes``
    spikes  the records, of all lanes
    lanes   how many lanes there are
    """

    lane: npt.NDArray[np.int64]
    spikes: OutputSpikes
    lanes: int

    def __len__(self) -> int:
        return len(self.lane)

    def __repr__(self) -> str:
        return f"<LaneSpikes of {self.lanes:,} lanes: {self.spikes!r}>"

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


@dataclass(frozen=True, eq=False)
class LaneNeuronSpikes:
    """Every recorded firing of the boards, in order of (lane, tick, core, neuron).

    lane       int64 [m]  the lane of every record of ``spikes``
    spikes     the records, of all lanes; ``truncated`` if some lane's are
    truncated  bool [lanes]  this lane fired more often than its share of the limit
    """

    lane: npt.NDArray[np.int64]
    spikes: NeuronSpikes
    truncated: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.lane)

    def __repr__(self) -> str:
        return f"<LaneNeuronSpikes of {len(self.truncated):,} lanes: {self.spikes!r}>"

    def of(self, lane: int) -> NeuronSpikes:
        """One board's firings, as its own run would have recorded them."""
        return NeuronSpikes(self.spikes.records[self.lane == lane], bool(self.truncated[lane]))


class LaneEmulator(Loaded[LaneSpikes]):
    """``lanes`` boards loaded with ``image``, at tick 0, all potentials at V0, nothing in flight.

    It has an Emulator's methods; counters, firings and spikes in flight are those of all boards
    together. Every 64 lanes of 1,024 cores are worth a thread, up to the processors there are. Memory of the compiled engine: 33 kB a core and 64 lanes for the
    slots, and 1 kB a core and lane for potentials, of which only cores that keep something between
    ticks use any.

    noise_seed  as of an Emulator: one for all lanes, which then draw alike, or a list of one for each;
                None: no lane has one, and all draw alike

    Raises ImageError for an inconsistent image, InputError for a number of lanes outside 1..2**20 or
    seeds that are no such list, EmulatorError for an engine that has no lanes, what is no image, a core
    with noise whose seed is 0, and boards that do not fit into
    the memory that is left or have more cores than the engine can name.
    """

    _what = "emulator"

    def __init__(
        self,
        image: BoardImage,
        lanes: int,
        *,
        engine: str = DEFAULT,
        noise_seed: int | Sequence[int] | npt.NDArray[np.integer[Any]] | None = None,
    ) -> None:
        self.lanes: int = whole("lanes", lanes, 1, MOST_LANES, error=InputError)
        entry = self._load(image, engine, 1)
        if entry.make_lanes is None:
            have = ", ".join(e.name for e in registry().values() if e.lanes)
            raise EmulatorError(f"the engine {entry.name!r} has no lanes; these have: {have}")
        self.last_spikes: LaneNeuronSpikes | None = None
        """Firings recorded by the latest run with ``record_spikes``."""
        self._pending = LaneInputs.none(self.lanes)
        self._tick = 0
        start = generators(self.image, self.lanes, noise_seed)
        self._engine: LaneEngine | None = entry.make_lanes(self.image, start)

    @classmethod
    def restore(cls, image: BoardImage, path: PathLike, *, engine: str = DEFAULT) -> Self:
        """Boards that go on where :meth:`snapshot` was taken, as many as there were.

        Raises SnapshotError when the file is damaged or was taken of another image.
        """
        probe = cls.__new__(cls)
        probe._load(image, engine, 1)
        state = LaneState.load(path, probe.image)
        boards = cls(probe.image, len(state.potentials), engine=engine)
        boards._running().load(state)
        boards._pending = state.pending
        return boards

    @alone
    def close(self) -> None:
        """Let go of the boards' memory; nothing can be read or run any more, but :attr:`tick`."""
        if self._engine is not None:
            self._tick = self._engine.tick
        self._engine = None

    @property
    def tick(self) -> int:
        """The next tick to be evaluated, of every board."""
        engine = self._engine
        return self._tick if engine is None else engine.tick

    @property
    @alone
    def potentials(self) -> npt.NDArray[np.int32]:
        """A copy of V after the last tick: int32 [lanes, n, 256]."""
        return self._running().potentials

    @property
    @alone
    def counters(self) -> Counters:
        """What has happened on all boards together; ``ticks`` counts each board's."""
        return Counters(*self._running().counters.tolist())

    @property
    @alone
    def firings(self) -> npt.NDArray[np.int64]:
        """How often the neurons of every core have fired, on all boards together: int64 [n]."""
        return self._running().firings

    @alone
    def inject(
        self,
        core: npt.ArrayLike,
        axon: npt.ArrayLike,
        tick: npt.ArrayLike,
        lane: npt.ArrayLike | None = None,
    ) -> None:
        """External spikes: in ``lane``, core ``core`` sees its ``axon`` active in exactly tick ``tick``.

        Whole numbers, or arrays of them, which broadcast; without ``lane``, every board gets the
        spike. Raises InputError as an Emulator's does, and for a lane that does not exist.
        """
        self._running()
        n, now = self.image.core_count, self.tick
        width = self._pending.lanes.shape[1]
        if lane is None:
            events, _ = axon_events(core, axon, tick, n, now)
            check_size(len(events) * width)
            words = np.repeat(mask(self.lanes)[None], len(events), axis=0)
        else:
            given = (lane, 0, self.lanes - 1, "use one of the lanes")
            events, (lanes,) = axon_events(core, axon, tick, n, now, lane=given)
            check_size(len(events) * width)
            words = np.zeros((len(events), width), np.uint64)
            words[np.arange(len(events)), lanes >> 6] = np.uint64(1) << (lanes & 63).astype(
                np.uint64
            )
        self._queue([LaneInputs(events, words)])

    @alone
    def inject_pins(self, name: str, pins: npt.NDArray[np.bool_], tick: int | None = None) -> None:
        """Pins bool [lanes, width] of input connector ``name`` spike at source tick ``tick``.

        Without ``tick`` it is the current one. Each tap of a pin is seen ``delay`` ticks later. Raises
        ImageError for an unknown name, InputError for another shape or a landing in a tick that is
        over.
        """
        self._running()
        self._queue([self._events(name, pins, self.tick if tick is None else tick)])

    @alone
    def run(
        self,
        ticks: int,
        spikes: Mapping[str, npt.NDArray[np.bool_]] | None = None,
        *,
        record_spikes: Cores = False,
        spike_limit: int = SPIKE_LIMIT,
    ) -> LaneSpikes:
        """Evaluate ``ticks`` ticks of every board; returns the spikes that left them.

        ``spikes`` maps input connectors to bool [lanes, width] that spike at the current tick.
        ``record_spikes`` keeps every firing, or those of the given core indices, in
        :attr:`last_spikes`: of each board the first ``spike_limit`` // lanes. Raises EmulatorError
        when the boards are closed, and for a number of ticks that passes the last tick; what is
        refused queues no spike.
        """
        self._running()
        ticks = self._ticks(ticks)
        recorded, limit = self._recording(record_spikes, spike_limit)
        self._queue([self._events(name, pins, self.tick) for name, pins in pins_by_name(spikes)])
        trace = LaneTrace(recorded, self.lanes, limit // self.lanes)
        out = self._traced(ticks, trace)
        if recorded.any():
            self.last_spikes = _firings(trace)
        return out

    @alone
    def snapshot(self, path: PathLike) -> None:
        """Write the state of all boards to ``path`` (.npz), whole or not at all; SnapshotError."""
        engine = self._running()
        state = LaneState(
            tick=engine.tick,
            potentials=engine.potentials,
            slots=engine.slots(),
            counters=engine.counters,
            firings=engine.firings,
            generators=engine.generators,
            pending=self._pending.from_tick(engine.tick),
        )
        state.save(path, self.image)

    def _size(self) -> str:
        return f"LaneEmulator of {self.lanes:,} lanes"

    def _is_open(self) -> bool:
        return self._engine is not None

    def _running(self) -> LaneEngine:
        if self._engine is None:
            raise EmulatorError(
                "the lanes are closed and their boards are gone; run and read them inside their "
                "'with' block"
            )
        return self._engine

    def _advance(self, ticks: int) -> LaneSpikes:
        return self._traced(ticks, LaneTrace(np.zeros(self.image.core_count, np.bool_), self.lanes))

    def _traced(self, ticks: int, trace: LaneTrace) -> LaneSpikes:
        engine = self._running()
        engine.advance(ticks, self._pending, trace)
        self._pending = self._pending.from_tick(engine.tick)
        found = rows(trace.outputs, 4)
        lane = found[:, 0]
        if (lane[1:] < lane[:-1]).any():
            found = found[np.argsort(lane, kind="stable")]
        out = OutputSpikes.of_rows(found[:, 1:], self.image.outputs)
        return LaneSpikes(np.ascontiguousarray(found[:, 0]), out, self.lanes)

    def _joined(self, found: list[LaneSpikes]) -> LaneSpikes:
        lane = np.concatenate([out.lane for out in found])
        records = np.concatenate([out.spikes.records for out in found])
        order = np.argsort(lane, kind="stable")
        out = OutputSpikes(records[order], self.image.outputs)
        return LaneSpikes(lane[order], out, self.lanes)

    def _in_flight(self) -> int:
        engine = self._running()
        return engine.in_slots + self._pending.from_tick(engine.tick).count()

    def _queue(self, inputs: list[LaneInputs]) -> None:
        if inputs:  # at once: none is queued if one of them is refused
            self._pending = self._pending.from_tick(self.tick).joined(inputs)

    def _events(self, name: str, pins: object, tick: object) -> LaneInputs:
        connector = self.image.input(name)
        spikes = pins if isinstance(pins, np.ndarray) else None
        if (
            spikes is None
            or spikes.dtype != np.bool_
            or spikes.shape != (self.lanes, connector.width)
        ):
            given = shown(pins) if spikes is None else f"{spikes.dtype} {list(spikes.shape)}"
            raise InputError(
                f"input {name!r} of {self.lanes} lanes takes bool "
                f"[{self.lanes}, {connector.width}], not {given}"
            )
        source = whole("tick", tick, self.tick - MAX_DELAY, LAST_TICK, error=InputError)
        active = np.flatnonzero(spikes.any(axis=0))
        taps = self._taps[name]
        check_size(int(taps.count(active).sum()) * self._pending.lanes.shape[1])
        events = taps.events(active, source, self.tick)
        return LaneInputs(events, np.repeat(packed(spikes[:, active]), taps.count(active), axis=0))


def _firings(trace: LaneTrace) -> LaneNeuronSpikes:
    """The recorded firings, of each lane the first ``limit``."""
    found = rows(trace.spikes, 4)
    found = found[np.argsort(found[:, 0], kind="stable")]
    count = np.bincount(found[:, 0], minlength=trace.lanes)
    before = np.cumsum(count) - count
    kept = found[np.arange(len(found)) - before[found[:, 0]] < trace.limit]
    truncated = count > trace.limit
    spikes = NeuronSpikes.of_rows(kept[:, 1:], bool(truncated.any()))
    return LaneNeuronSpikes(kept[:, 0], spikes, truncated)
