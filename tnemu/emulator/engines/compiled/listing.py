"""The lists of synapses of cores that keep nothing between ticks (kernels/lists.py)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engines.compiled.kernels import arrays, lists
from tnemu.hardware.neuron import AXONS, NEURONS


def sliced(board: arrays.Layout) -> npt.NDArray[np.bool_]:
    """bool [n]: the cores that keep nothing between ticks and add only +1 and -1."""
    return np.asarray((board.flags[board.block] & arrays.SLICED) != 0)


def made(board: arrays.Layout, cores: npt.NDArray[np.int64]) -> lists.Lists:
    """The lists of these cores, all of them ``sliced``, in this order."""
    m = len(cores)
    place = np.full(len(board.block), -1, np.int32)
    place[cores] = np.arange(m)
    stands = np.zeros((m, NEURONS), np.uint8)
    first, begins = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    lists.count_lists(board, cores, stands, first, begins)
    found = lists.Lists(
        place=place,
        minus=np.zeros((m, AXONS), np.int8),
        stands=stands,
        first=first,
        begins=begins,
        eights=np.zeros(first[-1], np.int16),
        starts=np.zeros(first[-1], np.int16),
        synapses=np.zeros(begins[-1], np.uint16),
    )
    lists.fill_lists(board, cores, found)
    return found
