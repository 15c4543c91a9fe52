"""The network that is converted: what it computes, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spiking_networks import random_dense

from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork


def by_hand(network: DenseNetwork, x: list[float]) -> list[float]:
    for k, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        x = [sum(x[i] * float(w[i, j]) for i in range(len(x))) + float(b[j]) for j in range(len(b))]
        if k < len(network.weights) - 1:
            x = [max(value, 0.0) for value in x]
    return x


@pytest.mark.parametrize("widths", [(4, 2), (3, 5, 4), (2, 6, 5, 4, 3)])
def test_layers_follow_each_other_with_rectifiers_between_them(widths: tuple[int, ...]) -> None:
    network = random_dense(1, *widths)
    x = np.random.default_rng(0).integers(-8, 9, (20, widths[0])) / 8
    found = network.values(x)
    expected = [by_hand(network, row.tolist()) for row in x]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert network.widths == widths
    assert network.decide(x).tolist() == [row.index(max(row)) for row in found.tolist()]


def test_the_first_answer_wins_a_tie() -> None:
    network = DenseNetwork((np.ones((1, 3), np.float32),), (np.zeros(3, np.float32),))
    assert network.decide(np.ones((1, 1))).tolist() == [0]


def test_a_constant_input_is_the_first_layers_bias() -> None:
    plain = random_dense(2, 3, 4, 2)
    plain = DenseNetwork(plain.weights, (plain.biases[0], np.zeros(2, np.float32)))
    joined = np.vstack([plain.weights[0], plain.biases[0]])
    network = DenseNetwork.with_constant_input([joined, plain.weights[1]])
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert np.array_equal(network.values(x), plain.values(x))
    assert network.inputs == 3


W, B = np.ones((2, 3), np.float32), np.zeros(3, np.float32)


@pytest.mark.parametrize(
    ("weights", "biases", "message"),
    [
        ((), (), r"net: 0 weights and 0 biases; give 1 to 32 of each"),
        ((W,), (), r"net: 1 weights and 0 biases"),
        ((W, W), (B, B), r"layer 1: W1 \[2, 3\] and b1 \[3\] after 3 neurons; W is \[in, out\]"),
        ((W,), (B[:2],), r"layer 0: W0 \[2, 3\] and b0 \[2\] after the input"),
        ((W.astype(int),), (B,), r"layer 0: W0 is .*; it must be float32 or float64, \[in, out\]"),
        ((B,), (B,), r"layer 0: W0 is array\(\[0., 0., 0.\]"),
        ((np.where(W > 0, np.nan, W),), (B,), r"layer 0: W0\[0, 0\] = nan; a network with NaN"),
        ((W,), (np.array([0, np.inf, 0]),), r"layer 0: b0\[1\] = inf; a network with NaN or inf"),
    ],
)
def test_what_is_no_network_is_refused(weights: Any, biases: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        DenseNetwork(weights, biases, "net")


@pytest.mark.parametrize(
    ("observations", "message"),
    [
        (np.ones((2, 3)), r"net: observations are .*, it takes numbers \[n, 4\]; give one row"),
        (np.ones(4), "one row for each observation"),
        (np.full((2, 4), np.nan), "net: observation 0, input 0 is nan; only finite numbers"),
    ],
)
def test_observations_of_another_shape_or_nan_are_refused(observations: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        random_dense(name="net").values(observations)


def test_a_constant_input_alone_is_no_network() -> None:
    with pytest.raises(NetworkError, match="needs two rows or more, the last of which is the"):
        DenseNetwork.with_constant_input([W[:1]])
