"""What a network takes without a place: what the plan says of it, and nothing is placed for it."""

from __future__ import annotations

import numpy as np
import pytest
import students
import wirings as networks

import tnemu
from corelets import Corelet, Delay, Input, Output, Relay, Student
from tnemu.hardware import load_board
from tnemu.mapping import fit as fitting
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanout import legalise
from tnemu.mapping.order import loops
from tnemu.mapping.size import size_of
from tnemu.mapping.timing import balance

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
    assert size.resources["parts"] > len(network.cores)


def test_a_size_needs_neither_places_nor_an_image(monkeypatch):
    def never(*_):
        raise AssertionError

    for name in ("place", "in_order", "build_image"):
        monkeypatch.setattr(fitting, name, never)
    assert size_of(Student(students.small()), TINY).cores == 4


def test_a_board_without_room_is_refused_before_and_after_fan_out():
    class Wide(Corelet):
        def __init__(self):
            self.x, self.z = Input(33 * 256), Output(1)
            self.relay = Relay(33 * 256)
            self.connect(self.x, self.relay.input)
            self.connect(self.relay.output[0], self.z)

    with pytest.raises(
        FitError, match=r"^Wide needs at least 33 cores, tiny has 32: Relay 'relay' ab"
    ):
        size_of(Wide(), TINY)
    full = [networks.core(f"hub{k}", 256, layer="hub") for k in range(32)]
    full[0].crossbar[:] = True  # so that a second core would need all of its axons
    rows = [(0, 0, 1 + k, 0, 0) for k in range(31)]
    network = networks.network(full, rows, [(0, k, a, 0) for k in range(32) for a in range(256)])
    with pytest.raises(FitError) as caught:
        size_of(network, TINY)
    assert str(caught.value) == (
        "the network needs 33 cores, tiny has 32: layer 'hub' about 32, the splitters of hub about 1; "
        "use a larger board, or something smaller in 'hub'"
    )
    assert size_of(network).cores == 33  # on no board in particular


def test_the_part_that_takes_most_is_named_with_advice_for_its_kind():
    class Holder(Corelet):
        def __init__(self):
            self.x, self.z = Input(8192), Output(2)
            self.late, self.soon = Delay(8192, 20), Relay(300)
            self.connect(self.x, self.late.input)
            self.connect(self.x[:300], self.soon.input)
            self.connect(self.late.output[0] + self.soon.output[0], self.z)

    with pytest.raises(FitError) as caught:
        size_of(Holder(), TINY)
    assert str(caught.value) == (
        "Holder needs at least 34 cores, tiny has 32: Delay 'late' about 32, Relay 'soon' about 1; use "
        "a larger board, or a shorter delay or fewer pins in 'late'"
    )


def test_a_part_that_is_the_authors_own_is_named_with_advice_for_what_takes_most_in_it():
    class Lane(Corelet):
        def __init__(self):
            self.x, self.z = Input(4608), Output(1)
            self.many, self.few = Relay(4608), Relay(300)
            self.connect(self.x, self.many.input)
            self.connect(self.x[:300], self.few.input)
            self.connect(self.many.output[0] + self.few.output[0], self.z + self.z)

    class Holder(Corelet):
        def __init__(self):
            self.x, self.z = Input(4608), Output(2)
            self.lanes = [Lane(), Lane()]
            for k, lane in enumerate(self.lanes):
                self.connect(self.x, lane.x)
                self.connect(lane.z, self.z[k])

    with pytest.raises(FitError) as caught:
        size_of(Holder(), TINY)
    assert str(caught.value) == (
        "Holder needs at least 39 cores, tiny has 32: Lane 'lanes[...]' about 38; use a larger board, or "
        "fewer pins in 'lanes[...].many'"
    )


def test_a_splitter_of_a_core_without_a_layer_counts_to_that_core():
    cores = [networks.core("hub", used=256)] + [networks.core(f"t{k}") for k in range(9)]
    for made in cores:
        made.layer = ""
    network = networks.network(cores, [(0, 0, 1 + k, 0, 0) for k in range(9)], [(0, 0, 0, 0)])
    cores[0].crossbar[:] = True
    network.inputs["in"].taps = np.repeat(network.inputs["in"].taps, 256)
    network.inputs["in"].taps["axon"] = np.arange(256)
    hub = size_of(network).layers[0]
    assert (hub.name, hub.parts, hub.neurons, hub.splitters) == ("hub", 1, 256, 9)


def test_a_chain_of_cores_is_as_late_as_it_is_long():
    count = 3000
    cores = [networks.core(f"c{k}") for k in range(count)]
    network = networks.network(cores, [(k, 0, k + 1, 0, 1) for k in range(count - 1)], [])
    balanced = balance(network)
    assert balanced.ticks[::256].tolist() == list(range(count))
    assert balanced.latency_ticks == count


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
    assert repr(size) == "<Size: 4 cores, 4 ticks, layers conv1, block1, predict>"
