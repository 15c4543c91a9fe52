"""Placement: legal, seeded, clear of dead cores, and shorter than chance."""

from __future__ import annotations

import numpy as np
import pytest
import students
import wirings as networks

from corelets import Student
from tnemu.hardware import load_board
from tnemu.mapping import place as placing
from tnemu.mapping.errors import FitError
from tnemu.mapping.place import in_order, place
from tnemu.mapping.size import size_of

TINY = load_board("tiny")


def wave_ticks(network):
    """When each core of a network without fan-out sees the wave."""
    return size_of(network, share=False).wave_ticks.max(axis=1)[: len(network.cores)]


def board(**changes):
    return TINY.override(changes)


def total_cost(network, positions, spec):
    """Hops, 360 more for each chip border, and the way to the nearer of north and south edge."""
    cost = 0
    for wire in network.wires:
        _, x, y = positions[wire["core"]].tolist()
        if wire["target"] < 0:
            cost += min(y + 1, spec.height - y)
            continue
        _, u, v = positions[wire["target"]].tolist()
        cost += abs(x - u) + abs(y - v)
        cost += 360 * abs(x // spec.chip.cores_x - u // spec.chip.cores_x)
        cost += 360 * abs(y // spec.chip.cores_y - v // spec.chip.cores_y)
    return cost


@pytest.mark.parametrize("seed", range(5))
def test_every_core_has_its_own_living_position(seed):
    spec = board(dead_cores=[{"x": "1..2", "y": "0..2"}, {"x": 5, "y": 3}])
    rng = np.random.default_rng(seed)
    network = networks.random_layers(rng, layers=5, per_layer=5, neurons=10)  # 25 of 25 cores
    positions = place(network, spec, wave_ticks(network), seed)
    spec.check_positions(positions)


def test_the_seed_decides_and_nothing_else_does():
    network = networks.random_layers(np.random.default_rng(0), layers=3, per_layer=4)
    ticks = wave_ticks(network)
    one, again, other = (place(network, TINY, ticks, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_each_improvement_lowers_the_cost_that_the_module_states(monkeypatch):
    network = networks.random_layers(np.random.default_rng(3), layers=4, per_layer=6, neurons=30)
    ticks = wave_ticks(network)
    costs = []
    for sweeps in (0, 1, 2, 12):
        monkeypatch.setattr(placing, "SWEEPS", sweeps)
        costs.append(total_cost(network, place(network, TINY, ticks, 7), TINY))
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[1]


def test_the_running_cost_of_an_improvement_is_the_cost():
    # The steps update costs by differences; a slip there would steer placement wrongly.
    network = networks.random_layers(np.random.default_rng(4), layers=4, per_layer=6, neurons=30)
    mesh = placing._Mesh(network, TINY, 0, np.arange(24))
    rng = np.random.default_rng(0)
    mesh.fill(np.arange(24), rng)
    mesh.improve(rng)
    np.testing.assert_array_equal(mesh.cost, [mesh._cost_of(core) for core in range(24)])
    positions = np.column_stack([np.zeros(24, int), mesh.at])
    leaving = mesh.leaving @ mesh.exit_hops[mesh.at[:, 1]]
    # every wire between cores is in the cost of both of its ends
    assert (mesh.cost.sum() + leaving) / 2 == total_cost(network, positions, TINY)


def test_the_gain_of_every_swap_is_what_swapping_gains():
    network = networks.random_layers(np.random.default_rng(5), layers=3, per_layer=4, neurons=20)
    mesh = placing._Mesh(network, TINY, 0, np.arange(12))
    mesh.fill(np.arange(12), np.random.default_rng(0))
    mesh.cost = np.array([mesh._cost_of(core) for core in range(12)])
    positions = np.column_stack([np.zeros(12, int), mesh.at])
    before = total_cost(network, positions, TINY)
    for core in range(12):
        partners, gains = mesh._swap_gains(core, *mesh.costs(core))
        assert sorted(partners.tolist()) == list(range(12))
        for other, gain in zip(partners.tolist(), gains.tolist(), strict=True):
            swapped = positions.copy()
            swapped[[core, other]] = swapped[[other, core]]
            expected = before - total_cost(network, swapped, TINY)
            assert gain == (expected if other != core else -np.inf)


def test_a_network_that_fits_one_chip_stays_on_it():
    network = networks.random_layers(np.random.default_rng(0), layers=2, per_layer=8)
    positions = place(network, TINY, wave_ticks(network))
    assert len(np.unique(positions[:, 1] // 4)) == 1


def test_the_trained_network_lies_closer_than_its_cores_in_any_order():
    size = size_of(Student(students.full_size()))
    network, ticks = size.network, size.wave_ticks.max(axis=1)
    spec = load_board("ns1e")
    positions = place(network, spec, ticks)
    rng = np.random.default_rng(0)
    shuffled = [rng.permutation(positions) for _ in range(3)]  # the same positions
    chance = min(total_cost(network, p, spec) for p in shuffled)
    assert total_cost(network, positions, spec) < 0.6 * chance


def pair():
    """Two pairs of connected cores, and two outputs that each pair drives one pin of."""
    cores = [networks.core(f"c{k}") for k in range(4)]
    rows = [(0, 0, 1, 0, 0), (2, 0, 3, 0, 0), (1, 0, ~0, 0, 0), (3, 0, ~0, 300, 0)]
    return networks.network(cores, rows, [(0, 0, 0, 0)], outputs=301)


def test_connected_cores_share_a_unit():
    spec = board(**{"units": 2, "chips_x": 1, "chip.cores_x": 2, "chip.cores_y": 1})
    network = pair()
    positions = place(network, spec, wave_ticks(network))
    spec.check_positions(positions)
    assert positions[0, 0] == positions[1, 0] != positions[2, 0] == positions[3, 0]


def test_neurons_of_one_exit_share_a_unit():
    spec = board(**{"units": 2, "chips_x": 1, "chip.cores_x": 2, "chip.cores_y": 2})
    network = pair()
    network.wires["pin"][network.wires["pin"] == 300] = 255  # now both pairs meet at one exit
    positions = place(network, spec, wave_ticks(network))
    assert len(set(positions[:, 0].tolist())) == 1


def test_connected_cores_that_no_unit_holds_are_refused():
    spec = board(**{"units": 4, "chips_x": 1, "chip.cores_x": 2, "chip.cores_y": 1})
    cores = [networks.core(f"c{k}") for k in range(3)]
    network = networks.network(cores, [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0)], [(0, 0, 0, 0)])
    with pytest.raises(FitError) as caught:
        place(network, spec, wave_ticks(network))
    assert str(caught.value) == (
        "3 cores of the network are connected to each other, but the freest unit of tiny has 2 "
        "left, and packets do not pass between units; cut the network into parts that talk through "
        "the host"
    )


def test_cores_that_come_with_numbers_keep_their_order():
    spec = board(dead_cores=[{"x": 0, "y": 1}])
    cores = [networks.core(name) for name in "abc"]
    network = networks.network(cores, [])
    for made, number in zip(cores, (7, 2, 40), strict=True):
        made.number = number
    # usable positions go up the first column, which has a hole at y = 1
    assert in_order(network, spec).tolist() == [[0, 0, 2], [0, 0, 0], [0, 0, 3]]


@pytest.mark.parametrize("way", [place, lambda n, b, _: in_order(n, b)])
def test_more_cores_than_the_board_has_are_refused_by_the_name_of_the_layer(way):
    cores = [networks.core(f"c{k}", layer="conv3") for k in range(33)]
    network = networks.network(cores, [(k, 0, k, a, 1) for k in range(33) for a in range(256)])
    network.origin["layer_kinds"] = {"conv3": "Conv2d"}
    with pytest.raises(FitError) as caught:
        way(network, TINY, np.zeros(33, int))
    assert str(caught.value) == (
        "the network needs 33 cores, tiny has 32: Conv2d 'conv3' about 33; use a larger board, or "
        "fewer features or more groups in 'conv3'"
    )
