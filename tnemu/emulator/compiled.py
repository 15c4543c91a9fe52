"""The engine ``numba``: an image spelt out as flat arrays for the compiled loop of ``kernels``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.emulator import kernels
from tnemu.emulator.engine import Trace
from tnemu.emulator.state import State
from tnemu.hardware import packet
from tnemu.hardware.image import NOT_CONNECTED, BoardImage
from tnemu.hardware.neuron import (
    POTENTIAL_MAX,
    POTENTIAL_MIN,
    RAIL,
    is_stochastic,
    reset_potential,
)

BUFFER_ROWS = 1 << 16
"""Spikes that a trace buffer holds at least, before the loop returns to have it emptied."""


class NumbaEngine:
    """Runs whole runs in compiled code; Python sees a run's buffers, never a neuron or a spike."""

    def __init__(self, image: BoardImage) -> None:
        self._board = _board(image)
        self._used = np.count_nonzero(image.types, axis=1)
        self._outputs_per_tick = int(np.count_nonzero(self._board.target <= -2))
        self._settled = np.zeros(image.core_count, np.bool_)

    def advance(self, state: State, ticks: int, trace: Trace) -> None:
        machine = kernels.Machine(
            state.potentials, _halves(state.slots), self._settled, state.counters
        )
        while ticks:
            recorded = trace.recorded & (not trace.full)
            traces = self._traces(recorded)
            done, taken, outputs, spikes = kernels.advance(
                self._board, machine, traces, state.pending, state.tick, ticks
            )
            trace.write(traces.outputs[:outputs].copy(), traces.spikes[:spikes].copy())
            state.pending = state.pending[taken:]
            state.tick += done
            ticks -= done

    def _traces(self, recorded: npt.NDArray[np.bool_]) -> kernels.Traces:
        """Empty buffers with room for one tick in which everything fires, so that a run moves on."""
        spikes_per_tick = int(self._used[recorded].sum())
        return kernels.Traces(
            outputs=np.empty((max(self._outputs_per_tick, BUFFER_ROWS), 3), np.int64),
            spikes=np.empty((max(spikes_per_tick, BUFFER_ROWS), 3), np.int64),
            recorded=recorded,
            outputs_per_tick=self._outputs_per_tick,
            spikes_per_tick=spikes_per_tick,
        )


def _halves(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]:
    """The same memory as 32-bit words, little end first."""
    return np.ascontiguousarray(words).astype("<u8", copy=False).view("<u4")


def _board(image: BoardImage) -> kernels.Board:
    used = image.types != 0
    chip, kinds = image.board.chip, image.neuron_types
    rails = chip.potential_range == "rails393216"
    low, high = (-RAIL, RAIL) if rails else (POTENTIAL_MIN, POTENTIAL_MAX)
    drawn = kinds["b"].astype(bool)

    def per_neuron(values: npt.ArrayLike, unused: int = 0) -> npt.NDArray[np.generic]:
        """[k] by neuron type to [n, 256] by neuron."""
        table = np.asarray(values)
        return np.where(used, table[image.types], table.dtype.type(unused))

    def by_axon_type(weights: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        """[k, 4] by neuron type to [n, 4, 256] by neuron."""
        return np.stack([per_neuron(weights[:, g]) for g in range(4)], axis=1)

    drawn_weights = by_axon_type(np.where(drawn, kinds["s"], 0).astype(np.int16))
    target, row, delay, hops, crossings = _routes(image)
    # Bits of unused neurons are cleared in a mask, so that a row's population is its operations.
    used_bits = np.packbits(used, axis=1, bitorder="little").view(np.uint64)
    return kernels.Board(
        crossbar=_halves(image.crossbar),
        axon_types=np.ascontiguousarray(image.axon_types),
        synapses=np.bitwise_count(image.crossbar & used_bits[:, None]).sum(2).astype(np.int32),
        weights=by_axon_type(np.where(drawn, 0, kinds["s"]).astype(np.int16)),
        drawn_weights=drawn_weights,
        draws_weights=drawn_weights.any(axis=2),
        leak=per_neuron(kinds["leak"]),
        leak_drawn=per_neuron(kinds["c"] != 0),
        leak_reversal=per_neuron(kinds["epsilon"] != 0),
        alpha=per_neuron(kinds["alpha"], unused=POTENTIAL_MAX + 1),
        beta=per_neuron(kinds["beta"], unused=POTENTIAL_MAX + 1),
        noise_mask=per_neuron((np.int32(1) << kinds["TM"].astype(np.int32)) - np.int32(1)),
        gamma=per_neuron(kinds["gamma"]),
        kappa=per_neuron(kinds["kappa"] != 0),
        reset=per_neuron(reset_potential(kinds)),
        noisy=per_neuron(is_stochastic(kinds)).any(axis=1),
        seeds=image.seeds.astype(np.int64),
        target=target,
        row=row,
        delay=delay,
        hops=hops,
        crossings=crossings,
        low=low,
        high=high,
        rails=rails,
        zero_clamp=chip.leak_zero_clamp,
    )


def _routes(image: BoardImage) -> tuple[npt.NDArray[np.int32], ...]:
    """Per neuron [n, 256]: target, row (see ``BoardImage.destinations``), delay, hops, crossings."""
    target, row = image.destinations()
    dx, dy, _, delay = packet.decode(image.targets)
    x, y = image.positions[:, 1, None], image.positions[:, 2, None]
    cores_x, cores_y = image.board.chip.cores_x, image.board.chip.cores_y
    crossings = abs((x + dx) // cores_x - x // cores_x) + abs((y + dy) // cores_y - y // cores_y)
    sends = target != NOT_CONNECTED
    routes = (target, row, delay, (abs(dx) + abs(dy)) * sends, crossings * sends)
    return tuple(np.ascontiguousarray(route, dtype=np.int32) for route in routes)
