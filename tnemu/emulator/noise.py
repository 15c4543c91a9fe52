"""The noise sources: where the words that neurons draw come from; the chip's switch ``noise``.

    xorshift32  a generator in each core; its draws follow each other (xorshift.py)
    counter     every word is a function of what draws it (below)

What is drawn, and what becomes of a word:

    synapse    rho = word AND 255;  F(s, rho) = 1 if |s| >= rho else 0
    leak       rho = word AND 255
    threshold  eta = word AND (2**TM - 1)

A core has a state of 32 bits, which begins as :func:`generators` says: of ``xorshift32`` the state of
its generator, of ``counter`` the key of its draws, which stays.

``counter``: one 32-bit word for every (key, tick, neuron, what is drawn, axon)::

    words(block, kind, axon) = Philox2x32-10(key, counter = (tick mod 2**32,
                               block | kind << 8 | axon << 10 | (tick >> 32 mod 2**14) << 18))

    synapse    byte neuron mod 8 of the 8 bytes of words(neuron div 8, 0, axon)
    leak       byte neuron mod 8 of the 8 bytes of words(neuron div 8, 1, 0)
    threshold  word neuron mod 2 of words(neuron div 2, 2, 0)

:func:`draw` returns the 32-bit word that holds the byte, turned so that the byte is lowest.
key: unsigned, 32 bits. tick: 0 .. 2**46 - 1. neuron, axon: 0..255. kind: SYNAPSE, LEAK, THRESHOLD.
So draws do not depend on what other neurons draw, and no two evaluations of a board share an input:
the eight neurons of a block take different bytes of one. Two cores with the same key draw alike.

Source of Philox: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Of the 8-bit
width, and of what is known of the chip: docs/semantics.md.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tnemu.emulator.errors import EmulatorError
from tnemu.emulator.xorshift import step
from tnemu.errors import whole
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import is_stochastic

SYNAPSE, LEAK, THRESHOLD = 0, 1, 2

WORD = 0xFFFFFFFF


class Source(Protocol):
    """One core's noise in one tick, made of the core's state and the tick."""

    state: int
    """The core's state after what has been drawn."""

    def word(self, neuron: int, kind: int, axon: int) -> int:
        """The 32-bit word that is drawn next: for this neuron, kind and axon (0 if there is none)."""
        ...


class Xorshift32:
    """The source ``xorshift32``: a draw gives the state, then the generator steps."""

    def __init__(self, state: int, tick: int) -> None:
        self.state = state

    def word(self, neuron: int, kind: int, axon: int) -> int:
        """The next word, whoever draws it."""
        drawn, self.state = self.state, step(self.state)
        return drawn


class Counter:
    """The source ``counter``; the state is the key and stays."""

    def __init__(self, state: int, tick: int) -> None:
        self.state, self._tick = state, tick

    def word(self, neuron: int, kind: int, axon: int) -> int:
        """The word of these keys, however often it is drawn."""
        return draw(self.state, self._tick, neuron, kind, axon)


SOURCES: dict[str, type[Xorshift32] | type[Counter]] = {
    "xorshift32": Xorshift32,
    "counter": Counter,
}
"""The sources by the value of the chip's switch."""

Word = TypeVar("Word", int, npt.NDArray[Any])


def philox(key: int, low: Word, high: Word) -> tuple[Word, Word]:
    """Philox2x32-10 of a 32-bit key and the counter (low, high): two 32-bit words."""
    for _ in range(10):
        product = low * 0xD256D193
        low, high = product >> 32 ^ key ^ high, product & WORD
        key = (key + 0x9E3779B9) & WORD
    return low, high


def draw(seed: int, tick: int, neuron: int, kind: int, axon: int) -> int:
    """The 32-bit word of one draw of ``counter``, its own bits lowest."""
    to_a_block = 2 if kind == THRESHOLD else 8  # neurons that share an evaluation
    block, place = divmod(neuron, to_a_block)
    counter = block | kind << 8 | axon << 10 | (tick >> 32 & 0x3FFF) << 18
    low, high = philox(seed & WORD, tick & WORD, counter)
    start = place * 64 // to_a_block  # of its bits among the 64
    word, turn = (high if start >= 32 else low), start % 32
    return (word >> turn | word << 32 - turn) & WORD


def generators(image: BoardImage, noise_seed: object = None) -> npt.NDArray[np.uint32]:
    """The state of every core before tick 0, uint32 [n].

        core seed                                          without a noise_seed, as IBM's run time
        word 0 of Philox2x32-10(noise_seed, (core seed, 0)), 4294967295 in place of 0       with one

    noise_seed: 0..4294967295. A state depends on these two numbers alone, not on where the core lies;
    cores of equal seeds draw alike. Raises EmulatorError for what is no such number, and for a core
    that draws from ``xorshift32`` with the state 0: all its words would be 0, and what IBM's run time
    made of such a seed is not known.
    """
    states = image.seeds
    if noise_seed is not None:
        key = whole("noise_seed", noise_seed, 0, WORD, error=EmulatorError)
        seeds = states.astype(np.uint64)
        words, _ = philox(key, seeds, np.zeros_like(seeds))
        states = np.where(words == 0, WORD, words).astype(np.uint32)
    stays = np.flatnonzero(stuck(states, image))
    if len(stays):
        core = int(image.core_ids[stays[0]])
        raise EmulatorError(
            f"core {core} draws noise and its seed is 0, from which xorshift32 gives 0 for ever; "
            "give the core another seed, give the run a noise_seed, or set chip.noise=counter"
        )
    return states.copy()


def stuck(states: npt.NDArray[np.uint32], image: BoardImage) -> npt.NDArray[np.bool_]:
    """Where a state [..., n] is 0 though its core draws words of ``xorshift32``: bool [..., n]."""
    zero = states == 0
    if image.board.chip.noise != "xorshift32" or not zero.any():
        return np.zeros_like(zero)
    draws = is_stochastic(image.neuron_types)
    draws[0] = False  # the record of unused neurons
    return np.asarray(zero & draws[image.types].any(axis=1))
