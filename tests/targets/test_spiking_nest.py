"""Converted networks in NEST: what its neurons do, and the thesis's own row; skipped without NEST."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import pytest
from spiking_networks import random_dense, thesis_network

from tnemu.lab.convert import converted_trial
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.recipe import Recipe
from tnemu.targets import spiking_nest
from tnemu.targets.spiking_nest import NestTarget
from tnemu.tasks.control.spec import ControlSpec

STATES = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


@pytest.fixture
def nest() -> Any:
    if not importlib.util.find_spec("nest"):
        pytest.skip("no NEST")
    return spiking_nest.load()


def stepped(net: DenseNetwork, x: np.ndarray, ticks: int) -> np.ndarray:
    """Steps of 0.1 ms by hand: a current is seen a step and its delay after it began."""
    w, b = net.weights, net.biases
    mem = [np.zeros((len(x), m.shape[1])) for m in w]
    spikes = [np.zeros((10 * ticks, len(x), m.shape[1])) for m in w]
    for t in range(10 * (ticks - 1)):
        for k in range(len(w)):
            inflow = 0.1 * b[k] + np.zeros_like(mem[k])
            if k == 0:
                inflow = inflow + (0.1 * (x @ w[0]) if t >= 11 else 0)
            elif t >= 10:
                inflow = inflow + spikes[k - 1][t - 10] @ w[k]
            mem[k] += inflow
            if k < len(w) - 1:
                fired = mem[k] >= 1
                spikes[k][t] = fired
                mem[k][fired] = 0
    return mem[-1]


@pytest.mark.usefixtures("nest")
def test_potentials_are_those_of_steps_by_hand() -> None:
    net = random_dense(3, 4, 7, 5, 3)
    found = NestTarget(net, Recipe(30, reset="zero"), 0).potentials(STATES)
    x = STATES.astype(np.float64)
    expected = stepped(net, x, 30)
    # a sum of tenths that just misses a threshold in one order of additions may reach it in another
    assert np.median(np.abs(found - expected)) < 1e-6
    assert found.shape == (6, 3)


@pytest.mark.usefixtures("nest")
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_copies_side_by_side_answer_as_each_alone(reset: str) -> None:
    target = NestTarget(random_dense(12), Recipe(40, reset=reset), 0)
    alone = [target.potentials(row[None])[0] for row in STATES]
    draws = 1.0 if reset == "subtract" else 0.0  # of pp_psc_delta: a spike a step later
    np.testing.assert_allclose(target.potentials(STATES), alone, rtol=1e-7, atol=draws)


@pytest.mark.usefixtures("nest")
def test_a_threshold_that_rises_keeps_what_a_reset_to_zero_loses() -> None:
    net = DenseNetwork((np.full((1, 1), 1.0), np.ones((1, 1))), (np.zeros(1), np.zeros(1)))
    one = np.array([[0.93]], np.float32)
    zero, subtract = (
        float(NestTarget(net, Recipe(1000, reset=reset), 0).potentials(one)[0, 0])
        for reset in ("zero", "subtract")
    )
    assert subtract == pytest.approx(930, abs=4)
    assert zero < subtract - 2


def test_without_nest_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nest", None)
    with pytest.raises(
        NetworkError, match=r"NEST cannot be loaded \(.*\); pip install 'tnemu\[nest"
    ):
        NestTarget(random_dense(), Recipe(10), 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"encoding": "poisson"}, "encoding = 'poisson': NEST is run with 'constant' alone"),
        (
            {"decoding": "counts-last"},
            "decoding = 'counts-last': NEST is run with 'potentials' alo",
        ),
        (
            {"order": "textbook"},
            "order = 'textbook': NEST is run with 'thesis' alone; leave it out",
        ),
        ({"ticks": 1}, "ticks = 1: the output is read 1 ms before the end in NEST; give 2 or more"),
    ],
)
def test_what_nest_is_not_run_with_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        NestTarget(random_dense(), Recipe(**{"ticks": 10, **fields}), 0)


@pytest.mark.slow
@pytest.mark.usefixtures("nest")
def test_notebook_the_converted_classifier_in_nest() -> None:
    network = thesis_network("CartPole-A__Classifier-Converted")
    source = thesis_network("CartPole-A__Classifier__trained")
    target = NestTarget(network, Recipe(100, reset="zero"), 1)
    facts = converted_trial(target, source, ControlSpec("cartpole"), 1, 100).facts()
    assert 100 * facts["agreement"] == 88.62620873624542
    assert (facts["steps"], facts["mean_return"]) == (29990, 299.9)
