"""Quantising neurons share weights without losing a spike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelets import CoreletError
from corelets.library.boltzmann.packing import Packing, fewest, pack

weights = st.lists(st.integers(-90, 90), max_size=40)
strategies = st.sampled_from(["none", "1.1", "1.2", "1.2:5", "1.2:0"])
windows = st.integers(1, 64)
FALLING = [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("numbers", "strategy", "neurons", "paper"),
    [
        (FALLING[::-1], "1.1", 6, 6),
        (FALLING, "1.1", 6, 7),
        (range(-20, 21), "none", 120, 120),
        (range(-20, 21), "1.1", 106, 110),
        (range(-20, 21), "1.2:5", 106, 107),
    ],
)
def test_the_papers_examples_take_no_more_than_in_the_paper(numbers, strategy, neurons, paper):
    found = len(pack(list(numbers), 4, strategy))
    assert found == neurons <= paper
    assert found == len(pack(list(numbers), 4, strategy, np.arange(len(numbers)) % 4))


@given(weights, windows, strategies, st.none() | st.integers(0, 2**32 - 1))
def test_every_axon_gets_the_spikes_of_its_weight_and_no_neuron_too_many(w, window, how, seed):
    types = None if seed is None else np.random.default_rng(seed).integers(0, 4, len(w))
    neurons = pack(w, window, how, types)
    total = np.zeros(len(w), int)
    for neuron in neurons:
        assert 0 < sum(neuron.charges.values()) == neuron.total <= window
        for axon, charge in neuron.charges.items():
            assert charge > 0 and neuron.sign == np.sign(w[axon])
            total[axon] += charge
        if types is not None:  # a core has one weight for each of four types
            for kind in range(4):
                assert len({c for a, c in neuron.charges.items() if types[a] == kind}) <= 1
    assert total.tolist() == np.abs(np.array(w, int)).tolist()


@given(weights, windows)
def test_none_gives_every_weight_its_own_and_sharing_reaches_the_least(w, window):
    own = sum(-(-abs(x) // window) for x in w)
    assert len(pack(w, window, "none")) == own
    assert fewest(w, window) == len(pack(w, window, "1.1")) == len(pack(w, window, "1.2")) <= own


def test_a_central_weight_is_packed_first():
    first = pack([20, 6, 1, 5, -4], 255, "1.2:5")
    assert [list(neuron.charges) for neuron in first] == [[3, 1, 2, 0], [4]]
    assert list(pack([20, 6, 1, 5], 255, "1.2")[0].charges) == [1, 3, 2, 0]  # the mean: 8
    assert [str(Packing.of(text)) for text in ("1.2:5", "none")] == ["1.2:5", "none"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], 0), r"^window = 0: must be a whole number in 1..255"),
        (([1], 256), r"^window = 256: must be a whole number in 1..255"),
        (([1 << 19], 4), r"^weights\[0\] = 524288: must be a whole number in -524287..524287"),
        (([1.5], 4), r"^weights\[0\] = 1.5: must be a whole number"),
        (([1], 4, "1.3"), r"^packing strategy = '1.3': must be one of 'none', '1.1', '1.2'; did"),
        (([1], 4, "1.1:5"), r"^packing strategy '1.1:5': a central weight is a whole number after"),
        (([1], 4, "1.2:x"), r"^packing strategy '1.2:x': a central weight is a whole number after"),
        (([1, 2], 4, "1.1", [0]), r"^axon types have shape \(1,\) for 2 weights; give one for"),
        (([1], 4, "1.1", [4]), r"^axon types\[0\] = 4: must be a whole number in 0..3"),
    ],
)
def test_a_packing_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(CoreletError, match=message):
        pack(*arguments)
