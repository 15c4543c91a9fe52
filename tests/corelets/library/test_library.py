"""Relay, delay and splitter do what their equations say, and nothing else."""

from __future__ import annotations

import chips
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corelets import Corelet, CoreletError, Delay, Input, Output, Relay, Splitter


def test_a_relay_repeats_every_pin_one_tick_later():
    rows = [(0, 0), (1, 2), (1, 299), (2, 0)]
    answer = chips.play(Relay(300), {"input": rows}, 5)
    # A source tick is one tick before the axon sees the spike and the relay fires.
    assert answer["output"] == [(tick + 1, pin) for tick, pin in rows]


@pytest.mark.parametrize(("width", "copies"), [(1, 1), (1, 256), (3, 100), (200, 3), (256, 1)])
def test_a_splitter_makes_identical_copies(width, copies):
    spikes = [(0, pin) for pin in range(0, width, 2)] + [(3, width - 1)]
    answer = chips.play(Splitter(width, copies), {"input": spikes}, 5, engine="numba")
    expected = [(t + 1, c * width + pin) for t, pin in spikes for c in range(copies)]
    assert sorted(answer["output"]) == sorted(expected)


def test_a_splitter_uses_as_few_cores_as_axons_and_neurons_allow():
    assert len(Splitter(256, 1).build().cores) == 1
    assert len(Splitter(257, 1).build().cores) == 2
    assert len(Splitter(85, 3).build().cores) == 1
    assert len(Splitter(86, 3).build().cores) == 2


@pytest.mark.parametrize("ticks", [1, 2, 15, 16, 17, 31, 46])
def test_a_delay_is_late_by_exactly_its_ticks(ticks):
    answer = chips.play(Delay(2, ticks), {"input": [(0, 0), (1, 1), (2, 0)]}, ticks + 3)
    # A delay of 1 is a relay, which fires one tick after the source tick.
    assert answer["output"] == [(ticks, 0), (ticks + 1, 1), (ticks + 2, 0)]


def test_relays_on_one_way_are_waited_for_and_delays_are_not():
    class Echo(Corelet):
        """output = input, and input again behind ``part``."""

        def __init__(self, part):
            self.input, self.output = Input(1), Output(1)
            self.first, self.late, self.last = Relay(1), part, Relay(1)
            self.input >> self.first >> self.late
            (self.first.output | self.late.output) >> self.last >> self.output

    together = chips.play(Echo(Relay(1)), {"input": [(0, 0)]}, 12)["output"]
    assert together == [(3, 0)]
    # Delay(5) is one wave tick like a relay, and its spikes come 4 ticks behind their wave
    assert chips.play(Echo(Delay(1, 5)), {"input": [(0, 0)]}, 12)["output"] == [(3, 0), (7, 0)]


@settings(max_examples=10)
@given(st.sets(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=40))
def test_library_neurons_forget_everything_after_each_tick(spikes):
    rows = sorted(spikes)
    answer = chips.play(Relay(4), {"input": rows}, 33)
    assert answer["output"] == [(t + 1, pin) for t, pin in rows]


@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Splitter(4, 257),
            r"Splitter \(.*\): copies = 257: must be a whole number in 1\.\.256; a neuron makes each",
        ),
        (lambda: Splitter(4, 0), r"copies = 0: must"),
        (lambda: Splitter(4, 2.5), r"copies = 2.5: must"),
        (lambda: Splitter(2.5, 4), r"Input at .*: width = 2.5: must"),
        (lambda: Delay(4, 0), r"Delay \(.*\): ticks = 0: must be a whole number in 1\.\.1000000"),
        (lambda: Delay(1, 2.5), r"ticks = 2.5: must"),
        (lambda: Delay(1, 10**9), r"ticks = 1000000000: must"),
        (lambda: Relay(True), r"width = True: must"),
    ],
)
def test_impossible_sizes_are_refused(make, message):
    with pytest.raises(CoreletError, match=message):
        make()


def test_copy_gives_the_output_pins_of_one_copy():
    splitter = Splitter(3, 2)
    np.testing.assert_array_equal(splitter.copy(1).index, [3, 4, 5])
    with pytest.raises(CoreletError, match=r"copy = 2: must be a whole number in 0\.\.1"):
        splitter.copy(2)
    splitter.build()
