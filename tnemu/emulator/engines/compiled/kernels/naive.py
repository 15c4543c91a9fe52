"""What one writes first: a loop over active axons, set bits and neurons. Kept to be compared with.

Exact for cores that draw no noise and have no leak reversal; ``tnemu bench`` runs it beside the
engine on the same board, so that a speed is always a ratio to something anyone would write.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import AXON_MASK, DELAY_AT, OUTPUT
from tnemu.emulator.engines.compiled.kernels.vector import (
    ADD_BELOW,
    ADD_FIRED,
    ALPHA,
    FLOOR,
    KEEP_BELOW,
    KEEP_FIRED,
    LEAK,
)
from tnemu.emulator.engines.compiled.kernels.words import lowest_bit


@njit(cache=True)
def advance(
    crossbar: Any, axon_types: Any, block: Any, weights: Any, parameters: Any, target: Any,
    potentials: Any, slots: Any, tick: int, ticks: int,
) -> tuple[int, int]:  # fmt: skip
    """Run ``ticks`` ticks in place; returns (spikes, synaptic operations). Arrays as in tick.py."""
    spikes, operations = 0, 0
    for now in range(tick, tick + ticks):
        for core in range(len(block)):
            for word in range(4):
                active = slots[now & 15, core, word]
                slots[now & 15, core, word] = 0
                while active != np.uint64(0):
                    axon = 64 * word + lowest_bit(active)
                    active &= active - np.uint64(1)
                    kind = axon_types[core, axon]
                    for part in range(4):
                        row = crossbar[core, axon, part]
                        while row != np.uint64(0):
                            j = 64 * part + lowest_bit(row)
                            row &= row - np.uint64(1)
                            potentials[core, j] += weights[block[core], kind, j]
                            operations += 1
            rows = parameters[block[core]]
            for j in range(256):
                v = potentials[core, j] + rows[LEAK, j]
                v = min(max(v, -(1 << 19)), (1 << 19) - 1)
                if v >= rows[ALPHA, j]:
                    v = (v & rows[KEEP_FIRED, j]) + rows[ADD_FIRED, j]
                    spikes += 1
                    to = target[core, j]
                    if 0 <= to < OUTPUT:
                        bit = np.uint64(1) << np.uint64(to & 63)
                        slot, axon = (now + (to >> DELAY_AT)) & 15, to & AXON_MASK
                        slots[slot, axon >> 8, (axon & 255) >> 6] |= bit
                elif v < rows[FLOOR, j]:
                    v = (v & rows[KEEP_BELOW, j]) + rows[ADD_BELOW, j]
                potentials[core, j] = v
    return spikes, operations
