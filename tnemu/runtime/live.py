"""Live numbers: the growing record of a run, boiled down to what a person watches."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tnemu.measure import energy
from tnemu.runtime.record import Record, percentiles_ms

WINDOW_S = 5.0
"""Rates and lateness are those of about the last five seconds."""


@dataclass(frozen=True)
class Live:
    """Numbers of a moment.

    ``score`` is the return of the episode under way, ``returns`` those of the last episodes that
    ended. ``lateness_ms`` has p50, p95, p99 and max, None without a deadline. Synaptic operations
    per second and power are for the chip at its own tick rate.
    """

    running: bool
    decisions: int
    decisions_per_second: float
    score: float
    episodes: int
    returns: tuple[float, ...]
    lateness_ms: dict[str, float | None]
    deadline_misses: int
    spikes_per_tick: float
    synaptic_operations_per_s: float
    estimated_power_mw: float


class Meter:
    """Reads a record again and again; ``chips`` are the powered ones, ``tick_us`` the board's tick."""

    def __init__(self, rate_hz: float, ticks_per_decision: int, tick_us: int, chips: int) -> None:
        self._window = max(1, round(rate_hz * WINDOW_S))
        self._ticks, self._tick_us, self._chips = ticks_per_decision, tick_us, chips
        self._seen: deque[tuple[int, float]] = deque([(0, 0.0)])

    def read(self, record: Record) -> Live:
        """The numbers now."""
        host = record.host
        latest = record.decisions(self._window)
        ticks = len(latest) * self._ticks
        operations = int(latest["synaptic_operations"].sum())
        used = energy.estimate(operations, ticks, tick_us=self._tick_us, chips=self._chips)
        return Live(
            running=bool(host["running"]),
            decisions=int(host["decisions"]),
            decisions_per_second=self._rate(int(host["decisions"]), float(host["elapsed_s"])),
            score=float(host["score"]),
            episodes=int(host["episodes"]),
            returns=tuple(record.returns(5).tolist()),
            lateness_ms=percentiles_ms(latest["lateness_s"]),
            deadline_misses=int(host["misses"]),
            spikes_per_tick=float(latest["spikes"].sum()) / max(ticks, 1),
            synaptic_operations_per_s=used.synaptic_operations_per_s,
            estimated_power_mw=used.power_mw,
        )

    def _rate(self, decisions: int, elapsed_s: float) -> float:
        self._seen.append((decisions, elapsed_s))
        while len(self._seen) > 2 and elapsed_s - self._seen[1][1] >= WINDOW_S:
            self._seen.popleft()
        before, then_s = self._seen[0]
        return (decisions - before) / (elapsed_s - then_s) if elapsed_s > then_s else 0.0
