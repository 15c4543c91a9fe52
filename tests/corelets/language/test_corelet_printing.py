"""What print() says of corelets, their pins and their cores."""

from __future__ import annotations

import re

import numpy as np

from corelets import RELAY_NEURON, Corelet, Delay, Input, Output, Relay


def text(thing):
    return re.sub(re.escape(__file__) + r":\d+", "HERE", str(thing))


class Mixed(Corelet):
    def __init__(self):
        self.x, self.y, self.z = Input(4), Input(1), Output(4)
        self.wait, self.steps = Delay(4, 20), [Relay(4), Relay(4)]
        self.own = self.core([self.x, (self.y, 1)], RELAY_NEURON, np.ones((5, 4)))
        self.connect(self.x, self.wait.input)
        self.connect(self.wait.output, self.steps[0].input)
        self.connect(self.steps[0].output, self.steps[1].input)
        self.connect(self.steps[1].output, self.z)
        self.build()  # so that nothing goes unused


def test_a_corelet_prints_its_ports_parts_and_cores():
    assert text(Mixed()) == (
        "Mixed (HERE)\n"
        "  input x: 4 pins\n"
        "  input y: 1 pin\n"
        "  output z: 4 pins\n"
        "  part wait: Delay, 3 cores\n"
        "  part steps[0] to steps[1]: Relay, 2 cores\n"
        "  3 parts, 6 cores"
    )
    assert repr(Mixed()) == "<Mixed: x[4], y[1] -> z[4]; 3 parts, 6 cores>"
    assert repr(Mixed().steps[1]) == "<Relay 'steps[1]': input[4] -> output[4]; 1 core>"


def test_an_unfinished_corelet_prints_what_it_has():
    seen = []

    class Early(Corelet):
        def __init__(self):
            seen.append(repr(self))
            self.x = Input(2)
            seen.append(text(self))

    Early().build()
    assert seen == [
        "<Early: no input -> no output; 0 cores>",
        "Early (HERE)\n  input x: 2 pins\n  0 cores",
    ]


def test_pins_and_cores_print_what_they_are():
    mixed = Mixed()
    assert text(mixed.x) == "input 'x' of Mixed (HERE): 4 pins"
    assert text(mixed.x[1:3]) == "input 'x' of Mixed (HERE)[1:3]: 2 pins"
    assert text(mixed.x[2]) == "input 'x' of Mixed (HERE)[2]: 1 pin"
    both = "5 pins (input 'x' of Mixed (HERE) + input 'y' of Mixed (HERE))"
    assert text(mixed.x + mixed.y) == both
    assert text(mixed.own) == "core 'core0' of Mixed (HERE): 5 axons, 4 neurons"
    assert text(mixed.own.axons[:2]) == "axons 'core0' of Mixed (HERE)[0:2]: 2 pins"
    assert text(Input(2)) == "input made at HERE: 2 pins"
