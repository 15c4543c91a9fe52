"""What no board can be loaded with is refused where it is said, by name, with the limit and a way out."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tnemu
from corelets import (
    CLEAR,
    RELAY_NEURON,
    Accumulator,
    Bernoulli,
    Corelet,
    CoreletError,
    Delay,
    Frame,
    Input,
    Integrator,
    Interface,
    Neuron,
    Output,
    Rate,
    Relay,
    Repeater,
    Thermometer,
    Threshold,
    Toggle,
    UpDown,
)
from tnemu.errors import TnemuError
from tnemu.mapping.fit import FitError

pytestmark = pytest.mark.filterwarnings("ignore::corelets.CoreletWarning")


class Wired(Corelet):
    def __init__(self, body, width=4):
        self.x, self.y, self.z = Input(width), Input((2, 2)), Output(width)
        body(self)


class Rates(Corelet):
    def __init__(self):
        self.x, self.z = Input(4, code=Rate(16)), Output(4, code=Rate(16))
        Repeater()[4](self.x) >> self.z


class Levels(Corelet):
    def __init__(self):
        self.x, self.z = Input(4, code=Thermometer()), Output(4, code=Frame())
        Repeater()[4](self.x) >> self.z


def words(error):
    return re.sub(re.escape(__file__) + r":\d+", "HERE", str(error))


def coded(first, second):
    def body(self):
        self.a, self.b = first(), second()
        self.x >> self.a >> self.b >> self.z

    return body


def back(self):
    n = Threshold()[4](self.x)
    n.loop(2) >> self.z


AT = "input 'x' of Wired (HERE)"
REFUSED = {
    # widths, shapes, codes
    "width": (
        lambda s: s.x[:3] >> s.z,
        f"connect() at HERE: source {AT}[0:3] has 3 pins, sink output 'z' of Wired (HERE) has 4; take 3 of "
        "the 4 pins of the sink by slicing it",
    ),
    "shape": (
        lambda s: s.y >> s.z,
        "at HERE: input 'y' of Wired (HERE) has shape (2, 2), output 'z' of Wired (HERE) has (4,); if the "
        "pins are meant in this order, say so: source.reshape(4,)",
    ),
    "neurons": (
        lambda s: Threshold()[3](s.x) >> s.z[:3],
        f"at HERE: neurons 'threshold0' of Wired (HERE) has shape (3,), a weighted source from {AT} has "
        "(4,); give pins of that shape, of one pin for all neurons, or choose by W @ pins or pins.sum(axis)",
    ),
    "merge": (
        lambda s: (s.x | s.y) >> s.z,
        f"at HERE: {AT} of shape (4,) and input 'y' of Wired (HERE) of shape (2, 2) do not merge pin by pin; "
        "take as many pins of both",
    ),
    "code with a converter": (
        coded(Rates, Levels),
        "connect() at HERE: output 'z' of Rates 'a' (HERE) has the code Rate(window=16), input 'x' of Levels "
        "'b' (HERE) takes Thermometer(); put a corelets.RateToThermometer between them",
    ),
    "code without one": (
        coded(Levels, Rates),
        "connect() at HERE: output 'z' of Levels 'a' (HERE) has the code Frame(), input 'x' of Rates 'b' "
        "(HERE) takes Rate(window=16); the library has no converter from the one to the other; put a "
        "corelet between them that has Input(code=Frame()) and Output(code=Rate(window=16)), or leave one "
        "code out if any spikes will do",
    ),
    "no code": (
        lambda s: Input(4, code=Rate),
        "Input at HERE: code = <class Rate> is no code, such as corelets.Rate(window=16); make one, Rate(...)",
    ),
    "interfaces": (
        lambda s: Interface(a=s.x) >> Interface(b=s.z),
        "at HERE: Interface(a) and Interface(b) do not connect as a whole: the names are ['a'] and ['b']; "
        "give both the same",
    ),
    # times
    "after": (
        lambda s: s.x.after(2.5),
        f"{AT}.after(ticks): ticks = 2.5: must be a whole number in 0..1",
    ),
    "back in time": (
        lambda s: s.x.after(-1),
        ".after(ticks): ticks = -1: must be a whole number in 0..1",
    ),
    "delay": (
        lambda s: s.connect(s.x, s.z, delay=2.5),
        "connect() at HERE: delay = 2.5: must be a whole number in 1..15; leave it out to let the mapper "
        "choose, or say source.after(ticks)",
    ),
    "ticks": (
        lambda s: Delay(1, 2.5),
        "Delay (HERE): ticks = 2.5: must be a whole number in 1..1000000",
    ),
    "loop": (
        lambda s: s.x.loop(0),
        f"{AT}.loop(ticks): ticks = 0: must be a whole number in 1..1048576; a spike that is fired in a tick "
        "is seen in the next one at the earliest",
    ),
    "loop of an input": (
        lambda s: Threshold()[4](s.x.loop(2)) >> s.z,
        "connect() at HERE: the feedback loop(2) comes from an input of the outermost corelet; say after() "
        "instead",
    ),
    "loop to an output": (
        back,
        "connect() at HERE: the feedback loop(2) leads to an output, from which nothing comes back; leave "
        "loop() out",
    ),
    "two times": (
        lambda s: s.x + s.y.flat.after(2) >> s.z[[0] * 8],
        f"at HERE: {AT} and input 'y' of Wired (HERE) arrive at different times (with the wave; after 2); add first and "
        "say after() or loop() of the sum, or use each alone",
    ),
    # weights and sums
    "weight": (
        lambda s: Threshold()[4](1.5 * s.x),
        f"at HERE: weight of {AT} = 1.5: must be a whole number in -2147483648..2147483648; scale weights "
        "and thresholds together until both are whole",
    ),
    "no number": (
        lambda s: Threshold()[4](float("nan") * s.x),
        f"weight of {AT} = nan: must be a whole",
    ),
    "no number in a matrix": (
        lambda s: Threshold()[4](np.full((4, 4), np.nan) @ s.x),
        f"at HERE: weight of {AT}[0, 0] = nan: must be a whole number in",
    ),
    "matrix": (
        lambda s: Threshold()[4](np.ones((4, 3)) @ s.x),
        f"at HERE: W @ {AT}: W has shape (4, 3), the pins (4,); the last axis of W is that of a flat row of "
        "pins (pins.flat)",
    ),
    "too heavy": (
        lambda s: Threshold()[4](200 * s.x, 56 * s.x) >> s.z,
        "neurons 'threshold0' of Wired (HERE): a source has the weight 256 at neuron 0, a synapse weighs "
        "-255..255; scale weights and thresholds down together",
    ),
    "five weights": (
        lambda s: Threshold()[2]([[1, 2, 3, 4], [-1, 2, 3, 4]] @ s.x, 5 * s.y[0, 0]) >> s.z[:2],
        "neurons 'threshold0' of Wired (HERE): neuron 0 has 5 different weights or more, 1..5; an axon has "
        "one of 4 types, so a neuron has 4 weights: write (W @ x).bits(4), which makes each weight a sum over "
        "axons of several types, or use fewer different weights",
    ),
    "few bits": (
        lambda s: (9 * s.x).bits(4),
        f"at HERE: a weighted source from {AT} has the weight 9, 4 bits hold -8..7; take more bits, up to 8,",
    ),
    "plus": (
        lambda s: Threshold()[4](s.x + 3 * s.y.flat),
        "'+' puts pins after pins; separate the weighted sources of a neuron by commas: neuron(+a, -b)",
    ),
    "weights on a wire": (
        lambda s: 2 * s.x >> s.z,
        "pins pass spikes on and weigh nothing; weigh them where neurons take them",
    ),
    "chance": (
        lambda s: s.x.chance(0.3),
        f"at HERE: chance(0.3) of a weighted source from {AT}: p is a multiple of 1/256 and the weights are "
        "-1, 0, 1; the nearest is 77 / 256",
    ),
    "what cannot be cleared": (
        lambda s: Integrator(at=3)[4](5 * s.x, CLEAR * s.y.flat) >> s.z,
        "neurons 'integrator0' of Wired (HERE): CLEAR cannot empty Integrator(at=3, floor=-262143), which "
        "has no highest potential; take an Accumulator, or let a tick bring no more than the threshold",
    ),
    # neurons
    "threshold": (
        lambda s: Threshold(at=300),
        "Threshold at HERE: at = 300: must be a whole number in -254..256; scale weights and threshold down "
        "together, or count with an Accumulator",
    ),
    "no threshold": (
        lambda s: Neuron(alhpa=2),
        "Neuron at HERE: the threshold alpha must be given, without one a neuron never fires; did you mean "
        "'alpha'?",
    ),
    "no parameter": (
        lambda s: Neuron(2, lek=1),
        "Neuron at HERE: no parameter 'lek'; did you mean 'leak'?",
    ),
    "out of its bits": (
        lambda s: Neuron(2**18),
        "alpha = 262144: must be a whole number in 0..262143",
    ),
    "synapses": (
        lambda s: Neuron(2, s=2),
        "Neuron at HERE: s of the chip's synapses follows from what drives the neurons: write weights there, "
        "as in (+x, -2 * y), and x.chance(p) for stochastic ones; core() takes records with s and b as they "
        "are",
    ),
    "values for other neurons": (
        lambda s: Accumulator(at=[1, 2])[4](s.x) >> s.z,
        "neurons 'accumulator0' of Wired (HERE): alpha has shape (2,), the neurons have (4,); give one value, "
        "or one for each neuron",
    ),
    "probability": (
        lambda s: Bernoulli(1.5),
        "Bernoulli at HERE: p = 1.5: must be a finite number in 0..1",
    ),
    "step of noise": (
        lambda s: Bernoulli(1e-6),
        "is nearer to an end than 2**-16, the step of the chip's",
    ),
    "weights of a toggle": (
        lambda s: Toggle()[4](2 * s.x),
        "is a Toggle, which takes spikes as they are; a weighted source from",
    ),
    "class": (
        lambda s: Threshold[4](s.x),
        "Threshold at HERE: Threshold is a class; say which neurons and then how many, as in Threshold(...)[4]",
    ),
    "kind": (
        lambda s: Threshold()(s.x),
        "at HERE: Threshold(at=1) is a kind of neuron; say how many, as in Threshold(at=1)[8](+x)",
    ),
    "still to be made": (
        lambda s: Threshold()[4] >> s.z,
        "at HERE: Threshold(at=1)[4] are neurons still to be made: call it with what drives them, as in "
        "Threshold(at=1)[4](+x, -y), or with nothing",
    ),
    # Python reads it otherwise
    "precedence": (
        lambda s: s.x | s.y.flat >> s.z,
        "at HERE: Python reads a | b >> c as a | (b >> c), so the connection input 'y' of Wired (HERE) >> "
        "output 'z' of Wired (HERE) is made already; write (a | b) >> c",
    ),
    "precedence of neurons": (
        lambda s: Threshold()[4](s.x) | Threshold()[4](s.x) >> s.z,
        "at HERE: Python reads a | b >> c as a | (b >> c), so the connection",
    ),
    "and": (
        lambda s: (s.x and s.y) >> s.z,
        "is neither true nor false, so 'and', 'or' and 'not' say nothing",
    ),
    "minus": (
        lambda s: s.x - s.x,
        "has no meaning; give a neuron its sources one by one, separated by commas",
    ),
    "not": (
        lambda s: ~s.x,
        "spikes have no complement; Threshold(at=0)[width](-a) fires where a does not",
    ),
    "less": (lambda s: s.x < s.z, "has no meaning; write a >> b to connect"),
    # cores by matrices
    "a dict for a neuron": (
        lambda s: s.core([s.x], {"alpha": 1}, np.eye(4)),
        "core 'core0' of Wired (HERE): neurons = {'alpha': 1}; give one template for all, such as "
        "tnemu.hardware.neuron(alpha=1), a list of (template, count), or an array of records",
    ),
    "a list of lists": (
        lambda s: s.core([s.x], [[1, 2]], np.eye(4)),
        "core 'core0' of Wired (HERE): neurons has the entry [1, 2]; give one template for all",
    ),
    "arguments exchanged": (
        lambda s: s.core(np.eye(4), [s.x], [(RELAY_NEURON, 4)]),
        "core 'core0' of Wired (HERE): axons has the entry array([1., 0., 0., 0.]); list what drives them",
    ),
    # parts
    "times": (
        lambda s: Relay(2).times(1.5),
        "Relay (HERE): times(count): count = 1.5: must be a whole number in 1..2147483647",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_is_refused_in_words(name):
    body, text = REFUSED[name]
    with pytest.raises(CoreletError) as caught:
        Wired(body).build()
    assert text in words(caught.value)


def test_a_sum_beyond_20_bits_is_refused():
    def body(self):
        Accumulator(at=262_143)[1]((255 * self.x).sum()) >> self.z[:1]
        Repeater()[1099](self.x[1:]) >> self.z[1:]

    with pytest.raises(CoreletError) as caught:
        Wired(body, 1100).build()
    assert words(caught.value) == (
        "neurons 'accumulator0' of Wired (HERE): neuron 0 can reach 542,643 in one tick, a potential has 20 "
        "bits, up to 524,287; scale weights and thresholds down"
    )


def fitted(body, width=4):
    with pytest.raises(FitError) as caught:
        tnemu.fit(Wired(body, width), "tiny")
    return words(caught.value)


def test_a_cycle_without_feedback_names_its_line():
    def itself(self):
        n = Threshold()[4](self.x)
        n >> n
        n >> self.z

    assert "core 'threshold0' neuron 0 -> core 'threshold0' neuron 0" in fitted(itself)

    def parts(self):
        self.a, self.b = Relay(4), Relay(4)
        (self.x | self.b.output) >> self.a >> self.b
        self.b.output >> self.z

    text = fitted(parts)
    assert (
        "core 'a.repeater0' neuron 0 -> core 'b.repeater0' neuron 0 -> core 'a.repeater0'" in text
    )
    assert "declare it (connected at HERE), with the ticks that it takes: loop=1 (or more)" in text


def test_a_network_larger_than_the_board_names_its_outermost_parts():
    def late(self):
        self.late, self.relay = Delay(600, 1000), Relay(600)
        self.x >> self.late >> self.relay >> self.z

    text = fitted(late, 600)
    assert re.search(r"needs (at least )?[\d,]+ cores, tiny has 32: .*late", text)
    assert "use a larger board, or " in text

    def levels(self):
        self.part = UpDown(20_000)
        self.x[0] >> self.part.up
        self.x[1] >> self.part.down
        self.part.level[:4] >> self.z

    assert re.search(
        r"cores, tiny has 32: UpDown 'part' about \d+; use a larger board, or", fitted(levels)
    )


@pytest.mark.parametrize(
    ("thing", "board", "message"),
    [
        (Relay, "tiny", r"thing = Relay is a class; make one of it first, as in Relay\(8\)"),
        (
            None,
            "tiny",
            "thing = None is no network; give a corelet, a LogicalNetwork, the name of a",
        ),
        ("krul", "ns1e", "did you mean 'krull'"),
        (Delay(2, 3), "tinny", "no board is named 'tinny'; did you mean 'tiny'"),
        (Delay(2, 3), 3, "board = 3 is no board; give a name"),
    ],
)
def test_fit_says_what_it_takes(thing, board, message):
    with pytest.raises(TnemuError, match=message):
        tnemu.fit(thing, board)


def test_a_board_by_name_a_plan_and_a_student_work():
    plan = tnemu.fit(Relay(4), "ns1e")
    with tnemu.Emulator(plan) as chip:
        raster = np.eye(4, dtype=bool)
        z = chip.run(6, {"input": raster}).of("output")
    assert z[["tick", "pin"]].tolist() == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert "400 of 4,096 cores of ns1e" in repr(tnemu.fit("krull", "ns1e"))


def test_a_raster_of_numbers_is_not_taken_for_pins():
    with tnemu.Emulator(tnemu.fit(Relay(2), "tiny")) as chip:
        with pytest.raises(
            TnemuError, match=r"look like a raster; a raster is of booleans: raster\.astype"
        ):
            chip.run(4, {"input": np.ones((4, 2), int)})
        with pytest.raises(
            TnemuError, match=r"shape \(4, 3\); give bool \[2\], a raster bool \[ticks, 2\]"
        ):
            chip.inject_pins("input", np.ones((4, 3), bool))
        with pytest.raises(
            TnemuError, match="the rows of a raster are ticks already; give the one of row 0"
        ):
            chip.inject_pins("input", np.ones((4, 2), bool), [1, 2, 3, 4])
