"""Normalised networks answer as before, and their activations are about 1 at most."""

from __future__ import annotations

import numpy as np
import pytest
from spiking_networks import random_dense

from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.normalisations import check_normalisation, normalised

STATES = np.random.default_rng(0).normal(size=(500, 4))


@pytest.mark.parametrize("how", ["model", "data", "robust:0.9"])
def test_a_normalised_network_gives_the_same_values_in_another_unit(how: str) -> None:
    network = random_dense(2, 4, 12, 9, 3)
    found = normalised(network, how, STATES)
    before, after = network.values(STATES), found.values(STATES)
    scale = np.median(before / after)
    assert scale > 0
    np.testing.assert_allclose(after * scale, before, atol=1e-4)
    assert (found.decide(STATES) == network.decide(STATES)).mean() > 0.99  # but for ties


def test_with_data_no_activation_is_more_than_1_and_the_largest_is_1() -> None:
    network = normalised(random_dense(3), "data", STATES)
    largest = [a.max() for a in network.activations(STATES)]
    assert all(value <= 1 + 1e-6 for value in largest)
    assert max(largest) == pytest.approx(1)


def test_a_quantile_lets_so_many_observations_pass_1() -> None:
    network = normalised(random_dense(3), "robust:0.9", STATES)
    first = network.activations(STATES)[0].max(1)
    assert (first > 1 + 1e-6).sum() == 50  # value int(0.9 * 499) of 500 sorted ones is 1 itself


def test_only_the_first_20000_observations_are_looked_at() -> None:
    many = np.vstack([np.tile(STATES, (40, 1)), 1000 * STATES])
    a, b = (normalised(random_dense(3), "data", x) for x in (many, STATES))
    assert all(np.array_equal(v, w) for v, w in zip(a.weights, b.weights, strict=True))


def test_the_model_looks_at_sums_of_positive_weights_and_at_the_bias() -> None:
    weights = (np.array([[2.0, -4], [1, 3]]), np.array([[1.0], [-1]]))
    biases = (np.array([-5.0, 1]), np.array([-3.0]))
    found = normalised(DenseNetwork(weights, biases), "model")
    # layer 0: neuron 0 adds 3 at most, neuron 1 3 + 1 = 4; layer 1: 1, and no bias
    assert found.weights[0].tolist() == [[0.5, -1], [0.25, 0.75]]
    assert found.biases[0].tolist() == [-1.25, 0.25]
    assert found.weights[1].tolist() == [[4.0], [-4.0]]
    assert found.biases[1].tolist() == [-3.0]


def test_a_scale_is_never_less_than_the_largest_weight_or_bias() -> None:
    network = DenseNetwork((np.array([[8.0]]),), (np.array([2.0]),))
    assert normalised(network, "data", np.array([[0.1]])).weights[0].tolist() == [[1.0]]


def test_none_changes_nothing() -> None:
    network = random_dense(4)
    assert normalised(network, "none") is network


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            "robust",
            "normalise = 'robust': must be one of none, model, data, robust:P, P above 0 an",
        ),
        ("robust:0", "P above 0 and at most 1; choose one, such as robust:0.99"),
        ("robust:99", "P above 0 and at most 1"),
        ("robust:nan", "P above 0 and at most 1"),
        ("batch", "must be one of none, model"),
        ("data:0.5", "must be one of none, model"),
        ("none:1", "must be one of none, model"),
    ],
)
def test_what_is_no_normalisation_is_refused(how: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        normalised(random_dense(), how, STATES)
    with pytest.raises(NetworkError, match=message):
        check_normalisation(how)


def test_data_without_observations_is_refused() -> None:
    for states in (None, STATES[:0]):
        with pytest.raises(NetworkError, match="normalise = 'data': it needs recorded obs"):
            normalised(random_dense(), "data", states)
    assert check_normalisation("data")
    assert not check_normalisation("model")


def test_a_layer_that_is_never_active_is_named() -> None:
    network = DenseNetwork((-np.ones((1, 2)),), (-np.ones(2),), "net")
    with pytest.raises(NetworkError, match="net: layer 0 is never active: its scale is -1; norm"):
        normalised(network, "data", np.ones((3, 1)))
