"""Weights scaled so that activations are about 1 at most, the most that a neuron can fire in a tick.

    W_l <- W_l lambda_(l-1) / lambda_l,     b_l <- b_l / lambda_l,     lambda of the input = 1

which leaves the highest output where it is. lambda_l of layer l is

    model       the largest, over its neurons, of the sum of positive weights, and of the bias if that is
                positive. (Of W_l as it was trained: a bound on what a neuron adds up only where the layer
                before it stays below 1 unscaled.)
    data        the largest activation over recorded observations
    robust:P    the P-quantile over observations of each one's largest activation: outliers do not slow
                down all others

and never less than the layer's largest weight or bias. The output layer is scaled as the others are.
Source: Hahn 2020, section 3.3, and its code, after Diehl et al. 2015 and Rueckauer et al. 2017.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import Array, DenseNetwork

SAMPLES = 20_000
"""Of the observations, the first so many are looked at."""

NORMALISATIONS = ("none", "model", "data", "robust:P")


def normalised(
    network: DenseNetwork, how: str, observations: npt.NDArray[Any] | None = None
) -> DenseNetwork:
    """``network`` normalised as ``how`` says: none, model, data or robust:P with P in 0..1.

    data and robust:P need ``observations`` [n, in]. Raises NetworkError for another name, observations
    that are missing, and a layer that is never active.
    """
    kind, _, share = how.partition(":")
    if kind == "none" and not share:
        return network
    if kind == "model" and not share:
        return _scaled(network, _from_model(network))
    quantile = 1.0 if kind == "data" and not share else _share(how)
    if observations is None or not len(observations):
        raise NetworkError(
            f"normalise = {shown(how)}: it needs recorded observations; give their file, or choose model"
        )
    return _scaled(network, _from_data(network, quantile, observations))


def check_normalisation(how: str) -> bool:
    """Whether ``how`` needs observations. Raises NetworkError for what is no normalisation."""
    if how in ("none", "model"):
        return False
    if how != "data":
        _share(how)
    return True


def _share(how: str) -> float:
    kind, _, text = how.partition(":")
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if kind != "robust" or not 0 < share <= 1:
        raise NetworkError(
            f"normalise = {shown(how)}: must be one of {', '.join(NORMALISATIONS)}, P above 0 and at "
            "most 1; choose one, such as robust:0.99"
        )
    return share


def _from_model(network: DenseNetwork) -> list[float]:
    layers = zip(network.weights, network.biases, strict=True)
    return [float((np.maximum(w, 0).sum(0) + np.maximum(b, 0)).max()) for w, b in layers]


def _from_data(
    network: DenseNetwork, quantile: float, observations: npt.NDArray[Any]
) -> list[float]:
    # of n sorted values the one in place int(P (n - 1)), as the thesis's code has it
    return [
        float(np.quantile(activation.max(1), quantile, method="lower"))
        for activation in network.activations(observations[:SAMPLES])
    ]


def _scaled(network: DenseNetwork, scales: list[float]) -> DenseNetwork:
    weights: list[Array] = []
    biases: list[Array] = []
    before = 1.0
    for k, (scale, w, b) in enumerate(zip(scales, network.weights, network.biases, strict=True)):
        scale = max(scale, float(w.max()), float(b.max()))
        if not scale > 0:
            raise NetworkError(
                f"{network.name}: layer {k} is never active: its scale is {scale:g}; normalise with "
                "other observations, or not at all"
            )
        weights.append((w * (before / scale)).astype(network.dtype))
        biases.append((b / scale).astype(network.dtype))
        before = scale
    return replace(network, weights=tuple(weights), biases=tuple(biases))
