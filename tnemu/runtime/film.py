"""A film of a run: compressed moments in bounded shared memory, at most 15 a second.

A moment is what a person would see of the world, and after it, in the same compressed bytes, whatever
else belongs to it (:mod:`tnemu.runtime.moment`). When the memory is full the film ends and the run goes
on; ``dropped`` says how many moments are missing. The latest one is there in any case, for a live page.
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
LATEST_BYTES = 1 << 21
RATE_HZ = 15

INDEX_DTYPE = np.dtype(
    [
        ("decision", np.int64),
        ("offset", np.int64),
        ("length", np.int64),
        ("shape", np.int32, 3),
        ("action", np.int32),
        ("player", np.int32),
    ]
)
"""Number of decisions taken before it, place of its bytes, shape of its picture, the action that was
chosen last (-1: not told), and whose turn it is where several play."""

TRIES = 8
"""Attempts to read a latest moment that is being replaced."""


def film_layout() -> Layout:
    """The arrays of a film; untouched memory costs nothing."""
    return {
        "film.bytes": (np.uint8, (BYTES,)),
        "film.index": (INDEX_DTYPE, (PICTURES,)),
        "film.state": (
            np.dtype([("count", np.int64), ("dropped", np.int64), ("version", np.int64)]),
            (),
        ),
        "film.latest": (np.uint8, (LATEST_BYTES,)),
        "film.latest_index": (INDEX_DTYPE, (1,)),
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

    @property
    def index(self) -> npt.NDArray[np.void]:
        """Where every moment is, of INDEX_DTYPE."""
        return self._memory["film.index"][: len(self)]

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """The compressed moments, one after the other."""
        last = self.index[-1:]
        return self._memory["film.bytes"][: int((last["offset"] + last["length"]).sum())]

    def __len__(self) -> int:
        return int(self._memory["film.state"]["count"])

    def add(
        self,
        decision: int,
        picture: npt.NDArray[np.uint8],
        rest: bytes = b"",
        action: int = -1,
        player: int = 0,
    ) -> None:
        """Append one moment, or count it as dropped; it is the latest one either way."""
        state: Any = self._memory["film.state"]
        index, room = self._memory["film.index"], self._memory["film.bytes"]
        count = len(self)
        packed = np.frombuffer(zlib.compress(picture.tobytes() + rest, 1), np.uint8)
        entry = (decision, 0, len(packed), picture.shape, action, player)
        self._show(packed, entry)
        last = index[max(count - 1, 0)]
        offset = int(last["offset"] + last["length"])
        if count == len(index) or offset + len(packed) > len(room) or self.dropped:
            state["dropped"] += 1
            return
        room[offset : offset + len(packed)] = packed
        index[count] = entry
        index["offset"][count] = offset
        state["count"] = count + 1

    def latest(self) -> tuple[int, Any, bytes] | None:
        """(version, entry of the index, compressed bytes) of the newest moment; None: none is whole."""
        state, index = self._memory["film.state"], self._memory["film.latest_index"]
        for _ in range(TRIES):
            version = int(state["version"])
            entry = index[0].copy()
            data = self._memory["film.latest"][: entry["length"]].tobytes()
            if version and version % 2 == 0 and version == int(state["version"]):
                return version, entry, data
        return None

    def pictures(self) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """(decision, picture) in order."""
        for entry in self.index:
            start = int(entry["offset"])
            packed = self._memory["film.bytes"][start : start + int(entry["length"])]
            yield int(entry["decision"]), picture_of(packed.tobytes(), entry["shape"])[0]

    def _show(self, packed: npt.NDArray[np.uint8], entry: tuple[Any, ...]) -> None:
        """Replace the latest moment; its version is odd meanwhile."""
        if len(packed) > LATEST_BYTES:
            return
        state: Any = self._memory["film.state"]
        state["version"] += 1
        self._memory["film.latest"][: len(packed)] = packed
        self._memory["film.latest_index"][0] = entry
        state["version"] += 1


def picture_of(packed: bytes, shape: npt.ArrayLike) -> tuple[npt.NDArray[np.uint8], bytes]:
    """(picture, the bytes after it) of a compressed moment."""
    raw = zlib.decompress(packed)
    size = int(np.prod(np.asarray(shape)))
    return np.frombuffer(raw, np.uint8, size).reshape(np.asarray(shape)), raw[size:]
