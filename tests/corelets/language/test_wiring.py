"""The corelet language: what connects to what, what it is called, and what it refuses."""

from __future__ import annotations

import re

import chips
import numpy as np
import pytest

from corelets import (
    RELAY_NEURON,
    Corelet,
    CoreletError,
    Input,
    Output,
    Relay,
)
from tnemu.hardware import RangeError, neuron
from tnemu.networks.logical import BALANCE

# Corelets whose wiring is refused are never used; test_unused.py looks at the warning.
pytestmark = pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")


class Wired(Corelet):
    """A corelet whose body is given: ports x and y of ``width`` pins in, z out."""

    def __init__(self, body, width=4):
        self.x, self.y, self.z = Input(width), Input(width), Output(width)
        body(self)


class Chain(Corelet):
    """Two relays, one behind the other."""

    def __init__(self, width=2):
        self.input, self.output = Input(width), Output(width)
        self.steps = [Relay(width), Relay(width)]
        self.input >> self.steps[0] >> self.steps[1] >> self.output


def refusal(body, build=True):
    """The text of the error, and this file's lines in it replaced by HERE."""
    with pytest.raises(CoreletError) as caught:
        corelet = Wired(body)
        if build:
            corelet.build()
    return re.sub(re.escape(__file__) + r":\d+", "HERE", str(caught.value))


def relays(self, source, sink):
    core = self.core([source], RELAY_NEURON, np.eye(source.width))
    self.connect(core.neurons, sink)
    return core


# -- what wiring means -----------------------------------------------------------------------------


def test_pin_k_drives_pin_k():
    network = Wired(lambda self: relays(self, self.x, self.z)).build()
    assert network.inputs["x"].taps.tolist() == [(k, 0, k, BALANCE, 0) for k in range(4)]
    assert network.wires.tolist() == [(0, k, ~0, k, BALANCE, 0, 0) for k in range(4)]
    assert [(name, o.number) for name, o in network.outputs.items()] == [("z", -32)]


def test_slices_and_sums_choose_pins_in_their_order():
    def body(self):
        crossed = self.x[[3, 0]] + self.y[-1] + self.y[np.array([True, False, False, False])]
        relays(self, crossed, self.z)

    network = Wired(body).build()
    assert network.inputs["x"].taps.tolist() == [(0, 0, 1, 0, 0), (3, 0, 0, 0, 0)]
    assert network.inputs["y"].taps.tolist() == [(0, 0, 3, 0, 0), (3, 0, 2, 0, 0)]


def test_wires_run_through_ports_at_any_depth():
    class Wrapped(Corelet):
        def __init__(self, depth):
            self.input, self.output = Input(2), Output(2)
            self.inside = Wrapped(depth - 1) if depth else Relay(2)
            self.connect(self.input, self.inside.input)
            self.connect(self.inside.output, self.output)

    deep, flat = Wrapped(4).build(), Relay(2).build()
    assert np.array_equal(deep.wires, flat.wires)
    assert np.array_equal(deep.inputs["input"].taps, flat.inputs["input"].taps)
    assert deep.cores[0].name == "inside.inside.inside.inside.inside.repeater0"


def test_a_part_that_passes_its_input_on_is_a_wire():
    class Swap(Corelet):
        def __init__(self):
            self.input, self.output = Input(2), Output(2)
            self.connect(self.input, self.output[::-1])

    class Around(Corelet):
        def __init__(self):
            self.input, self.output = Input(2), Output(2)
            self.swap, self.relay = Swap(), Relay(2)
            self.connect(self.input, self.swap.input)
            self.connect(self.swap.output, self.relay.input)
            self.connect(self.relay.output, self.output)

    assert Around().build().inputs["input"].taps.tolist() == [(0, 0, 1, 0, 0), (1, 0, 0, 0, 0)]


def test_several_sources_on_one_pin_merge():
    def body(self):
        core = self.core([self.x], RELAY_NEURON, np.eye(4))
        self.connect(core.neurons, self.z[[0, 0, 1, 1]])
        self.connect(core.neurons[:2], self.z[2:])

    spikes = chips.play(Wired(body), {"x": [(0, 0), (0, 1), (0, 2)]}, 2)["z"]
    assert sorted(set(spikes)) == [(1, 0), (1, 1), (1, 2), (1, 3)]


def test_one_source_may_drive_many_sinks():
    def body(self):
        core = self.core([self.x[:1]], RELAY_NEURON, [[1]])
        for k in range(4):
            self.connect(core.neurons, self.z[k])

    assert chips.play(Wired(body), {"x": [(0, 0)]}, 2)["z"] == [(1, k) for k in range(4)]


def test_an_explicit_delay_reaches_the_wire_through_ports():
    class Late(Corelet):
        def __init__(self):
            self.input, self.output = Input(1), Output(1)
            self.first, self.second = Relay(1), Relay(1)
            self.connect(self.input, self.first.input)
            self.connect(self.first.output, self.second.input, delay=7)
            self.connect(self.second.output, self.output)

    network = Late().build()
    assert network.wires.tolist() == [(0, 0, 1, 0, 7, 0, 0), (1, 0, ~0, 0, BALANCE, 0, 0)]


