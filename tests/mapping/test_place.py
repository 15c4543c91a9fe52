"""Placement: legal, seeded, clear of dead cores, and shorter than chance."""

from __future__ import annotations

import numpy as np
import pytest
import students
import wirings as networks

import tnemu
from corelets import Student
from tnemu.hardware import load_board
from tnemu.mapping.anneal import _rise, anneal, swap
from tnemu.mapping.errors import FitError
from tnemu.mapping.mesh import Mesh
from tnemu.mapping.place import in_order, place
from tnemu.mapping.size import size_of
from tnemu.mapping.start import along_waves, by_spectrum

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


def a_mesh(seed, *, layers=4, per_layer=6, neurons=30, on=TINY):
    """A mesh with a network of layers, placed along the waves; and the network."""
    rng = np.random.default_rng(seed)
    network = networks.random_layers(rng, layers=layers, per_layer=per_layer, neurons=neurons)
    mesh = Mesh(network, on, 0, np.arange(len(network.cores)))
    along_waves(mesh, np.arange(mesh.count))
    return mesh, network


def positions_of(mesh):
    return np.column_stack([np.zeros(mesh.count, int), mesh.x, mesh.y])


@pytest.mark.parametrize("seed", range(3))
def test_the_cost_of_a_mesh_is_the_cost_that_its_module_states(seed):
    mesh, network = a_mesh(seed)
    assert mesh.cost() == total_cost(network, positions_of(mesh), TINY)


def test_a_rise_is_what_swapping_or_moving_costs():
    mesh, network = a_mesh(5, layers=3, per_layer=4, neurons=20)
    before = positions_of(mesh)
    for core in range(12):
        for x, y in np.ndindex(8, 4):
            other = int(mesh.holder[x, y])
            if other == core:
                continue
            here = np.array([core]), np.array([other]), np.array([x]), np.array([y])
            after = before.copy()
            after[core, 1:] = x, y
            if other >= 0:
                after[other] = before[core]
            rise = total_cost(network, after, TINY) - total_cost(network, before, TINY)
            assert _rise(mesh, *here) == [rise]


@pytest.mark.parametrize("allowed", [0.0, 2000.0])
def test_swaps_leave_every_core_a_place_of_its_own(allowed):
    mesh, _ = a_mesh(6)
    rng = np.random.default_rng(0)
    swapped = 0
    for _ in range(200):
        cores = rng.choice(mesh.count, 8, replace=False)
        x, y = rng.integers(0, 8, 8), rng.integers(0, 4, 8)
        swapped += swap(mesh, cores, x, y, np.full(8, allowed))
        assert (mesh.holder[mesh.x, mesh.y] == np.arange(mesh.count)).all()
        assert (mesh.holder >= 0).sum() == mesh.count
    assert swapped > 10


def test_annealing_never_ends_worse_than_it_began():
    mesh, _ = a_mesh(3)
    start = mesh.cost()
    anneal(mesh, np.random.default_rng(0))
    assert mesh.cost() < 0.9 * start
    best = mesh.cost()
    anneal(mesh, np.random.default_rng(1))
    assert mesh.cost() <= best


def test_a_ring_of_cores_is_laid_out_as_a_ring():
    """The slowest mode of a ring is its angle: nothing else finds it from one end to the other."""
    cores = [networks.core(f"c{k}") for k in range(256)]
    rows = [(k, 0, (k + 1) % 256, 0, 1) for k in range(256)]
    network = networks.network(np.random.default_rng(0).permutation(cores).tolist(), rows)
    spec = load_board("ns1e")
    positions = place(network, spec, np.zeros(256, int))
    assert total_cost(network, positions, spec) < 2.5 * 256


def test_a_lattice_is_unfolded_by_its_two_slowest_modes():
    side = 16
    number = np.random.default_rng(0).permutation(side * side).reshape(side, side)
    rows = [
        (int(a), 0, int(b), 0, 1)
        for a, b in zip(number[1:].ravel(), number[:-1].ravel(), strict=True)
    ]
    rows += [
        (int(a), 1, int(b), 0, 1)
        for a, b in zip(number[:, 1:].ravel(), number[:, :-1].ravel(), strict=True)
    ]
    cores = [networks.core(f"c{k}", used=2) for k in range(side * side)]
    mesh = Mesh(networks.network(cores, rows), load_board("ns1e"), 0, np.arange(side * side))
    by_spectrum(mesh)
    assert mesh.cost() < 3 * len(rows)  # by chance about 11 each


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
    assert total_cost(network, positions, spec) < 0.55 * chance


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
        "3 cores of the network are connected to each other, and the freest unit of tiny has 2 left: "
        "layer 'c0' about 1, layer 'c1' about 1, layer 'c2' about 1. Its 4 meshes are not joined, "
        "packets stay in one; cut the network into parts that talk through the host, or use something "
        "smaller in 'c0'"
    )


def test_parts_share_no_core_that_cannot_share_a_unit():
    """Without a look at units, the three networks of small parts would share cores and be one."""
    spec = board(**{"units": 2, "chips_x": 1, "chip.cores_x": 2, "chip.cores_y": 1})
    eye = np.eye(100, dtype=bool)
    cores = [networks.sized(f"c{k}", eye, layer="abc"[k % 3]) for k in range(6)]
    rows = [(k, j, k + 3, j, 0) for k in range(3) for j in range(100)]
    taps = [(0, k, j, 0) for k in range(3) for j in range(100)]
    network = networks.network(cores, rows, taps)
    assert size_of(network).cores == 3
    plan = tnemu.fit(network, spec)
    unit = plan.image.positions[:, 0]
    for k in range(3):
        assert unit[plan.size.where(k, 0)[0]] == unit[plan.size.where(k + 3, 0)[0]]
    assert set(unit.tolist()) == {0, 1}


def test_a_network_that_would_need_joined_meshes_is_refused_before_it_is_placed():
    spec = load_board("ns16e-4").override({"chip.cores_x": 1, "chip.cores_y": 1})
    cores = [networks.core(f"c{k}", used=256, layer="conv3") for k in range(40)]
    rows = [(k, 0, (k + 1) % 40, 0, 1) for k in range(40)]
    taps = [(0, k, a, 1) for k in range(40) for a in range(256)]
    network = networks.network(cores, rows, taps)
    network.origin |= {"layer_kinds": {"conv3": "Conv2d"}, "corelet": "Net"}
    with pytest.raises(FitError) as caught:
        size_of(network, spec)
    assert str(caught.value) == (
        "40 cores of Net are connected to each other, and the freest unit of ns16e-4 has 16 left: "
        "Conv2d 'conv3' about 40. Its 4 meshes are not joined, packets stay in one; cut the network into "
        "parts that talk through the host, or use fewer features or more groups in 'conv3'"
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
