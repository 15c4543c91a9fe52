"""Networks without what their neurons say at all times."""

from __future__ import annotations

import numpy as np
import pytest
from spiking_networks import random_dense, thesis_file, thesis_network

from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.slim import slimmed

STATES = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)


def test_a_slim_network_answers_the_same() -> None:
    network = random_dense(3)
    biases = (
        network.biases[0] + np.float32(3),
        *network.biases[1:],
    )  # never below 0: all of them say 3
    steady = DenseNetwork(network.weights, biases)
    slim = slimmed(steady, STATES)
    np.testing.assert_allclose(slim.values(STATES), steady.values(STATES), rtol=1e-4, atol=1e-4)
    least = slim.activations(STATES)[0].min(0)
    assert (steady.activations(STATES)[0].min(0) > 0).any()
    np.testing.assert_allclose(least, 0, atol=1e-5)


def test_what_is_never_active_is_left_out() -> None:
    w = np.array([[1.0, 0, -1], [0, 1, 0]])
    net = DenseNetwork((w, np.ones((3, 2))), (np.array([0.0, -50, 0]), np.array([1.0, 2])))
    slim = slimmed(net, STATES[:, :2])
    assert slim.widths == (2, 2, 2)
    np.testing.assert_allclose(slim.values(STATES[:, :2]), net.values(STATES[:, :2]))


def test_a_layer_that_is_silent_keeps_a_neuron() -> None:
    net = DenseNetwork((-np.ones((1, 5)), np.ones((5, 2))), (np.zeros(5), np.array([0.0, 1])))
    slim = slimmed(net, np.ones((3, 1)))
    assert slim.widths == (1, 1, 2)
    np.testing.assert_array_equal(slim.values(np.ones((3, 1))), [[0, 1]] * 3)


def test_the_thesiss_network_of_the_car_has_room_for_more_bits() -> None:
    source = thesis_network("MountainCar-A__trained")
    with np.load(thesis_file("MountainCar-A__trained__memory_inputs")) as stored:
        states = stored["arr_0"].astype(np.float32)
    slim = slimmed(source, states)
    assert max(slim.widths) <= 32 < max(source.widths)
    same = slim.decide(states) == source.decide(states)
    assert same.mean() == pytest.approx(1, abs=1e-3)
