"""Everything a neuron sees belongs to one frame: delays against longest paths found by recursion."""

from __future__ import annotations

import warnings

import ideal
import numpy as np
import pytest
import wirings as networks
from hypothesis import given, settings
from hypothesis import strategies as st

import tnemu
from corelets import Delay
from tnemu.mapping.balance import waves
from tnemu.mapping.errors import FitError, LateInputs
from tnemu.mapping.fanout import legalise
from tnemu.mapping.groups import connected, groups_of
from tnemu.mapping.order import loops
from tnemu.mapping.size import size_of
from tnemu.mapping.timing import balance
from tnemu.networks.logical import BALANCE, LogicalOutput

edges = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)
seeds = st.integers(0, 2**32 - 1)


def ticks_of(network, neurons):
    """T of neurons (core, neuron), before any splitter."""
    found = waves(network)
    core, neuron = np.array(neurons).T
    return found.ticks[found.groups.of_neurons(core, neuron)].tolist()


def first_neurons(network):
    return ticks_of(network, [(k, 0) for k in range(len(network.cores))])


# -- groups ----------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 20), st.integers(1, 20), st.sampled_from([0.03, 0.08, 0.2, 0.6]))
def test_axons_and_neurons_that_the_crossbar_joins_are_one_part(seed, axons, neurons, density):
    bits = np.random.default_rng(seed).random((axons, neurons)) < density
    row, column = connected(bits)
    joined = np.block([[np.eye(axons, dtype=bool), bits], [bits.T, np.eye(neurons, dtype=bool)]])
    reach = np.linalg.matrix_power(joined.astype(float), axons + neurons) > 0
    part = np.concatenate([row, column])
    alone = ~np.concatenate([bits.any(axis=1), bits.any(axis=0)])
    assert (part[alone] == -1).all()
    part[alone] = -2 - np.arange(alone.sum())
    np.testing.assert_array_equal(part[:, None] == part[None, :], reach)


@settings(max_examples=40)
@given(seeds, st.integers(1, 40), st.integers(1, 5), st.integers(0, 3))
def test_a_wave_tick_is_the_longest_path_from_the_inputs(seed, neurons, cores, feedback):
    rng = np.random.default_rng(seed)
    network = ideal.random_network(rng, neurons, cores, after=0.2, loops=feedback)
    network.outputs, network.wires = {}, network.wires[network.wires["target"] >= 0]
    found, expected = waves(network), ideal.wave(network)
    for (kind, core, k), tick in expected.items():
        of = found.groups.of_axons if kind == "axon" else found.groups.of_neurons
        assert found.ticks[of(core, k)] == tick
    groups = ideal.groups(network)
    assert groups_of(network).count >= len({id(members) for members in groups.values()})


@given(edges, st.lists(st.integers(0, 6), min_size=30, max_size=30))
def test_explicit_delays_count_as_long_as_they_are(pairs, delays):
    rows = [
        (min(a, b), 0, max(a, b), 0, d) for (a, b), d in zip(pairs, delays, strict=False) if a != b
    ]
    net = networks.network(
        [networks.core(f"c{k}") for k in range(10)], rows, [(0, k, 0, 3) for k in range(10)]
    )

    def longest(target):
        ways = [longest(a) + max(d, 1) for a, _, b, _, d in rows if b == target]
        return max([3, *ways])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LateInputs)
        assert first_neurons(net) == [longest(k) for k in range(10)]


