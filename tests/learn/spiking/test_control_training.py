"""Trainings on control tasks: updates by hand, folders, resuming, several runs, what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from spiking_networks import random_dense

from tnemu.errors import TnemuError
from tnemu.formats.dense_file import read_dense, read_observations, write_dense
from tnemu.formats.errors import FormatError
from tnemu.learn.spiking import classifier, policy, qlearning
from tnemu.learn.spiking.checkpoint import CHECKPOINT
from tnemu.learn.spiking.policy import discounted
from tnemu.learn.spiking.qlearning import QLearning
from tnemu.learn.spiking.replay import Transitions
from tnemu.learn.spiking.run import Progress
from tnemu.learn.spiking.settings import (
    ClassifierSettings,
    DqnSettings,
    DsqnSettings,
    PolicySettings,
)


def silent(row: dict[str, Any]) -> None:
    pass


def dqn(out: Path, **more: Any) -> DqnSettings:
    return DqnSettings("cartpole", str(out), **{"episodes": 12, "save_every": 4, **more})


def dsqn(out: Path, **more: Any) -> DsqnSettings:
    return DsqnSettings(
        "cartpole", str(out), **{"episodes": 12, "batch": 32, "save_every": 4, **more}
    )


def actor(out: Path, **more: Any) -> PolicySettings:
    return PolicySettings("cartpole", str(out), **{"episodes": 12, "save_every": 4, **more})


def same(one: Path, two: Path) -> bool:
    a, b = read_dense(one), read_dense(two)
    pairs = zip(a.weights + a.biases, b.weights + b.biases, strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def test_the_presets_are_the_thesiss() -> None:
    names = ("learning_rate", "gamma", "epsilon_decay", "replay", "batch", "target_episodes")
    a, b, c = (DqnSettings("mountaincar", "x", preset=p) for p in "ABC")
    assert [getattr(a, n) for n in names] == [1e-3, 0.99, 0.99, 1_000_000, 64, 20]
    assert [getattr(b, n) for n in names] == [1e-3, 0.999, 0.999, 1_000, 128, 5]
    assert c.learning_rate == DsqnSettings("mountaincar", "x").learning_rate == 5e-4
    cartpole = DqnSettings("cartpole", "x", preset="B")
    assert (cartpole.replay, cartpole.target_episodes) == (40_000, 10)
    assert (cartpole.hidden, DsqnSettings("cartpole", "x").hidden) == ((16, 16), (17, 17))
    assert DqnSettings("cartpole", "x", gamma=0.5).gamma == 0.5
    assert a.spec.shaped
    assert a.spec.steps == 200


def test_an_update_is_one_step_of_adam_down_the_clipped_gradient(tmp_path: Path) -> None:
    s = dqn(tmp_path, batch=8, gradient_clip=0.01)
    run = QLearning(s, resume=False)
    rng = np.random.default_rng(0)
    for _ in range(20):
        state, following = rng.normal(size=(2, 4)).astype(np.float32)
        run.replay.add(
            state, int(rng.integers(2)), float(rng.normal()), following, rng.random() < 0.3
        )
    with torch.no_grad():
        for p in run.target.parameters():
            p.add_(0.1)
    online, target = run.online.dense(), run.target.dense()
    before = [p.detach().clone() for p in run.online.parameters()]
    at = np.random.default_rng(5).integers(20, size=8)
    b = {name: array[at] for name, array in run.replay.arrays.items()}
    chosen = online.values(b["following"]).argmax(1)
    worth = target.values(b["following"])[np.arange(8), chosen]
    wanted = b["rewards"] + s.gamma * b["goes_on"] * worth
    q = online.values(b["states"])[np.arange(8), b["actions"]]
    assert run.update(np.random.default_rng(5)) == pytest.approx(
        ((q - wanted) ** 2).mean(), rel=1e-4
    )
    gradients = [p.grad for p in run.online.parameters()]
    assert all(float(g.abs().max()) <= 0.01 + 1e-9 for g in gradients)
    for old, p, g in zip(before, run.online.parameters(), gradients, strict=True):
        # the first step of Adam is the learning rate, whatever the gradient
        expected = old - s.learning_rate * g / (g.abs() + 1e-8)
        np.testing.assert_allclose(p.detach(), expected, atol=1e-6)


def test_the_last_transition_of_an_episode_that_was_cut_is_not_learnt_from(tmp_path: Path) -> None:
    s = DqnSettings("mountaincar", str(tmp_path), episodes=2, batch=10_000, replay=10_000)
    run = QLearning(s, resume=False)
    run.run(silent)
    assert run.replay.added == 2 * 199
    assert run.replay.arrays["goes_on"][: run.replay.added].all()


def test_a_pole_that_falls_ends_what_can_be_won(tmp_path: Path) -> None:
    run = QLearning(dqn(tmp_path, episodes=3, batch=10_000), resume=False)
    run.run(silent)
    goes_on = run.replay.arrays["goes_on"][: run.replay.added]
    assert (goes_on == 0).sum() == 3
    assert run.replay.added == sum(run.progress.returns)


@pytest.mark.parametrize(
    ("make", "train"),
    [
        (dqn, qlearning.train_one),
        (dsqn, qlearning.train_one),
        (actor, policy.train_one),
        (lambda out, **more: actor(out, method="actor-critic", **more), policy.train_one),
    ],
)
def test_a_resumed_run_ends_as_one_that_was_not_stopped(
    make: Any, train: Any, tmp_path: Path
) -> None:
    train(make(tmp_path / "whole"), False, silent)
    train(make(tmp_path / "part", episodes=8), False, silent)
    train(make(tmp_path / "part"), True, silent)
    assert same(tmp_path / "whole" / "last.npz", tmp_path / "part" / "last.npz")
    whole, part = ((tmp_path / name / "curve.csv").read_text() for name in ("whole", "part"))
    assert whole.splitlines()[-1] == part.splitlines()[-1]


def test_a_resumed_classifier_ends_as_one_that_was_not_stopped(tmp_path: Path) -> None:
    write_dense(random_dense(1), tmp_path / "source.npz")

    def settings(name: str, batches: int) -> ClassifierSettings:
        return ClassifierSettings(
            "cartpole", str(tmp_path / name), source=str(tmp_path / "source.npz"), states=300,
            batches=batches, save_every=50, log_every=50, spiking=1,
        )  # fmt: skip

    whole = classifier.train_one(settings("whole", 130), False, silent)
    classifier.train_one(settings("part", 100), False, silent)
    part = classifier.train_one(settings("part", 130), True, silent)
    assert same(whole, part)


def test_a_classifier_learns_its_source(tmp_path: Path) -> None:
    source = random_dense(12)
    write_dense(source, tmp_path / "source.npz")
    s = ClassifierSettings(
        "cartpole", str(tmp_path / "run"), source=str(tmp_path / "source.npz"), states=2_000,
        batches=1_500, learning_rate=3e-3,
    )  # fmt: skip
    path = classifier.train_one(s, False, silent)
    states = read_observations(tmp_path / "run" / "states.npz", 4)
    found, wanted = read_dense(path).decide(states), source.decide(states)
    assert 0.1 < wanted.mean() < 0.9
    assert (found == wanted).mean() > 0.97
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["accuracy"] == pytest.approx((found == wanted).mean(), abs=1e-6)


@pytest.mark.slow
def test_several_runs_have_seeds_and_folders_of_their_own(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    s = dqn(tmp_path / "both", episodes=3, runs=2, jobs=2, seed=7)
    paths = qlearning.train(s, False, rows.append)
    assert [path.parent.name for path in paths] == ["run-1", "run-2"]
    assert not same(*paths)
    alone = qlearning.train_one(dqn(tmp_path / "alone", episodes=3, seed=8), False, silent)
    assert same(paths[1], alone)
    assert sorted(row["seed"] for row in rows) == [7, 8]


@pytest.mark.slow
def test_what_goes_wrong_in_one_of_several_runs_is_told(tmp_path: Path) -> None:
    (tmp_path / "run-2").mkdir()
    (tmp_path / "run-2" / "settings.json").write_text("{}")
    with pytest.raises(TnemuError, match=r"run 2: .*run-2 holds a run already; go on with it"):
        qlearning.train(dqn(tmp_path, episodes=2, runs=2, jobs=1), False, silent)


def test_a_task_is_solved_where_the_average_has_held() -> None:
    progress = Progress("mountaincar")  # -130 for 50 episodes
    for _ in range(100):
        progress.add(-120.0)
    assert progress.solved_episode == 0
    ends = [progress.add(-120.0)[1] for _ in range(60)]
    assert ends.index(True) == 48  # the average of episode 100 was the first
    assert progress.solved_episode == 149
    assert (progress.best_average, progress.best_episode) == (-120.0, 100)


def test_returns_are_discounted_sums() -> None:
    assert discounted(np.array([1.0, 2.0, 4.0]), 0.5, 8.0).tolist() == [4.0, 6.0, 8.0]


def test_a_full_replay_forgets_the_oldest() -> None:
    replay = Transitions(5000, 1)
    for k in range(5100):
        replay.add(np.array([k], np.float32), k % 2, float(k), np.array([k + 1], np.float32), False)
    assert len(replay) == 5000
    assert replay.arrays["states"].min() == 100
    batch = replay.draw(2000, np.random.default_rng(0))
    assert (batch.following - batch.states == 1).all()
    assert 100 <= float(batch.rewards.min()) < 120
    assert 5080 < float(batch.rewards.max()) < 5100


def test_a_second_run_does_not_go_over_the_first(tmp_path: Path) -> None:
    qlearning.train_one(dqn(tmp_path, episodes=2), False, silent)
    with pytest.raises(TnemuError, match="holds a run already; go on with it with --resume"):
        qlearning.train_one(dqn(tmp_path, episodes=2), False, silent)
    with pytest.raises(TnemuError, match=r"begun with other settings \(gamma was 0.99, is 0.5\)"):
        qlearning.train_one(dqn(tmp_path, episodes=2, gamma=0.5), True, silent)


def test_a_run_without_a_checkpoint_cannot_go_on(tmp_path: Path) -> None:
    with pytest.raises(TnemuError, match=r"there is no checkpoint .* to go on from"):
        qlearning.train_one(dqn(tmp_path), True, silent)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    qlearning.train_one(dqn(tmp_path / "a", episodes=4), False, silent)
    policy.train_one(actor(tmp_path / "b", episodes=4), False, silent)
    (tmp_path / "a" / CHECKPOINT).write_bytes((tmp_path / "b" / CHECKPOINT).read_bytes())
    with pytest.raises(FormatError, match="holds another network"):
        qlearning.train_one(dqn(tmp_path / "a", episodes=4), True, silent)


def test_a_training_that_diverges_says_what_to_do(tmp_path: Path) -> None:
    run = QLearning(dqn(tmp_path), resume=False)
    with torch.no_grad():
        next(iter(run.online.parameters())).fill_(float("nan"))
    with pytest.raises(
        TnemuError, match=r"cartpole, episode 10: the loss is nan; begin again with a smaller"
    ):
        run.run(silent)


@pytest.mark.parametrize(
    ("make", "fields", "message"),
    [
        (DqnSettings, {"task": "pong"}, "task = 'pong': must be one of 'cartpole', 'mountaincar'"),
        (DqnSettings, {"preset": "D"}, "preset = 'D': must be one of 'A', 'B', 'C'"),
        (DsqnSettings, {"preset": "A"}, "preset = 'A': must be one of 'D', 'E'"),
        (
            DqnSettings,
            {"gamma": 1.5},
            "gamma = 1.5: must be between 0 and 1; choose another --gamma",
        ),
        (DqnSettings, {"replay": 10}, "replay = 10: must hold at least a batch of 64"),
        (DqnSettings, {"double": 2}, "double = 2: must be 0 or 1"),
        (DsqnSettings, {"ticks": 0}, "ticks = 0: must be 1 or more; choose another --ticks"),
        (DsqnSettings, {"order": "mine"}, "order = 'mine': must be one of 'thesis', 'textbook'"),
        (PolicySettings, {"method": "ppo"}, "must be one of 'reinforce', 'actor-critic'"),
        (ClassifierSettings, {}, "source is not given: name the network to learn from"),
        (ClassifierSettings, {"source": "s", "spiking": 3}, "spiking = 3: must be 0 or 1"),
        (DqnSettings, {"runs": 0}, "runs = 0: must be 1 or more; choose another --runs"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Any, fields: Any, message: str) -> None:
    with pytest.raises(TnemuError, match=message):
        make(**{"task": "cartpole", "out": "x", **fields})


def test_a_source_of_another_task_is_refused(tmp_path: Path) -> None:
    write_dense(random_dense(1), tmp_path / "source.npz")
    s = ClassifierSettings("mountaincar", str(tmp_path), source=str(tmp_path / "source.npz"))
    with pytest.raises(TnemuError, match="takes 4 numbers and gives 2, mountaincar shows 2 and"):
        classifier.train_one(dataclasses.replace(s), False, silent)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["reinforce", "actor-critic"])
def test_a_policy_learns_to_hold_the_pole(method: str, tmp_path: Path) -> None:
    s = actor(tmp_path, method=method, episodes=1_000, save_every=1_000)
    run = policy.PolicyGradient(s, resume=False)
    run.run(silent)
    assert run.progress.best_average is not None
    assert run.progress.best_average > 150
