"""Episodes of a control task side by side, and the agreement along the player's way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spiking_networks import random_dense, thesis_file, thesis_network

from tnemu.lab.convert import NumpyTarget, check_fits, converted_trial
from tnemu.lab.episodes import play
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.normalisations import normalised
from tnemu.networks.spiking.recipe import Recipe
from tnemu.tasks.control.spec import ControlSpec

CARTPOLE, MOUNTAINCAR = ControlSpec("cartpole"), ControlSpec("mountaincar")


def towards_the_fall(seen: np.ndarray) -> np.ndarray:
    return (seen[:, 2] + seen[:, 3] > 0).astype(np.int64)


def always(action: int) -> Any:
    return lambda seen: np.full(len(seen), action)


def test_side_by_side_is_one_after_the_other() -> None:
    spec = ControlSpec("cartpole", steps=120)
    trial = play(towards_the_fall, always(1), spec, 3, 8)
    world, returns, agreements, steps = spec.start(3), [], 0, 0
    for _ in range(8):
        seen, over = world.reset(), False
        while not over:
            action = int(towards_the_fall(seen[None])[0])
            agreements += action == 1
            steps += 1
            seen, _, over = world.step(action)
        returns.append(world.episode_return)
    assert trial.returns.tolist() == returns
    assert (trial.steps, trial.agreements) == (steps, agreements)
    assert trial.facts() == {
        "steps": steps,
        "agreements": agreements,
        "agreement": agreements / steps,
        "mean_return": np.mean(returns),
        "std_return": pytest.approx(np.sqrt(np.var(returns) * 8 / 7)),
    }


def test_one_episode_has_no_spread() -> None:
    assert play(always(0), always(0), CARTPOLE, 0, 1).facts()["std_return"] == 0.0


def test_a_car_that_stays_may_agree_all_the_time() -> None:
    trial = play(always(1), always(1), MOUNTAINCAR, 0, 3)
    assert trial.agreement == 1
    assert trial.returns.tolist() == [-500.0] * 3


@pytest.mark.parametrize("episodes", [0, -1, 1.5, True])
def test_episodes_are_counted_from_1(episodes: Any) -> None:
    network = random_dense()
    target = NumpyTarget(network, Recipe(1), 0)
    with pytest.raises(
        NetworkError, match=f"episodes = {episodes}: must be a whole number of 1 or"
    ):
        converted_trial(target, network, CARTPOLE, 0, episodes)


def test_a_network_of_another_task_is_refused() -> None:
    message = (
        r"net: it takes 4 numbers and gives 2; mountaincar shows 2 and takes one of 3 actions "
        r"\(LEFT NOOP RIGHT\); give a network of that task, or choose another --task"
    )
    with pytest.raises(NetworkError, match=message):
        check_fits(random_dense(name="net"), MOUNTAINCAR)


def thesis(
    converted: str,
    source: str,
    ticks: int,
    task: str = "cartpole",
    how: str = "none",
    **recipe: Any,
) -> dict[str, Any]:
    """A run as the thesis made it: 100 episodes of at most 500 decisions, seed 1."""
    network, original = thesis_network(converted), thesis_network(source)
    if how != "none":
        with np.load(thesis_file(f"{source}__memory_inputs")) as stored:
            network = normalised(network, how, stored["arr_0"])
    target = NumpyTarget(network, Recipe(ticks, **recipe), 1)
    return converted_trial(target, original, ControlSpec(task), 1, 100).facts()


DQN = "CartPole-A__DQN__trained"


def test_notebook_the_converted_dqn() -> None:
    facts = thesis("CartPole-A__DQN-Converted", DQN, 100)
    assert 100 * facts["agreement"] == 60.68633844147375
    assert (facts["steps"], facts["mean_return"]) == (12268, 122.68)


@pytest.mark.slow
def test_notebook_the_converted_classifier() -> None:
    name = "CartPole-A__Classifier-Converted"
    facts = thesis(name, name, 100)
    assert 100 * facts["agreement"] == 94.19788844249275
    assert (facts["steps"], facts["mean_return"]) == (32109, 321.09)


def test_notebook_the_classifier_that_was_converted() -> None:
    network = thesis_network("CartPole-A__Classifier-Converted")
    trial = play(network.decide, network.decide, CARTPOLE, 1, 100)
    assert trial.facts()["mean_return"] == 262.35


@pytest.mark.slow
def test_notebook_the_spiking_classifier() -> None:
    facts = thesis("CartPole-A__SNN-Classifier__trained", "CartPole-A__Classifier__trained", 20)
    assert 100 * facts["agreement"] == 91.12250088031612
    assert (facts["steps"], facts["mean_return"]) == (25559, 255.59)


@pytest.mark.slow
def test_ties_of_spike_counts_appear_in_the_thesis_where_they_go_to_the_last() -> None:
    how = {"how": "robust:0.99"}
    last = thesis(DQN, DQN, 100, decoding="counts-last", **how)
    first = thesis(DQN, DQN, 100, decoding="counts-first", **how)
    assert last["mean_return"] == pytest.approx(390.94, abs=4)
    assert last["agreement"] == pytest.approx(0.6481, abs=0.01)
    assert first["mean_return"] < 130
