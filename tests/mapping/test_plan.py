"""From network to image: what runs on the board is what the network says, wherever it lies."""

from __future__ import annotations

import chips
import numpy as np
import pytest
import students
import wirings as networks
from hypothesis import given, settings
from hypothesis import strategies as st

import tnemu
from corelets import Conv2d, Corelet, Dense, Input, Output, Relay, Student
from tnemu.emulator.emulator import Emulator
from tnemu.hardware import load_board, neuron
from tnemu.mapping import divide
from tnemu.mapping.errors import FitError
from tnemu.networks.integer import Vote
from tnemu.networks.trained import TrainedNetwork

TINY = load_board("tiny")
ENGINES = ["reference", "numba"]


def random_student(seed):
    """A student of random shape: overlapping convolutions, blocks, fan-out beyond any core."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 3))
    side, k, stride = int(rng.integers(5, 8)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    retina = students.transduction(rng, (2, 2 * side, 2 * side), features=4, k=2, stride=2)
    layers = [retina]
    layers.append(students.conv(rng, "conv1", 4, 8 * groups, k, stride, groups))
    side = (side - k) // stride + 1
    k = int(rng.integers(1, min(side, 3) + 1))
    layers.append(students.conv(rng, "conv2", 8 * groups, 12, k, 1, 2))
    size = 12 * (side - k + 1) ** 2
    layers.append(
        students.dense(rng, "predict", size, size // 12, outputs=6, order=rng.permutation(size))
    )
    classes = (np.arange(size // 12 * 6) % 3).astype(np.int32)
    shape = retina.background.shape
    return TrainedNetwork("random", shape, tuple("ABC"), (*layers, Vote("vote", classes)))


def check(weights, plan, engine, frames=6):
    x = students.frames(weights, frames)
    layers = weights.activations(x)
    bits = layers[0].reshape(frames, -1)
    answer = chips.pipelined(plan, "frame", "votes", bits, engine)
    np.testing.assert_array_equal(answer, layers[-2].reshape(frames, -1))


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1), st.sampled_from(ENGINES), st.integers(0, 3))
def test_a_random_student_on_the_board_equals_its_integer_network(seed, engine, placement):
    weights = random_student(seed)
    plan = tnemu.fit(Student(weights), load_board("ns1e"), seed=placement)
    check(weights, plan, engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("placement", [0, 1])
def test_dead_cores_and_placement_change_no_vote(engine, placement):
    weights = students.small()
    holes = TINY.override({"dead_cores": [{"x": "0..2", "y": "0..2"}, {"x": "5..7", "y": 1}]})
    plan = tnemu.fit(Student(weights), holes, seed=placement)
    holes.check_positions(plan.image.positions)
    check(weights, plan, engine, frames=20)


class Overlapping(Corelet):
    """A convolution whose every output a second one uses up to nine times, in crowded cores."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        one = students.conv(rng, "one", 2, 40, k=1, stride=1, groups=1)
        two = students.conv(rng, "two", 40, 8, k=3, stride=1, groups=4)
        self.layers = one, two
        self.input, self.output = Input(2 * 36), Output(8 * 16)
        self.one = Conv2d(
            one.weights, one.thresholds, (2, 6, 6), order=one.order, neurons_per_core=256
        )
        self.two = Conv2d.of(two, (40, 6, 6))
        self.connect(self.input, self.one.input)
        self.connect(self.one.output, self.two.input)
        self.connect(self.two.output, self.output)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("host_spike", [0, 1000])
def test_fan_out_beyond_copies_goes_through_pieces_or_splitters_and_stays_exact(
    engine, host_spike, monkeypatch
):
    monkeypatch.setattr(divide, "HOST_SPIKE", host_spike)
    thing = Overlapping(1)
    plan = tnemu.fit(thing, load_board("ns1e"))
    assert (plan.resources["splitters"] > 0) == (host_spike > 0)
    assert plan.resources["copies"] > 0
    # two layers, and one tick for the splitters
    assert plan.latency_ticks == (4 if host_spike else 3)
    frames = np.random.default_rng(0).integers(0, 2, (5, 2, 6, 6)).astype(bool)
    one, two = thing.layers
    answer = chips.pipelined(plan, "input", "output", frames.reshape(5, -1), engine)
    np.testing.assert_array_equal(answer, two.forward(one.forward(frames)).reshape(5, -1))


