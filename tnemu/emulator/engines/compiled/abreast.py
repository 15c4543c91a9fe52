"""Which cores of an image its lanes evaluate neuron by neuron, and their synapses (kernels/abreast.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engines.compiled.kernels import arrays
from tnemu.emulator.engines.compiled.kernels.abreast import (
    ABREAST_COST,
    ABREAST_NEURON_COST,
    ABREAST_SYNAPSE_COST,
    Abreast,
)
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import NEURONS

MOST_SUM = 32_767
"""Of the weights that a neuron can add in a tick: 16 bits hold it."""
DRAWS = arrays.DRAWS_LEAK | arrays.DRAWS_ETA | arrays.DRAWS_WEIGHTS


def plan(
    board: arrays.Layout, image: BoardImage, synapses: npt.NDArray[np.uint16], lanes: int
) -> Abreast:
    """The cores for which that costs less than evaluating them in each of ``lanes`` lanes.

    synapses: uint16 [n, 256], of every axon. Left out are cores that are evaluated for all lanes at once
    anyway, whose leaks reverse, that draw by keys, or whose sums may need more than 16 bits.
    """
    flags = board.flags[board.block].astype(np.int64)
    width = NEURONS - (image.types[:, ::-1] != 0).argmax(axis=1)
    cost = ABREAST_COST + ABREAST_NEURON_COST * width
    cost += ABREAST_SYNAPSE_COST * synapses.sum(axis=1, dtype=np.int64)
    one_by_one = lanes * (arrays.CORE_COST + arrays.SLOW_CORE_COST)
    keyed = (flags & DRAWS != 0) & (flags & arrays.SEQUENCE == 0)
    chosen = (flags & (arrays.SLICED | arrays.REVERSES) == 0) & ~keyed & (cost <= one_by_one)
    found = {
        int(core): lists
        for core in np.flatnonzero(chosen)
        if (lists := _lists(board, image, int(core))) is not None
    }
    cores = np.array(list(found), np.intp)
    place = np.full(len(flags), -1, np.int32)
    place[cores] = np.arange(len(cores))
    certain, certain_ends = _joined([lists[:2] for lists in found.values()])
    drawn, drawn_ends = _joined([lists[2:] for lists in found.values()])
    return Abreast(
        place=place,
        width=width[cores].astype(np.int64),
        cost=cost[cores].astype(np.int64),
        certain=certain,
        certain_ends=certain_ends,
        drawn=drawn,
        drawn_ends=drawn_ends,
    )


def _lists(
    board: arrays.Layout, image: BoardImage, core: int
) -> tuple[npt.NDArray[Any], ...] | None:
    """A core's synapses by neuron and then axon: (certain, how many of each neuron, drawn, the same).

    None where a sum may be too large.
    """
    bits = np.unpackbits(board.crossbar[core].view(np.uint8), axis=1, bitorder="little")
    neuron, axon = np.nonzero(bits.T)
    block, kind = int(board.block[core]), image.axon_types[core][axon]
    weight = board.weights[block, kind, neuron].astype(np.int32)
    if np.bincount(neuron, abs(weight), NEURONS).max(initial=0) > MOST_SUM:
        return None
    draws = np.unpackbits(board.drawn[block].view(np.uint8), axis=-1, bitorder="little")
    drawn = draws.reshape(-1, NEURONS)[kind, neuron] != 0
    magnitude = board.magnitudes[block, kind, neuron].astype(np.int32)
    entries = np.where(drawn, weight << 16 | magnitude << 8, weight << 8) | axon.astype(np.int32)
    of = [(entries[some], np.bincount(neuron[some], minlength=NEURONS)) for some in (~drawn, drawn)]
    return *of[0], *of[1]


def _joined(
    lists: list[tuple[npt.NDArray[Any], ...]],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The lists of all cores in one, and where each neuron's part begins and the last one's ends."""
    entries = np.concatenate([np.zeros(0, np.int32), *(mine for mine, _ in lists)])
    counts = np.array([count for _, count in lists], np.int64).reshape(-1, NEURONS)
    ends = np.zeros((len(lists), NEURONS + 1), np.int64)
    flat = np.concatenate([[0], np.cumsum(counts)])
    ends[:, :NEURONS] = flat[:-1].reshape(-1, NEURONS)
    ends[:, NEURONS] = flat[NEURONS::NEURONS]
    return np.ascontiguousarray(entries, np.int32), ends
