"""A trinary neuron fires iff its sum reaches the threshold, at every rail, and forgets."""

from __future__ import annotations

import chips
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tnemu
from corelets import CoreletError, Dense
from corelets.library.trinary import LEAK_LIMIT, signed_axons, threshold_neurons
from tnemu.emulator.engines.reference.engine import Neuron, step_neuron
from tnemu.hardware.board import ChipSpec
from tnemu.hardware.neuron import validate_neurons

INT32 = st.integers(-(2**31), 2**31 - 1)


@given(
    INT32 | st.integers(-300, 300), st.integers(0, LEAK_LIMIT - 1), st.integers(0, LEAK_LIMIT - 1)
)
@example(2**31 - 1, 0, 0)
@example(-(2**31), 0, 0)
@example(255, 254, 0)
@example(-254, 0, 254)
def test_a_neuron_fires_iff_the_sum_reaches_the_threshold_whatever_32_bits_it_has(
    threshold, plus, minus
):
    records = threshold_neurons([threshold], [plus], [minus])
    validate_neurons(records)
    chip = ChipSpec()
    neuron = Neuron.of(records[0], chip)
    # every sum that the synapses can give, and so both sides of the threshold
    for up, down in (
        [(u, 0) for u in range(plus + 1)]
        + [(plus, d) for d in range(minus + 1)]
        + [(0, d) for d in range(minus + 1)]
    ):
        hits = ((1 << up) - 1, (1 << down) - 1, 0, 0)
        potential, fired = step_neuron(neuron, 0, hits, chip, no_noise)
        assert fired == (up - down >= threshold)
        assert potential == 0


def no_noise(kind: int, axon: int) -> int:
    raise AssertionError("a trinary neuron draws nothing")


def test_more_synapses_than_the_leak_can_balance_are_refused():
    threshold_neurons([0], [254], [254])
    for plus, minus in ((255, 0), (0, 255)):
        with pytest.raises(
            CoreletError, match="has 255 synapses of one sign; its leak reaches 254"
        ):
            threshold_neurons([0], [plus], [minus])


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 4))
def test_only_signs_in_use_take_an_axon(seed, inputs, neurons):
    weights = np.random.default_rng(seed).integers(-1, 2, (inputs, neurons)).astype(np.int8)
    which, types, rows = signed_axons(weights)
    wanted = [
        (i, kind)
        for i in range(inputs)
        for kind, sign in ((0, 1), (1, -1))
        if sign in weights[i].tolist()
    ]
    assert list(zip(which.tolist(), types.tolist(), strict=True)) == wanted
    for (i, kind), row in zip(wanted, rows, strict=True):
        assert row.tolist() == (weights[i] == (1, -1)[kind]).tolist()


@pytest.mark.parametrize("engine", ["reference", "numba"])
def test_a_full_core_is_exact_at_the_ends_of_its_sums(engine):
    # 128 inputs with both signs fill 256 axons; sums run from -128 to +128.
    weights = np.zeros((1, 9, 128), np.int8)
    weights[0, 0:4], weights[0, 4:8] = 1, -1
    weights[0, 8, ::2], weights[0, 8, 1::2] = 1, -1
    thresholds = [128, 129, 1, -(2**31), -128, -127, 0, 2**31 - 1, 0]
    frames = np.zeros((4, 128), bool)
    frames[1], frames[2, ::2], frames[3, 1::2] = True, True, True
    plan = tnemu.fit(Dense(weights, thresholds), tnemu.load_board("tiny"))
    assert plan.resources["axons"] == 256
    sums = frames.astype(int) @ weights[0].T.astype(int)
    assert {-128, 128} <= set(sums.ravel().tolist())
    answer = chips.pipelined(plan, "input", "output", frames, engine)
    np.testing.assert_array_equal(answer, sums >= np.array(thresholds))
