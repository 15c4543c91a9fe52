"""The noise source: one 32-bit word for every (core seed, tick, neuron, what is drawn, axon).

    word = Philox2x32-10(key = seed, counter = (tick mod 2**32, neuron | kind << 8 | axon << 10
                                                               | (tick >> 32 mod 2**14) << 18))[0]

    synapse    rho = word AND 255          F(s, rho) = 1 if |s| >= rho else 0
    leak       rho = word AND 255          (axon 0)
    threshold  eta = word AND (2**TM - 1)  (axon 0)

seed: unsigned, 32 bits. tick: 0 .. 2**46 - 1. neuron, axon: 0..255. kind: SYNAPSE, LEAK, THRESHOLD.

There is no generator state: a word depends on its five keys and on nothing else, so draws do not
depend on the order of evaluation, on the engine, on how a run is cut up, on where a core is placed,
or on what other neurons draw. Every key is part of Philox's key or counter without loss, so no two
draws of a board share an input; two cores with the same seed draw the same noise, as two chips'
cores with the same seed would.

The chip's own generator is not public (polynomial, draw order and widths), so stochastic modes agree
with hardware statistically, not bit for bit: P(F = 1) = (|s| + 1) / 256 for s != 0.

Source of the generator: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Of
the 8-bit width: docs/semantics.md.
"""

from __future__ import annotations

from collections.abc import Callable

from tnemu.emulator import kernels
from tnemu.emulator.kernels import LEAK, SYNAPSE, THRESHOLD

__all__ = ["LEAK", "SYNAPSE", "THRESHOLD", "Draw", "draw"]

Draw = Callable[[int, int, int, int, int], int]
"""A noise source: (seed, tick, neuron, kind, axon) -> a word of 32 bits."""

# numba leaves the plain function in place of the dispatcher when it is switched off.
draw: Draw = getattr(kernels.noise, "py_func", kernels.noise)
"""The noise source on plain Python integers: the very source lines that the compiled engine runs."""