@pytest.mark.parametrize("host_spike", [0, 1000])
def test_an_output_leaves_in_one_tick_where_only_a_part_of_it_waits_for_splitters(
    host_spike, monkeypatch
):
    monkeypatch.setattr(divide, "HOST_SPIKE", host_spike)

    class Lopsided(Corelet):
        """z = (y, y, y, y'): the neurons of y have three wires each and no room for copies."""

        def __init__(self, one):
            self.x, self.z = Input(20), Output(1000)
            self.one = Dense(one.weights, one.thresholds, neurons_per_core=256)
            self.thrice, self.once = Relay(750), Relay(250)
            self.connect(self.x, self.one.input)
            for k in range(3):
                self.connect(self.one.output[:250], self.thrice.input[250 * k : 250 * (k + 1)])
            self.connect(self.one.output[250:], self.once.input)
            self.connect(self.thrice.output + self.once.output, self.z)

    rng = np.random.default_rng(0)
    one = students.dense(rng, "one", 20, groups=2, outputs=250, order=np.arange(20))
    plan = tnemu.fit(Lopsided(one), TINY)
    assert (plan.resources["splitters"] > 0) == (host_spike > 0)
    assert len(set(plan.size.pin_ticks["z"].tolist())) == 1
    frames = rng.integers(0, 2, (6, 20)).astype(bool)
    y = one.forward(frames)
    answer = chips.pipelined(plan, "x", "z", frames, "reference")
    np.testing.assert_array_equal(answer, np.hstack([y[:, :250]] * 3 + [y[:, 250:]]))


def test_skipping_a_layer_still_makes_one_wave():
    class Skip(Corelet):
        """z = x0 and relay(relay(x0)), frame by frame."""

        def __init__(self):
            self.x, self.z = Input(1), Output(1)
            self.one, self.two = Relay(1), Relay(1)
            self.connect(self.x, self.one.input)
            self.connect(self.one.output, self.two.input)
            both = neuron(s=(1,), leak=-1, alpha=1, beta=0, kappa=1)
            core = self.core([self.x + self.one.output + self.two.output], both, [[1], [0], [1]])
            self.connect(core.neurons, self.z)

    rows = [(t, 0) for t in (0, 1, 4, 9)]
    assert chips.play(Skip(), {"x": rows}, 14)["z"] == [(t + 3, 0) for t, _ in rows]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_frame_leaves_within_latency_ticks_and_not_before(engine):
    weights = students.small()
    plan = tnemu.fit(Student(weights), TINY)
    assert plan.latency_ticks == 4
    x = students.frames(weights, 1)
    bits = weights.transduction.forward(x).ravel()
    expected = np.flatnonzero(weights.activations(x)[-2])
    # Started late, to show that latency is counted from the source tick and not from tick 0.
    with Emulator(plan.image, engine=engine) as chip:
        chip.run(5)
        idle = chip.run(plan.latency_ticks - 1).pins("votes")[: len(expected)]
    with Emulator(plan.image, engine=engine) as chip:
        chip.run(5)
        spikes = chip.run(plan.latency_ticks, spikes={"frame": bits}).of("votes")
    last = spikes[spikes["tick"] == 5 + plan.latency_ticks - 1]
    assert sorted(last["pin"].tolist()) == expected.tolist()
    # Before that, the votes are those of no spike at all.
    quiet = spikes[spikes["tick"] == 5]["pin"]
    np.testing.assert_array_equal(quiet, idle[: len(quiet)])


def test_noise_does_not_depend_on_where_cores_lie():
    class Noisy(Corelet):
        def __init__(self):
            self.x, self.z = Input(32), Output(96)
            dice = neuron(s=(100,), b=(1,), alpha=1, beta=0, kappa=1)
            for k in range(3):
                core = self.core([self.x], dice, np.eye(32))
                self.connect(core.neurons, self.z[32 * k : 32 * (k + 1)])

    rows = [(t, pin) for t in range(20) for pin in range(32)]
    first, *others = [
        chips.play(Noisy(), {"x": rows}, 22, board=name, seed=seed)["z"]
        for name, seed in (("tiny", 0), ("tiny", 1), ("ns1e", 0))
    ]
    assert 0 < len(first) < 20 * 96
    assert others == [first, first]


