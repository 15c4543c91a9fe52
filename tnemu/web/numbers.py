"""The numbers beside the picture: of a moment, from the table of decisions and the board's totals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.measure import energy
from tnemu.runtime.record import percentiles_ms

STRIP = 90
"""Decisions whose lateness is drawn one by one."""


def work(
    ticks: int, spikes: int, synaptic_operations: int, *, tick_us: float, chips: int
) -> dict[str, Any]:
    """What the board has done so far, and the power the chip would need, as the report has it."""
    used = energy.estimate(synaptic_operations, ticks, tick_us=tick_us, chips=chips)
    return {
        "ticks": ticks,
        "spikes": spikes,
        "spikes_per_tick": spikes / max(ticks, 1),
        "synaptic_operations": synaptic_operations,
        "synaptic_operations_per_s": used.synaptic_operations_per_s,
        "power_mw": used.power_mw,
        "assumed_mw": used.assumed_mw,
        "counted_mw": used.counted_mw,
    }


def times(latest: npt.NDArray[np.void]) -> dict[str, Any]:
    """Lateness of the latest decisions, ms; without a deadline, how long they took."""
    strip, dated = latest[-STRIP:], bool(len(latest)) and not np.isnan(latest["lateness_s"][-1])
    shown = strip["lateness_s" if dated else "response_s"] * 1e3
    return {
        "lateness_ms": percentiles_ms(latest["lateness_s"]),
        "dated": dated,
        "strip": [None if np.isnan(value) else round(float(value), 2) for value in shown],
    }


def of_report(report: dict[str, Any]) -> dict[str, Any]:
    """The last numbers of a run, which are its report's."""
    used = report["energy"]
    return {
        **{name: report[name] for name in ("decisions", "decisions_per_second", "episodes")},
        **{name: report[name] for name in ("ticks", "spikes", "spikes_per_tick")},
        **{name: report[name] for name in ("synaptic_operations", "synaptic_operations_per_s")},
        **{name: used[name] for name in ("power_mw", "assumed_mw", "counted_mw")},
        "lateness_ms": report["lateness_ms"],
        "misses": report["deadline_misses"],
        "returns": report["episode_returns"][-5:],
        "score": report["unfinished_return"],
        "running": False,
        "ended": report["message"],
    }
