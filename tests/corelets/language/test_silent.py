"""What can be built and is most likely a mistake says so, at the author's line."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from corelets import (
    SILENCE,
    Accumulator,
    Bernoulli,
    Corelet,
    CoreletError,
    CoreletWarning,
    Input,
    Neuron,
    Output,
    Relay,
    RepeatedConnection,
    SharedNoise,
    SilentNeurons,
    Threshold,
    UnaskedMerge,
    UndrivenPins,
    UnwiredNeurons,
    WeightlessSource,
)
from tnemu.hardware.neuron import neuron

ONE = neuron(s=(1,), alpha=1, beta=0, kappa=1)


class Wired(Corelet):
    def __init__(self, body):
        self.x, self.y, self.z = Input(4), Input(4), Output(4)
        body(self)


def told(body):
    """Category and words of every warning of the build, this file's lines replaced by HERE."""
    corelet = Wired(body)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        corelet.build()
    kinds = [w for w in caught if issubclass(w.category, CoreletWarning)]
    assert all(w.filename == __file__ for w in kinds)
    return [
        (w.category, re.sub(re.escape(__file__) + r":\d+", "HERE", str(w.message))) for w in kinds
    ]


def relayed(self):
    Threshold(at=1)[4](self.x, self.y) >> self.z


def test_what_is_meant_says_nothing():
    assert told(relayed) == []


def test_a_core_that_leads_nowhere():
    def body(self):
        relayed(self)
        self.core([self.x], ONE, np.eye(4))

    assert told(body) == [
        (
            UnwiredNeurons,
            "core 'core0' of Wired (HERE): none of its neurons leads anywhere; connect them (neurons >> "
            "self.z), or leave them out",
        )
    ]


def test_neurons_and_merges_that_lead_nowhere():
    def body(self):
        relayed(self)
        self.lost = Threshold(at=1)[2](self.x[:2])
        self.x | self.y

    assert told(body) == [
        (
            UnwiredNeurons,
            "neurons 'lost' of Wired (HERE): none of its neurons leads anywhere; connect them (neurons >> "
            "self.z), or leave them out",
        ),
        (UnwiredNeurons, "the merge at HERE leads nowhere; connect it: (a | b) >> sink"),
    ]


def half(self):
    self.relay = Relay(4)
    self.x[:2] >> self.relay.input[:2]
    self.relay.output >> self.z


def test_half_of_an_input_that_nothing_drives():
    assert told(half) == [
        (
            UndrivenPins,
            "2 of 4 pins of input 'input' of Relay 'relay' (HERE) are driven by nothing, the first is pin "
            "2; connect() them, or say that they are meant to be silent: SILENCE >> pins",
        )
    ]


def test_silence_is_said_and_then_nothing_warns():
    def body(self):
        half(self)
        SILENCE >> self.relay.input[2:]

    assert told(body) == []
    with pytest.raises(CoreletError, match=r"SILENCE >> 3: give pins of a part's input"):
        Wired(lambda self: SILENCE >> 3)


def test_the_same_connection_twice():
    def body(self):
        core = self.core([4], ONE, np.eye(4))
        self.x >> core.axons
        self.x[:2] >> core.axons[:2]
        core.neurons >> self.z

    assert told(body) == [
        (
            RepeatedConnection,
            "input 'x' of Wired (HERE)[0] drives axons 'core0' of Wired (HERE)[0] twice, at HERE and at "
            "HERE, which is the same as once; for twice the weight write 2 * pins at the neurons",
        )
    ]


def test_a_neuron_without_a_threshold_of_its_own():
    def body(self):
        core = self.core([self.x], neuron(s=(1,), beta=0, kappa=1), np.eye(4))
        core.neurons >> self.z

    assert told(body) == [
        (
            SilentNeurons,
            "core 'core0' of Wired (HERE): 4 of 4 neurons can never fire, the first is neuron 0: its "
            "threshold alpha is 262,143, which is what a neuron has that none was given; name alpha",
        )
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda self: Accumulator(at=3)[4](-self.x),
        lambda self: Neuron(alpha=2, leak=-1)[4](-self.x, -self.y),
        lambda self: Threshold(at=2)[4](),
    ],
)
def test_neurons_that_no_input_lifts_to_their_threshold(make):
    ((category, text),) = told(lambda self: make(self) >> self.z)
    assert category is SilentNeurons
    assert re.search(
        r"4 of 4 neurons can never fire, the first is neuron 0 of .*: no input lifts it to its "
        r"threshold; add excitation, or lower the threshold$",
        text,
    )