# -- arrival ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(seeds, st.integers(1, 40), st.integers(1, 5))
def test_balanced_wires_arrive_with_the_wave_or_after_it(seed, neurons, cores):
    rng = np.random.default_rng(seed)
    network = ideal.random_network(rng, neurons, cores, after=0.3, loops=2)
    found, balanced = waves(network), balance(network)
    assert (balanced.network.wires["delay"] >= 1).all()
    assert not balanced.network.wires["after"].any()
    assert not balanced.network.wires["loop"].any()
    relays = balanced.network.wires[balanced.network.wires["core"] >= balanced.original]
    ahead = {}  # (core, axon) of a relay -> wires out of it
    for core in {int(c) for c in relays["core"]}:
        made = balanced.network.cores[core]
        for wire in relays[relays["core"] == core]:
            axon = int(np.flatnonzero(made.crossbar[:, wire["neuron"]])[0])
            ahead.setdefault((core, axon), []).append(wire)

    def ends(wire, passed=0):
        passed += int(wire["delay"])
        if wire["target"] < balanced.original:
            yield (int(wire["target"]), int(wire["pin"]), passed)
        for onward in ahead.get((int(wire["target"]), int(wire["pin"])), []):
            yield from ends(onward, passed)

    own = balanced.network.wires[balanced.network.wires["core"] < balanced.original]
    arrived = sorted((int(w["core"]), int(w["neuron"]), *e) for w in own for e in ends(w))
    wires = network.wires[network.wires["target"] >= 0]
    start = found.of_sources(wires)
    group = found.groups.of_axons(wires["target"], wires["pin"])
    wait = np.where(wires["loop"] > 0, wires["loop"], found.ticks[group] - start + wires["after"])
    columns = [wires[name].tolist() for name in ("core", "neuron", "target", "pin")]
    inner = [row for row in arrived if row[2] >= 0]
    assert inner == sorted(zip(*columns, wait.tolist(), strict=True))


def test_explicit_delays_are_kept_and_the_others_wait_for_them_with_a_warning():
    cores = [networks.core(name) for name in "abc"]
    cores[2].crossbar[1, 0] = True  # both axons of c are its neuron's
    net = networks.network(
        cores, [(0, 0, 2, 0, 9), (1, 0, 2, 1, BALANCE)], [(0, 0, 0, 2), (0, 1, 0, BALANCE)]
    )
    with pytest.warns(LateInputs) as caught:
        balanced = balance(net)
    assert [str(w.message) for w in caught] == [
        "core 'c': an explicit delay of one of its inputs makes the others wait 8 ticks longer; for "
        "an input that comes 8 ticks later than the others, leave its delay out and say after=8"
    ]
    assert balanced.network.wires["delay"].tolist() == [9, 10]
    assert balanced.network.inputs["in"].taps["delay"].tolist() == [2, 1]


def test_an_offset_moves_nothing_but_its_own_spikes():
    """B3: a strobe three ticks after x, and x as early as it can be."""
    net = networks.network(
        [networks.sized("c", np.ones((2, 1), bool))], [(0, 0, ~0, 0, 0)],
        [(0, 0, 0, 0, 0), (1, 0, 1, 0, 3)], outputs=1, width=2,
    )  # fmt: skip
    balanced = balance(net)
    assert balanced.network.inputs["in"].taps["delay"].tolist() == [1, 4]
    assert balanced.pins["out"].tolist() == [1]
    assert balanced.latency_ticks == 5  # a strobe of source tick 0 can make it fire in tick 4


def full(rows):
    """Rows of wires with all of their columns."""
    return [(*row, *[0] * (7 - len(row))) for row in rows]


def chain(length, more=()):
    """One core after the other, and wires from the first to axon 0.. of the last."""
    cores = [networks.core(f"c{k}") for k in range(length)]
    cores[-1].crossbar[:, 0] = True
    rows = [(k, 0, k + 1, 0, BALANCE) for k in range(length - 1)]
    rows = full(rows + [(0, 0, length - 1, 5 + k, *way) for k, way in enumerate(more)])
    return networks.network(cores, rows, [(0, 0, 0, BALANCE)])


def test_a_wire_waits_up_to_15_ticks_and_then_by_relays():
    balanced = balance(chain(16, [(0,)]))
    assert (balanced.network.wires["delay"].max(), len(balanced.network.cores)) == (15, 16)
    balanced = balance(chain(17, [(0,)]))
    (relays,) = balanced.network.cores[17:]
    assert (relays.name, relays.layer, relays.used.tolist()) == ("c0.relays17", "c0", [True])
    late = balanced.network.wires[[-2, -1]].tolist()
    assert late == [(0, 0, 17, 0, 15, 0, 0), (17, 0, 16, 5, 1, 0, 0)]


