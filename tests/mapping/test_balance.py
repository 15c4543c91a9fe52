"""Everything a core sees belongs to one frame: delays against longest paths found by recursion."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import wirings as networks
from hypothesis import given
from hypothesis import strategies as st

from tnemu.mapping.balance import balance, latency_ticks, loops, wave_ticks
from tnemu.mapping.errors import FitError
from tnemu.networks.logical import BALANCE, LogicalOutput

edges = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@given(edges, st.lists(st.integers(0, 6), min_size=30, max_size=30))
def test_a_wave_tick_is_the_longest_path_from_the_inputs(pairs, delays):
    rows = [
        (min(a, b), 0, max(a, b), 0, d) for (a, b), d in zip(pairs, delays, strict=False) if a != b
    ]
    net = networks.network([networks.core(f"c{k}") for k in range(10)], rows, [(0, 0, 0, 3)])

    @functools.cache
    def longest(target):
        ways = [longest(a) + max(d, 1) for a, _, b, _, d in rows if b == target]
        return max([0, *ways, *([3] if target == 0 else [])])

    assert wave_ticks(net).tolist() == [longest(k) for k in range(10)]


@given(st.integers(0, 2**32 - 1))
def test_all_balanced_wires_of_a_core_arrive_in_its_wave_tick(seed):
    net = networks.random_layers(np.random.default_rng(seed), layers=4)
    balanced, ticks = balance(net)
    inner = balanced.wires[balanced.wires["target"] >= 0]
    arrival = ticks[inner["core"]] + inner["delay"]
    np.testing.assert_array_equal(arrival, ticks[inner["target"]])
    taps = balanced.inputs["in"].taps
    np.testing.assert_array_equal(taps["delay"], ticks[taps["core"]])
    assert (balanced.wires["delay"] >= 1).all()
    assert (net.wires["delay"] == BALANCE).all()  # the network handed in stays as it was


def test_explicit_delays_are_kept_and_the_others_wait_for_them():
    cores = [networks.core(name) for name in "abc"]
    net = networks.network(
        cores, [(0, 0, 2, 0, 9), (1, 0, 2, 1, BALANCE)], [(0, 0, 0, 2), (0, 1, 0, BALANCE)]
    )
    balanced, ticks = balance(net)
    assert ticks.tolist() == [2, 1, 11]
    assert balanced.wires["delay"].tolist() == [9, 10]
    assert balanced.inputs["in"].taps["delay"].tolist() == [2, 1]


def chain(length):
    """One core after the other, and a wire from the first to the last."""
    cores = [networks.core(f"c{k}") for k in range(length)]
    rows = [(k, 0, k + 1, 0, BALANCE) for k in range(length - 1)]
    return networks.network(cores, [*rows, (0, 0, length - 1, 5, BALANCE)], [(0, 0, 0, BALANCE)])


def test_a_wire_waits_up_to_15_ticks():
    balanced, _ = balance(chain(16))
    assert balanced.wires["delay"].max() == 15
    with pytest.raises(FitError) as caught:
        balance(chain(17))
    assert str(caught.value) == (
        "spikes of core 'c0' neuron 0 would have to wait 16 ticks for the slowest other input of "
        "core 'c16', a delay holds at most 15; put a Delay of 1 or more ticks between the two, or "
        "give explicit delays"
    )


def test_an_input_waits_up_to_15_ticks():
    late = networks.core("late")
    for delay, fits in ((14, True), (15, False)):
        net = networks.network(
            [networks.core("early"), late],
            [(0, 0, 1, 0, delay)],
            [(0, 0, 0, BALANCE), (0, 1, 1, BALANCE)],
        )
        if fits:
            assert balance(net)[0].inputs["in"].taps["delay"].tolist() == [1, 15]
        else:
            with pytest.raises(FitError, match="spikes of input 'in' pin 0 would have to wait 16"):
                balance(net)


@given(edges)
def test_cores_share_a_loop_iff_they_reach_each_other(pairs):
    reach = np.eye(10, dtype=bool)
    for a, b in pairs:
        reach[a, b] = True
    for middle in range(10):
        reach |= reach[:, [middle]] & reach[[middle], :]
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T
    label = loops(source, target, 10)
    np.testing.assert_array_equal(label[:, None] == label[None, :], reach & reach.T)


@pytest.mark.parametrize("back", [(1, 7, 0, 1, BALANCE), (1, 7, 1, 1, BALANCE)])
def test_a_feedback_loop_without_explicit_delays_is_refused(back):
    cores = [networks.core("a"), networks.core("b", used=8)]
    net = networks.network(cores, [(0, 0, 1, 0, 1), back], [(0, 0, 0, BALANCE)])
    with pytest.raises(FitError) as caught:
        balance(net)
    target = "ab"[back[2]]
    assert str(caught.value) == (
        f"the wire from core 'b' neuron 7 to core '{target}' axon 1 is part of a feedback loop, in "
        "which no delay can be chosen for you; give it an explicit delay of 1..15 ticks "
        "(connect(..., delay=1))"
    )


def test_a_loop_with_explicit_delays_waits_for_the_last_input_from_outside():
    cores = [networks.core(name) for name in ("in", "a", "b", "out")]
    net = networks.network(
        cores,
        [(0, 0, 1, 0, BALANCE), (1, 0, 2, 0, 4), (2, 0, 1, 1, 4), (2, 0, 3, 0, BALANCE)],
        [(0, 0, 0, BALANCE)],
    )
    balanced, ticks = balance(net)
    assert ticks.tolist() == [1, 2, 2, 3]
    assert balanced.wires["delay"].tolist() == [1, 4, 4, 1]


def outputs_from(rows, taps=((0, 0, 0, BALANCE),), cores="abcd"):
    net = networks.network([networks.core(n, used=4) for n in cores], rows, taps, outputs=4)
    balanced, ticks = balance(net)
    return ticks.tolist(), balanced


def test_cores_of_one_output_wait_for_the_last_of_them():
    # a -> b -> c -> output and a -> d -> output: d waits for c, by a longer way from a
    rows = [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0), (0, 1, 3, 0, 0), (2, 0, ~0, 0, 0), (3, 0, ~0, 1, 0)]
    ticks, balanced = outputs_from(rows)
    assert ticks == [1, 2, 3, 3]
    assert balanced.wires["delay"].tolist() == [1, 1, 2, 1, 1]


def test_a_core_with_an_explicit_delay_does_not_wait():
    rows = [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0), (0, 1, 3, 0, 1), (2, 0, ~0, 0, 0), (3, 0, ~0, 1, 0)]
    assert outputs_from(rows)[0] == [1, 2, 3, 2]
    taps = [(0, 0, 0, BALANCE), (0, 3, 0, 1)]
    rows = [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0), (2, 0, ~0, 0, 0), (3, 0, ~0, 1, 0)]
    assert outputs_from(rows, taps)[0] == [1, 2, 3, 1]


def test_cores_that_feed_each_other_do_not_wait_for_each_other():
    rows = [(0, 0, 1, 0, 0), (1, 0, 2, 0, 0), (0, 1, ~0, 0, 0), (2, 0, ~0, 1, 0)]
    assert outputs_from(rows)[0][:3] == [1, 2, 3]


def test_two_outputs_that_ask_for_the_impossible_come_to_an_end():
    # output 0 from a and d, output 1 from b and c, with a -> b and c -> d
    cores = [networks.core(n, used=4) for n in "abcd"]
    rows = [(0, 0, 1, 0, 0), (2, 0, 3, 0, 0)]
    rows += [(0, 1, ~0, 0, 0), (3, 1, ~0, 1, 0), (1, 1, ~1, 0, 0), (2, 1, ~1, 1, 0)]
    net = networks.network(cores, rows, [(0, 0, 0, 0), (0, 2, 0, 0)], outputs=2)
    net.outputs["more"] = LogicalOutput(2, -33)
    balanced, ticks = balance(net)
    inner = balanced.wires[:2]
    assert (ticks[inner["core"]] + inner["delay"] == ticks[inner["target"]]).all()


def test_latency_counts_source_tick_and_last_output_tick():
    cores = [networks.core(name) for name in "abc"]
    rows = [(0, 0, 1, 0, BALANCE), (1, 0, 2, 0, BALANCE), (0, 0, ~0, 0, 0), (1, 0, ~0, 1, 0)]
    net = networks.network(cores, rows, [(0, 0, 0, BALANCE)], outputs=2)
    assert latency_ticks(net, wave_ticks(net)) == 3  # b fires in tick 2; c leads nowhere
    silent = networks.network(cores, rows[:2], [(0, 0, 0, BALANCE)])
    assert latency_ticks(silent, wave_ticks(silent)) == 4
