"""One answer contract: which output spikes answer a question, whatever the network's code is."""

from __future__ import annotations

import numpy as np
import pytest
import students
from hypothesis import given
from hypothesis import strategies as st

from corelets import Student
from tnemu import fit, load_board
from tnemu.emulator.emulator import Emulator
from tnemu.networks.codec import SPIKE_DTYPE, CodecError, Stimulus, Window


def spikes_of(rows: list[tuple[int, int]]) -> np.ndarray:
    return np.array(rows, SPIKE_DTYPE)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (-1, 3, "Window -1..3: it must begin at 0 or later"),
        (4, 3, "Window 4..3: it must begin at 0 or later and not end before it begins"),
        (1.5, 3, "Window first = 1.5: must be a whole number of ticks"),
        (0, True, "Window last = True: must be a whole number of ticks"),
    ],
)
def test_a_window_that_cannot_be_is_refused(first, last, message):
    with pytest.raises(CodecError, match=message):
        Window(first, last)


def test_a_wave_is_one_tick_and_a_run_of_its_latency_holds_it():
    window = Window.wave(6)
    assert (window.first, window.last, window.ticks) == (5, 5, 6)


@given(
    rows=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4)), max_size=80),
    start=st.integers(0, 20),
    first=st.integers(0, 8),
    length=st.integers(0, 9),
    frames=st.integers(1, 6),
    every=st.integers(1, 5),
)
def test_counts_are_those_of_a_loop_over_spikes(rows, start, first, length, frames, every):
    window, spikes = Window(first, first + length), spikes_of(rows)
    expected = np.zeros((frames, 5), int)
    for k in range(frames):
        for tick, pin in rows:
            expected[k, pin] += first <= tick - start - k * every <= first + length
    assert window.per_frame(spikes, start, 5, frames, every).tolist() == expected.tolist()
    assert window.counts(spikes, start, 5).tolist() == expected[0].tolist()
    assert len(window.of(spikes, start)) == expected[0].sum()
    lane = np.arange(len(rows)) % 3
    for k, row in enumerate(window.per_lane(spikes, lane, start, 5, 3).tolist()):
        assert row == window.counts(spikes[lane == k], start, 5).tolist()


def test_a_stimulus_of_bits_is_their_pins_in_the_first_tick():
    stimulus = Stimulus.at_once(np.array([[True, False], [False, True]]))
    assert stimulus.pins.tolist() == [0, 3]
    assert stimulus.ticks.tolist() == [0, 0]


def test_a_trained_networks_codec_reads_from_a_board_what_the_network_computes():
    weights = students.small(seed=4)
    plan = fit(Student(weights), load_board("tiny"))
    codec = weights.codec(plan.latency_ticks)
    with Emulator(plan.image, engine="reference") as chip:
        for frame in students.frames(weights, 5):
            start, stimulus = chip.tick, codec.encode(frame)
            chip.inject_pins(codec.input, stimulus.pins, start + stimulus.ticks)
            spikes = chip.run(codec.window.ticks).of(codec.output)
            assert codec.decode(spikes, start).tolist() == weights.scores(frame[None])[0].tolist()
