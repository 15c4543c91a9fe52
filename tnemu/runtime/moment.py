"""What belongs to a picture of a film: the chip, its input and its votes at that moment.

    rest = firings uint32 [cores] + input bits, 8 in a byte [ceil(pins / 8)] + scores float32 [actions]

all little-endian. ``firings`` counts since the moment before; bit k of the input is bit k mod 8 of byte
k // 8, lowest first; ``scores`` are those that the latest action was chosen by.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Moment(NamedTuple):
    """See the module: uint32 [cores], bool [pins], float32 [actions]."""

    firings: npt.NDArray[np.uint32]
    inputs: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float32]


def pack(
    firings: npt.NDArray[np.int64],
    pins: npt.NDArray[np.int64],
    width: int,
    scores: npt.ArrayLike,
) -> bytes:
    """The bytes of a moment; ``pins`` of the ``width`` input pins spiked."""
    bits = np.zeros(width, np.bool_)
    bits[pins] = True
    return (
        firings.astype("<u4").tobytes()
        + np.packbits(bits, bitorder="little").tobytes()
        + np.asarray(scores, "<f4").tobytes()
    )


def unpack(rest: bytes, cores: int, width: int) -> Moment:
    """The moment that ``pack`` made for a board of ``cores`` cores and ``width`` input pins."""
    after, at = 4 * cores, 4 * cores + -(-width // 8)
    bits = np.frombuffer(rest, np.uint8, at - after, after)
    return Moment(
        np.frombuffer(rest, "<u4", cores),
        np.unpackbits(bits, count=width, bitorder="little").astype(np.bool_),
        np.frombuffer(rest, "<f4", (len(rest) - at) // 4, at),
    )
