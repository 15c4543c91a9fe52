"""Converted networks on emulated boards: every decision is the integer model's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spiking_networks import random_dense, random_rate, thesis_file, thesis_network

from tnemu.lab.convert import converted_trial, rate_network
from tnemu.lab.rate_board import BoardTarget, rate_plan
from tnemu.mapping.errors import FitError
from tnemu.networks.spiking.normalisations import normalised
from tnemu.networks.spiking.recipe import Recipe
from tnemu.tasks.control.spec import ControlSpec

STATES = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("widths", "recipe"),
    [
        ((4, 16, 16, 2), {}),
        ((4, 12, 3), {"order": "thesis"}),
        ((4, 16, 10, 8, 3), {"reset": "zero"}),
        ((4, 16, 16, 2), {"decoding": "counts-last"}),
        ((4, 16, 2), {"encoding": "poisson", "decoding": "counts-first", "order": "thesis"}),
        ((4, 64, 64, 3), {"ticks": 30}),
        ((4, 2), {"encoding": "equidistant"}),
    ],
)
def test_a_board_decides_as_the_integer_model(widths: Any, recipe: Any) -> None:
    target = BoardTarget(random_rate(9, *widths, **recipe), "tiny", seed=5)
    answers = target.decide(STATES)
    assert (target.equal, target.decisions) == (20, 20)
    assert len(set(answers.tolist())) > 1
    facts = target.facts()
    assert 1 <= facts["cores"] <= len(widths) - 1  # small layers share a core
    assert facts["spikes_per_decision"] > 0
    assert facts["decisions_as_the_integer_model"] == 20


def test_what_a_decision_costs_is_counted() -> None:
    target = BoardTarget(random_rate(11), "ns1e", seed=0)
    target.decide(STATES[:10])
    facts = target.facts()
    assert facts["ticks_per_decision"] == 50 + 3
    # 64.4 mW for 53 ms, and 2.297 pJ an operation
    assert facts["assumed_uj_per_decision"] == pytest.approx(64.4 * 53)
    operations = facts["synaptic_operations_per_decision"]
    assert facts["counted_uj_per_decision"] == pytest.approx(operations * 2.297e-6, rel=1e-3)
    one = dict(facts)
    target.decide(STATES[10:])
    assert target.facts()["spikes_per_decision"] != one["spikes_per_decision"]


def test_a_layer_that_needs_a_splitter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import tnemu.lab.rate_board as module
    from tnemu.mapping.fit import fit

    class Late:
        latency_ticks = 6

    monkeypatch.setattr(module, "fit", lambda thing, spec: fit(thing, spec) and Late())
    with pytest.raises(
        FitError, match="'net' on tiny: spikes take 6 ticks from input to output, its"
    ):
        rate_plan(random_rate(1), "tiny")


def test_without_states_a_network_is_fitted_by_what_its_source_sees() -> None:
    network, spec = random_dense(12), ControlSpec("cartpole")
    net = rate_network(network, network, Recipe(50, order="textbook", start=0.5), spec)
    assert net.answers == ("LEFT", "RIGHT")
    assert net.task is not None
    assert net.ranges[2] < 0.3  # the angle at which an episode ends
    target = BoardTarget(net, "tiny", 1)
    trial = converted_trial(target, network, spec, 1, 5)
    assert trial.agreement > 0.9
    assert target.equal == target.decisions == trial.steps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "states", "task", "least"),
    [
        ("CartPole-A__Classifier__trained", "CartPole-A__DQN__trained", "cartpole", 0.95),
        ("CartPole-PolicyGradient__trained", "CartPole-PolicyGradient__trained", "cartpole", 0.94),
        ("MountainCar-A__Classifier", "MountainCar-A__trained", "mountaincar", 0.95),
    ],
)
def test_the_thesiss_classifiers_and_policies_survive_the_chip(
    name: str, states: str, task: str, least: float
) -> None:
    source, spec = thesis_network(name), ControlSpec(task)
    with np.load(thesis_file(f"{states}__memory_inputs")) as stored:
        network = normalised(source, "robust:0.99", stored["arr_0"])
    net = rate_network(network, source, Recipe(100, order="textbook", start=0.5), spec)
    target = BoardTarget(net, "ns1e", 1)
    trial = converted_trial(target, source, spec, 1, 8)
    assert trial.agreement > least
    assert target.equal == target.decisions
    assert target.facts()["cores"] == 3