def test_every_256_pins_of_an_output_have_an_exit_to_the_north_or_the_south():
    plan = tnemu.fit(Relay(600), TINY)
    (connector,) = plan.image.outputs
    assert (connector.name, connector.width, connector.number) == ("output", 600, -32)
    assert len(set(connector.exits)) == 3
    assert all(u == 0 and 0 <= x < 8 and y in (-1, 4) for u, x, y in connector.exits)
    rows = [(0, pin) for pin in range(0, 600, 7)]
    assert chips.play(Relay(600), {"input": rows}, 2)["output"] == [(1, pin) for _, pin in rows]


def test_kept_order_puts_core_k_on_the_k_th_position():
    plan = tnemu.fit(Relay(1000), TINY, keep_order=True)
    np.testing.assert_array_equal(plan.image.positions, TINY.alive_positions()[:4])
    assert plan.image.origin["placement"] == "in order"


def test_the_image_records_what_it_comes_from():
    plan = tnemu.fit(Student(students.small()), TINY, seed=5)
    assert plan.image.origin["corelet"] == "Student"
    assert plan.image.origin["weights"] == "small"
    assert plan.image.origin["placement"] == "seed 5"
    assert plan.image.core_ids.tolist() == list(range(plan.image.core_count))


def test_a_plan_prints_what_it_takes():
    class Two(Corelet):
        def __init__(self):
            self.x, self.z = Input(2), Output(3)
            self.split, self.join = Dense(np.ones((1, 3, 2)), [1, 1, 2]), Relay(3)
            self.connect(self.x, self.split.input)
            self.connect(self.split.output, self.join.input)
            self.connect(self.join.output, self.z)

    plan = tnemu.fit(Two(), TINY)
    one, two = plan.layers
    assert (one.name, one.kind, one.cores, one.axons, one.neurons) == ("split", "Dense", 1, 2, 3)
    assert (two.name, two.kind, two.wave_tick, two.copies) == ("join", "Relay", 2, 0)
    assert str(plan) == (
        "layer  cores  axons  neurons  copies  splitters  relays  longest hop  tick\n"
        "--------------------------------------------------------------------------\n"
        "split      1      2        3       0          0       0            0     1\n"
        "join       1      3        3       0          0       0            1     2\n"
        "--------------------------------------------------------------------------\n"
        "total      1      5        6       0          0       0            1     2\n"
        "\n"
        "1 of 32 cores of tiny (3.1 %), 1 of 2 chips\n"
        "3 ticks from a frame's source tick to its last output spike, both included\n"
        "2 input pins land on 2 axons: 1.00 host spikes for each bit that is set\n"
        "6 packets if every neuron fires once: 0.5 hops on average, 3 chip borders (leaving the "
        "board is one)"
    )


def test_chip_borders_are_counted_as_the_emulator_counts_them():
    cores = [networks.core(f"c{k}") for k in range(32)]
    # one neuron of every core sends across the board, one leaves it
    rows = [(k, 0, 31 - k, 1, 0) for k in range(16)] + [(k, 0, ~0, k, 0) for k in range(16, 32)]
    network = networks.network(cores, rows, [(0, k, 0, 0) for k in range(32)], outputs=32)
    plan = tnemu.fit(network, TINY, keep_order=True)
    with Emulator(plan.image) as chip:
        chip.run(3, spikes={"in": [0]})
        counters = chip.counters
    assert counters.spikes == plan.resources["packets"] == 32
    assert counters.chip_crossings == plan.resources["chip_crossings"] > 16
    assert counters.hops == round(plan.resources["mean_hops"] * 32)


