"""The noise source, one number at a time: what noise.py documents and vector.py does in lanes.

The lines run on plain Python integers (``.py_func``) and compiled alike: 32-bit numbers in 64-bit
integers, where a product that wraps still holds the 64 bits that are cut from it.
"""

from __future__ import annotations

from numba import njit

SYNAPSE, LEAK, THRESHOLD = 0, 1, 2


@njit(cache=True)
def philox(key: int, low: int, high: int) -> tuple[int, int]:
    """Philox2x32-10 of a 32-bit key and the counter (low, high): two 32-bit words."""
    word, other = low, high
    for _ in range(10):
        product = word * 0xD256D193
        word = ((product >> 32) & 0xFFFFFFFF) ^ key ^ other
        other = product & 0xFFFFFFFF
        key = (key + 0x9E3779B9) & 0xFFFFFFFF
    return word, other


@njit(cache=True)
def noise(seed: int, tick: int, neuron: int, kind: int, axon: int) -> int:
    """The 32-bit word of one draw; :mod:`tnemu.emulator.noise` says which bits of Philox it is."""
    block = neuron >> 1 if kind == THRESHOLD else neuron >> 3
    half = neuron & 1 if kind == THRESHOLD else (neuron >> 2) & 1
    turn = 0 if kind == THRESHOLD else 8 * (neuron & 3)
    high = block | kind << 8 | axon << 10 | ((tick >> 32) & 0x3FFF) << 18
    words = philox(seed & 0xFFFFFFFF, tick & 0xFFFFFFFF, high)
    word = words[1] if half else words[0]
    return (word >> turn | word << (32 - turn)) & 0xFFFFFFFF