def test_waits_from_one_neuron_share_their_relays():
    # waits of 40, 41 and 70 ticks: relays after 15, 30, 45 and 60 ticks, the second with three ways
    net = chain(41, [(0,), (0, 1), (0, 30)])
    size = size_of(net)
    assert size.resources["relays"] == 1 + 3 + 1 + 1
    assert size.latency_ticks == 1 + 41 + 30
    assert legalise(net).copies[0] == 3
    assert size.resources["copies"] == 1  # the other two were not needed then


def test_an_input_waits_by_relays_too():
    late = networks.core("late")
    late.crossbar[1, 0] = True
    for delay, relays in ((14, 0), (15, 1)):
        net = networks.network(
            [networks.core("early"), late],
            [(0, 0, 1, 0, delay)],
            [(0, 0, 0, BALANCE), (0, 1, 1, BALANCE)],
        )
        with pytest.warns(LateInputs):
            size = size_of(net)
        assert size.resources["relays"] == relays
        assert sorted(size.network.inputs["in"].taps["delay"].tolist()) == [1, 15]


def test_a_delay_line_on_one_core_is_as_late_as_it_is_long():
    """B4: 7 wires, 6 of 15 ticks and one of 10, in one core."""
    line = networks.core("line", used=8)
    rows = [(0, k, 0, k + 1, 15 if k < 6 else 9) for k in range(7)]
    net = networks.network([line], [*rows, (0, 7, ~0, 0, 0)], [(0, 0, 0, 0)], outputs=1)
    size = size_of(net)
    assert (size.latency_ticks, size.pin_ticks["out"].tolist()) == (101, [100])
    assert size_of(Delay(8, 100)).latency_ticks == 101


def test_neurons_of_one_core_that_feed_each_other_need_no_delays():
    """B10: a chain inside a core is no loop."""
    line = networks.core("line", used=4)
    rows = [(0, k, 0, k + 1, 0) for k in range(3)] + [(0, 3, ~0, 0, 0)]
    balanced = balance(networks.network([line], rows, [(0, 0, 0, 0)], outputs=1))
    assert balanced.ticks[:4].tolist() == [1, 2, 3, 4]
    assert balanced.latency_ticks == 5


def test_one_core_may_drive_two_outputs():
    """B1."""
    net = networks.network([networks.core("c", used=2)], [(0, 0, ~0, 0, 0), (0, 1, ~1, 0, 0)],
                           [(0, 0, 0, 0), (0, 0, 1, 0)], outputs=1)  # fmt: skip
    net.outputs["more"] = LogicalOutput(1, -33)
    pins = balance(net).pins
    assert {name: ticks.tolist() for name, ticks in pins.items()} == {"out": [1], "more": [1]}


# -- cycles ----------------------------------------------------------------------------------------


@given(edges)
def test_nodes_share_a_loop_iff_they_reach_each_other(pairs):
    reach = np.eye(10, dtype=bool)
    for a, b in pairs:
        reach[a, b] = True
    for middle in range(10):
        reach |= reach[:, [middle]] & reach[[middle], :]
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T
    label = loops(source, target, 10)
    np.testing.assert_array_equal(label[:, None] == label[None, :], reach & reach.T)


def ring(*, back=(0,)):
    cores = [networks.core("a", used=2), networks.core("b", used=8)]
    rows = [(0, 0, 1, 7, 1), (1, 7, 0, 0, *back)]
    return networks.network(cores, full(rows), [(0, 0, 0, BALANCE)])


