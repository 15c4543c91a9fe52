"""What Emulator and LaneEmulator have in common: an image on an engine, for one caller at a time.

    inject, inject_pins   spikes for ticks to come
    run, step, drain      evaluate ticks; returns the spikes that left the board
    tick, potentials, counters, firings, in_flight, last_spikes   what can be seen
    snapshot, restore     keep the state in a file, and go on from it
    close                 or a ``with`` block

Whichever call comes while another one has not ended is refused. An interrupt leaves a whole number of
ticks, and ``tick`` says how many.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from tnemu.emulator import memory
from tnemu.emulator.arguments import image_of, recorded_cores
from tnemu.emulator.engines import EngineEntry, find
from tnemu.emulator.errors import EmulatorError
from tnemu.emulator.inputs import Taps
from tnemu.emulator.one_caller import OneCaller, alone
from tnemu.emulator.state import LAST_TICK, Counters
from tnemu.errors import shown, whole
from tnemu.hardware.image import BoardImage

SPIKE_LIMIT = 1_000_000
"""Firings that one run records at most, unless it is told otherwise."""
MOST_SPIKES = (1 << 63) - 1

Cores = bool | Sequence[int] | npt.NDArray[np.integer[Any]]
"""What ``record_spikes`` may be: all cores, none, or the given indices."""

Out = TypeVar("Out")


class Loaded(ABC, Generic[Out]):
    """An image that is loaded; ``Out`` is what its runs return."""

    _what: ClassVar[str]

    def _load(self, image: object, engine: str, threads: int | None) -> EngineEntry:
        """Check what is to be loaded, and that there is memory for it; returns its engine's entry."""
        self._caller = OneCaller(self._what)
        entry = find(engine)
        self.image: BoardImage = image_of(image, type(self).__name__)
        self.engine: str = entry.name
        cores = self.image.core_count
        memory.check(f"{cores:,} cores", entry.needs_bytes(self.image, threads))
        self._taps = {connector.name: Taps(connector) for connector in self.image.inputs}
        return entry

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        image = self.image
        inputs = ", ".join(f"{c.name!r} {c.width:,} pins" for c in image.inputs) or "none"
        outputs = ", ".join(f"{c.name!r} {c.width:,} pins" for c in image.outputs) or "none"
        return (
            f"<{self._size()} of {image.board.name}, {image.core_count:,} cores, engine {self.engine}, "
            f"tick {self.tick:,}{'' if self._is_open() else ', closed'}; "
            f"inputs: {inputs}; outputs: {outputs}>"
        )

    @abstractmethod
    def _size(self) -> str:
        """What repr calls it."""

    @abstractmethod
    def _is_open(self) -> bool:
        """Whether it has not been closed."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the engine."""

    @property
    @abstractmethod
    def tick(self) -> int:
        """The next tick to be evaluated."""

    @property
    @abstractmethod
    def counters(self) -> Counters:
        """What has happened since the image was loaded."""

    @abstractmethod
    def _in_flight(self) -> int:
        """Spikes that some core has still to see."""

    @abstractmethod
    def _advance(self, ticks: int) -> Out:
        """Evaluate ``ticks`` ticks, without any further ado."""

    @abstractmethod
    def _joined(self, found: list[Out]) -> Out:
        """The spikes of runs one after the other as those of one."""

    def _ticks(self, ticks: object) -> int:
        """The number of ticks of a run, or an EmulatorError."""
        whole = isinstance(ticks, int | np.integer) and not isinstance(ticks, bool)
        if not whole or ticks < 0:  # type: ignore[operator]
            raise EmulatorError(
                f"a run of {shown(ticks)} ticks is not possible; run a whole number, 0 or more"
            )
        most = LAST_TICK - self.tick
        if ticks > most:  # type: ignore[operator]
            raise EmulatorError(
                f"a run of {shown(ticks)} ticks from tick {self.tick} passes the last tick {LAST_TICK}; "
                f"run {most} at most, or load the image anew"
            )
        return int(ticks)  # type: ignore[call-overload]

    def _recording(self, record_spikes: object, spike_limit: object) -> tuple[Any, int]:
        """bool [n] of the cores whose firings are wanted, and how many."""
        limit = whole("spike_limit", spike_limit, 0, MOST_SPIKES, error=EmulatorError)
        return recorded_cores(record_spikes, self.image.core_count), limit

    @alone
    def step(self) -> Out:
        """Evaluate one tick; returns the spikes that left the board in it."""
        return self._advance(self._ticks(1))

    @alone
    def drain(self, limit_ticks: int = 1000) -> Out:
        """Tick until no spike is in flight; returns the spikes that left the board meanwhile.

        Raises EmulatorError after ``limit_ticks`` ticks, which a network that keeps itself going
        reaches; the ticks have been run.
        """
        limit = self._ticks(whole("limit_ticks", limit_ticks, 0, MOST_SPIKES, error=EmulatorError))
        found = [self._advance(0)]
        for _ in range(limit):
            if not self._in_flight():
                break
            found.append(self._advance(1))
        if left := self._in_flight():
            raise EmulatorError(
                f"{left} spikes are still in flight after {limit} ticks of drain; "
                "use run(ticks) for a network that keeps itself going"
            )
        return self._joined(found)

    @property
    @alone
    def in_flight(self) -> int:
        """Spikes that some core has still to see, inputs queued for later ticks included."""
        return self._in_flight()