@pytest.mark.slow
def test_a_layer_larger_than_the_board_is_refused_by_name():
    class Big(Corelet):
        def __init__(self):
            self.x, self.z = Input(1024 * 40), Output(1024)
            weights = np.ones((1024, 40, 1, 1), np.int8)
            self.conv3 = Conv2d(weights, np.ones(1024), (1024 * 40, 1, 1), groups=1024)
            self.small = Relay(1024)
            self.connect(self.x, self.conv3.input)
            self.connect(self.conv3.output, self.small.input)
            self.connect(self.small.output, self.z)

    with pytest.raises(FitError) as caught:
        tnemu.fit(Big(), TINY)
    assert str(caught.value) == (
        "Big needs at least 164 cores, tiny has 32: Conv2d 'conv3' about 160, Relay 'small' about "
        "4; use a larger board, or fewer features or more groups in 'conv3'"
    )


def test_outputs_that_the_edge_has_no_room_for_are_refused():
    assert tnemu.fit(Relay(256 * 16), TINY).resources["output_pins"] == 4096
    with pytest.raises(FitError) as caught:
        tnemu.fit(Relay(256 * 17), TINY)
    assert str(caught.value) == (
        "the network's 4,352 output pins need 17 exits, one for every 256 pins of an output; tiny has "
        "16, two for each column: use fewer output pins or a wider board"
    )


def test_an_output_that_no_free_exit_serves_is_refused_with_its_pins():
    # 800 columns have exits enough, but the two cores that drive this one share none
    wide = TINY.override({"chips_x": 4, "chips_y": 1, "chip.cores_x": 200, "chip.cores_y": 1})
    cores = [networks.core(f"c{k}") for k in range(600)]
    network = networks.network(cores, [(0, 0, ~0, 0, 1), (599, 0, ~0, 1, 1)], [], outputs=2)
    with pytest.raises(FitError) as caught:
        tnemu.fit(network, wide, keep_order=True)
    assert str(caught.value) == (
        "pins 0..1 of output 'out' find no free place at the northern or southern edge of tiny (unit "
        "0) that all of their cores reach within 255 hops; use fewer output pins"
    )


def test_a_wire_longer_than_a_packet_goes_is_refused_with_both_ends():
    long = TINY.override({"chips_x": 1, "chip.cores_x": 256, "chip.cores_y": 1, "chips_y": 2})
    long = long.override({"dead_cores": []})
    wide = long.override({"chips_x": 2, "chip.cores_x": 200, "chips_y": 1})
    cores = [networks.core(f"c{k}") for k in range(300)]
    network = networks.network(cores, [(0, 0, 299, 0, 0)], [(0, 0, 0, 0)])
    with pytest.raises(FitError) as caught:
        tnemu.fit(network, wide, keep_order=True)
    assert str(caught.value) == (
        "core 'c0' at x=0 y=0 sends to core 'c299', 299 cores away, a packet goes 255; place the "
        "two closer or put a Relay between"
    )
    assert tnemu.fit(network, wide).resources["longest_hop"] <= 255  # the placer keeps them near


def test_a_wire_to_another_unit_is_refused_with_both_ends():
    units = TINY.override({"units": 2})
    cores = [networks.core(f"c{k}") for k in range(40)]
    network = networks.network(cores, [(0, 0, 39, 0, 0)], [(0, 0, 0, 0)])
    with pytest.raises(FitError, match="core 'c0' sends to core 'c39' on another unit"):
        tnemu.fit(network, units, keep_order=True)


def test_a_network_without_cores_is_refused():
    with pytest.raises(FitError, match="the network has no cores, so there is nothing to put on"):
        tnemu.fit(networks.network([], []), TINY)


@pytest.mark.slow
def test_the_trained_network_fits_a_chip_with_every_placement():
    weights = students.full_size(actions=18)
    for seed in range(3):
        plan = tnemu.fit(Student(weights), load_board("ns1e"), seed=seed)
        assert plan.resources["cores"] == 400
        assert plan.latency_ticks == 6
        check(weights, plan, "numba", frames=40)
    check(weights, plan, "reference", frames=3)


def test_a_crossbar_may_have_any_order_in_memory():
    network = networks.random_layers(np.random.default_rng(0))
    one = tnemu.fit(network, "tiny").image.sha256()
    for core in network.cores:
        core.crossbar = np.asfortranarray(core.crossbar)
    assert tnemu.fit(network, "tiny").image.sha256() == one
