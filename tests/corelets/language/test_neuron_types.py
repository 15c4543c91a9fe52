"""Every named kind of neuron does what its equation says, on both engines, on random spikes."""

from __future__ import annotations

import numpy as np
import pytest

from corelets import (
    CLEAR,
    Accumulator,
    Bernoulli,
    Bursting,
    Clock,
    Corelet,
    CoreletError,
    Input,
    Integrator,
    Latch,
    Leaky,
    Level,
    Neuron,
    OneShot,
    Output,
    Repeater,
    SaturatingCounter,
    Start,
    Threshold,
    Toggle,
    check,
)
from corelets.language import neuron_types
from corelets.language.kinds import Kind
from tnemu.hardware.neuron import FIELDS


class Driven(Corelet):
    """Three neurons of a kind: +2 for x, -1 for y, emptied by c; ``step(state, S)`` is its equation."""

    def __init__(self, kind, step, start=0, clear=False, plus=2, minus=-1):
        self.x, self.y, self.c, self.z = Input(3), Input(3), Input(), Output(3)
        self.numbers = plus, minus, start
        self.step = step
        self.n = kind[3](plus * self.x)
        if minus:
            minus * self.y >> self.n
        if clear:
            CLEAR * self.c >> self.n
        self.n >> self.z
        self.clears = clear

    def model(self, x, y, c):
        plus, minus, start = self.numbers
        z = np.zeros_like(x)
        for k in range(3):
            v = start
            for t in range(len(x)):
                if self.clears and c[t]:
                    v = 0
                else:
                    v, z[t, k] = self.step(v, plus * int(x[t, k]) + minus * int(y[t, k]))
        return z


def integrator(at, floor):
    def step(v, s):
        v = v + s
        fires = v >= at
        return max(v - at * fires, floor), fires

    return step


def leaky(at, leak):
    def step(v, s):
        v = v + s
        v = max(v - leak, 0) if v > 0 else min(v + leak, 0)
        return (0, True) if v >= at else (max(v, 0), False)

    return step


def accumulator(at, floor=0):
    return lambda v, s: (0, True) if v + s >= at else (max(v + s, floor), False)


def counter(top):
    def step(v, s):
        v = min(max(v + s, 0), top)
        return v, v == top

    return step


def level(at):
    return lambda v, s: (max(v + s, 0), max(v + s, 0) >= at)


CASES = {
    "Threshold": (Threshold(at=1), lambda v, s: (0, s >= 1)),
    "Threshold at 0": (Threshold(at=0), lambda v, s: (0, s >= 0)),
    "Repeater": (Repeater(), lambda v, s: (0, s >= 1)),
    "Accumulator": (Accumulator(at=5), accumulator(5)),
    "Accumulator with a debt": (Accumulator(at=5, floor=-3), accumulator(5, -3)),
    "Integrator": (Integrator(at=5), integrator(5, -262143)),
    "Integrator without debts": (Integrator(at=3, floor=0), integrator(3, 0)),
    "Leaky": (Leaky(at=4, leak=1), leaky(4, 1)),
    "SaturatingCounter": (SaturatingCounter(7), counter(7)),
    "Level": (Level(at=4), level(4)),
    "Neuron": (Neuron(alpha=5, beta=3, kappa=1), accumulator(5, -3)),
}


@pytest.mark.parametrize("name", list(CASES))
def test_a_kind_does_what_its_equation_says(name):
    kind, step = CASES[name]
    assert check(Driven(kind, step), runs=10, ticks=48).spikes > 0


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        (Accumulator(at=5), accumulator(5)),
        (Leaky(at=4, leak=1), leaky(4, 1)),
        (Threshold(at=1), lambda v, s: (0, s >= 1)),
        (Latch(), lambda v, s: (1, True) if v + s >= 1 else (0, False)),
    ],
)
def test_clear_empties_a_neuron_whatever_it_holds_and_gets(kind, step):
    check(Driven(kind, step, clear=True, minus=0), runs=10, ticks=48)


def test_a_counter_and_a_level_begin_where_they_are_told():
    check(Driven(SaturatingCounter(7, start=6), counter(7), start=6), runs=5)
    check(Driven(Level(at=2, start=3), level(2), start=3), runs=5)


def test_a_toggle_changes_with_each_spike():
    class Toggled(Corelet):
        def __init__(self, on):
            self.x, self.z, self.on = Input(3), Output(3), on
            Toggle(on=on)[3](self.x) >> self.z

        def model(self, x):
            # off in the tick of the spike, on from the tick behind it
            on = np.logical_xor.accumulate(np.vstack([np.full((1, 3), self.on), x]), axis=0)
            return on[:-1] & on[1:]

    for on in (False, True):
        check(Toggled(on), runs=10)


