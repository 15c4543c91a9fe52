"""The time of the loop: nothing else in this room reads a clock or sleeps.

(Elsewhere seconds are only told to people: of a benchmark, a training, an evaluation, the doctor.)

A run of the loop has a grid of deadlines, d_k = t0 + (k + 1) P with period P. Decision k is sensed
at or after d_(k-1), *delivered* when its votes have been decoded, and acted upon at d_k::

    lateness_k = delivered_k - d_k          seconds; negative is slack that was left

``realtime``   the world moves at d_k, or at once when the decision comes later: a *miss*. Later
               deadlines stay on the grid, so a short delay is caught up. Who is a whole period or
               more behind drops the grid points that have passed (``skipped``) and goes on with the
               next one: the phase stays, no burst of moves follows, and no action is invented.
``lockstep``   the world waits for the chip: a decision takes at least P, and a late one moves the
               whole grid. Nothing can be late.
``free``       no waiting at all.

What is played does not depend on the mode: the world stands still until its decision is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from tnemu.errors import TnemuError

now_s: Callable[[], float] = time.monotonic
"""Seconds of a clock that never jumps and that all processes of this computer share."""

sleep_s: Callable[[float], None] = time.sleep

PAUSE_SLICE_S = 0.02
"""Time from one look to the next whether a pause is over."""

HIGHEST_RATE = 1000
"""Most decisions a second that can be asked for: one per nominal tick of the board."""


class Mode(StrEnum):
    """How a run relates to wall time; see the module."""

    REALTIME = "realtime"
    LOCKSTEP = "lockstep"
    FREE = "free"


class ClockError(TnemuError, ValueError):
    """A mode or a rate that the clock does not know."""


def utc_now() -> datetime:
    """The date, for file names and reports."""
    return datetime.now(UTC)


class Clock:
    """Deadlines of one run of the loop at ``rate_hz`` decisions a second (0 < rate <= 1000).

    Call :meth:`start` once, then for every decision :meth:`delivered` and :meth:`wait`.
    Raises ClockError for an unknown mode or an impossible rate.
    """

    def __init__(
        self,
        mode: str,
        rate_hz: float,
        *,
        now: Callable[[], float] = now_s,
        sleep: Callable[[float], None] = sleep_s,
    ) -> None:
        if mode not in list(Mode):
            raise ClockError(f"there is no mode {mode!r}; choose one of: {', '.join(Mode)}")
        if not 0 < rate_hz <= HIGHEST_RATE:
            raise ClockError(
                f"a rate of {rate_hz:g} decisions a second is not possible; choose more than 0 and "
                f"at most {HIGHEST_RATE}, or mode 'free' for as many as the computer can do"
            )
        self.given = self.mode = Mode(mode)
        self.period_s = 1 / rate_hz
        self.skipped = 0
        """Grid points that passed without a decision."""
        self._now, self._sleep = now, sleep
        self._start, self._origin, self._index = 0.0, 0.0, 0

    def start(self) -> None:
        """The grid begins now: the first deadline is one period away."""
        self._start = self._origin = self._now()

    def turn(self, mode: Mode) -> None:
        """Go on in another mode: the grid begins anew, its first deadline is one period away."""
        self.mode = mode
        self._origin, self._index = self._now(), 0

    def pause(self, still: Callable[[], bool]) -> float:
        """Wait while ``still()``: seconds waited, which move the grid and count as no time of the run."""
        began = self._now()
        while still():
            self._sleep(PAUSE_SLICE_S)
        waited = self._now() - began
        self._start += waited
        self._origin += waited
        return waited

    @property
    def deadline_s(self) -> float:
        """Deadline of the current decision, by ``now_s``."""
        # A product, not a running sum: rounding does not add up over hours.
        return self._origin + (self._index + 1) * self.period_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._now() - self._start

    def delivered(self) -> float | None:
        """The decision has arrived: its lateness in seconds, None where nothing can be late."""
        return self._now() - self.deadline_s if self.mode is Mode.REALTIME else None

    def wait(self) -> None:
        """Sleep until the current deadline, then make the next one current."""
        if self.mode is Mode.FREE:
            return
        early = self.deadline_s - self._now()
        if early > 0:
            self._sleep(early)
        elif self.mode is Mode.LOCKSTEP:
            self._origin -= early
        self._index += 1
        if self.mode is Mode.REALTIME:
            behind = self._now() - self.deadline_s
            if behind >= 0:
                passed = int(behind // self.period_s) + 1
                self.skipped += passed
                self._index += passed
