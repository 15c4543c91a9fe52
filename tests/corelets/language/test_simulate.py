"""A corelet alone: one line, rows that belong together, probes, and check()."""

from __future__ import annotations

import numpy as np
import pytest

import tnemu
from corelets import (
    CLEAR,
    Accumulator,
    CheckError,
    Clock,
    Corelet,
    CoreletError,
    DLatch,
    Input,
    Interface,
    Output,
    Rate,
    Relay,
    Repeater,
    Thin,
    Threshold,
    check,
    later,
)
from tnemu.emulator.emulator import Emulator
from tnemu.emulator.errors import EmulatorError

ENGINES = ["compiled", "reference"]


class Accumulate(Corelet):
    """z fires when ``at`` of x came in the window that ``clear`` ends."""

    def __init__(self, width, at):
        self.x, self.clear = Input(width, code=Rate(window=16)), Input()
        self.z = Output(width)
        self.at = at
        self.sums = Accumulator(at=at)[width](+self.x, CLEAR * self.clear.after(1))
        self.sums >> self.z

    def model(self, x, clear):
        z, v = np.zeros_like(x), np.zeros(x.shape[1], int)
        for t in range(len(x)):
            v = 0 * v if t and clear[t - 1, 0] else v + x[t]
            z[t] = v >= self.at
            v[z[t]] = 0
        return z


class Wrapped(Corelet):
    """The same two relays deep, with its input in a shape."""

    def __init__(self):
        self.x, self.clear, self.z = Input((2, 2)), Input(), Output(4)
        self.first, self.part, self.last = Relay(4), Accumulate(4, 2), Relay(4)
        self.x.flat >> self.first >> self.part.x
        self.clear >> self.part.clear
        self.part.z >> self.last >> self.z

    def model(self, x, clear):
        return self.part.model(x.reshape(-1, 4), clear)


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(3)
    return {"x": rng.random((50, 4)) < 0.4, "clear": rng.random((50, 1)) < 0.2}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", [lambda: Accumulate(4, 2), Wrapped])
def test_row_t_of_an_answer_belongs_to_row_t_of_the_inputs(make, engine, given):
    corelet = make()
    found = corelet.simulate(given, engine=engine)
    expected = Accumulate(4, 2).model(**given)
    np.testing.assert_array_equal(found.z, expected)
    np.testing.assert_array_equal(found["z"], expected)
    assert (found.latency["z"] == found.plan.size.pin_waves["z"]).all()
    assert set(found.latency["z"].tolist()) == ({1} if isinstance(corelet, Accumulate) else {3})


@pytest.mark.parametrize("engine", ENGINES)
def test_probes_show_any_named_pins_and_potentials_in_the_same_rows(engine, given):
    top = Wrapped()
    names = [
        "part.sums",
        top.part.sums.potential,
        "first.output",
        top.part.z[1:3],
        "last.repeater0",
    ]
    found = top.simulate(given, probe=names, engine=engine)
    z, v = Accumulate(4, 2).model(**given), np.zeros(4, int)
    potentials = np.zeros((50, 4), int)
    for t in range(50):
        v = 0 * v if t and given["clear"][t - 1, 0] else v + given["x"][t]
        v = np.where(v >= 2, 0, v)
        potentials[t] = v
    np.testing.assert_array_equal(found["part.sums"], z)
    np.testing.assert_array_equal(found[top.part.sums], z)
    np.testing.assert_array_equal(found["part.sums.potential"], potentials)
    np.testing.assert_array_equal(found[top.part.sums.potential], potentials)
    np.testing.assert_array_equal(found["first.output"], given["x"])
    np.testing.assert_array_equal(found["part.z[1:3]"], z[:, 1:3])
    assert found["last.repeater0"].shape == (50, 1, 4)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_emulator_of_a_plan_takes_rasters_and_probes_by_name(engine, given):
    plan = tnemu.fit(Wrapped(), "tiny")
    with Emulator(plan, engine=engine) as chip:
        sums = chip.probe("part.sums")
        volts = chip.probe("part.sums.potential")
        place = plan.places("part.sums")
        same = chip.probe((place.core, place.neuron), potentials=True)
        chip.inject_pins("clear", given["clear"], 0)
        spikes = [chip.run(20, {"x": given["x"]}), chip.step(), chip.run(32)]
    z = np.zeros((53, 4), bool)
    for run in spikes:
        z[run.of("z")["tick"], run.of("z")["pin"]] = True
    expected = Accumulate(4, 2).model(**given)
    np.testing.assert_array_equal(z[3:], expected)
    assert (sums.values.shape, volts.values.shape) == ((53, 4), (53, 4))
    np.testing.assert_array_equal(sums.values[2:52], expected)
    np.testing.assert_array_equal(volts.values, same.values)
    assert volts.values.max() == 1
    assert repr(sums) == "<Probe of 'part.sums': spikes of 53 ticks>"


def test_probes_leave_what_a_run_returns_as_it_is(given):
    plan = tnemu.fit(Wrapped(), "tiny")
    found = []
    for probed in (False, True):
        with Emulator(plan) as chip:
            if probed:
                chip.probe("part.sums.potential")
                chip.probe("first.output")
            out = chip.run(30, given and {"x": given["x"]}, record_spikes=[0])
            found.append((out.records, chip.last_spikes.records, chip.counters, chip.potentials))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (
            "part.sum",
            r"probe 'part.sum': Wrapped \(.*\) has no pins of that name; did you mean 'part.sums'",
        ),
        (
            "part.z.potential",
            r"probe part.z.potential: output 'z' of .* are pins, which have no potential",
        ),
        (
            "x",
            r"probe x: input 'x' of .* gets spikes from outside, no neuron fires them; look at the raster",
        ),
        (4, "probe 4: name pins, as in 'part.output', or give them, as in c.part.output"),
    ],
)
def test_what_cannot_be_probed_is_refused(probe, message, given):
    with pytest.raises(CoreletError, match=message):
        Wrapped().simulate(given, probe=[probe])
    with pytest.raises(
        CoreletError, match=r"Relay \(.*\) is no part of Wrapped \(.*\); give pins of what"
    ):
        other = Relay(2)
        other.build()
        Wrapped().simulate(given, probe=other.output)


