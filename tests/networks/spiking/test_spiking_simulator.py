"""The simulator against a scalar one, written from the rules; encodings, decodings, recipes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spiking_networks import random_dense

from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking import simulator
from tnemu.networks.spiking.decodings import answers_of
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.encodings import ENCODINGS
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.simulator import decide, simulate


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def scalar(network: DenseNetwork, recipe: Recipe, x: list[float]) -> list[float]:
    """One observation, one neuron at a time, in Python's own numbers."""
    last = len(network.weights) - 1
    mem = [[0.0 if k == last else recipe.start] * w.shape[1] for k, w in enumerate(network.weights)]
    syn = [[0.0] * w.shape[1] for w in network.weights]
    counts = [0] * network.answers
    spiked = [1] * len(x)  # number of the next spike of an equidistant code
    for t in range(recipe.ticks):
        flow = list(x)
        if recipe.encoding == "equidistant":
            for i, value in enumerate(x):
                hit = value != 0 and t == round(spiked[i] / abs(value))
                flow[i] = (1.0 if value > 0 else -1.0) * hit
                spiked[i] += hit
        for k, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
            out = []
            for j in range(len(b)):
                h = sum(flow[i] * float(w[i, j]) for i in range(len(flow))) + float(b[j])
                fires = k < last or recipe.counts
                if recipe.order == "thesis":
                    s = fires and mem[k][j] > 1
                    mem[k][j] += syn[k][j]
                    syn[k][j] = h
                else:
                    mem[k][j] += h
                    s = fires and mem[k][j] >= 1
                if s:
                    mem[k][j] = 0.0 if recipe.reset == "zero" else mem[k][j] - 1
                out.append(float(s))
                if k == last:
                    counts[j] += s
            flow = out
    return [float(c) for c in counts] if recipe.counts else mem[last]


@pytest.mark.parametrize(
    ("encoding", "reset", "order", "counts"),
    list(
        itertools.product(
            ("constant", "equidistant"), ("subtract", "zero"), ("thesis", "textbook"), (False, True)
        )
    ),
)
def test_every_recipe_is_what_its_rules_say(
    encoding: str, reset: str, order: str, counts: bool
) -> None:
    network = random_dense(3, 4, 7, 6, 3)
    decoding = "counts-first" if counts else "potentials"
    recipe = Recipe(37, encoding, decoding, reset, order, 0.5)
    x = np.random.default_rng(1).integers(-80, 81, (12, 4)) / 64
    expected = [scalar(network, recipe, row.tolist()) for row in x]
    assert simulate(network, recipe, x, rng()).tolist() == expected
    assert np.ptp(np.array(expected), axis=0).max() > 1  # something happened


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.sampled_from(["thesis", "textbook"]))
def test_any_small_network_is_what_its_rules_say(seed: int, ticks: int, order: str) -> None:
    generator = np.random.default_rng(seed)
    widths = generator.integers(1, 6, generator.integers(2, 6)).tolist()
    network = random_dense(seed, *widths)
    recipe = Recipe(ticks, "constant", generator.choice(["potentials", "counts-last"]), order=order)
    x = generator.integers(-64, 65, (1, widths[0])) / 32
    assert simulate(network, recipe, x, rng()).tolist() == [scalar(network, recipe, x[0].tolist())]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("order", ["thesis", "textbook"])