def test_axon_types_neuron_templates_and_elements_reach_the_core():
    on, off = neuron(s=(1, -1), alpha=1), neuron(s=(-1, 1), alpha=1)

    def body(self):
        core = self.core(
            [(self.x[:2], 1), (self.y[:2], [2, 3]), 1],
            [(on, 3), (off, 1)],
            np.ones((5, 4)),
            name="mix",
            layer="first",
            seed=5,
            elements=[7, 8, 9, -1],
        )
        self.connect(core.neurons, self.z)

    (core,) = Wired(body).build().cores
    assert core.axon_types[:6].tolist() == [1, 1, 2, 3, 0, 0]
    assert core.neurons["s"][:4, 0].tolist() == [1, 1, 1, -1]
    assert core.used.sum() == 4
    assert core.crossbar.sum() == 20
    assert core.elements[:5].tolist() == [7, 8, 9, -1, -1]
    assert (core.name, core.layer, core.seed) == ("mix", "first", 5)


def test_building_twice_gives_the_same_network_and_seeds_follow_names():
    class Two(Corelet):
        def __init__(self, first):
            self.input, self.output = Input(2), Output(2)
            self.parts_ = [Relay(2), Relay(2)] if first else [Relay(2)]
            last = self.parts_[-1]
            for part in self.parts_:
                self.connect(self.input, part.input)
            self.connect(last.output, self.output)

    two = Two(True)
    assert two.build() == two.build()
    names = {core.name: core.seed for core in two.build().cores}
    assert list(names) == ["parts_[0].repeater0", "parts_[1].repeater0"]
    assert len(set(names.values())) == 2
    (alone,) = Two(False).build().cores
    assert alone.seed == names[alone.name]  # another part does not change its noise


def test_layers_are_the_paths_of_the_corelets_that_own_the_cores():
    network = Chain().build()
    assert [core.layer for core in network.cores] == ["steps[0]", "steps[1]"]
    assert network.origin["layer_kinds"] == {"steps[0]": "Relay", "steps[1]": "Relay"}
    assert [core.layer for core in Relay(2).build().cores] == ["Relay"]


# -- what wiring refuses ---------------------------------------------------------------------------


def test_widths_are_checked_both_ways():
    wide = refusal(lambda self: relays(self, self.x, self.z[:3]), build=False)
    assert wide == (
        "connect() at HERE: source neurons 'core0' of Wired (HERE) has 4 pins, sink output 'z' of "
        "Wired (HERE)[0:3] has 3; take 3 of the 4 pins of the source by slicing it"
    )
    narrow = refusal(lambda self: relays(self, self.x[1:2], self.z), build=False)
    assert (
        "has 1 pins, sink output 'z' of Wired (HERE) has 4; take 1 of the 4 pins of the sink"
        in (narrow)
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            lambda self: self.connect(self.z, self.x),
            "output 'z' of Wired (HERE) cannot be a source here, spikes only go into it; "
            "swap source and sink",
        ),
        (
            lambda self: self.connect(self.x, self.y),
            "input 'y' of Wired (HERE) cannot be a sink here, spikes only come out of it",
        ),
        (
            lambda self: self.connect(Relay(4).input, self.z),
            "input 'input' of Relay (HERE) cannot be a source here",
        ),
        (
            lambda self: self.connect(self.x, relays(self, self.x, self.z).neurons),
            "neurons 'core0' of Wired (HERE) cannot be a sink here",
        ),
        (
            lambda self: self.connect(relays(self, self.x, self.z).axons, self.z),
            "axons 'core0' of Wired (HERE) cannot be a source here",
        ),
        (
            lambda self: self.connect(Input(4), self.z),
            "the source is an input made at HERE that belongs to no corelet; assign it to an "
            "attribute of one first",
        ),
        (
            lambda self: self.connect(4, self.z),
            "connect() at HERE: the source is 4, expected pins such as self.x",
        ),
        (
            lambda self: self.connect(self.x, self.z, delay=16),
            "connect() at HERE: delay = 16: must be a whole number in 1..15; leave it out to let the "
            "mapper choose, or say source.after(ticks)",
        ),
        (
            lambda self: self.connect(self.x, self.z, delay=-1),
            "delay = -1: must be a whole number in 1..15",
        ),
        (
            lambda self: self.connect(self.x[[0, 4]], self.z[:2]),
            "input 'x' of Wired (HERE) has pins 0..3, not [0, 4]; choose among them",
        ),
    ],
)
def test_connections_that_cannot_be_are_refused_at_once(body, message):
    assert message in refusal(body, build=False)


