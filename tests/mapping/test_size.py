"""What a network takes without a place: what the plan says of it, and nothing is placed for it."""

from __future__ import annotations

import numpy as np
import pytest
import students
import wirings as networks

import tnemu
from corelets import Relay, Student
from tnemu.hardware import load_board
from tnemu.mapping import fit as fitting
from tnemu.mapping.balance import latency_ticks, loops, wave_ticks
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanout import legalise
from tnemu.mapping.size import size_of

TINY = load_board("tiny")


@pytest.mark.parametrize("seed", range(4))
def test_a_size_is_that_of_the_plan(seed):
    rng = np.random.default_rng(seed)
    network = networks.random_layers(rng, neurons=40, fan_out=6, used=250)
    size, plan = size_of(network), tnemu.fit(network, "ns1e")
    assert size.cores == plan.image.core_count == plan.resources["cores"]
    assert size.latency_ticks == plan.latency_ticks
    np.testing.assert_array_equal(size.wave_ticks, plan.wave_ticks)
    assert size.network == plan.network
    for own, placed in zip(size.layers, plan.layers, strict=True):
        assert vars(own).items() <= vars(placed).items()
    assert size.resources.items() <= plan.resources.items()
    assert size.resources["splitters"] > 0


def test_a_size_needs_neither_places_nor_an_image(monkeypatch):
    def never(*_):
        raise AssertionError

    for name in ("place", "in_order", "build_image"):
        monkeypatch.setattr(fitting, name, never)
    assert size_of(Student(students.small()), TINY).cores == 8


def test_a_board_without_room_is_refused_before_and_after_splitters():
    with pytest.raises(FitError, match="needs 33 cores, tiny has 32"):
        size_of(Relay(33 * 256), TINY)
    cores = [networks.core("hub", used=256)] + [networks.core(f"t{k}") for k in range(31)]
    rows = [(0, 0, 1 + k, 0, 0) for k in range(31)]
    network = networks.network(cores, rows, [(0, 0, 0, 0)])
    with pytest.raises(FitError, match="needs 32 cores and 1 more as splitters, tiny has 32"):
        size_of(network, TINY)
    assert size_of(network).cores == 33  # on no board in particular


def test_a_splitter_of_a_core_without_a_layer_counts_to_that_core():
    cores = [networks.core("hub", used=256)] + [networks.core(f"t{k}") for k in range(9)]
    for made in cores:
        made.layer = ""
    network = networks.network(cores, [(0, 0, 1 + k, 0, 0) for k in range(9)], [(0, 0, 0, 0)])
    hub = size_of(network).layers[0]
    assert (hub.name, hub.cores, hub.splitters) == ("hub", 1, 1)


def test_a_chain_of_cores_is_as_late_as_it_is_long():
    count = 3000
    cores = [networks.core(f"c{k}") for k in range(count)]
    network = networks.network(cores, [(k, 0, k + 1, 0, 1) for k in range(count - 1)], [])
    ticks = wave_ticks(network)
    assert ticks.tolist() == list(range(count))
    assert latency_ticks(network, ticks) == count


def test_a_ring_that_ends_in_a_chain_is_one_loop():
    # peeling stops early on long chains; what is left is searched
    rows = [(k, k + 1) for k in range(999)] + [(600, 500)]
    source, target = np.array(rows).T
    label = loops(source, target, 1000)
    assert len(np.unique(label[500:601])) == 1
    assert len(np.unique(label)) == 1000 - 100


def test_fan_out_takes_wires_in_any_order():
    network = networks.random_layers(np.random.default_rng(0), fan_out=5, used=250)
    first = legalise(network).network
    network.wires = np.random.default_rng(1).permutation(network.wires)
    assert legalise(network).network == first


def test_a_size_prints_in_one_line():
    size = size_of(Student(students.small()))
    assert repr(size) == "<Size: 8 cores, 4 ticks, layers conv1, block1, predict>"
