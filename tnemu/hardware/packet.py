"""The 32-bit spike packet: dx, dy, axon, slot.

word = (dx & 511) << 23 | (dy & 511) << 14 | axon << 6 | delay << 2

dx and dy are 9-bit signed hops still to go (east and north positive), axon the row of the target
core, delay the ticks between firing and delivery. Bits 1 (debug) and 0 are unused. A destination
word with delay 0 is a neuron that sends nothing, because a delay of 0 cannot be delivered.
Source: the host-side spike word of the chip's spike buffers; Akopyan et al., TCAD 2015, section V.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.hardware.errors import RangeError
from tnemu.hardware.neuron import AXONS, MAX_DELAY, whole

REACH = 255
"""Farthest core a packet reaches in x or y (four chips)."""

Words = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int32]


def encode(
    dx: npt.ArrayLike, dy: npt.ArrayLike, axon: npt.ArrayLike, delay: npt.ArrayLike
) -> Words:
    """Packet words (uint32) of hops ``dx``, ``dy`` in -255..255, ``axon`` 0..255, ``delay`` 1..15.

    Arrays broadcast. Raises RangeError naming the field and its limit, or a value that is not whole.
    """
    parts: list[npt.NDArray[np.int64]] = []
    for name, values, low, high in (
        ("dx", dx, -REACH, REACH),
        ("dy", dy, -REACH, REACH),
        ("axon", axon, 0, AXONS - 1),
        ("delay", delay, 1, MAX_DELAY),
    ):
        array = whole(values, f"packet field {name}")
        bad = (array < low) | (array > high)
        if bad.any():
            raise RangeError(
                f"packet field {name} = {int(array[bad].ravel()[0])} is outside {low}..{high}; "
                + _NEXT_STEP[name]
            )
        parts.append(array.astype(np.int64))
    word = (parts[0] & 511) << 23 | (parts[1] & 511) << 14 | parts[2] << 6 | parts[3] << 2
    return np.asarray(word, dtype=np.uint32)


_NEXT_STEP = {
    "dx": "place the two cores closer or relay the spike through a core between them",
    "dy": "place the two cores closer or relay the spike through a core between them",
    "axon": "a core has 256 axons",
    "delay": "a delay of 0 or 16 would land in the slot being read; relay to wait longer",
}


def decode(words: npt.ArrayLike) -> tuple[Ints, Ints, Ints, Ints]:
    """(dx, dy, axon, delay) of packet words, each int32 of the words' shape."""
    word = np.asarray(words, dtype=np.uint32).astype(np.int64)

    def signed9(field: npt.NDArray[np.int64]) -> Ints:
        return (((field & 511) ^ 256) - 256).astype(np.int32)

    return (
        signed9(word >> 23),
        signed9(word >> 14),
        ((word >> 6) & 255).astype(np.int32),
        ((word >> 2) & 15).astype(np.int32),
    )