def test_a_cycle_in_which_nothing_is_declared_is_refused_by_its_neurons_and_its_line():
    network = ring()
    network.lines, network.line_of = ("latch.py:12",), np.array([-1, 0], np.int32)
    with pytest.raises(FitError) as caught:
        tnemu.fit(network, "tiny")
    assert str(caught.value) == (
        "core 'b' neuron 7 -> core 'a' neuron 0 -> core 'b' neuron 7: these neurons feed each other, "
        "and nothing says which of their wires is the feedback, so no order of waves can be found; "
        "declare it (connected at latch.py:12), with the ticks that it takes: loop=1 (or more), or an "
        "explicit delay of 1..15 on every wire of the cycle"
    )


def test_a_neuron_that_feeds_itself_is_a_cycle_too():
    net = networks.network([networks.core("a")], [(0, 0, 0, 0, 0)], [(0, 0, 0, 0)])
    with pytest.raises(
        FitError, match=r"^core 'a' neuron 0 -> core 'a' neuron 0: these neurons feed"
    ):
        balance(net)


def test_a_long_cycle_is_named_by_its_ends():
    cores = [networks.core(f"c{k}") for k in range(20)]
    net = networks.network(cores, [(k, 0, (k + 1) % 20, 0, 0) for k in range(20)], [(0, 0, 0, 0)])
    with pytest.raises(FitError, match=r"neuron 0 -> \.\.\. 15 more \.\.\. -> core"):
        balance(net)


def test_a_neuron_that_feeds_one_with_which_it_shares_an_axon_is_no_cycle_but_refused():
    core = networks.sized("c", np.array([[1, 1], [0, 1]], bool))
    net = networks.network([core], [(0, 0, 0, 1, 0)], [(0, 0, 0, 0)])
    with pytest.raises(FitError) as caught:
        balance(net)
    assert str(caught.value) == (
        "core 'c' neuron 0 feeds core 'c' axon 1, whose neurons share an axon with neurons that come "
        "before it, so that one spike would have to arrive in two ticks; give the later neurons an "
        "axon of their own for what they share, or give this wire loop=1 or an explicit delay if it "
        "is feedback"
    )


def test_declared_feedback_takes_its_ticks_and_nothing_waits_for_it():
    for ticks in (1, 15, 16, 40):
        balanced = balance(ring(back=(0, 0, ticks)))
        assert balanced.ticks[[0, 256 + 7]].tolist() == [1, 2]
        relays = balanced.network.wires[1:]["delay"]
        assert relays.sum() == ticks
        assert len(relays) == 1 + (ticks - 1) // 15


def test_a_loop_with_explicit_delays_waits_for_the_last_input_from_outside():
    cores = [networks.core(name) for name in ("in", "a", "b", "out")]
    cores[1].crossbar[1, 0] = True
    net = networks.network(
        cores,
        [(0, 0, 1, 0, BALANCE), (1, 0, 2, 0, 4), (2, 0, 1, 1, 4), (2, 0, 3, 0, BALANCE)],
        [(0, 0, 0, BALANCE)],
    )
    assert first_neurons(net) == [1, 2, 2, 3]
    assert balance(net).network.wires["delay"].tolist() == [1, 4, 4, 1]


# -- outputs ---------------------------------------------------------------------------------------


def outputs_from(rows, taps=((0, 0, 0, BALANCE),), cores="abcd"):
    made = [networks.core(n, used=4) for n in cores]
    for core in made:
        core.crossbar[:4, :4] = True  # its neurons share their wave
    balanced = balance(networks.network(made, full(rows), taps, outputs=4))
    return balanced.ticks[np.arange(len(made)) * 256].tolist(), balanced


def test_neurons_of_one_output_wait_for_the_last_of_them():
    # a -> b -> c -> output and a -> d -> output: d waits for c, by a longer way from a
    rows = [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0), (0, 1, 3, 0, 0), (2, 0, ~0, 0, 0), (3, 0, ~0, 1, 0)]
    ticks, balanced = outputs_from(rows)
    assert ticks == [1, 2, 3, 3]
    assert balanced.network.wires["delay"].tolist() == [1, 1, 2, 1, 1]
    assert balanced.pins["out"].tolist() == [3, 3, -1, -1]


