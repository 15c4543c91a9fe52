"""Random students: the shape of a trained one, with weights and thresholds from a seed."""

from __future__ import annotations

import numpy as np

from tnemu.networks.integer import Conv, Dense, Transduction, Vote
from tnemu.networks.trained import TrainedNetwork


def full_size(seed: int = 0, actions: int = 3) -> TrainedNetwork:
    """The network that the project trains: 42 x 42 x 4 screens, 400 cores of one chip."""
    rng = np.random.default_rng(seed)
    shuffle = np.arange(256).reshape(8, 32).T.ravel()
    layers = (
        transduction(rng, (4, 42, 42), features=64, k=6, stride=3),
        conv(rng, "conv1", 64, features=256, k=4, stride=2, groups=8),
        conv(rng, "conv2", 256, features=256, k=1, stride=1, groups=2, order=shuffle),
        dense(rng, "block1", 6400, groups=50, outputs=128, order=np.arange(6400)),
        dense(rng, "block2", 6400, groups=50, outputs=128, order=transpose(6400, 50)),
        dense(rng, "predict", 6400, groups=50, outputs=5 * actions, order=transpose(6400, 50)),
        Vote("vote", (np.arange(250 * actions) % actions).astype(np.int32)),
    )
    names = tuple(f"ACTION{a}" for a in range(actions))
    return TrainedNetwork("full", (4, 42, 42), names, layers)


def small(seed: int = 0) -> TrainedNetwork:
    """Every kind of layer on 2 x 10 x 10 screens: 8 cores before fan-out."""
    rng = np.random.default_rng(seed)
    layers = (
        transduction(rng, (2, 10, 10), features=8, k=4, stride=2),
        conv(rng, "conv1", 8, features=16, k=2, stride=1, groups=2),
        dense(rng, "block1", 144, groups=2, outputs=40, order=rng.permutation(144)),
        dense(rng, "predict", 80, groups=4, outputs=6, order=rng.permutation(80)),
        Vote("vote", (np.arange(24) % 3).astype(np.int32)),
    )
    return TrainedNetwork("small", (2, 10, 10), ("A", "B", "C"), layers)


def frames(weights: TrainedNetwork, count: int, seed: int = 0) -> np.ndarray:
    """Random observations uint8 [count, *input_shape]."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *weights.input_shape), dtype=np.uint8)


def transduction(rng, shape, features, k, stride) -> Transduction:
    fan_in = shape[0] * k * k
    return Transduction(
        "retina",
        trinary(rng, (features, shape[0], k, k)),
        rng.integers(-40 * fan_in // 10, 40 * fan_in // 10, features).astype(np.int32),
        rng.integers(100, 156, shape).astype(np.int16),
        stride,
    )


def conv(rng, name, channels, features, k, stride, groups, order=None) -> Conv:
    order = rng.permutation(channels) if order is None else order
    return Conv(
        name,
        trinary(rng, (features, channels // groups, k, k)),
        rng.integers(-4, 6, features).astype(np.int32),
        order.astype(np.int32),
        stride,
        groups,
    )


def dense(rng, name, size, groups, outputs, order) -> Dense:
    return Dense(
        name,
        trinary(rng, (groups, outputs, size // groups)),
        rng.integers(-4, 6, groups * outputs).astype(np.int32),
        order.astype(np.int32),
    )


def trinary(rng, shape) -> np.ndarray:
    return rng.integers(-1, 2, shape).astype(np.int8)


def transpose(size: int, blocks: int) -> np.ndarray:
    """Each block takes inputs from every block of the layer before."""
    return np.arange(size).reshape(blocks, -1).T.ravel()