def test_an_axon_type_without_a_weight():
    def body(self):
        core = self.core([self.x, (self.y, 1)], ONE, np.ones((8, 4)))
        core.neurons >> self.z

    assert told(body) == [
        (
            WeightlessSource,
            "core 'core0' of Wired (HERE): axon 4 (type 1) has weight 0 at every neuron, so that what "
            "drives it is lost; give its type a weight in s, set its crossbar bits, or leave it out",
        )
    ]


def test_a_source_without_a_weight():
    def body(self):
        Threshold(at=1)[4](self.x, 0 * self.y) >> self.z

    assert told(body) == [
        (
            WeightlessSource,
            "neurons 'threshold0' of Wired (HERE): a weighted source from input 'y' of Wired (HERE) has "
            "weight 0 everywhere; give it a weight or leave it out",
        )
    ]


def test_a_merge_that_nobody_asked_for():
    def body(self):
        relay = Threshold(at=1)[4]
        relay(self.x) >> self.z
        relay(self.y) >> self.z

    assert told(body) == [
        (
            UnaskedMerge,
            "output 'z' of Wired (HERE)[0] is driven by neurons 'threshold0' of Wired (HERE)[0] and by "
            "neurons 'threshold1' of Wired (HERE)[0] (connected at HERE and at HERE): spikes of the same "
            "tick merge into one; if that is meant, write (a | b) >> sink",
        )
    ]


def test_a_merge_that_is_written_says_nothing_and_is_an_or():
    def body(self):
        relay = Threshold(at=1)[4]
        (relay(self.x) | relay(self.y)) >> self.z

    assert told(body) == []
    x, y = np.eye(4, dtype=bool), np.eye(4, dtype=bool)[::-1]
    np.testing.assert_array_equal(Wired(body).simulate(x=x, y=y).z, x | y)


@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")
def test_two_cores_of_one_name_are_refused_and_two_of_one_seed_warn():
    def named(self):
        for pins in (self.x, self.y):
            core = self.core([pins[:2]], ONE, np.eye(2), name="twin")
            core.neurons >> (self.z[:2] if pins is self.x else self.z[2:])

    with pytest.raises(
        CoreletError,
        match=r"^core 'twin' of Wired \(.*\): there is a core of that name already, and the two would "
        r"draw the same noise; give each a name of its own$",
    ):
        Wired(named)

    noisy = neuron(s=(1,), alpha=1, beta=0, kappa=1, TM=4)

    def seeded(self):
        for k, pins in enumerate((self.x, self.y)):
            core = self.core([pins[:2]], noisy, np.eye(2), name=f"c{k}", seed=7)
            core.neurons >> self.z[2 * k : 2 * k + 2]

    assert told(seeded) == [
        (
            SharedNoise,
            "core 'c1' of Wired (HERE) and core 'c0' of Wired (HERE) have the same seed 7 and draw the "
            "same noise; leave seed out, it follows from the name",
        )
    ]


def test_copies_of_noisy_neurons_and_runs_of_other_seeds_draw_apart_and_trials_repeat():
    class Coin(Corelet):
        def __init__(self):
            self.z = Output(8)
            Bernoulli(0.5)[8]() >> self.z

    coins = Coin().times(3)
    first = coins.simulate(ticks=40, noise_seed=1).z
    assert len(np.unique(first.reshape(40, 24), axis=1).T) == 24
    np.testing.assert_array_equal(coins.simulate(ticks=40, noise_seed=1).z, first)
    assert (coins.simulate(ticks=40, noise_seed=2).z != first).mean() > 0.3


@pytest.mark.filterwarnings("error")
def test_the_library_builds_without_a_warning():
    from corelets import catalogue

    for entry in catalogue.entries().values():
        for example in entry.examples:
            # layers that were learnt may have neurons that never fire
            if entry.name not in ("Dense", "Conv2d", "Student", "Graph", "GraphLayer"):
                example().build()
