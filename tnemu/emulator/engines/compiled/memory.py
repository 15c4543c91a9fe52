"""Memory: what a board needs, what is left, and a refusal before the system starts to swap.

    image   =  n x IMAGE_CORE                        (10 kB a core)
    engine  =  n x ENGINE_CORE + k x ENGINE_BLOCK + calendar    (12 kB a core, 22 kB a block)

for n cores with k different rows of neuron types; cores that have the same row share a block. A large
board's calendar has 1 kB a core for each of up to four threads. Buffers
for the spikes of a run come on top; only the part that spikes reach takes memory.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engines.compiled.kernels import arrays, vector
from tnemu.emulator.errors import EmulatorError
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXON_TYPES, AXONS, NEURONS, SLOTS

CROSSBAR = AXONS * NEURONS // 8
SLOT_BITS = SLOTS * AXONS // 8

IMAGE_CORE = CROSSBAR + NEURONS * (2 + 4) + AXONS + 12 + 8 + 4
"""Bytes of a core in an image: crossbar; types and targets; axon types; position, number, seed."""
ENGINE_CORE = CROSSBAR + AXONS // 4 + NEURONS * (8 + 4 + 2) + SLOT_BITS + 1 + 4 + 8 + 8 + SLOTS
"""Bytes of a core in the engine: crossbar without unused columns, axon types; targets and potentials
in 32 and in 16 bits; slots; width, block, seed, firings, which slots wait."""
CALENDAR_CORE = SLOTS * arrays.PAGE_ROOM * 4 // arrays.PAGE
"""More bytes of a core, for each of up to four threads, where the board is large enough to have a
calendar."""
ENGINE_BLOCK = (
    NEURONS * (4 * vector.PARAMETERS + 2 * vector.NARROW_PARAMETERS + 4 + 1)
    + AXON_TYPES * NEURONS * (2 + 1 + 1)
    + 6
)
"""Bytes of a parameter block: parameters in 32 and in 16 bits, bias, drawn leaks; weights by axon
type; flags and signs."""
LANE_WORD_CORE = SLOTS * (AXONS + 1) * 8
"""Bytes of a core for each 64 lanes."""
LANE_CORE = NEURONS * 4
"""Bytes of a core for each lane, where it keeps potentials between ticks."""


def list_room(cores: int, threads: int) -> int:
    """Entries of each list of the calendar; 0 where there is none.

    A thread's cores are cut into pages, and every thread has lists for all of them.
    """
    if cores < arrays.CALENDAR_CORES:
        return 0
    page = min(arrays.PAGE, -(-cores // threads))
    return max(1, arrays.PAGE_ROOM * page * min(threads, arrays.SHARERS) // (arrays.PAGE * threads))


def engine_bytes(cores: int, blocks: int = 1, threads: int = 1) -> int:
    """What the compiled engine and the board's state take beside an image of ``cores`` cores."""
    pages = threads * -(-cores // (threads * arrays.PAGE))
    calendar = 4 * SLOTS * threads * pages * list_room(cores, threads)
    return cores * ENGINE_CORE + calendar + blocks * ENGINE_BLOCK


def blocks_of(types: npt.NDArray[np.uint16]) -> int:
    """How many different rows there are in ``types`` [n, 256]."""
    return len({hash(row.tobytes()) for row in types})


def check_engine(image: BoardImage, threads: int = 1) -> None:
    """Raises EmulatorError when the engine for ``image`` does not fit beside it."""
    cores = image.core_count
    check(f"{cores:,} cores", engine_bytes(cores, blocks_of(image.types), threads))


def check_lanes(board: arrays.Board, lanes: int) -> None:
    """Raises EmulatorError when ``lanes`` boards do not fit beside the engine that is loaded."""
    cores = len(board.block)
    keeping = np.count_nonzero(board.flags[board.block] & arrays.SLICED == 0)
    needed = -(-lanes // 64) * cores * LANE_WORD_CORE + lanes * int(keeping) * LANE_CORE
    check(f"{lanes:,} lanes of {cores:,} cores", needed, "use fewer lanes")


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
