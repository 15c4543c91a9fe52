"""The noise source: one 32-bit word for every (core seed, tick, neuron, what is drawn, axon).

    words(block, kind, axon) = Philox2x32-10(key = seed, counter = (tick mod 2**32,
                               block | kind << 8 | axon << 10 | (tick >> 32 mod 2**14) << 18))

    synapse    rho = byte neuron mod 8 of the 8 bytes of words(neuron div 8, 0, axon)
               F(s, rho) = 1 if |s| >= rho else 0
    leak       rho = byte neuron mod 8 of the 8 bytes of words(neuron div 8, 1, 0)
    threshold  eta = word neuron mod 2 of words(neuron div 2, 2, 0)  AND (2**TM - 1)

:func:`draw` returns the 32-bit word that holds the byte, turned so that the byte is lowest.

seed: unsigned, 32 bits. tick: 0 .. 2**46 - 1. neuron, axon: 0..255. kind: SYNAPSE, LEAK, THRESHOLD.

There is no generator state: a word depends on its five keys and on nothing else, so draws do not
depend on the order of evaluation, on the engine, on how a run is cut up, on where a core is placed,
or on what other neurons draw. Every key is part of Philox's key or counter without loss: the eight
neurons of a block take different bytes of one evaluation, and no two evaluations of a board share an
input. Two cores with the same seed draw the same noise, as two chips' cores with the same seed would.

The chip's own generator is not public (polynomial, draw order and widths), so stochastic modes agree
with hardware statistically, not bit for bit: P(F = 1) = (|s| + 1) / 256 for s != 0.

Source of the generator: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Of
the 8-bit width: docs/semantics.md.
"""

from __future__ import annotations

from collections.abc import Callable

SYNAPSE, LEAK, THRESHOLD = 0, 1, 2

Draw = Callable[[int, int, int, int, int], int]
"""A noise source: (seed, tick, neuron, kind, axon) -> a word of 32 bits."""

WORD = 0xFFFFFFFF


def philox(key: int, low: int, high: int) -> tuple[int, int]:
    """Philox2x32-10 of a 32-bit key and the counter (low, high): two 32-bit words."""
    for _ in range(10):
        product = low * 0xD256D193
        low, high = product >> 32 ^ key ^ high, product & WORD
        key = (key + 0x9E3779B9) & WORD
    return low, high


def draw(seed: int, tick: int, neuron: int, kind: int, axon: int) -> int:
    """The 32-bit word of one draw, its own bits lowest."""
    to_a_block = 2 if kind == THRESHOLD else 8  # neurons that share an evaluation
    block, place = divmod(neuron, to_a_block)
    counter = block | kind << 8 | axon << 10 | (tick >> 32 & 0x3FFF) << 18
    low, high = philox(seed & WORD, tick & WORD, counter)
    start = place * 64 // to_a_block  # of its bits among the 64
    word, turn = (high if start >= 32 else low), start % 32
    return (word >> turn | word << 32 - turn) & WORD
