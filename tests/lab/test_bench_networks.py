"""The measured networks are what they are said to be, and so is what runs beside the engine."""

from __future__ import annotations

import numpy as np
import pytest

from tnemu.emulator.emulator import Emulator
from tnemu.hardware import BoardImage
from tnemu.lab.bench import networks as bench_networks
from tnemu.lab.bench.frames import (
    Alone,
    Lanes,
    check_equal,
    random_frames,
)
from tnemu.lab.bench.measure import EngineMachine, NaiveMachine
from tnemu.lab.bench.networks import (
    BenchError,
    feed_forward,
    recurrent,
    start_potentials,
)
from tnemu.lab.bench.peers import synapses


def bits_of(image: BoardImage) -> np.ndarray:
    """The crossbar as 0 and 1, [cores, 256 axons, 256 neurons]."""
    return np.unpackbits(image.crossbar.view(np.uint8), axis=2, bitorder="little")


@pytest.mark.parametrize("count", [1, 26, 128, 255, 256])
def test_every_axon_has_as_many_synapses_as_asked_for(count: int) -> None:
    assert (bits_of(recurrent(3, synapses=count)).sum(axis=2) == count).all()


def test_every_axon_of_the_recurrent_network_has_exactly_one_source() -> None:
    image = recurrent(70)
    core, axon = image.destinations()
    assert np.array_equal(np.sort((256 * core + axon).ravel()), np.arange(70 * 256))


def test_every_delay_occurs_about_equally_often_unless_limited() -> None:
    delays = (recurrent(64).targets >> 2) & 15
    count = np.bincount(delays.ravel(), minlength=16)
    assert count[0] == 0
    assert count[1:] == pytest.approx(64 * 256 / 15, rel=0.15)
    assert (((recurrent(2, longest_delay=1).targets >> 2) & 15) == 1).all()


def test_every_core_has_a_seed_of_its_own_and_none_is_0() -> None:
    seeds = bench_networks._seeds(262_144)
    assert len(np.unique(seeds)) == 262_144
    assert seeds.all()


def test_every_neuron_of_the_recurrent_network_has_balanced_input() -> None:
    image = recurrent(3)
    sign = np.where(image.axon_types == 0, 1, -1)
    assert np.array_equal(image.neuron_types["s"][1], [1, -1, 0, 0])
    assert not (bits_of(image) * sign[:, :, None]).sum(axis=1).any()


@pytest.mark.parametrize(
    ("rate", "count", "noise"),
    [
        (2, 26, "none"),
        (20, 128, "none"),
        (200, 128, "none"),
        (500, 256, "none"),
        (20, 128, "threshold"),
        (500, 256, "threshold"),
        (20, 128, "synapses"),
        (5, 128, "leak+threshold"),
        (50, 128, "leak+threshold"),
    ],
)
@pytest.mark.slow
def test_a_recurrent_network_keeps_the_rate_it_is_asked_for(
    rate: float, count: int, noise: str
) -> None:
    image = recurrent(16, rate, count, noise=noise)
    image.validate()
    machine = EngineMachine(image, start_potentials(image), threads=1)
    machine.run(2000)
    assert machine.counters.spikes / (16 * 256 * 2) == pytest.approx(rate, rel=0.025)
    assert machine.counters.synaptic_operations == pytest.approx(
        count * machine.counters.spikes, rel=0.01
    )
    assert machine.counters.merged == 0


