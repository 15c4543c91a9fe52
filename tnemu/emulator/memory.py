"""Memory: what is left, and a refusal before the system starts to swap.

    image   =  n x IMAGE_CORE                        (10 kB a core)

What an engine takes beside it, its entry says (``needs_bytes``).
"""

from __future__ import annotations

from pathlib import Path

from tnemu.emulator.errors import EmulatorError
from tnemu.hardware.neuron import AXONS, NEURONS, SLOTS

CROSSBAR = AXONS * NEURONS // 8
SLOT_BITS = SLOTS * AXONS // 8

IMAGE_CORE = CROSSBAR + NEURONS * (2 + 4) + AXONS + 12 + 8 + 4
"""Bytes of a core in an image: crossbar; types and targets; axon types; position, number, seed."""


def check(what: str, needed: int, instead: str = "load fewer cores") -> None:
    """Raises EmulatorError when ``what`` needs more bytes than there are, with what to do instead."""
    available = available_bytes()
    if available is not None and needed > available:
        raise EmulatorError(
            f"{what} need {_amount(needed)} of memory, {_amount(available)} are available; "
            f"{instead}, close other programs, or use a computer with more memory"
        )


def available_bytes(root: Path = Path("/")) -> int | None:
    """What this process may still take without swapping; None where the system does not say.

    MemAvailable of Linux, or what the process's control group has left, if that is less. ``root`` is
    where /proc and /sys are.
    """
    left = []
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            left.append(1024 * int(line.split()[1]))
    if not left:
        return None
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            left += _left(root / "sys/fs/cgroup", path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            top = root / "sys/fs/cgroup/memory"
            left += _left(top, path, "memory.limit_in_bytes", "memory.usage_in_bytes")
    return max(0, min(left))


def _left(top: Path, path: str, limit: str, usage: str) -> list[int]:
    """What the limits of a control group and of those around it leave; files in the cache are free."""
    group = top / path.lstrip("/")
    left = []
    for folder in (group, *group.parents):
        if not folder.is_relative_to(top):
            break
        found = [*_lines(folder / limit)[:1], *_lines(folder / usage)[:1]]
        if len(found) == 2 and all(value.isdecimal() for value in found):  # "max": no limit
            facts = dict(line.split(maxsplit=1) for line in _lines(folder / "memory.stat"))
            cached = facts.get("total_inactive_file", facts.get("inactive_file", "0"))
            left.append(int(found[0]) - int(found[1]) + int(cached))
    return left


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _amount(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
