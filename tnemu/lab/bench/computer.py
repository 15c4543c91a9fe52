"""The computer that a measurement was made on: its processor, memory and load."""

from __future__ import annotations

import os
import platform
from typing import Any

from tnemu.files import system_text


def resident_mb() -> float:
    """Resident memory of this process in 10^6 bytes; nan where the system does not say."""
    sizes = system_text("/proc/self/statm").split()
    return int(sizes[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if sizes else float("nan")


def computer() -> dict[str, Any]:
    """What ran it: processor, processors that may be used, memory, system, load."""
    return {
        "processor": processor(),
        "usable_processors": usable_processors(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "system": platform.platform(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def usable_processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def processor() -> str:
    """Its name in Linux, or the least that Python says of it."""
    for line in system_text("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
