"""The engine ``numba``: an image spelt out as flat arrays for the compiled loop of ``kernels``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tnemu.emulator import kernels
from tnemu.emulator.engine import Trace
from tnemu.emulator.state import State
from tnemu.hardware import packet
from tnemu.hardware.image import NOT_CONNECTED, BoardImage
from tnemu.hardware.neuron import (
    AXON_TYPES,
    POTENTIAL_MAX,
    POTENTIAL_MIN,
    RAIL,
    is_stochastic,
    reset_potential,
)

HALF = np.uint32
"""A word of 64 bits is viewed as two halves, the lower one first: numba's targets are little-endian."""
BUFFER_ROWS = 1 << 16
"""Spikes that a trace buffer holds at least, before the loop returns to have it emptied."""


class Board(NamedTuple):
    """What does not change while the board runs; n cores, every parameter spelt out per neuron.

    A neuron that is not used has zero weights and leak and thresholds that no potential reaches.
    """

    crossbar: Any  # uint32 [n, 256, 8]  row = axon, bit = neuron
    axon_types: Any  # uint8 [n, 256]
    synapses: Any  # int32 [n, 256]  used neurons on the row
    weights: Any  # int16 [n, 4, 256]  by axon type; 0 where the weight is drawn
    drawn_weights: Any  # int16 [n, 4, 256]  by axon type; 0 where the weight is certain
    draws_weights: Any  # bool [n, 4]  some drawn weight of the type is not 0
    leak: Any  # int16 [n, 256]
    leak_drawn: Any  # bool [n, 256]  c
    leak_reversal: Any  # bool [n, 256]  epsilon
    alpha: Any  # int32 [n, 256]
    beta: Any  # int32 [n, 256]
    noise_mask: Any  # int32 [n, 256]  2**TM - 1
    gamma: Any  # uint8 [n, 256]
    kappa: Any  # bool [n, 256]
    reset: Any  # int32 [n, 256]  R
    noisy: Any  # bool [n]  some neuron of the core draws
    seeds: Any  # int64 [n]
    target: Any  # int32 [n, 256]  core >= 0, nothing -1, output connector -2 - target
    row: Any  # int32 [n, 256]  axon or pin
    delay: Any  # int32 [n, 256]
    hops: Any  # int32 [n, 256]
    crossings: Any  # int32 [n, 256]
    low: int  # range of a potential after integration and leak
    high: int
    rails: bool  # exceeding ``high`` is itself a spike
    zero_clamp: bool  # a leak reversal that changes the sign lands on 0


class Machine(NamedTuple):
    """What a tick changes."""

    potentials: Any  # int32 [n, 256]
    slots: Any  # uint32 [16, n, 8]
    settled: Any  # bool [n]  without input, nothing will happen on this core
    counters: Any  # int64 [8]


class Traces(NamedTuple):
    """Where spikes are written down: rows (tick, connector, pin) and (tick, core, neuron)."""

    outputs: Any  # int64 [capacity, 3]
    spikes: Any  # int64 [capacity, 3]
    recorded: Any  # bool [n]  cores whose spikes are written down
    outputs_per_tick: int  # the most that one tick can write
    spikes_per_tick: int


class NumbaEngine:
    """Runs whole runs in compiled code; Python sees a run's buffers, never a neuron or a spike."""

    def __init__(self, image: BoardImage) -> None:
        self._board = _board(image)
        self._used = np.count_nonzero(image.types, axis=1)
        self._settled = np.zeros(image.core_count, np.bool_)
        self._exits = int(np.count_nonzero(self._board.target <= -2))
        self._outputs = np.empty((max(self._exits, BUFFER_ROWS), 3), np.int64)
        self._spikes = np.empty((0, 3), np.int64)

    def advance(self, state: State, ticks: int, trace: Trace) -> None:
        slots = state.slots.view(HALF)
        machine = Machine(state.potentials, slots, self._settled, state.counters)
        while ticks:
            traces = self._traces(trace)
            done, taken, outputs, spikes = kernels.advance(
                self._board, machine, traces, state.pending, state.tick, ticks
            )
            trace.write(traces.outputs[:outputs].copy(), traces.spikes[:spikes].copy())
            state.pending = state.pending[taken:]
            state.tick += done
            ticks -= done

    def _traces(self, trace: Trace) -> Traces:
        """Buffers with room for one tick in which everything fires, so that every call moves on."""
        recorded = trace.recorded & (not trace.full)
        spikes_per_tick = int(self._used[recorded].sum())
        if recorded.any() and len(self._spikes) < max(spikes_per_tick, BUFFER_ROWS):
            self._spikes = np.empty((max(spikes_per_tick, BUFFER_ROWS), 3), np.int64)
        return Traces(self._outputs, self._spikes, recorded, self._exits, spikes_per_tick)


