"""When spikes come: what is known of every output pin, what waits, and what an attribute may be called."""

from __future__ import annotations

import numpy as np
import pytest

from corelets import (
    RELAY_NEURON,
    Adder,
    Corelet,
    Delay,
    DLatch,
    Input,
    Interface,
    Output,
    Relay,
    Repeater,
    Threshold,
    check,
    later,
)
from tnemu.mapping.size import size_of


def latencies(corelet):
    size = size_of(corelet)
    return {name: sorted(set(ticks.tolist())) for name, ticks in size.pin_ticks.items()}


def test_a_core_may_have_several_outputs():
    class Two(Corelet):
        def __init__(self):
            self.x, self.a, self.b = Input(2), Output(1), Output(1)
            core = self.core([self.x], RELAY_NEURON, np.eye(2))
            core.neurons[0] >> self.a
            core.neurons[1] >> self.b

    assert latencies(Two()) == {"a": [1], "b": [1]}
    found = Two().simulate(x=[[1, 0], [1, 1]])
    assert (found.a.tolist(), found.b.tolist()) == ([[True], [True]], [[False], [True]])


def test_what_ripples_through_one_output_leaves_it_together():
    assert latencies(Adder(4)) == {"z": [5]}
    assert size_of(Adder(8)).cores == 1


def test_a_strobe_that_comes_later_does_not_move_the_others():
    class Strobed(Corelet):
        def __init__(self):
            self.x, self.strobe, self.z = Input(), Input(), Output()
            Threshold(at=2)[1](self.x, self.strobe.after(3)) >> self.z

        def model(self, x, strobe):
            return x & later(strobe, 3)

    check(Strobed(), runs=10)


def test_ways_inside_one_core_count_and_are_no_loop():
    class Chain(Corelet):
        def __init__(self, n):
            self.x, self.z = Input(), Output()
            core = self.core([n], RELAY_NEURON, np.eye(n))
            self.x >> core.axons[0]
            core.neurons[:-1] >> core.axons[1:]
            core.neurons[-1] >> self.z

        def model(self, x):
            return x

    assert size_of(Chain(100)).latency_ticks == size_of(Delay(1, 100)).latency_ticks == 101
    assert size_of(DLatch(1)).latency_ticks == 3
    check(Chain(20), runs=3)


@pytest.mark.parametrize("ticks", [0, 1, 14, 15, 16, 100])
def test_any_wait_is_possible(ticks):
    class Late(Corelet):
        def __init__(self):
            self.x, self.z = Input(3), Output(3)
            first = Repeater()[3](self.x)
            Threshold(at=2)[3](first.after(ticks), first) >> self.z

        def model(self, x):
            return x & later(x, ticks)

    check(Late(), runs=2, ticks=120)


@pytest.mark.parametrize("ticks", [1, 2, 15, 16, 40])
def test_feedback_takes_its_ticks_and_needs_no_other_annotation(ticks):
    class Ring(Corelet):
        """z goes round for ever."""

        def __init__(self):
            self.x, self.z, self.last = Input(3), Output(3), Relay(3)
            ring = Repeater()[3](self.x)
            ring.loop(ticks) >> ring
            ring >> self.last >> self.z

        def model(self, x):
            z = x.copy()
            for t in range(ticks, len(x)):
                z[t] |= z[t - ticks]
            return z

    check(Ring(), runs=3, ticks=100)


@pytest.mark.parametrize(("parts", "cores"), [(40, 1), (200, 5)])
def test_many_small_parts_share_cores(parts, cores):
    many = DLatch(1).times(parts)
    assert size_of(many).cores <= cores
    assert many.ports["d"].shape == (parts,)


def test_attributes_may_have_any_name_but_build():
    class Free(Corelet):
        def __init__(self):
            self.path, self.name = Input(2), Output(2)
            self.add, self.walk, self.describe = Relay(2), Relay(2), Relay(2)
            self.ports, self.core, self.parent = [Relay(2)], {"a": Relay(2)}, 3
            first = self.path >> self.add >> self.walk >> self.describe
            first >> self.ports[0] >> self.core["a"] >> self.name

        def model(self, path):
            return path

    free = Free()
    assert repr(free) == "<Free: path[2] -> name[2]; 5 parts, 10 neurons>"
    assert [core.layer for core in free.build().cores][-2:] == ["ports[0]", "core[a]"]
    check(free, runs=2)


def test_interfaces_connect_as_a_whole_each_port_in_its_direction():
    class Side(Corelet):
        def __init__(self, sends):
            bus = Interface(data=Output(2), back=Input(2))
            self.bus = bus if sends else bus.flipped()
            if sends:
                self.x, self.z = Input(2), Output(2)
                Repeater()[2](self.x) >> self.bus.data
                Repeater()[2](self.bus.back) >> self.z
            else:
                Repeater()[2](self.bus.data[::-1]) >> self.bus.back

    class Both(Corelet):
        def __init__(self):
            self.x, self.z = Input(2), Output(2)
            self.near, self.far = Side(True), Side(False)
            self.near.bus >> self.far.bus
            self.x >> self.near.x
            self.near.z >> self.z

        def model(self, x):
            return x[:, ::-1]

    check(Both(), runs=3)
