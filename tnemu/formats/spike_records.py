"""Spikes as records, the numbers that a record may hold, and the check of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown, whole
from tnemu.formats.errors import FormatError
from tnemu.hardware.neuron import AXONS, MAX_DELAY

SPIKE_DTYPE = np.dtype(
    [("time", np.int64), ("core", np.int64), ("axon", np.int32), ("delay", np.int32)]
)
"""A spike: source tick, core id or connector number, axon or pin, ticks until it is seen."""
SENT_DTYPE = np.dtype(
    [
        ("time", np.int64),
        ("from_core", np.int64),
        ("from_neuron", np.int32),
        ("core", np.int64),
        ("axon", np.int32),
        ("delay", np.int32),
    ]
)
"""A spike with its sender: SPIKE_DTYPE, and the id of the core and the neuron that sent it."""
MOST_BYTES = 1 << 44
"""Bytes of a spike file, which is read in blocks."""
LAST_TIME = (1 << 32) - 1
"""Highest srcTime: RAWI3 has 32 bits for it."""
CORE_LIMIT = (1 << 31) - 1
"""Core ids and connector numbers lie in -CORE_LIMIT..CORE_LIMIT."""
LIMITS = {
    "srcTime": (0, LAST_TIME),
    "destCore": (-CORE_LIMIT, CORE_LIMIT),
    "destAxon": (0, AXONS - 1),
    "destDelay": (1, MAX_DELAY),
    "srcCore": (-CORE_LIMIT, CORE_LIMIT),
    "srcNeuron": (-1, 255),
}
"""Key of a spike in a file -> lowest and highest value."""
REQUIRED = ("srcTime", "destCore", "destAxon")
"""The keys that every spike has."""
COLUMNS = (*REQUIRED, "destDelay")
"""The keys of the fields of SPIKE_DTYPE, in their order."""
SENT_KEYS = ("srcTime", "srcCore", "srcNeuron", *COLUMNS[1:])
"""The keys of the fields of SENT_DTYPE, in their order."""


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes of a file in their order: ``records`` has dtype SPIKE_DTYPE.

    ``lines`` is the line of each (int64), for a binary file the number of the spike from 1.
    """

    records: npt.NDArray[np.void]
    lines: npt.NDArray[np.int64]
    source: str

    def where(self, index: int) -> str:
        """File and line of a spike, as errors name it."""
        return f"{self.source}:{int(self.lines[index])}"

    def __len__(self) -> int:
        return len(self.records)


def spikes(
    time: npt.ArrayLike, core: npt.ArrayLike, axon: npt.ArrayLike, delay: npt.ArrayLike = 1
) -> npt.NDArray[np.void]:
    """SPIKE_DTYPE records of arrays of whole numbers that broadcast.

    Raises FormatError for what no record can hold as it is, by its key in the file.

    >>> spikes([0, 1], 7, 3)["time"].tolist()
    [0, 1]
    """
    given = dict(zip(COLUMNS, (time, core, axon, delay), strict=True))
    arrays = [_whole_numbers(key, value) for key, value in given.items()]
    try:
        columns = np.broadcast_arrays(*arrays)
    except ValueError:
        shapes = ", ".join(f"{key} {a.shape}" for key, a in zip(given, arrays, strict=True))
        raise FormatError(
            f"spikes of shapes {shapes} do not belong together; give arrays of one length"
        ) from None
    records = np.empty(columns[0].size, dtype=SPIKE_DTYPE)
    for name, column in zip(SPIKE_DTYPE.names or (), columns, strict=True):
        records[name] = column.ravel()
    return records


def _whole_numbers(key: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    """``value`` as an array that a column of SPIKE_DTYPE holds without a change."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.zeros(1)
    if not array.size:  # an empty list has a type of its own
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise FormatError(
            f"{key} = {shown(value)} is not allowed; give whole numbers (an array of integers)"
        )
    limits = np.iinfo(SPIKE_DTYPE[COLUMNS.index(key)])
    for low_or_high in (array.min(), array.max()):
        whole(key, low_or_high, int(limits.min), int(limits.max), error=FormatError)
    return array


def inside(key: str, low: int, high: int) -> bool:
    """Whether ``low..high`` are values that ``key`` may have."""
    return LIMITS[key][0] <= low and high <= LIMITS[key][1]


def check_field(key: str, value: Any, where: str) -> None:
    """Raises FormatError, which begins with ``where``, for a value that ``key`` cannot have."""
    low, high = LIMITS[key]
    if type(value) is not int or not low <= value <= high:
        raise FormatError(
            f"{where}: {key} = {shown(value)} is not allowed; "
            f"it must be a whole number, {low}..{high}"
        )


def check_records(records: npt.NDArray[np.void]) -> None:
    """Raises FormatError for the first record, of SPIKE_DTYPE or SENT_DTYPE, that no file can hold."""
    keys = SENT_KEYS if records.dtype == SENT_DTYPE else COLUMNS
    for name, key in zip(records.dtype.names or (), keys, strict=True):
        low, high = LIMITS[key]
        bad = np.flatnonzero((records[name] < low) | (records[name] > high))
        if len(bad):
            check_field(key, int(records[name][bad[0]]), f"spike {int(bad[0])}")
