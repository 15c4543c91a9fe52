"""One wire per neuron: every original wire is found again behind copies and splitters."""

from __future__ import annotations

from collections import Counter

import chips
import numpy as np
import pytest
import wirings as networks
from hypothesis import given, settings
from hypothesis import strategies as st

import tnemu
from tnemu.hardware.neuron import RELAY_NEURON
from tnemu.mapping.balance import waves
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanout import legalise
from tnemu.mapping.size import size_of
from tnemu.networks.logical import BALANCE


def what(core, neuron):
    """What a neuron computes: the same for a copy, different for every other neuron here."""
    return core.crossbar[:, neuron].tobytes(), core.neurons[neuron].tobytes()


def wanted(network):
    """Where every neuron's spikes go: (core, what it computes, target, pin, delay)."""
    return Counter(
        (int(w["core"]), *what(network.cores[w["core"]], w["neuron"]), *w.tolist()[2:5])
        for w in np.unique(network.wires)
    )


def found(fanout):
    """The same of a legal network, with splitters followed to where they lead."""
    cores, original = fanout.network.cores, fanout.original
    by_source = {(int(w["core"]), int(w["neuron"])): w for w in fanout.network.wires}
    assert len(by_source) == len(fanout.network.wires)  # at most one wire per neuron

    def ends(wire, delay):
        if wire["target"] < original:
            yield int(wire["target"]), int(wire["pin"]), delay
            return
        splitter = cores[wire["target"]]
        for j in np.flatnonzero(splitter.crossbar[wire["pin"]]).tolist():
            assert splitter.used[j]
            assert splitter.neurons[j] == RELAY_NEURON
            assert splitter.crossbar[:, j].sum() == 1
            onward = by_source[int(wire["target"]), j]
            free = onward["delay"] == BALANCE  # then the mapper chooses the length of the way
            assert free or delay != BALANCE
            yield from ends(onward, BALANCE if free else delay + int(onward["delay"]))

    return Counter(
        (core, *what(cores[core], j), *end)
        for (core, j), wire in by_source.items()
        if core < original and cores[core].used[j]
        for end in ends(wire, int(wire["delay"]))
    )


@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 60),
    st.integers(1, 12),
    st.sampled_from([60, 150, 250, 256]),
    st.booleans(),
)
def test_copies_and_splitters_reach_what_the_wires_reached(seed, neurons, fan_out, used, explicit):
    rng = np.random.default_rng(seed)
    network = networks.random_layers(rng, neurons=neurons, fan_out=fan_out, used=used)
    if explicit:
        network.wires["delay"] = rng.choice([0, 2, 3, 15], len(network.wires))
    fanout = legalise(network)
    assert found(fanout) == wanted(network)
    for before, after in zip(network.cores, fanout.network.cores, strict=False):
        # the neurons that were there stay where they are: their noise and probes depend on it
        np.testing.assert_array_equal(after.neurons[before.used], before.neurons[before.used])
        np.testing.assert_array_equal(
            after.crossbar[:, before.used], before.crossbar[:, before.used]
        )
        assert after.used[before.used].all()


