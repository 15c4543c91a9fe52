"""Where episodes begin: the random stream of gym 0.15, which the thesis's results were made with.

    words = the first 8 bytes of sha512(str(seed)), as little-endian 32-bit words, the last ones left
            out while they are 0
    stream = numpy.random.RandomState(words)

CartPole draws ``uniform(-0.05, 0.05, 4)`` once an episode, MountainCar ``uniform(-0.6, -0.4)``. What
is played between two draws changes nothing, so the starts of all episodes are known beforehand.
"""

from __future__ import annotations

import hashlib

import numpy as np

from tnemu.tasks.control.physics import State

HASHED_BYTES = 8


def gym_stream(seed: int) -> np.random.RandomState:
    """The stream that ``env.seed(seed)`` of gym 0.15.4 gave an environment."""
    digest = hashlib.sha512(str(seed).encode()).digest()[:HASHED_BYTES]
    words = [int.from_bytes(digest[k : k + 4], "little") for k in range(0, HASHED_BYTES, 4)]
    while len(words) > 1 and words[-1] == 0:
        words.pop()
    return np.random.RandomState(words)


def first_state(name: str, stream: np.random.RandomState) -> State:
    """The state in which the next episode of ``name`` begins, drawn from ``stream``."""
    if name == "cartpole":
        return tuple(stream.uniform(low=-0.05, high=0.05, size=(4,)).tolist())
    return float(stream.uniform(low=-0.6, high=-0.4)), 0.0
