"""The emulator: load a board image, inject spikes, tick, take the spikes that leave the board.

image ──load──▶ slots ─▶ crossbar ─▶ neurons ─▶ router ─┬─▶ output connectors
input pins ─taps─▲        ▲_____________________________│
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Self

import numpy as np
import numpy.typing as npt

from tnemu.emulator.arguments import Pictured, pins_by_name
from tnemu.emulator.engine import Engine, Trace, rows
from tnemu.emulator.engines import DEFAULT
from tnemu.emulator.errors import EmulatorError
from tnemu.emulator.inputs import axon_events
from tnemu.emulator.loaded import SPIKE_LIMIT, Cores, Loaded
from tnemu.emulator.one_caller import alone
from tnemu.emulator.probes import Probe, Probes, places_of
from tnemu.emulator.spikes import NeuronSpikes, OutputSpikes
from tnemu.emulator.state import Counters, Events, State
from tnemu.errors import shown, whole
from tnemu.files import PathLike
from tnemu.hardware.image import BoardImage

__all__ = ["SPIKE_LIMIT", "Emulator", "EmulatorError"]

MOST_THREADS = 256


class Emulator(Loaded[OutputSpikes]):
    """A board loaded with ``image``, at tick 0, all potentials at V0, nothing in flight.

    Input for tick t is seen in tick t. A tick reads scheduler row t mod 16 of every core, evaluates
    every used neuron, and delivers spikes to row (t + delay) mod 16 or to an output connector. The
    same image and inputs give the same spikes, potentials and counters with any ``engine`` and
    however the ticks are cut into runs.

    image    a BoardImage, or a plan that has one; it is frozen: its arrays become read-only
    engine   the name of one of :func:`tnemu.emulator.engines.registry`
    threads  1..256 where the engine has threads; None lets it choose, one for small networks. The
             result is the same for any number
    noise_seed  0..4294967295: other noise for stochastic neurons, made of it and of each core's own
             seed (:func:`tnemu.emulator.noise.generators`); None: that of the cores' seeds alone, as
             IBM's run time has it

    It belongs to one caller at a time: whoever calls while another call has not ended, from another
    thread or from a signal handler, is refused. An interrupt leaves a whole number of ticks.

    Raises EmulatorError for an unknown engine, threads that it does not have, what is no image, a core
    with noise whose seed is 0, or a
    board that does not fit into the memory that is left or has more cores than the engine can name;
    ImageError for an inconsistent image.
    """

    _what = "emulator"

    def __init__(
        self,
        image: BoardImage | Pictured,
        *,
        engine: str = DEFAULT,
        threads: int | None = None,
        noise_seed: int | None = None,
        lanes: None = None,
    ) -> None:
        load = partial(State.initial, noise_seed=noise_seed)
        self._start(image, engine, threads, lanes, load)

    def _start(
        self,
        image: object,
        engine: str,
        threads: int | None,
        lanes: object,
        load: Callable[[BoardImage], State],
    ) -> None:
        if lanes is not None:
            raise EmulatorError(
                f"an Emulator is one board; for {shown(lanes)} in lockstep use "
                f"tnemu.LaneEmulator(image, lanes={shown(lanes)})"
            )
        if threads is not None:
            threads = whole("threads", threads, 1, MOST_THREADS, error=EmulatorError)
        entry = self._load(image, engine, threads)
        self._given, self._probes = image, Probes(self.image)
        if not entry.threads and threads not in (None, 1):
            raise EmulatorError(
                f"threads = {threads}: the engine {entry.name!r} runs in one thread; leave threads out, "
                "or choose an engine that has them"
            )
        self.last_spikes: NeuronSpikes | None = None
        """Firings recorded by the latest run with ``record_spikes``."""
        self._state = load(self.image)
        self._engine: Engine | None = entry.make(self.image, threads)
        self.threads: int = self._engine.threads
        """Threads that the engine runs on."""

    @classmethod
    def restore(
        cls,
        image: BoardImage,
        path: PathLike,
        *,
        engine: str = DEFAULT,
        threads: int | None = None,
        lanes: None = None,
    ) -> Self:
        """An emulator that goes on where :meth:`snapshot` was taken, its noise too, with any engine.

        Raises SnapshotError when the file is damaged or was taken of another image.
        """
        emulator = cls.__new__(cls)
        emulator._start(image, engine, threads, lanes, partial(State.load, path))
        return emulator

    @alone
    def close(self) -> None:
        """Let go of the engine; its state can still be read, nothing can be injected or run."""
        self._settle()
        self._engine = None

    @property
    def tick(self) -> int:
        """The next tick to be evaluated."""
        return self._state.tick

    @property
    @alone
    def potentials(self) -> npt.NDArray[np.int32]:
        """A copy of V after the last tick: int32 [n, 256]."""
        self._settle()
        return self._state.potentials.copy()

    @property
    @alone
    def counters(self) -> Counters:
        """What has happened since the image was loaded."""
        self._deliver()
        return Counters(*self._state.counters.tolist())

    @property
    @alone
    def firings(self) -> npt.NDArray[np.int64]:
        """How often the neurons of every core have fired since the image was loaded: int64 [n]."""
        self._deliver()
        return self._state.firings.copy()

    @alone
    def inject(self, core: npt.ArrayLike, axon: npt.ArrayLike, tick: npt.ArrayLike) -> None:
        """External spikes: core index ``core`` sees its ``axon`` active in exactly tick ``tick``.

        Whole numbers, or arrays of them, which broadcast. Spikes for the same (core, axon, tick)
        merge, and are counted. Raises InputError for a core or axon that does not exist, a tick that
        is over, what is no whole number, and more than 2**26 spikes at once.
        """
        self._running()
        events, _ = axon_events(core, axon, tick, self.image.core_count, self.tick)
        self._state.add_pending(events)

    @alone
    def inject_pins(
        self, name: str, pins: npt.ArrayLike, tick: npt.ArrayLike | None = None
    ) -> None:
        """Pins of input connector ``name`` spike at source tick ``tick`` (default: the current one).

        ``pins`` is bool [width] or an array of pin numbers, with which ``tick`` broadcasts; or a raster,
        bool [T, width], whose row t spikes at ``tick`` + t. Each tap of a pin is seen ``delay`` ticks
        later. Raises ImageError for an unknown name, InputError for
        a pin that does not exist or a landing in a tick that is over.
        """
        self._running()
        self._state.add_pending(self._events(name, pins, self.tick if tick is None else tick))

    @alone
    def probe(self, what: object, *, potentials: bool = False) -> Probe:
        """Record neurons from the next tick on; ``probe.values`` is what they did, tick by tick.

        ``what`` is the name of neurons or pins of the corelet that runs (``"part.sums"``;
        ``"part.sums.potential"`` for potentials), where the emulator was made of a plan, or
        (core, neuron), numbers or arrays of them. ``values`` are spikes, bool [ticks, *shape], or with
        ``potentials`` V after each tick, int32; a probe of potentials makes runs tick by tick.

        Raises EmulatorError for what cannot be probed, and the error of what has the names for one that
        there is not.
        """
        self._running()
        places = places_of(what, self._given, self.image)
        if potentials:
            places = replace(places, potentials=True)
        return self._probes.add(places, self.tick)

    @alone
    def run(
        self,
        ticks: int,
        spikes: Mapping[str, npt.ArrayLike] | None = None,
        *,
        record_spikes: Cores = False,
        spike_limit: int = SPIKE_LIMIT,
    ) -> OutputSpikes:
        """Evaluate ``ticks`` ticks; returns the spikes that left the board in them.

        ``spikes`` maps input connectors to pins that spike at the current tick, or to rasters
        bool [T, width] that begin with it (as for :meth:`inject_pins`). ``record_spikes`` keeps every firing, or those of the given core
        indices, in :attr:`last_spikes`, up to ``spike_limit``. Raises EmulatorError for a number of
        ticks that passes the last tick, 2**46 - 1; what is refused queues no spike.
        """
        self._running()
        ticks = self._ticks(ticks)
        trace = Trace(*self._recording(record_spikes, spike_limit))
        events = [self._events(name, pins, self.tick) for name, pins in pins_by_name(spikes)]
        if events:  # at once: none is queued if one of them is refused
            self._state.add_pending(np.concatenate(events))
        self._forward(ticks, trace)
        if trace.recorded.any():
            self.last_spikes = NeuronSpikes.from_events(rows(trace.spikes), trace.limit)
        return OutputSpikes.from_events(rows(trace.outputs), self.image.outputs)

    @alone
    def snapshot(self, path: PathLike) -> None:
        """Write the state to ``path`` (.npz), whole or not at all; raises SnapshotError."""
        self._running()
        self._settle()
        self._state.save(path, self.image)

    def _size(self) -> str:
        return "Emulator"

    def _is_open(self) -> bool:
        return self._engine is not None

    def _running(self) -> Engine:
        if self._engine is None:
            raise EmulatorError("the emulator is closed; run it inside its 'with' block")
        return self._engine

    def _advance(self, ticks: int) -> OutputSpikes:
        trace = Trace(np.zeros(self.image.core_count, np.bool_))
        self._forward(ticks, trace)
        return OutputSpikes.from_events(rows(trace.outputs), self.image.outputs)

    def _forward(self, ticks: int, trace: Trace) -> None:
        engine = self._running()
        if self._probes:
            self._probes.run(engine, self._state, ticks, trace)
        else:
            engine.advance(self._state, ticks, trace)

    def _joined(self, found: list[OutputSpikes]) -> OutputSpikes:
        return OutputSpikes(np.concatenate([out.records for out in found]), self.image.outputs)

    def _in_flight(self) -> int:
        self._deliver()
        return self._state.in_flight()

    def _deliver(self) -> None:
        if self._engine is not None:
            self._engine.deliver(self._state)

    def _settle(self) -> None:
        if self._engine is not None:
            self._engine.settle(self._state)

    def _events(self, name: str, pins: npt.ArrayLike, tick: npt.ArrayLike) -> Events:
        self.image.input(name)  # names the connectors there are, when this is not one
        return self._taps[name].events(pins, tick, self.tick)
