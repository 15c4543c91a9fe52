"""A converted network, run in numpy for many observations at once.

No layer feeds back into an earlier one, so a layer is run for many ticks at once: one product for all
of them, then a scan over ticks. The result does not depend on how the ticks are cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.networks.spiking.decodings import answers_of
from tnemu.networks.spiking.dense import Array, DenseNetwork, checked
from tnemu.networks.spiking.encodings import ENCODINGS
from tnemu.networks.spiking.orders import ORDERS, Layer
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.resets import RESETS

MOST_NUMBERS = 1 << 22
"""Inflow that is held at a time: 16 MB in float32."""


def simulate(
    network: DenseNetwork,
    recipe: Recipe,
    observations: npt.NDArray[Any],
    rng: np.random.Generator,
) -> Array:
    """Potentials or spike counts [n, answers] of the output layer after ``recipe.ticks`` ticks.

    Every observation of [n, in] begins with the potentials at their start. ``rng`` is drawn from by a
    random encoding. Raises NetworkError for observations of another shape.
    """
    x = checked(network, observations)
    n, dtype = len(x), network.dtype
    encoding, make = ENCODINGS[recipe.encoding](x, rng), ORDERS[recipe.order]
    last = len(network.weights) - 1
    layers = [
        make((n, width), 0.0 if k == last else recipe.start, RESETS[recipe.reset], dtype)
        for k, width in enumerate(network.widths[1:])
    ]
    counts = np.zeros((n, network.answers), dtype)
    block = max(1, MOST_NUMBERS // max(1, n * max(network.widths)))
    for first in range(0, recipe.ticks, block):
        ticks = min(block, recipe.ticks - first)
        spikes: npt.NDArray[Any] = encoding.next(ticks)
        for layer, w, b in zip(layers[:-1], network.weights, network.biases, strict=False):
            spikes = layer.fire(_inflow(spikes, w, b, dtype))
        inflow = _inflow(spikes, network.weights[-1], network.biases[-1], dtype)
        if recipe.counts:
            counts += layers[-1].fire(inflow).sum(0, dtype=dtype)
        else:
            layers[-1].gather(inflow)
    return counts if recipe.counts else layers[-1].potentials


def decide(
    network: DenseNetwork,
    recipe: Recipe,
    observations: npt.NDArray[Any],
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """The answers int64 [n] of the converted network to observations [n, in]."""
    return answers_of(simulate(network, recipe, observations, rng), recipe.decoding, rng)


def _inflow(spikes: npt.NDArray[Any], w: Array, b: Array, dtype: np.dtype[Any]) -> Array:
    """spikes [ticks, n, in] times W, plus b: [ticks, n, out]; once, where all ticks are alike."""
    if spikes.strides[0] == 0:
        one = spikes[0].astype(dtype, copy=False) @ w + b
        return np.broadcast_to(one, (len(spikes), *one.shape))
    flat = spikes.reshape(-1, spikes.shape[-1]).astype(dtype, copy=False) @ w
    flat += b
    return flat.reshape(*spikes.shape[:2], -1)


__all__ = ["Layer", "decide", "simulate"]
