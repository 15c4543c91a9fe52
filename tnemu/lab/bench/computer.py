"""The computer that a measurement was made on: its processor, memory and load."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def resident_mb() -> float:
    """Resident memory of this process in 10^6 bytes; nan where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def computer() -> dict[str, Any]:
    """What ran it: processor, processors that may be used, memory, system, load, versions."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor(),
        "usable_processors": usable,
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "system": platform.platform(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def processor() -> str:
    """Its name in Linux, or the least that Python says of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
