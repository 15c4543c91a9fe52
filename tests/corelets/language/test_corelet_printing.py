"""What print() says of corelets, their pins and their cores."""

from __future__ import annotations

import re

import numpy as np
import pytest

from corelets import (
    RELAY_NEURON,
    Accumulator,
    Corelet,
    Delay,
    Input,
    Output,
    Rate,
    Relay,
    Repeater,
)

pytestmark = pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")


def text(thing):
    return re.sub(re.escape(__file__) + r":\d+", "HERE", str(thing))


class Mixed(Corelet):
    def __init__(self):
        self.x, self.y, self.z = Input((2, 2), code=Rate(window=16)), Input(1), Output(4)
        self.wait, self.steps = Delay(4, 20), [Relay(4), Relay(4)]
        self.own = self.core([self.x, (self.y, 1)], RELAY_NEURON, np.ones((5, 4)))
        self.x.flat >> self.wait >> self.steps[0] >> self.steps[1]
        self.sums = Accumulator(at=3)[4](self.steps[1].output, -self.own.neurons)
        self.sums >> self.z


def test_a_corelet_prints_its_ports_neurons_parts_latency_and_cores():
    assert text(Mixed()) == (
        "Mixed (HERE)\n"
        "  input x: 2 x 2 pins, Rate(window=16)\n"
        "  input y: 1 pin\n"
        "  output z: 4 pins, after 4 ticks\n"
        "  core core0: 5 axons, 4 neurons\n"
        "  neurons sums: 4 Accumulator(at=3, floor=0)\n"
        "  part wait: Delay, input[4] -> output[4]\n"
        "  part steps[0] to steps[1]: Relay, input[4] -> output[4]\n"
        "  3 parts, 20 neurons, 1 core, latency 24 ticks"
    )
    assert repr(Mixed()) == "<Mixed: x[2, 2], y[1] -> z[4]; 3 parts, 20 neurons>"
    assert repr(Mixed().steps[1]) == "<Relay 'steps[1]': input[4] -> output[4]; 4 neurons>"
    assert text(Mixed().wait) == (
        "Delay 'wait' (HERE)\n"
        "  input input: 4 pins\n"
        "  output output: 4 pins, after 20 ticks\n"
        "  neurons repeater0: 4 Repeater()\n"
        "  4 neurons, 1 core, latency 21 ticks"
    )


def test_outputs_of_several_latencies_say_so():
    class Two(Corelet):
        def __init__(self):
            self.x, self.z = Input(1), Output(2)
            fire = Repeater()[1]
            fire(self.x) + fire(self.x.after(4)) >> self.z

    assert "  output z: 2 pins, after 1 to 5 ticks" in text(Two())


def test_an_unfinished_corelet_prints_what_it_has():
    seen = []

    class Early(Corelet):
        def __init__(self):
            seen.append(repr(self))
            self.x = Input(2)
            self.z = Output(2)
            seen.append(text(self))
            self.x >> Repeater()[2]() >> self.z

    Early()
    assert seen == [
        "<Early: no input -> no output; 0 neurons>",
        "Early (HERE)\n  input x: 2 pins\n  output z: 2 pins\n  not complete: output 'z' of Early (HERE) is "
        "driven by nothing at pin 0; connect() neurons or the output of a part to every pin",
    ]


def test_pins_and_cores_print_what_they_are():
    mixed = Mixed()
    assert text(mixed.x) == "input 'x' of Mixed (HERE): 4 pins"
    assert text(mixed.x.flat[1:3]) == "input 'x' of Mixed (HERE)[1:3]: 2 pins"
    assert text(mixed.x.flat[2]) == "input 'x' of Mixed (HERE)[2]: 1 pin"
    both = "5 pins (input 'x' of Mixed (HERE) + input 'y' of Mixed (HERE))"
    assert text(mixed.x.flat + mixed.y) == both
    assert text(mixed.own) == "core 'core0' of Mixed (HERE): 5 axons, 4 neurons"
    assert text(mixed.own.axons[:2]) == "axons 'core0' of Mixed (HERE)[0:2]: 2 pins"
    assert text(Input(2)) == "input made at HERE: 2 pins"