def test_how_the_ticks_are_cut_changes_nothing(
    encoding: str, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_dense(5)
    x = np.random.default_rng(2).normal(size=(6, 4))
    recipe = Recipe(50, encoding, order=order)
    whole = simulate(network, recipe, x, rng())
    monkeypatch.setattr(simulator, "MOST_NUMBERS", 6 * 16 * 7)  # seven ticks at a time
    assert np.array_equal(simulate(network, recipe, x, rng()), whole)


def test_observations_side_by_side_do_not_touch_each_other() -> None:
    network, recipe = random_dense(6), Recipe(40)
    x = np.random.default_rng(3).normal(size=(9, 4))
    together = simulate(network, recipe, x, rng())
    alone = [simulate(network, recipe, row[None], rng())[0] for row in x]
    assert np.allclose(together, alone, atol=1e-4)


def test_the_potentials_over_the_ticks_tend_to_the_networks_own_output() -> None:
    # activations stay below 1, where a neuron can follow them: rates are exact within 1 / ticks
    network = random_dense(7, 4, 8, 8, 2)
    x = np.random.default_rng(4).uniform(-0.2, 0.2, (20, 4))
    assert all(a.max() < 1 for a in network.activations(x)[:-1])
    errors = []
    for ticks in (100, 1600):
        found = simulate(network, Recipe(ticks, order="textbook", start=0.5), x, rng()) / ticks
        errors.append(np.abs(found - network.values(x)).max())
    assert errors[1] < errors[0] / 8
    assert errors[1] < 0.01


def test_a_poisson_code_spikes_as_often_as_its_value_says() -> None:
    x = np.array([[0.25, -0.5, 0.0, 1.5]], np.float32)
    flow = ENCODINGS["poisson"](x, rng()).next(4000)
    assert set(np.unique(flow)) == {-1.0, 0.0, 1.0}
    assert flow.dtype == np.float32
    # 4 standard deviations of a mean of 4,000 draws are at most 0.032
    np.testing.assert_allclose(flow.mean(0)[0], [0.25, -0.5, 0.0, 1.0], atol=0.032)
    assert flow[:, 0, 2].any() == False  # noqa: E712
    assert flow[:, 0, 3].all()


def test_an_equidistant_code_of_more_than_1_falls_silent() -> None:
    x = np.array([[0.5, 1.0, 2.3]], np.float32)
    flow = ENCODINGS["equidistant"](x, rng()).next(100)[:, 0]
    assert np.flatnonzero(flow[:, 0]).tolist() == list(range(2, 100, 2))
    assert np.flatnonzero(flow[:, 1]).tolist() == list(range(1, 100))
    # spikes 1, 2 and 3 are due at round(0.43), round(0.87) and round(1.30): 0, 1 and 1 again
    assert np.flatnonzero(flow[:, 2]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("decoding", "answers"),
    [
        ("potentials", [0, 1, 0]),
        ("counts-first", [0, 1, 0]),
        ("counts-last", [2, 1, 1]),
    ],
)
def test_ties_go_where_the_decodings_name_says(decoding: str, answers: list[int]) -> None:
    scores = np.array([[5, 1, 5], [0, 3, 1], [2, 2, 0]])
    assert answers_of(scores, decoding, rng()).tolist() == answers


def test_drawn_ties_go_to_each_of_the_best_and_to_no_other() -> None:
    scores = np.tile([[5, 1, 5, 5]], (3000, 1))
    counts = np.bincount(answers_of(scores, "counts-random", rng()), minlength=4)
    assert counts[1] == 0
    assert all(900 < counts[k] < 1100 for k in (0, 2, 3))  # 3.9 standard deviations
    zeros = answers_of(np.zeros((3000, 2)), "counts-random", rng())
    assert 1390 < zeros.sum() < 1610


def test_decide_takes_the_answers_of_the_scores() -> None:
    network = random_dense(8)
    x = np.random.default_rng(5).normal(size=(30, 4))
    recipe = Recipe(20, decoding="counts-last")
    scores = simulate(network, recipe, x, rng())
    assert (
        decide(network, recipe, x, rng()).tolist()
        == answers_of(scores, "counts-last", rng()).tolist()
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ticks": 0}, "ticks = 0: must be a whole number in 1..1000000"),
        ({"ticks": 9, "encoding": "possion"}, r"did you mean 'poisson'\?"),
        ({"ticks": 9, "decoding": "counts"}, "must be one of 'potentials', 'counts-first'"),
        ({"ticks": 9, "reset": "none"}, "reset = 'none': must be one of 'subtract', 'zero'"),
        ({"ticks": 9, "order": "mine"}, "order = 'mine': must be one of 'thesis', 'textbook'"),
        ({"ticks": 9, "start": float("nan")}, "start = nan: must be a finite number in 0.0..1.0"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        Recipe(**fields)