def test_a_corelet_reaches_no_deeper_than_its_parts():
    def body(self):
        self.chain = Chain(4)
        self.connect(self.x, self.chain.steps[0].input)

    assert (
        "input 'input' of Relay 'chain.steps[0]' (HERE) is out of reach of Wired (HERE); a corelet "
        "connects its own ports and cores and the ports of its parts" in refusal(body, build=False)
    )


def test_a_part_that_was_never_assigned_is_refused_when_built():
    def body(self):
        relay = Relay(4)
        self.connect(self.x, relay.input)
        self.connect(relay.output, self.z)

    assert refusal(body) == (
        "connect() at HERE: input 'input' of Relay (HERE) is not a part of what is built; assign it "
        "to an attribute of the corelet that connects it"
    )


def test_an_input_of_a_part_that_nothing_drives_is_refused():
    def body(self):
        self.relay = Relay(4)
        self.connect(self.relay.output, self.z)

    assert refusal(body) == (
        "input 'input' of Relay 'relay' (HERE) is not connected; connect() something to it in "
        "Wired (HERE), or SILENCE >> it"
    )


def test_an_output_pin_that_nothing_drives_is_refused():
    def body(self):
        relays(self, self.x[:3], self.z[[0, 1, 3]])

    assert refusal(body).startswith("output 'z' of Wired (HERE) is driven by nothing at pin 2;")


def test_an_input_straight_to_an_output_is_refused():
    def body(self):
        relays(self, self.x[:3], self.z[:3])
        self.connect(self.y[3], self.z[3])

    assert refusal(body) == (
        "output 'z' of Wired (HERE) gets pin 3 straight from an input of Wired (HERE); only neurons "
        "send spikes off the board, put a Relay between"
    )


def test_ports_that_run_in_a_circle_are_refused():
    class Wire(Corelet):
        def __init__(self):
            self.input, self.output = Input(1), Output(1)
            self.connect(self.input, self.output)

    def body(self):
        self.one, self.two = Wire(), Wire()
        self.connect(self.one.output, self.two.input)
        self.connect(self.two.output, self.one.input)
        self.relay = Relay(1)
        self.connect(self.two.output, self.relay.input)

    assert "the ports run in a circle without a neuron in it" in refusal(body)


def test_two_delays_on_one_wire_are_refused():
    class Late(Corelet):
        def __init__(self):
            self.input, self.output = Input(4), Output(4)
            self.relay = Relay(4)
            self.connect(self.input, self.relay.input, delay=2)
            self.connect(self.relay.output, self.output)

    def body(self):
        self.late = Late()
        self.connect(self.x, self.late.input, delay=3)
        self.connect(self.late.output, self.z)

    assert "connect() at HERE and connect() at HERE give two delays (3 and 2) to one wire" in (
        refusal(body)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            lambda s: ([s.x], RELAY_NEURON, np.eye(5)),
            r"shape \(5, 5\), but there are 4 axons and 5",
        ),
        (lambda s: ([s.x], [(RELAY_NEURON, 3)], np.eye(4)), "4 axons and 3 neurons"),
        (
            lambda s: ([s.x], RELAY_NEURON, [1, 0]),
            r"shape \(2,\); it is a table \[axons, neurons\]",
        ),
        (lambda s: ([(s.x, 4)], RELAY_NEURON, np.eye(4)), r"axon type = 4: must be a .* in 0\.\.3"),
        (lambda s: ([(s.x, [0, 1])], RELAY_NEURON, np.eye(4)), "2 axon types for 4 axons"),
    ],
)
def test_a_core_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(CoreletError, match=message):
        Wired(lambda self: self.core(*arguments(self)))


def test_neuron_parameters_out_of_range_name_the_core():
    records = np.repeat(np.asarray(RELAY_NEURON).reshape(1), 4)
    records["beta"] = 1 << 18
    with pytest.raises(RangeError, match=r"core 'core0' of Wired \(.*\): beta = 262144 is outside"):
        Wired(lambda self: self.core([self.x], records, np.eye(4)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            lambda self: setattr(self, "x", Input(1)),
            "Wired (HERE) already has a port or part 'x'; choose another name",
        ),
        (
            lambda self: setattr(self, "build", Relay(1)),
            "'build' of Wired (HERE) cannot be assigned: by it a corelet becomes a network; choose "
            "another name, such as build_",
        ),
        (
            lambda self: setattr(self, "alias", self.x),
            "input 'x' of Wired (HERE) cannot also be 'alias' of Wired (HERE): make a port of its "
            "own, self.alias = Input(4), and connect() the two",
        ),
        (
            lambda self: setattr(self, "pair", [Relay(1), 3]),
            "'pair[1]' of Wired (HERE) is 3, which is no corelet",
        ),
        (
            lambda self: setattr(self, "again", [Relay(1)] * 2),
            "Relay 'again[0]' (HERE) is already a part of Wired (HERE) and cannot also be "
            "'again[1]' of Wired (HERE): build a second one",
        ),
    ],
)
def test_names_and_parts_are_given_once(body, message):
    assert message in refusal(body, build=False)
