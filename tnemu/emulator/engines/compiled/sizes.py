"""Memory that the compiled engine takes, in bytes.

    engine  =  n x ENGINE_CORE + k x ENGINE_BLOCK + calendar    (12 kB a core, 27 kB a block)

for n cores with k different rows of neuron types; cores that have the same row share a block. A large
board's calendar has 1 kB a core for each of up to four threads. Buffers
for the spikes of a run come on top; only the part that spikes reach takes memory.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engines.compiled.kernels import arrays, narrow, vector
from tnemu.emulator.memory import CROSSBAR, SLOT_BITS, check
from tnemu.hardware.neuron import AXON_TYPES, AXONS, NEURONS, SLOTS

ENGINE_CORE = CROSSBAR + AXONS // 4 + NEURONS * (8 + 4 + 2) + SLOT_BITS + 1 + 4 + 8 + 12 + SLOTS
"""Bytes of a core in the engine: crossbar without unused columns, axon types; targets and potentials
in 32 and in 16 bits; slots; width, block, firings, a generator and its tick, which slots wait."""
CALENDAR_CORE = SLOTS * arrays.PAGE_ROOM * 4 // arrays.PAGE
"""More bytes of a core, for each of up to four threads, where the board is large enough to have a
calendar."""
ENGINE_BLOCK = (
    NEURONS * (4 * vector.PARAMETERS + 2 * narrow.NARROW_PARAMETERS + 4 + 1)
    + AXON_TYPES * NEURONS * (2 + 1 + 1)
    + (AXON_TYPES + 8) * NEURONS // 8
    + 4 * NEURONS
    + 8
    + 6
)
"""Bytes of a parameter block: parameters in 32 and in 16 bits, bias, drawn leaks; weights by axon
type; which of them are drawn, by whom, and in which order; flags and signs."""
LANE_WORD_CORE = SLOTS * (AXONS + 1) * 8
"""Bytes of a core for each 64 lanes."""
LANE_CORE = NEURONS * 4
"""Bytes of a core for each lane, where it keeps potentials between ticks."""
LANE_GENERATOR = 4
"""Bytes of a core for each lane, of its noise."""


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


def check_lanes(board: arrays.Layout, lanes: int) -> None:
    """Raises EmulatorError when ``lanes`` boards do not fit beside the engine that is loaded."""
    cores = len(board.block)
    keeping = np.count_nonzero(board.flags[board.block] & arrays.SLICED == 0)
    needed = -(-lanes // 64) * cores * LANE_WORD_CORE + lanes * int(keeping) * LANE_CORE
    needed += lanes * cores * LANE_GENERATOR
    check(f"{lanes:,} lanes of {cores:,} cores", needed, "use fewer lanes")
