"""The emulator: load a board image, inject spikes, tick, take the spikes that leave the board.

image ──load──▶ slots ─▶ crossbar ─▶ neurons ─▶ router ─┬─▶ output connectors
input pins ─taps─▲        ▲_____________________________│
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engine import Engine, Trace, rows
from tnemu.emulator.engines.compiled import memory
from tnemu.emulator.engines.compiled.engine import NumbaEngine, default_threads
from tnemu.emulator.engines.reference.engine import ReferenceEngine
from tnemu.emulator.errors import EmulatorError
from tnemu.emulator.inputs import InputError, Pins, axon_events
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.spikes import NeuronSpikes, OutputSpikes
from tnemu.emulator.state import Counters, Events, State
from tnemu.hardware.image import BoardImage

ENGINES: dict[str, Callable[[BoardImage, int | None], Engine]] = {
    "reference": lambda image, _threads: ReferenceEngine(image),
    "numba": NumbaEngine,
}
"""The engines by name; all give the same spikes, potentials and counters."""

SPIKE_LIMIT = 1_000_000
"""Firings that one run records at most, unless it is told otherwise."""


class Emulator:
    """A board loaded with ``image``, at tick 0, all potentials at V0, nothing in flight.

    Input for tick t is seen in tick t. A tick reads scheduler row t mod 16 of every core, evaluates
    every used neuron, and delivers spikes to row (t + delay) mod 16 or to an output connector. The
    same image and inputs give the same spikes, potentials and counters with any ``engine`` and
    however the ticks are cut into runs. ``threads`` is for the numba engine: None lets it choose, one
    for small networks; the result is the same for any number.

    With ``lanes`` it is a :class:`LaneEmulator`: that many boards in lockstep, in one thread.

    Raises EmulatorError for an unknown engine, fewer than one thread, or a board that does not fit
    into the memory that is left or has more than 2**20 cores; ImageError for an inconsistent image.
    """

    def __new__(cls, *arguments: Any, lanes: int | None = None, **options: Any) -> Any:
        """An Emulator, or with ``lanes`` a LaneEmulator."""
        if lanes is None:
            return super().__new__(cls)
        if options.pop("engine", "numba") != "numba" or options.pop("threads", None) is not None:
            raise EmulatorError(
                "lanes run on the numba engine in one thread; leave out engine and threads"
            )
        return LaneEmulator(*arguments, **options, lanes=lanes)  # type: ignore[misc]

    def __init__(
        self,
        image: BoardImage,
        *,
        engine: str = "numba",
        threads: int | None = None,
        lanes: None = None,
    ) -> None:
        self._start(image, engine, None, threads)

    def _start(
        self, image: BoardImage, engine: str, state: State | None, threads: int | None
    ) -> None:
        if engine not in ENGINES:
            raise EmulatorError(
                f"there is no engine {engine!r}; choose one of: {', '.join(ENGINES)}"
            )
        if threads is not None and (not isinstance(threads, int | np.integer) or threads < 1):
            raise EmulatorError(f"threads = {threads} is not possible; use 1 or more, or None")
        image.validate()  # compiled code checks no bounds
        memory.check_engine(image, threads or default_threads(image.core_count))
        self.image = image
        self.last_spikes: NeuronSpikes | None = None
        """Firings recorded by the latest run with ``record_spikes``."""
        self._state = State.initial(image) if state is None else state
        self._pins = {connector.name: Pins(connector) for connector in image.inputs}
        self._engine: Engine | None = ENGINES[engine](image, threads)

    @classmethod
    def restore(
        cls,
        image: BoardImage,
        path: str | Path,
        *,
        engine: str = "numba",
        threads: int | None = None,
    ) -> Self:
        """An emulator that goes on where :meth:`snapshot` was taken, with any engine.

        Raises SnapshotError when the file is damaged or was taken of another image.
        """
        emulator = cls.__new__(cls)
        emulator._start(image, engine, State.load(path, image), threads)
        return emulator

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
        """Let go of the engine; state can still be read, ticks can no longer be run."""
        self._settle()
        self._engine = None

    @property
    def tick(self) -> int:
        """The next tick to be evaluated."""
        return self._state.tick

    @property
    def potentials(self) -> npt.NDArray[np.int32]:
        """A copy of V after the last tick: int32 [n, 256]."""
        self._settle()
        return self._state.potentials.copy()

    @property
    def counters(self) -> Counters:
        """What has happened since the image was loaded."""
        self._deliver()
        return Counters(*self._state.counters.tolist())

    @property
    def firings(self) -> npt.NDArray[np.int64]:
        """How often the neurons of every core have fired since the image was loaded: int64 [n]."""
        return self._state.firings.copy()

    @property
    def in_flight(self) -> int:
        """Spikes that some core has still to see, inputs queued for later ticks included."""
        self._deliver()
        return self._state.in_flight()

    def inject(self, core: npt.ArrayLike, axon: npt.ArrayLike, tick: npt.ArrayLike) -> None:
        """External spikes: core index ``core`` sees its ``axon`` active in exactly tick ``tick``.

        Arrays broadcast. Spikes for the same (core, axon, tick) merge, and are counted. Raises
        InputError for a core or axon that does not exist and for a tick that is over.
        """
        self._state.add_pending(axon_events(core, axon, tick, self.image.core_count, self.tick))

    def inject_pins(
        self, name: str, pins: npt.ArrayLike, tick: npt.ArrayLike | None = None
    ) -> None:
        """Pins of input connector ``name`` spike at source tick ``tick`` (default: the current one).

        ``pins`` is bool [width] or an array of pin numbers, with which ``tick`` broadcasts. Each tap
        of a pin is seen ``delay`` ticks later. Raises ImageError for an unknown name, InputError for
        a pin that does not exist or a landing in a tick that is over.
        """
        source = self.tick if tick is None else tick
        self._state.add_pending(self._pin_events(name, pins, source))

    def step(self) -> OutputSpikes:
        """Evaluate one tick."""
        return self.run(1)

    def run(
        self,
        ticks: int,
        spikes: Mapping[str, npt.ArrayLike] | None = None,
        *,
        record_spikes: bool | Sequence[int] = False,
        spike_limit: int = SPIKE_LIMIT,
    ) -> OutputSpikes:
        """Evaluate ``ticks`` ticks; returns the spikes that left the board in them.

        ``spikes`` maps input connectors to pins that spike at the current tick (as for
        :meth:`inject_pins`). ``record_spikes`` keeps every firing, or those of the given core
        indices, in :attr:`last_spikes`, up to ``spike_limit``.
        """
        if self._engine is None:
            raise EmulatorError("the emulator is closed; run it inside its 'with' block")
        if not isinstance(ticks, int | np.integer) or ticks < 0:
            raise EmulatorError(f"a run of {ticks} ticks is not possible; run 0 or more")
        trace = Trace(self._recorded(record_spikes), spike_limit)
        events = [self._pin_events(name, pins, self.tick) for name, pins in (spikes or {}).items()]
        for piece in events:  # none is queued if one of them is refused
            self._state.add_pending(piece)
        self._engine.advance(self._state, int(ticks), trace)
        if trace.recorded.any():
            self.last_spikes = NeuronSpikes.from_events(rows(trace.spikes), spike_limit)
        return OutputSpikes.from_events(rows(trace.outputs), self.image.outputs)

    def drain(self, limit_ticks: int = 1000) -> OutputSpikes:
        """Tick until no spike is in flight; returns the spikes that left the board meanwhile.

        Raises EmulatorError after ``limit_ticks`` ticks, which a network that keeps itself going
        reaches; the ticks have been run.
        """
        found = [self.run(0).records]
        for _ in range(limit_ticks):
            if not self.in_flight:
                break
            found.append(self.run(1).records)
        if self.in_flight:
            raise EmulatorError(
                f"{self.in_flight} spikes are still in flight after {limit_ticks} ticks of drain; "
                "use run(ticks) for a network that keeps itself going"
            )
        return OutputSpikes(np.concatenate(found), self.image.outputs)

    def snapshot(self, path: str | Path) -> None:
        """Write the state to ``path`` (.npz), whole or not at all; raises SnapshotError."""
        self._settle()
        self._state.save(path, self.image)

    def _deliver(self) -> None:
        if self._engine is not None:
            self._engine.deliver(self._state)

    def _settle(self) -> None:
        if self._engine is not None:
            self._engine.settle(self._state)

    def _pin_events(self, name: str, pins: npt.ArrayLike, tick: npt.ArrayLike) -> Events:
        self.image.input(name)  # names the connectors there are, when this is not one
        return self._pins[name].events(pins, tick, self.tick)

    def _recorded(self, record_spikes: bool | Sequence[int]) -> npt.NDArray[np.bool_]:
        recorded = np.zeros(self.image.core_count, np.bool_)
        if record_spikes is True:
            recorded[:] = True
        elif record_spikes is not False:
            cores = np.asarray(record_spikes, dtype=np.int64)
            bad = (cores < 0) | (cores >= self.image.core_count)
            if bad.any():
                raise InputError(
                    f"core {int(cores[bad][0])} cannot be recorded; the image has cores "
                    f"0..{self.image.core_count - 1}"
                )
            recorded[cores] = True
        return recorded