def test_an_image_has_no_names_to_probe():
    image = tnemu.fit(Relay(2), "tiny").image
    with Emulator(image) as chip:
        with pytest.raises(
            EmulatorError, match=r"a board image has no names; make the Emulator of the plan"
        ):
            chip.probe("output")
        assert chip.probe((0, [0, 1])).values.shape == (0, 2)


def test_a_simulation_says_what_it_has():
    found = Relay(2).simulate(input=np.zeros((3, 2)), probe="output")
    assert repr(found) == "<Simulation: output [3, 2]>"
    with pytest.raises(
        AttributeError, match=r"no 'outptu'; it has \['output'\]; did you mean 'output'"
    ):
        found.outptu  # noqa: B018
    with pytest.raises(
        CoreletError, match=r"has no 'repeater0'; .*; probe it: simulate\(\.\.\., probe="
    ):
        found["repeater0"]


def test_without_inputs_the_ticks_are_given():
    class Tick(Corelet):
        def __init__(self):
            self.z = Output(2)
            Clock(4, [0, 3])[2]() >> self.z

        def model(self, ticks):
            return (np.arange(ticks)[:, None] - [0, 3]) % 4 == 0

    with pytest.raises(
        CoreletError, match=r"Tick \(.*\): it has no input that says how long; give ticks=100"
    ):
        Tick().simulate()
    assert Tick().simulate(ticks=5).z.tolist() == Tick().model(5).tolist()
    check(Tick(), runs=5)


def test_interfaces_and_lists_of_ports_come_and_go_as_such():
    class Pair(Corelet):
        def __init__(self):
            self.x = [Input(2), Input(2)]
            self.bus = Interface(data=Output(2), both=Output(2))
            Repeater()[2](self.x[0], self.x[1]) >> self.bus.data
            Threshold(at=2)[2](*self.x) >> self.bus.both

        def model(self, x):
            return {"bus": {"data": x[0] | x[1], "both": x[0] & x[1]}}

    found = Pair().simulate(x=[[[1, 0]], [[1, 1]]])
    assert found.bus["data"].tolist() == [[True, True]]
    assert found["bus.both"].tolist() == [[True, False]]
    check(Pair(), runs=5)


# -- check -----------------------------------------------------------------------------------------


def test_check_says_what_it_compared():
    checked = check(Accumulate(3, 2), runs=6, ticks=20)
    assert (checked.runs, checked.engines) == (6, ("compiled", "reference"))
    assert 60 < checked.ticks <= 120
    assert "6 runs" in str(checked)
    assert str(checked).endswith("spikes on compiled and reference, equal to its model")
    assert check(DLatch(1).times(4), runs=3).spikes > 0


def test_check_finds_a_model_that_is_wrong_now_and_then():
    class Wrong(Accumulate):
        def model(self, x, clear):
            z = super().model(x, clear)
            z[30:, 1] |= x[30:, 1] & x[29:-1, 1] & x[28:-2, 1]
            return z

    with pytest.raises(
        CheckError,
        match=r"^Wrong \(.*\): run \d+ of check\(seed=0\): in row \d+ the model says 1 of z\[1\], compiled "
        r"says 0 \(\d+ of \d+ bits differ\); simulate\(\) with the inputs of this error",
    ) as caught:
        check(Wrong(3, 2), ticks=80)
    again = Wrong(3, 2)
    z = again.simulate(caught.value.inputs).z
    assert (z != again.model(**{k: v.astype(bool) for k, v in caught.value.inputs.items()})).any()


def test_check_finds_a_wait_that_a_model_forgot():
    class Late(Corelet):
        def __init__(self):
            self.x, self.z = Input(2), Output(2)
            Repeater()[2](self.x.after(3)) >> self.z

        def model(self, x):
            return x

    with pytest.raises(CheckError, match=r"run 0 .* the model says"):
        check(Late())
    Late.model = lambda self, x: later(x, 3)
    check(Late(), runs=3)


def test_check_counts_spikes_against_probabilities():
    class Rarer(Thin):
        def model(self, x):
            return 0.9 * super().model(x)

    assert "within 6 standard deviations of its model" in str(check(Thin(8, 0.5), runs=20))
    with pytest.raises(
        CheckError,
        match=r"^Rarer \(.*\): z\[\d\] spiked [\d,]+ times, the model's probabilities say [\d,.]+, "
        r"\d+\.\d standard deviations away; correct",
    ):
        check(Rarer(8, 0.875), runs=200, engines=["compiled"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"corelet": 3}, r"check\(3\): give a corelet, such as Relay\(8\)"),
        ({"runs": 0}, r"check\(\): runs = 0: must be a whole number in 1\.\.1000000"),
        ({"ticks": 1.5}, r"check\(\): ticks = 1\.5: must"),
        ({"seed": -1}, r"check\(\): seed = -1: must"),
    ],
)
def test_check_refuses_what_it_cannot_do(arguments, message):
    relay = Relay(2)
    relay.build()
    with pytest.raises(CoreletError, match=message):
        check(**{"corelet": relay, **arguments})
