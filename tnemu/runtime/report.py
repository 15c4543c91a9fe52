"""The run report: what was run, how it went, and how it ended, as one JSON object.

Every run that was started has one, whatever ended it. Keys in ``WALL_CLOCK`` depend on the computer
and its clock; all others are the same for every lockstep or free run of the same image, seed and
number of decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tnemu.versions
from tnemu.errors import TnemuError
from tnemu.files import make_folder, write_json
from tnemu.hardware.image import BoardImage
from tnemu.measure import energy
from tnemu.runtime.record import percentiles_ms
from tnemu.runtime.session import Result

FORMAT = "tnemu-report-1"

WALL_CLOCK = frozenset(
    {
        "started",
        "elapsed_s",
        "decisions_per_second",
        "lateness_ms",
        "response_ms",
        "deadline_misses",
        "skipped_periods",
        "command",
        "output",
        "watcher",
    }
)
"""Keys whose values differ between two runs of the same thing."""

PACKAGES = ("ale-py", "gymnasium", "numba", "numpy")


THEN = "choose another place with --report or --output"


class ReportError(TnemuError, OSError):
    """A report cannot be written where it was wanted."""


def build(result: Result, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a run; ``facts`` are what only the caller knows (game, seed, hashes, command).

    docs/files.md says what every key means, and in which unit it is.
    """
    settings, spec = result.settings, result.image.board
    return {
        "format": FORMAT,
        **facts,
        "outcome": result.outcome,
        "message": result.message,
        "started": result.started,
        "board": spec.name,
        "engine": settings.board.engine,
        "mode": settings.mode,
        "wanted_decisions_per_second": settings.rate_hz,
        **_pace(result),
        **_work(result),
        **_energy(result),
        "video": {"pictures": len(result.film), "dropped": result.film.dropped}
        if settings.film
        else None,
        "watcher": _watcher(result.record.host),
        "image_sha256": result.image.sha256(),
        "board_sha256": spec.sha256,
        "versions": versions(),
    }


def _pace(result: Result) -> dict[str, Any]:
    """What the host did: decisions, how fast and how late, and what they won."""
    host, details = result.record.host, result.record.decisions()
    decisions, elapsed_s = int(host["decisions"]), float(host["elapsed_s"])
    return {
        "decisions": decisions,
        "decisions_per_second": round(decisions / elapsed_s, 3) if elapsed_s else None,
        "elapsed_s": round(elapsed_s, 3),
        "deadline_misses": int(host["misses"]),
        "skipped_periods": int(host["skipped"]),
        "lateness_ms": percentiles_ms(details["lateness_s"]),
        "response_ms": percentiles_ms(details["response_s"]),
        "episodes": int(host["episodes"]),
        "episode_returns": result.record.returns().tolist(),
        "unfinished_return": None if not decisions or details["over"][-1] else float(host["score"]),
    }


def _watcher(host: Any) -> dict[str, Any]:
    """What a watcher changed of the pace; never of what was played."""
    return {
        "pauses": int(host["pauses"]),
        "paused_s": round(float(host["paused_s"]), 3),
        "pace_changes": int(host["pace_changes"]),
    }


def _work(result: Result) -> dict[str, Any]:
    """What the board did: ticks, and what was counted in them."""
    board, job = result.record.board, result.settings.board
    return {
        "ticks": int(board["ticks"]),
        "ticks_per_decision": job.ticks_per_decision,
        "latency_ticks": job.window.ticks,
        "tick_us": result.image.board.tick_us,
        "cores": result.image.core_count,
        "spikes": int(board["spikes"]),
        "spikes_per_tick": _ratio(board["spikes"], board["ticks"]),
        "input_spikes": int(board["input_spikes"]),
        "output_spikes": int(board["output_spikes"]),
        "unread_spikes": int(board["unread"]),
        "merged_spikes": int(board["merged"]),
        "synaptic_operations": int(board["synaptic_operations"]),
        "hops": int(board["hops"]),
        "chip_crossings": int(board["chip_crossings"]),
    }


def _energy(result: Result) -> dict[str, Any]:
    """What the chip would have used, as an estimate."""
    return energy_of(result.record.board, result.image)


def energy_of(counted: Any, image: BoardImage) -> dict[str, Any]:
    """The keys of a report that tell of power; ``counted`` [name] are the counters of a run of ``image``."""
    used = energy.estimate(
        int(counted["synaptic_operations"]),
        int(counted["ticks"]),
        tick_us=image.board.tick_us,
        chips=chips_used(image),
    )
    parts = energy.components(
        int(counted["ticks"]),
        image.core_count,
        int(counted["hops"]),
        int(counted["chip_crossings"]),
        int(counted["output_spikes"]),
    )
    return {
        "synaptic_operations_per_s": round(used.synaptic_operations_per_s),
        "estimated_power_mw": round(used.power_mw, 3),
        "energy": energy.energy_report(used, parts),
    }


def same_run(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Both reports tell of the same run, apart from times."""
    kept = [{k: v for k, v in report.items() if k not in WALL_CLOCK} for report in (one, other)]
    return kept[0] == kept[1]


def chips_used(image: BoardImage) -> int:
    """Chips with at least one core of the image: those that must be powered."""
    chip = image.board.chip
    unit, x, y = image.positions.T
    return len(np.unique(np.stack([unit, x // chip.cores_x, y // chip.cores_y]), axis=1).T)


def versions() -> dict[str, str]:
    """Versions of tnemu, Python and the packages that decide what happens; absent ones are left out."""
    return tnemu.versions.versions(*PACKAGES)


def write(report: Mapping[str, Any], path: str | Path) -> None:
    """Write the report to ``path``, whose folder is made if it is not there (any more).

    Whole or not at all; a pipe or a device (/dev/stdout) is written to as it is. Raises ReportError,
    which names the path and the reason.
    """
    make_folder(Path(path).parent, error=ReportError, then=THEN)
    write_json(path, report, error=ReportError, what="the report", indent=2)


def _ratio(part: Any, whole: Any) -> float | None:
    return round(float(part / whole), 3) if whole else None