def test_a_one_shot_rests():
    class Shot(Corelet):
        def __init__(self, rest):
            self.x, self.z, self.rest = Input(3), Output(3), rest
            OneShot(rest)[3](self.x) >> self.z

        def model(self, x):
            z, deaf = np.zeros_like(x), np.zeros(3, int)
            for t in range(len(x)):
                z[t] = x[t] & (deaf == 0)
                deaf = np.where(z[t], self.rest, np.maximum(deaf - 1, 0))
            return z

    for rest in (1, 2, 9):
        check(Shot(rest), runs=10)


def test_a_burst_owes_spikes():
    class Bursts(Corelet):
        def __init__(self, spikes):
            self.x, self.z, self.spikes = Input(3), Output(3), spikes
            Bursting(spikes)[3](self.x) >> self.z

        def model(self, x):
            z, owed = np.zeros_like(x), np.zeros(3, int)
            for t in range(len(x)):
                owed += self.spikes * x[t]
                z[t] = owed > 0
                owed -= z[t]
            return z

    for spikes in (1, 4):
        check(Bursts(spikes), runs=10)


def test_clocks_and_starts_need_no_source():
    class Beats(Corelet):
        def __init__(self):
            self.z = Output(4)
            Clock([1, 3, 5], [0, 2, 1])[3]() + Start()[1]() >> self.z

        def model(self, ticks):
            t = np.arange(ticks)[:, None]
            return np.hstack([(t - [0, 2, 1]) % [1, 3, 5] == 0, t == 0])

    assert check(Beats(), runs=5).spikes > 0


def test_a_bernoulli_neuron_gives_its_probability_to_16_bits():
    kind = Bernoulli([0.3, 0.5, 1.0, 0.0])
    assert kind.p.tolist() == [19661 / 65536, 0.5, 1.0, 0.0]

    class Coins(Corelet):
        def __init__(self):
            self.z = Output(4)
            kind[4]() >> self.z

        def model(self, ticks):
            return np.broadcast_to(kind.p, (ticks, 4))

    check(Coins(), runs=40)


def test_every_kind_has_its_equation_in_the_docs_and_every_parameter_can_be_given():
    kinds = {
        n: k for n, k in vars(neuron_types).items() if isinstance(k, type) and issubclass(k, Kind)
    }
    del kinds["Kind"]
    for name, kind in kinds.items():
        assert f"\n{name}" in neuron_types.__doc__
        assert kind.__doc__.strip()
    given = {name: FIELDS[name].low for name in FIELDS if name not in ("s", "b", "sigma_VR")}
    record = Threshold(at=3, sigma_VR=-1, **given).record()
    assert all(record[name] == value for name, value in given.items())


def test_defaults_are_safe():
    """No kind makes a neuron that can never fire, given one excitatory source."""
    from corelets.language.kinds import never_fires

    for kind in (
        Threshold(),
        Accumulator(3),
        Integrator(3),
        Leaky(3, 1),
        Latch(),
        Level(2),
        Repeater(),
    ):
        records = kind.records((1,), "")
        assert not never_fires(records, np.array([255])).any(), kind


def test_the_ladder_of_weights_takes_as_few_axons_as_types_allow():
    class Sums(Corelet):
        def __init__(self, weights, bits=0):
            self.x, self.z = Input(len(weights[0])), Output(len(weights))
            self.weights = np.array(weights)
            term = self.weights @ self.x
            Threshold(at=1)[len(weights)](term.bits(bits) if bits else term) >> self.z

        def model(self, x):
            return x @ self.weights.T >= 1

        def axons(self):
            return sum(int(core.crossbar.any(axis=1).sum()) for core in self.build().cores)

    for weights, axons in (
        ([[1, 1, 1]], 3),
        ([[1, -1, 2], [2, 1, -1]], 9),  # the same weight is one type: each input in three types
        ([[1, -1], [-3, 7]], 2),  # each input has a type of its own
        ([[1, 0], [0, 1]], 2),
    ):
        sums = Sums(weights)
        assert sums.axons() <= axons
        check(sums, runs=5)
    rng = np.random.default_rng(0)
    for bits in range(2, 9):
        many = Sums(rng.integers(-(1 << bits - 1), 1 << bits - 1, (6, 5)), bits)
        check(many, runs=5)
    with pytest.raises(CoreletError, match="different weights or more"):
        Sums([[1, 2, 3, 4, 5]]).build()
