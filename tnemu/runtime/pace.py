"""What a watcher may ask of a run: its pace, and the firings of one core. Nothing else.

The supervisor writes what is asked, in shared memory; the host looks before every decision, the board
at every question. What is played does not change: a pause stands between two decisions, and "on to the
next episode" plays the rest of this one as fast as possible. Pauses do not count as time of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError, one_of
from tnemu.runtime.clock import Clock, Mode
from tnemu.runtime.link import Layout, SharedArrays
from tnemu.runtime.record import Record

ASK_DTYPE = np.dtype(
    [
        ("paused", np.int64),
        ("until_decision", np.int64),
        ("mode", np.int64),
        ("until_episode", np.int64),
        ("core", np.int64),
    ]
)
"""``paused``: hold once ``until_decision`` decisions are taken. ``mode``: 0, as the run was started, or
1 + a place in MODES. ``until_episode``: as fast as possible until so many have ended. ``core``: 1 + the
core whose firings are wanted, 0 for none."""

MODES = tuple(Mode)

RASTER = 1 << 15
"""Firings of the watched core that are kept; a decision of 6 ticks has at most 1,536."""


class PaceError(TnemuError, ValueError):
    """A watcher asked for what a run does not do."""


def pace_layout() -> Layout:
    """The arrays of what is asked, and of the watched core's firings."""
    return {
        "pace.ask": (ASK_DTYPE, ()),
        "pace.fired": (np.dtype([("count", np.int64), ("core", np.int64)]), ()),
        "pace.raster": (np.int64, (RASTER, 2)),
    }


class Pace:
    """The watcher's side and the run's side of one run's pace."""

    def __init__(self, memory: SharedArrays) -> None:
        self._ask: Any = memory["pace.ask"]
        self._fired: Any = memory["pace.fired"]
        self._raster: npt.NDArray[np.int64] = memory["pace.raster"]
        self._record = Record(memory)

    # what a watcher calls

    @property
    def paused(self) -> bool:
        """Whether the run is to stand still."""
        return bool(self._ask["paused"])

    def pause(self) -> None:
        """Hold before the next decision."""
        self._ask["until_decision"] = 0
        self._ask["paused"] = 1

    def go(self) -> None:
        """Go on after a pause."""
        self._ask["paused"] = 0

    def step(self) -> None:
        """One decision, then hold."""
        self._ask["until_decision"] = int(self._record.host["decisions"]) + 1
        self._ask["paused"] = 1

    def mode(self, name: str) -> None:
        """From the next decision on: realtime, free or lockstep. Raises PaceError for another word."""
        one_of("mode", name, MODES, error=PaceError)
        self._ask["mode"] = 1 + MODES.index(Mode(name))

    def next_episode(self) -> None:
        """The rest of this episode as fast as possible."""
        self._ask["until_episode"] = int(self._record.host["episodes"]) + 1
        self._ask["paused"] = 0

    def watch(self, core: int) -> None:
        """Keep the firings of ``core``; -1 of none."""
        self._ask["core"] = core + 1

    def fired(self, seen: int) -> tuple[int, int, list[list[int]]]:
        """(core, count, [[tick, neuron], ...]): the watched core's firings after the first ``seen``."""
        count = int(self._fired["count"])
        first = max(seen if seen <= count else 0, count - RASTER // 2)
        rows = self._raster[np.arange(first, count) % RASTER]
        return int(self._fired["core"]) - 1, count, rows.tolist()

    # what the host calls

    def hold(self, clock: Clock, stop: Callable[[], bool]) -> None:
        """Before a decision: turn the clock as asked, and wait while the run is to stand still."""
        ask, host = self._ask, self._record.host
        wanted = MODES[ask["mode"] - 1] if ask["mode"] else clock.given
        if host["episodes"] < ask["until_episode"]:
            wanted = Mode.FREE
        if wanted is not clock.mode:
            clock.turn(wanted)
            host["pace_changes"] += 1

        def still() -> bool:
            host["beat"] += 1
            held = ask["paused"] and host["decisions"] >= ask["until_decision"]
            return bool(held) and not stop()

        if still():
            host["pauses"] += 1
            host["paused_s"] += clock.pause(still)

    # what the board calls

    @property
    def core(self) -> int:
        """The core whose firings are wanted, -1 for none."""
        return int(self._ask["core"]) - 1

    def keep(self, core: int, records: npt.NDArray[np.void], past_ticks: int) -> None:
        """Keep firings of ``core``, ticks counted from ``past_ticks`` on."""
        if self._fired["core"] != core + 1:
            self._fired["core"] = core + 1
        count = int(self._fired["count"])
        at = np.arange(count, count + len(records)) % RASTER
        self._raster[at, 0] = records["tick"] + past_ticks
        self._raster[at, 1] = records["neuron"]
        self._fired["count"] = count + len(records)
