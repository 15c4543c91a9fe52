"""Converted networks in PyNN: NEST's own answers; what needs them is skipped without PyNN or NEST."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np
import pytest
from spiking_networks import random_dense, thesis_network

from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.recipe import Recipe
from tnemu.targets import spiking_pynn
from tnemu.targets.spiking_nest import NestTarget
from tnemu.targets.spiking_pynn import PynnTarget

STATES = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


@pytest.fixture
def both() -> None:
    for name in ("nest", "pyNN"):
        if not importlib.util.find_spec(name):
            pytest.skip(f"no {name}")


def test_pynn_has_nests_potentials(both: None) -> None:
    network, recipe = random_dense(3), Recipe(40, reset="zero")
    target = PynnTarget(network, recipe)
    found = target.potentials(STATES)
    np.testing.assert_allclose(found, NestTarget(network, recipe, 1).potentials(STATES), atol=1e-9)
    np.testing.assert_array_equal(target.potentials(STATES), found)  # nothing is left of a call
    np.testing.assert_array_equal(target.decide(STATES), found.argmax(1))
    assert target.facts()["model"] == "IF_curr_delta"


def test_pynn_has_nests_potentials_of_the_thesiss_classifier(both: None) -> None:
    network, recipe = thesis_network("CartPole-A__Classifier-Converted"), Recipe(60, reset="zero")
    found = PynnTarget(network, recipe).potentials(STATES)
    np.testing.assert_allclose(found, NestTarget(network, recipe, 1).potentials(STATES), atol=1e-9)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"reset": "subtract"}, "reset = 'subtract': IF_curr_delta of PyNN resets to 0; leave"),
        (
            {"reset": "zero", "encoding": "poisson"},
            "encoding = 'poisson': PyNN is run with 'constant'",
        ),
        (
            {"reset": "zero", "ticks": 1},
            "ticks = 1: the output is read 1 ms before the end in PyNN",
        ),
    ],
)
def test_what_pynn_has_no_neuron_for_is_refused(recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        PynnTarget(random_dense(1), Recipe(**{"ticks": 50, **recipe}))


def test_a_missing_simulator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyNN.nest", None)
    with pytest.raises(
        NetworkError, match=r"pyNN.nest cannot be loaded .*pip install 'tnemu\[pynn\]'"
    ):
        spiking_pynn.load()
