"""What the noise ``xorshift32`` needs of an image: who draws in which order, and tables of jumps."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator import xorshift
from tnemu.hardware.neuron import NEURONS

Matrix = npt.NDArray[np.uint32]
"""The columns of a 32 x 32 matrix of bits."""


def drawers(kinds: npt.NDArray[np.void], rows: npt.NDArray[np.uint16]) -> dict[str, Any]:
    """Who draws, of every distinct row [k, 256] of neuron types: arrays of ``kernels.arrays.Layout``."""
    used = rows != 0
    leak, eta = (used & (kinds[name][rows] != 0) for name in ("c", "TM"))
    weight = used[..., None] & (kinds["b"][rows] != 0)
    each = np.stack([leak, eta], axis=2).reshape(-1, 2 * NEURONS)  # in the order of drawing
    place = np.stack([np.arange(NEURONS), np.arange(NEURONS) + NEURONS], axis=1).ravel()
    first = np.argsort(~each, axis=1, kind="stable")
    return {
        "drawn": _packed(weight.transpose(0, 2, 1)).view(np.uint64),
        "drawers": leak.astype(np.uint8) | eta.astype(np.uint8) << 1,
        "draw_places": place[first].astype(np.uint16),
        "draws": each.sum(axis=1, dtype=np.int64),
    }


def _packed(bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The bits of the last axis as bytes, lowest first."""
    return np.packbits(np.ascontiguousarray(bits), axis=-1, bitorder="little")


@cache
def jumps() -> npt.NDArray[np.uint32]:
    """Tables uint32 [3, 8, 16, 16] of jumps (kernels/sequence.py); read-only.

    tables[t, g, v, i] = M_i (v << 4 g), M_i being the i-th matrix of table t.
    """
    one = np.array(xorshift.power(1), np.uint32)
    powers = [one]  # M ** (2 ** i)
    while len(powers) < 32:
        powers.append(_product(powers[-1], powers[-1]))
    sixteens = [np.array(xorshift.power(0), np.uint32)]
    while len(sixteens) < 16:
        sixteens.append(_product(powers[4], sixteens[-1]))
    tables = np.zeros((3, 8, 16, 16), np.uint32)
    for t, matrices in enumerate((sixteens, powers[:16], powers[16:])):
        columns = np.stack(matrices).reshape(16, 8, 4)
        for value in range(16):
            mine = columns[..., [bit for bit in range(4) if value >> bit & 1]]
            tables[t, :, value] = np.bitwise_xor.reduce(mine, axis=2).T
    tables.flags.writeable = False
    return tables


def _product(a: Matrix, b: Matrix) -> Matrix:
    """Column j of the product: the exclusive or of those columns of ``a`` whose bit of b_j is 1."""
    bits = b[:, None] >> np.arange(32, dtype=np.uint32) & 1
    return np.asarray(np.bitwise_xor.reduce(np.where(bits, a, 0), axis=1), np.uint32)
