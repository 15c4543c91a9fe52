"""Neurons that read more than 256 axons answer as they would, two ticks later, or say why not."""

from __future__ import annotations

import chips
import ideal
import numpy as np
import pytest
import wirings as networks
from hypothesis import given, settings
from hypothesis import strategies as st

import tnemu
from tnemu.hardware import load_board, neuron
from tnemu.mapping.errors import FitError
from tnemu.mapping.size import size_of

NS1E = load_board("ns1e")


def wide(rng, axons, neurons, weights, records, density=0.7, outputs=True):
    """One core of ``axons`` inputs; axon types by chance."""
    bits = rng.random((axons, neurons)) < density
    types = rng.integers(0, len(weights), axons).astype(np.uint8)
    made = np.array(records)
    made["s"][:, : len(weights)] = weights
    core = networks.sized("wide", bits, made, types)
    rows = [(0, j, ~0, j, 0) for j in range(neurons)] if outputs else []
    taps = [(a, 0, a, 0) for a in range(axons)]
    return networks.network([core], rows, taps, outputs=neurons, width=axons)


def records(rng, neurons, plus):
    """Gates, counters and leaky integrators, by chance, with thresholds near the sums to come."""
    made = []
    for _ in range(neurons):
        least = int(rng.integers(1, max(2, plus)))
        kind = rng.integers(0, 3)
        if kind == 0:
            made.append(neuron(alpha=1, leak=max(-255, 1 - least), beta=0, kappa=1))
        elif kind == 1:
            made.append(neuron(alpha=2 * least, gamma=1, beta=50, kappa=1))
        else:
            made.append(neuron(alpha=least + 5, leak=-int(rng.integers(0, 9)), beta=9, kappa=1))
    return made


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(257, 600),
    st.integers(1, 3),
    st.sampled_from([(1, -1), (1,), (1, 2, -1, -2), (3, 1, 2, -4)]),
)
def test_a_sum_in_parts_is_the_sum(seed, axons, neurons, weights):
    rng = np.random.default_rng(seed)
    network = wide(rng, axons, neurons, weights, records(rng, neurons, axons // 8))
    ticks = 8
    spikes = {"in": np.argwhere(rng.random((ticks, axons)) < 0.3).tolist()}
    plan = tnemu.fit(network, NS1E)
    answer = chips.play_image(plan.image, spikes, ticks + 6)["out"]
    late = int(plan.size.pin_ticks["out"].max()) - 1
    reads = network.cores[0].crossbar.sum(axis=0).max()
    assert late == (2 if reads > 256 else 0)
    meant = ideal.run(network, spikes, ticks + 6)["out"]
    assert [(t - late, pin) for t, pin in answer] == [
        (t, p) for t, p in meant if t + late < ticks + 6
    ]


def test_other_neurons_of_the_core_stay_as_they_are():
    bits = np.zeros((600, 3), bool)
    bits[:, 0], bits[:9, 1], bits[300, 2] = True, True, True
    most = neuron(s=(1,), leak=-255, alpha=400 - 255, beta=0, kappa=1)
    core = networks.sized("mixed", bits, np.array([most, ideal.gate(5), ideal.gate(1)]))
    rows = [(0, j, ~0, j, 0) for j in range(3)]
    network = networks.network([core], rows, [(a, 0, a, 0) for a in range(600)], 3, 600)
    plan = tnemu.fit(network, "tiny")
    spikes = {"in": [*((0, a) for a in range(400)), *((1, a) for a in range(9)), (2, 300)]}
    answer = chips.play_image(plan.image, spikes, 9)["out"]
    assert answer == [(3, 0), (3, 1), (3, 2), (4, 1), (5, 2)]
    assert plan.size.pin_ticks["out"].tolist() == [3, 3, 3]


def test_a_core_of_many_neurons_needs_no_sums():
    """300 neurons, and 400 axons of which each reads two: pieces are enough."""
    bits = np.zeros((600, 300), bool)
    bits[np.arange(300), np.arange(300)] = bits[np.arange(300) + 300, np.arange(300)] = True
    core = networks.sized("many", bits, np.array([ideal.gate(2)] * 300))
    rows = [(0, j, ~0, j, 0) for j in range(300)]
    network = networks.network([core], rows, [(a % 300, 0, a, 0) for a in range(600)], 300, 300)
    size = size_of(network)
    assert (size.cores, size.latency_ticks, size.resources["axons"]) == (3, 2, 600)
    assert {size.where(0, j)[0] for j in range(300)} == {0, 1, 2}
    plan = tnemu.fit(network, "tiny")
    assert chips.play_image(plan.image, {"in": [(0, 7), (3, 299)]}, 9)["out"] == [(1, 7), (4, 299)]


def one(weight=1, axons=300, wires=(), **parameters):
    core = networks.sized("wide", np.ones((axons, 1), bool), neuron(s=(weight,) * 4, **parameters))
    taps = [(0, 0, a, 0) for a in range(axons - len(wires))]
    return networks.network([core, networks.core("x")], [(1, 0, 0, *w) for w in wires], taps)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            lambda: one(b=(1,), alpha=1),
            "core 'wide': its neurons read more than 256 axons and neuron 0 draws its synapses (b = "
            "1), of which no partial sum is the sum; use weights without noise, or at most 256 axons",
        ),
        (
            lambda: one(wires=[(299, 3)]),
            "core 'wide': its neurons read more than 256 axons and an input of them has a fixed time "
            "(an explicit delay, or loop), which partial sums would miss by two ticks; leave its delay "
            "to the mapper, or give it a relay in front",
        ),
        (
            lambda: one(255, 2100, alpha=1),
            "core 'wide': its neurons read more than 256 axons and can add up to 535,500, which the "
            "20 bits of a potential (up to 524,287) do not hold, so that partial sums would not be "
            "exact; use smaller weights",
        ),
        (
            lambda: one(alpha=1),
            "core 'wide': its neurons read more than 256 axons and all 4 axon types excite, so that "
            "none is left for the digits of a partial sum; use at most three weights of one sign",
        ),
    ],
)
def test_a_sum_that_cannot_be_split_says_why(network, message):
    with pytest.raises(FitError) as caught:
        size_of(network())
    assert str(caught.value) == message


def test_a_fan_in_beyond_what_partial_sums_reach_is_refused():
    core = networks.sized("wide", np.ones((4000, 1), bool), neuron(s=(1,), alpha=1))
    network = networks.network([core], [], [(0, 0, a, 0) for a in range(4000)])
    with pytest.raises(FitError) as caught:
        size_of(network)
    assert str(caught.value) == (
        "core 'wide': a neuron reads 4,000 axons, a core has 256, and partial sums of blocks of them "
        "would need more than 256 axons at the neuron itself; give it fewer or smaller inputs, or add "
        "them up in two layers"
    )
    core.crossbar[1800:] = False
    assert size_of(network).latency_ticks == 4