def fan(count, used=1, targets=4, record=networks.ONE, delay=BALANCE):
    """Neuron 0 of a core with ``used`` neurons reaches ``count`` axons of ``targets`` cores."""
    cores = [networks.core("hub", used, record, layer="first")]
    cores += [networks.core(f"t{k}") for k in range(targets)]
    rows = [(0, 0, 1 + k % targets, k // targets, delay) for k in range(count)]
    return networks.network(cores, rows, [(0, 0, 0, BALANCE)])


def test_no_splitter_while_the_core_has_neurons_for_copies():
    fanout = legalise(fan(256))
    assert (len(fanout.network.cores), fanout.copies[0]) == (5, 255)
    fanout = legalise(fan(257))
    assert len(fanout.network.cores) > 5
    assert found(fanout) == wanted(fan(257))


def test_a_full_core_uses_one_splitter_axon_and_as_few_splitter_neurons_as_possible():
    fanout = legalise(fan(10, used=256))
    splitter = fanout.network.cores[5]
    assert (splitter.name, splitter.layer, splitter.number) == ("first.splitter5", "first", 5)
    assert (splitter.used.sum(), splitter.crossbar.any(axis=1).sum()) == (10, 1)
    # three free neurons send directly, and the splitter repeats the rest
    fanout = legalise(fan(10, used=253))
    assert (fanout.network.cores[5].used.sum(), fanout.copies[0]) == (7, 3)


def test_more_wires_than_a_splitter_has_neurons_need_splitters_of_splitters():
    network = fan(900, used=256)
    fanout = legalise(network)
    assert found(fanout) == wanted(network)
    assert len(fanout.network.cores) == 5 + 4  # 900 in 4 runs; the last has room to feed them all


def test_neurons_that_draw_noise_are_never_copied():
    network = fan(3, record=networks.NOISY)
    fanout = legalise(network)
    assert fanout.copies.tolist() == [0] * 6
    assert found(fanout) == wanted(network)


@pytest.mark.parametrize("delay", range(2, 16))
def test_an_explicit_delay_keeps_its_length_through_a_splitter(delay):
    network = fan(5, used=256, delay=delay)
    assert found(legalise(network)) == wanted(network)


def test_a_neuron_with_free_and_explicit_wires_keeps_both_through_one_splitter():
    network = fan(6, used=256)
    network.wires["delay"] = [0, 2, 0, 9, 0, 15]
    fanout = legalise(network)
    assert len(fanout.network.cores) == 6
    assert found(fanout) == wanted(network)
    tick = waves(fanout.network, 5)
    free = fanout.network.wires[fanout.network.wires["delay"] == BALANCE]
    group = tick.groups.of_axons(free["target"], free["pin"])
    assert (tick.of_sources(free) < tick.ticks[group]).all()


def test_a_delay_of_one_leaves_no_room_for_a_splitter():
    copied = legalise(fan(5, used=252, delay=1))
    assert copied.copies[0] == 4
    with pytest.raises(FitError) as caught:
        legalise(fan(5, used=253, delay=1))
    assert str(caught.value) == (
        "core 'hub' neuron 0 has 5 wires and a neuron sends one: 3 neurons of its core are free for "
        "copies, and a splitter adds a tick, for which a wire of one tick (delay=1 or loop=1) has no "
        "room; give its wires 2 ticks or more, or use fewer neurons in that core"
    )
    with pytest.raises(FitError, match="it draws noise, so that copies of it would differ"):
        legalise(fan(2, record=networks.NOISY, delay=1))


def test_wires_that_are_the_same_count_once():
    network = fan(4)
    network.wires = np.concatenate([network.wires, network.wires])
    assert legalise(network).copies[0] == 3


def test_sources_of_different_layers_do_not_share_a_splitter():
    cores = [networks.core(name, used=256) for name in ("a", "b", "end")]
    rows = [(0, j, 2, 2 * j + k, BALANCE) for j in range(3) for k in range(2)]
    rows += [(1, j, 2, 9 + 2 * j + k, BALANCE) for j in range(3) for k in range(2)]
    rows.append((0, 9, 1, 0, BALANCE))  # b comes after a
    fanout = legalise(networks.network(cores, rows, [(0, 0, 0, BALANCE)]))
    feeds = fanout.network.wires[fanout.network.wires["target"] >= 3]
    assert {(int(w["core"]), int(w["target"])) for w in feeds} == {(0, 3), (1, 4)}


@pytest.mark.parametrize("most", [1, 2, 40, 300, None])
def test_splitters_on_the_chip_send_what_the_host_is_not_to_send(most):
    """300 relays listen to pin 0, two to pin 1, whose second tap has an explicit delay."""
    relays = [networks.sized(f"r{k}", np.eye(256, dtype=bool)) for k in range(2)]
    taps = [(0, j // 256, j % 256, 0) for j in range(300)]
    taps += [(1, 1, 100, 0), (1, 1, 101, 5), (2, 1, 102, 1), (2, 1, 103, 0)]
    rows = [(k, j, ~0, 256 * k + j, 0) for k in range(2) for j in range(256)]
    network = networks.network(relays, rows, taps, 512, 3)
    size = size_of(network, host_spikes=most)
    pins = np.bincount(size.network.inputs["in"].taps["pin"], minlength=3)
    few = most is not None and most < 300
    assert pins.tolist() == [2 if few else 300, 1 if most == 1 else 2, 2]
    split = (300 if few else 0) + (2 if most == 1 else 0)
    assert size.resources["splitters"] == split
    plan = tnemu.fit(network, "tiny", host_spikes=most)
    answer = chips.play_image(plan.image, {"in": [(0, 0), (3, 1), (9, 2)]}, 20)["out"]
    # pins that have a choice wait for the one that comes after 5 ticks
    meant = [(5, j) for j in range(300)] + [(8, 356), (8, 357), (10, 358), (14, 359)]
    assert answer == sorted(meant)


def test_host_spikes_are_at_least_one():
    with pytest.raises(FitError, match="host_spikes = 0: must be a whole number in 1"):
        size_of(fan(3), host_spikes=0)
