"""A core in pieces, or splitters: whichever takes fewer cores."""

from __future__ import annotations

import chips
import ideal
import numpy as np
import pytest
import wirings as networks

import tnemu
from tnemu.hardware import load_board, neuron
from tnemu.mapping.divide import divide, runs
from tnemu.mapping.size import size_of

TINY = load_board("tiny")


def twice(axons=256, *, from_host=True):
    """A full core each of whose neurons has two wires, to two relays that answer."""
    bits = np.arange(axons)[:, None] == np.arange(256) % axons
    full = networks.sized("full", bits)
    relays = [networks.sized(f"relay{k}", np.eye(256, dtype=bool)) for k in range(2)]
    rows = [(0, j, 1 + k, j, 0) for k in range(2) for j in range(256)]
    rows += [(1 + k, j, ~0, 256 * k + j, 0) for k in range(2) for j in range(256)]
    taps = [(a, 0, a, 0) for a in range(axons)]
    if from_host:
        return networks.network([full, *relays], rows, taps, 512, 256)
    source = networks.sized("source", np.eye(axons, dtype=bool))
    rows += [(3, a, 0, a, 0) for a in range(axons)]
    taps = [(a, 3, a, 0) for a in range(axons)]
    return networks.network([full, *relays, source], rows, taps, 512, 256)


def test_a_full_core_with_fan_out_two_gets_a_second_core_and_no_tick():
    size = size_of(twice())
    assert (size.cores, size.latency_ticks, size.resources["splitters"]) == (4, 3, 0)
    # neurons of both pieces read axons of their own, so no input pin has more taps than before
    assert size.resources["host_spikes_per_bit"] == 1


def test_axons_that_both_pieces_read_cost_taps_and_copies():
    size = size_of(twice(128))
    assert (size.cores, size.resources["taps"]) == (4, 256)
    size = size_of(twice(100, from_host=False))
    assert (size.cores, size.latency_ticks) == (5, 4)
    assert size.resources["copies"] == 256 + 100  # the source had room


@pytest.mark.parametrize("dear", [False, True])
def test_pieces_are_not_taken_where_what_drives_them_has_no_room(dear):
    network = twice(256, from_host=False)
    network.cores[0].crossbar[:] = True  # each piece reads all axons
    network.cores[3] = networks.sized("source", np.eye(256, dtype=bool)[:, : 256 if dear else 250])
    network.wires = network.wires[
        (network.wires["core"] != 3) | (network.wires["neuron"] < network.cores[3].neuron_count)
    ]
    divided, _ = divide(network)
    assert len(divided.cores) == 4
    assert size_of(network).resources["splitters"] > 0


def test_a_wire_of_one_tick_that_no_splitter_can_take_gets_a_second_core():
    network = twice()
    network.wires["delay"][network.wires["target"] >= 0] = 1
    size = size_of(network)
    assert (size.cores, size.resources["splitters"]) == (4, 0)


def test_a_core_with_noise_is_not_divided_for_fan_out():
    network = twice()
    network.cores[0].neurons = np.repeat(np.asarray(networks.NOISY).reshape(1), 256)
    assert divide(network)[0] is network
    assert size_of(network).resources["splitters"] == 512


def test_neurons_are_found_again_after_division():
    network = twice()
    size = size_of(network)
    homes = [size.where(0, j) for j in range(256)]
    assert len(set(homes)) == 256
    for j, (core, column) in enumerate(homes):
        made = size.network.cores[core]
        (axon,) = np.flatnonzero(made.crossbar[:, column])
        taps = size.network.inputs["in"].taps
        pins = taps["pin"][(taps["core"] == core) & (taps["axon"] == axon)]
        assert pins.tolist() == [j]


def test_runs_hold_what_a_core_holds():
    rng = np.random.default_rng(0)
    bits = rng.random((700, 90)) < 0.1
    wires = rng.integers(1, 60, 90)
    found = runs(bits, np.arange(90), wires)
    np.testing.assert_array_equal(np.concatenate(found), np.arange(90))
    for run in found:
        assert bits[:, run].any(axis=1).sum() <= 256
        assert wires[run].sum() <= 256


@pytest.mark.parametrize("engine", ["reference", "numba"])
def test_a_divided_network_spikes_as_the_whole(engine):
    rng = np.random.default_rng(1)
    network = twice(64)
    network.cores[0].crossbar[:] = rng.random((64, 256)) < 0.05
    network.cores[0].neurons["alpha"] = rng.integers(1, 4, 256)
    network.cores[0].neurons["kappa"] = 1
    spikes = {"in": np.argwhere(rng.random((10, 64)) < 0.5).tolist()}
    plan = tnemu.fit(network, TINY)
    assert plan.resources["parts"] == 4
    answer = chips.play_image(plan.image, spikes, 14, engine)["out"]
    assert answer == ideal.run(network, spikes, 14)["out"]


def test_pieces_of_a_noisy_core_that_is_too_large_draw_on_their_own():
    dice = neuron(s=(100,), b=(1,), alpha=1, beta=0, kappa=1)
    network = networks.network([networks.sized("wide", np.ones((1, 600), bool), dice)], [],
                               [(0, 0, 0, 0)])  # fmt: skip
    size = size_of(network)
    assert size.cores == 3
    assert len({core.seed for core in size.network.cores}) == 3