def test_no_packet_of_the_largest_board_leaves_its_mesh(monkeypatch) -> None:
    """Meshes of an NS16e-4 are joined by their hosts only; here they have 8 cores each."""
    monkeypatch.setattr(bench_networks, "UNIT", 8)
    image = recurrent(20)
    target, row = image.destinations()
    assert (target // 8 == np.arange(20)[:, None] // 8).all()
    assert len(set((target * 256 + row).ravel().tolist())) == 20 * 256, "every axon once"


def test_a_board_larger_than_a_chip_is_an_ns16e() -> None:
    assert recurrent(4096).board.name == "ns1e"
    image = recurrent(4100)
    assert image.board.name == "ns16e"
    image.validate()
    with pytest.raises(BenchError, match=r"cores = 262145 is outside 1..262144: ns16e-4"):
        recurrent(262145)


def test_the_naive_loop_does_the_same_work_as_the_engine() -> None:
    image = recurrent(64, 50)
    start = start_potentials(image)
    engine = EngineMachine(image, start, threads=1)
    naive = NaiveMachine(engine.engine, start)
    for ticks in (1, 30, 200):
        engine.run(ticks)
        naive.run(ticks)
        assert naive.spikes == engine.counters.spikes > 0
        assert naive.operations == engine.counters.synaptic_operations
        engine.engine.settle(engine.state)
        assert np.array_equal(naive._potentials, engine.state.potentials)


def test_the_synapses_that_peers_are_given_are_those_of_the_board() -> None:
    """A loop over neurons and synapses, with the list alone, fires like the engine."""
    image = recurrent(2, 100, longest_delay=1)
    source, target, weight = synapses(image)
    v = start_potentials(image).ravel().astype(np.int64)
    alpha, leak = (int(image.neuron_types[name][1]) for name in ("alpha", "leak"))
    fired, counts = np.zeros(512, bool), []
    for _ in range(50):
        heard = fired[source]
        np.add.at(v, target[heard], weight[heard])
        v += leak
        fired = v >= alpha
        v[fired] -= alpha
        counts.append(int(fired.sum()))
    machine = EngineMachine(image, start_potentials(image), threads=1)
    for count in counts:
        before = machine.counters.spikes
        machine.run(1)
        assert machine.counters.spikes - before == count


def test_the_feed_forward_network_computes_its_layers() -> None:
    """A frame's answer is that of one trinary matrix after another."""
    layers = 3
    image = feed_forward(6, layers)
    image.validate()
    bits, (core, axon) = bits_of(image).astype(np.int64), image.destinations()
    leak = image.neuron_types["leak"][image.types]
    frames = random_frames(image, 3)
    alone = Alone(image, frames[:, None], layers)
    for frame, answer in zip(frames, alone.answers(), strict=True):
        axons = np.zeros((6, 256), np.int64)
        axons[:2] = np.repeat(frame, 2).reshape(2, 256)
        for layer in range(layers):
            mine = slice(2 * layer, 2 * layer + 2)
            sign = np.where(image.axon_types[mine] == 0, 1, -1)
            fired = np.einsum("ca,can->cn", sign * axons[mine], bits[mine]) + leak[mine] >= 1
            c, n = np.nonzero(fired)
            ends, rows = core[mine][c, n], axon[mine][c, n]
            axons[ends[ends >= 0], rows[ends >= 0]] = 1
        assert sorted(rows[ends < -1].tolist()) == answer["pin"].tolist()
        assert (answer["tick"] == layers).all()
        assert len(answer)


def test_twin_neurons_feed_both_axons_of_one_input() -> None:
    image = feed_forward(6, 3)
    core, axon = image.destinations()
    inner = slice(0, 4)
    assert np.array_equal(core[inner, ::2], core[inner, 1::2])
    assert np.array_equal(axon[inner, ::2] + 1, axon[inner, 1::2])
    assert not (axon[inner, ::2] & 1).any()
    assert np.array_equal(bits_of(image)[:, :, ::2], bits_of(image)[:, :, 1::2])


def test_a_feed_forward_network_keeps_nothing_between_ticks() -> None:
    image = feed_forward(4, 2)
    with Emulator(image) as board:
        board.run(20, {"frame": random_frames(image, 1)[0]})
        assert not board.potentials.any()
        assert board.in_flight == 0


def test_lanes_answer_as_single_runs_do_and_a_difference_is_told() -> None:
    image = feed_forward(4, 2)
    sequences = random_frames(image, 6).reshape(3, 2, -1)
    lanes = Lanes(image, sequences, 2).answers()
    check_equal(lanes, Alone(image, sequences, 2).answers())
    assert all(set(answer["tick"]) == {2, 3} for answer in lanes)
    with pytest.raises(BenchError, match=r"lane 1 sent \d+ spikes and the same frames alone 0"):
        check_equal(lanes, [lanes[0], lanes[1][:0], lanes[2]])
    with pytest.raises(BenchError, match=r"lane 0 sent"):
        check_equal(lanes, lanes[1:] + lanes[:1])


@pytest.mark.parametrize(
    ("cores", "layers", "message"),
    [(3, 4, "cores = 3 is outside 4..65536: 4 layers need a core each"), (4, 0, "layers = 0 is")],
)
def test_layers_need_cores(cores: int, layers: int, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        feed_forward(cores, layers)


def test_a_rate_of_0_is_a_board_on_which_nothing_happens():
    image = recurrent(3, 0)
    machine = EngineMachine(image, start_potentials(image))
    machine.run(50)
    assert machine.counters.spikes == machine.counters.synaptic_operations == 0
    with pytest.raises(
        BenchError, match="an idle board draws nothing; leave out noise = 'synapses'"
    ):
        recurrent(3, 0, noise="synapses")
