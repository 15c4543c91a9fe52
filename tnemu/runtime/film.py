"""A film of the world: compressed pictures in bounded shared memory, at most 15 a second.

When the memory is full the film ends and the run goes on; ``dropped`` says how many pictures are
missing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.runtime.link import Layout, SharedArrays

BYTES = 1 << 26
PICTURES = 1 << 14
RATE_HZ = 15

INDEX_DTYPE = np.dtype(
    [("decision", np.int64), ("offset", np.int64), ("length", np.int64), ("shape", np.int32, 3)]
)


def film_layout() -> Layout:
    """The arrays of a film; untouched memory costs nothing."""
    return {
        "film.bytes": (np.uint8, (BYTES,)),
        "film.index": (INDEX_DTYPE, (PICTURES,)),
        "film.state": (np.dtype([("count", np.int64), ("dropped", np.int64)]), ()),
    }


def every(rate_hz: float) -> int:
    """Decisions from one picture to the next at ``rate_hz`` decisions a second."""
    return max(1, round(rate_hz / RATE_HZ))


class Film:
    """Pictures uint8 [height, width, 3], each with the number of the decision it was taken after."""

    def __init__(self, memory: SharedArrays) -> None:
        self._memory = memory

    @property
    def dropped(self) -> int:
        """Pictures that had no room."""
        return int(self._memory["film.state"]["dropped"])

    def __len__(self) -> int:
        return int(self._memory["film.state"]["count"])

    def add(self, decision: int, picture: npt.NDArray[np.uint8]) -> None:
        """Append one picture, or count it as dropped."""
        state: Any = self._memory["film.state"]
        index, room = self._memory["film.index"], self._memory["film.bytes"]
        count = len(self)
        packed = np.frombuffer(zlib.compress(picture.tobytes(), 1), np.uint8)
        last = index[max(count - 1, 0)]
        offset = int(last["offset"] + last["length"])
        if count == len(index) or offset + len(packed) > len(room) or self.dropped:
            state["dropped"] += 1
            return
        room[offset : offset + len(packed)] = packed
        index[count] = (decision, offset, len(packed), picture.shape)
        state["count"] = count + 1

    def pictures(self) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """(decision, picture) in order."""
        room = self._memory["film.bytes"]
        for decision, offset, length, shape in self._memory["film.index"][: len(self)]:
            raw = zlib.decompress(room[offset : offset + length].tobytes())
            yield int(decision), np.frombuffer(raw, np.uint8).reshape(shape)