def test_a_neuron_that_something_else_needs_early_waits_behind_a_relay():
    """B2: a drives the output and what comes before another pin of it."""
    rows = [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0), (0, 1, ~0, 0, 0), (2, 0, ~0, 1, 0)]
    ticks, balanced = outputs_from(rows)
    assert ticks[:3] == [1, 2, 3]
    assert balanced.network.cores[4].name == "a.relays4"
    assert balanced.pins["out"].tolist() == [3, 3, -1, -1]
    assert balanced.latency_ticks == 4


def test_a_neuron_with_an_explicit_delay_does_not_wait():
    rows = [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0), (0, 1, 3, 0, 1), (2, 0, ~0, 0, 0), (3, 0, ~0, 1, 0)]
    ticks, balanced = outputs_from(rows)
    assert ticks == [1, 2, 3, 2]
    assert balanced.pins["out"].tolist() == [3, 2, -1, -1]
    taps = [(0, 0, 0, BALANCE), (0, 3, 0, 1)]
    rows = [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0), (2, 0, ~0, 0, 0), (3, 0, ~0, 1, 0)]
    assert outputs_from(rows, taps)[0] == [1, 2, 3, 1]


def test_an_output_wire_may_come_after_the_wave_it_leaves_with():
    rows = [(0, 0, ~0, 0, 0), (0, 1, ~0, 1, 0, 2), (0, 2, ~0, 2, 0, 20)]
    _, balanced = outputs_from(rows)
    assert balanced.pins["out"].tolist() == [1, 3, 21, -1]


def test_two_outputs_that_ask_for_the_impossible_come_to_an_end():
    # output 0 from a and d, output 1 from b and c, with a -> b and c -> d
    cores = [networks.core(n, used=4) for n in "abcd"]
    rows = [(0, 0, 1, 0, 0), (2, 0, 3, 0, 0)]
    rows += [(0, 1, ~0, 0, 0), (3, 0, ~0, 1, 0), (1, 0, ~1, 0, 0), (2, 1, ~1, 1, 0)]
    taps = [(0, 0, 0, 0), (0, 0, 1, 0), (0, 2, 0, 0), (0, 2, 1, 0)]
    net = networks.network(cores, rows, taps, outputs=2)
    net.outputs["more"] = LogicalOutput(2, -33)
    balanced = balance(net)
    assert balanced.pins["out"].tolist() == balanced.pins["more"].tolist() == [2, 2]


def test_latency_counts_source_tick_and_last_output_tick():
    cores = [networks.core(name) for name in "abc"]
    rows = [(0, 0, 1, 0, BALANCE), (1, 0, 2, 0, BALANCE), (0, 0, ~0, 0, 0), (1, 0, ~0, 1, 0)]
    net = networks.network(cores, rows, [(0, 0, 0, BALANCE)], outputs=2)
    assert balance(net).latency_ticks == 3  # b fires in tick 2; c leads nowhere
    silent = networks.network(cores, rows[:2], [(0, 0, 0, BALANCE)])
    assert balance(silent).latency_ticks == 4


# -- neurons that nothing drives -------------------------------------------------------------------


def test_neurons_that_nothing_drives_keep_step_with_their_core():
    cores = [networks.core("a"), networks.core("b", used=2), networks.core("free", used=2)]
    net = networks.network(cores, [(0, 0, 1, 0, 0)], [(0, 0, 0, 0)])
    assert ticks_of(net, [(1, 0), (1, 1), (2, 0), (2, 1)]) == [2, 2, 0, 0]


def test_a_neuron_that_nothing_drives_may_feed_its_own_core():
    cores = [networks.core("a"), networks.core("b", used=3)]
    net = networks.network(cores, [(0, 0, 1, 0, 0), (1, 2, 1, 0, 0)], [(0, 0, 0, 0)])
    assert ticks_of(net, [(1, 0), (1, 1), (1, 2)]) == [2, 0, 0]
