"""Where the arrays of a board lie: what the tick loop is handed instead of arrays."""

from __future__ import annotations

import numpy as np
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import (
    FAR_CORES,
    NEURONS,
    Base,
    KeptAddresses,
    SendAddresses,
    SlotAddresses,
)


@njit(cache=True, nogil=True)
def addresses(board, scratch):
    """Where the arrays begin that ``evaluate`` reads."""
    return Base(
        board.crossbar.ctypes.data,
        board.axon_types.ctypes.data,
        board.weights.ctypes.data,
        board.byte_weights.ctypes.data,
        board.magnitudes.ctypes.data,
        board.parameters.ctypes.data,
        board.narrow_parameters.ctypes.data,
        board.leak_magnitudes.ctypes.data,
        board.drawn.ctypes.data,
        board.drawers.ctypes.data,
        board.draw_places.ctypes.data,
        board.draws.ctypes.data,
        board.jumps.ctypes.data,
        scratch.answer.ctypes.data,
        scratch.noise.ctypes.data,
        scratch.noise.ctypes.data + 4 * NEURONS,
        scratch.narrow_noise.ctypes.data,
        scratch.zeros.ctypes.data,
        scratch.ones.ctypes.data,
        scratch.places.ctypes.data,
        scratch.words.ctypes.data,
        board.high,
        board.rails,
        board.zero_clamp,
    )


@njit(cache=True, nogil=True)
def kept_of(machine):
    """What cores keep from tick to tick."""
    return KeptAddresses(
        machine.potentials.ctypes.data,
        machine.narrow.ctypes.data,
        machine.wide.ctypes.data,
        machine.generators.ctypes.data,
        machine.since.ctypes.data,
    )


@njit(cache=True, nogil=True)
def place_of(board, machine, thread):
    """Where one thread's spikes are set."""
    return SlotAddresses(
        machine.slots.ctypes.data,
        machine.waiting.ctypes.data,
        machine.counters[thread].ctypes.data,
        machine.calendar.ctypes.data,
        machine.listed.ctypes.data,
        board.page_of.ctypes.data,
        np.int64(machine.slots.shape[1]),
        np.int64(machine.waiting.shape[1]),
        np.int64(machine.listed.shape[2]),
        np.int64(machine.calendar.shape[3]),
        machine.slots.shape[1] >= FAR_CORES,
    )


@njit(cache=True, nogil=True)
def post_of(board, machine, scratch, trace, thread):
    """Where spikes leave one thread's cores."""
    return SendAddresses(
        scratch.fired.ctypes.data,
        scratch.sent.ctypes.data,
        board.owners.ctypes.data,
        machine.outbox.ctypes.data,
        machine.outbox_count.ctypes.data,
        np.int64(machine.outbox.shape[3]),
        thread,
        np.int64(len(board.bounds) - 1),
        board.outputs.ctypes.data,
        trace.outputs.ctypes.data,
        trace.counts.ctypes.data,
    )