def _board(image: BoardImage) -> Board:
    used = image.types != 0
    # Without the unused neurons' bits, a row's population is the synaptic operations of a spike on it.
    used_bits = np.packbits(used, axis=1, bitorder="little").view(np.uint64)
    arrays = {
        "crossbar": np.ascontiguousarray(image.crossbar).view(HALF),
        "axon_types": image.axon_types,
        "synapses": np.bitwise_count(image.crossbar & used_bits[:, None]).sum(2, dtype=np.int32),
        "noisy": (used & is_stochastic(image.neuron_types)[image.types]).any(axis=1),
        "seeds": image.seeds.astype(np.int64),
        **_parameters(image),
        **_routes(image),
    }
    rails = image.board.chip.potential_range == "rails393216"
    return Board(
        **{name: _constant(array) for name, array in arrays.items()},
        low=-RAIL if rails else POTENTIAL_MIN,
        high=RAIL if rails else POTENTIAL_MAX,
        rails=rails,
        zero_clamp=image.board.chip.leak_zero_clamp,
    )


def _constant(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Read-only, so that an image opened memory-mapped needs no compilation of its own."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


def _parameters(image: BoardImage) -> dict[str, npt.NDArray[Any]]:
    """Every neuron parameter by neuron, [n, 256], and weights by axon type, [n, 4, 256]."""
    kinds = image.neuron_types
    drawn = kinds["b"] != 0

    def spread(table: npt.NDArray[Any], unused: int = 0) -> npt.NDArray[Any]:
        return np.where(image.types != 0, table[image.types], table.dtype.type(unused))

    def spread_weights(table: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.stack([spread(table[:, g]) for g in range(AXON_TYPES)], axis=1)

    drawn_weights = spread_weights(np.where(drawn, kinds["s"], np.int16(0)))
    return {
        "weights": spread_weights(np.where(drawn, np.int16(0), kinds["s"])),
        "drawn_weights": drawn_weights,
        "draws_weights": np.asarray(drawn_weights.any(axis=2)),
        "leak": spread(kinds["leak"]),
        "leak_drawn": spread(kinds["c"] != 0),
        "leak_reversal": spread(kinds["epsilon"] != 0),
        "alpha": spread(kinds["alpha"], unused=POTENTIAL_MAX + 1),
        "beta": spread(kinds["beta"], unused=POTENTIAL_MAX + 1),
        "noise_mask": spread((1 << kinds["TM"].astype(np.int32)) - 1),
        "gamma": spread(kinds["gamma"]),
        "kappa": spread(kinds["kappa"] != 0),
        "reset": spread(reset_potential(kinds)),
    }


def _routes(image: BoardImage) -> dict[str, npt.NDArray[Any]]:
    """Where every neuron's packet ends (see ``BoardImage.destinations``) and the way it takes."""
    target, row = image.destinations()
    dx, dy, _, delay = packet.decode(image.targets)
    x, y = image.positions[:, 1, None], image.positions[:, 2, None]
    cores_x, cores_y = image.board.chip.cores_x, image.board.chip.cores_y
    crossings = abs((x + dx) // cores_x - x // cores_x) + abs((y + dy) // cores_y - y // cores_y)
    sends = target != NOT_CONNECTED
    return {
        "target": target,
        "row": row,
        "delay": delay,
        "hops": (abs(dx) + abs(dy)) * sends,
        "crossings": crossings * sends,
    }
