"""The test of every task: inherit it, say how yours is made, and pytest runs it.

class TestMyTask(TaskContract):
    def spec(self) -> TaskSpec:
        return MySpec()
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from tnemu.errors import TnemuError
from tnemu.tasks.task import Task, TaskSpec

STEPS = 200
"""Steps that the rules are tried on."""


class TaskContract:
    """What a player, a training and the loop rely on. ``spec()`` is yours to write."""

    def spec(self) -> TaskSpec:
        """The spec of the task that is tested; a new one at each call."""
        raise NotImplementedError("write spec(self): the spec of the task that is tested")

    def _play(self, task: Task, seed: int, steps: int = STEPS) -> list[Any]:
        """Observations, rewards and ends of some random steps, over episodes."""
        rng = np.random.default_rng(seed)
        actions = len(self.spec().actions)
        seen: list[Any] = [task.reset()]
        for _ in range(steps):
            observation, reward, over = task.step(int(rng.integers(actions)))
            seen += [observation, reward, over]
            if over:
                seen.append(task.reset())
        return seen

    def test_observations_are_of_the_specs_shape_and_dtype(self) -> None:
        spec = self.spec()
        for item in self._play(spec.start(0), 0):
            if isinstance(item, np.ndarray):
                assert item.shape == spec.shape
                assert item.dtype == spec.dtype

    def test_rewards_are_finite_floats_and_ends_are_bools(self) -> None:
        played = [x for x in self._play(self.spec().start(0), 0) if not isinstance(x, np.ndarray)]
        rewards, ends = played[::2], played[1::2]
        assert all(isinstance(reward, float) and np.isfinite(reward) for reward in rewards)
        assert all(isinstance(over, bool) for over in ends)

    def test_the_same_seed_and_actions_give_the_same_episodes(self) -> None:
        one, two = self._play(self.spec().start(5), 1), self._play(self.spec().start(5), 1)
        assert len(one) == len(two)
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))

    def test_an_observation_that_was_given_does_not_change(self) -> None:
        task = self.spec().start(0)
        first = task.reset()
        kept = first.copy()
        for _ in range(5):
            if task.step(0)[2]:
                break
        assert np.array_equal(first, kept)

    def test_the_return_is_the_sum_of_the_rewards(self) -> None:
        task = self.spec().start(0)
        task.reset()
        total = task.episode_return  # points that an episode may begin with
        for _ in range(STEPS):
            _, reward, over = task.step(0)
            total += reward
            assert task.episode_return == total
            if over:
                break

    def test_an_action_that_does_not_exist_is_refused(self) -> None:
        for action in (-1, len(self.spec().actions)):
            task = self.spec().start(0)
            task.reset()
            _refused(lambda task=task, action=action: task.step(action))

    def test_a_step_before_the_first_reset_is_refused(self) -> None:
        task = self.spec().start(0)
        _refused(lambda: task.step(0))

    def test_a_seed_that_is_none_is_refused(self) -> None:
        for seed in (-1, 1.5, True, "0"):
            _refused(lambda seed=seed: self.spec().start(seed))

    def test_the_picture_is_for_people(self) -> None:
        task = self.spec().start(0)
        task.reset()
        picture = task.picture()
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3

    def test_the_spec_travels_as_json_and_between_processes(self) -> None:
        spec = self.spec()
        assert pickle.loads(pickle.dumps(spec)).sha256 == spec.sha256
        assert type(spec).from_json(spec.to_json()).sha256 == spec.sha256  # type: ignore[attr-defined]
        assert spec.actions
        assert len(set(spec.actions)) == len(spec.actions)
        assert spec.decisions_per_second > 0

    def test_close_may_be_called_twice(self) -> None:
        task = self.spec().start(0)
        task.close()
        task.close()


def _refused(call: Any) -> None:
    try:
        call()
    except TnemuError:
        return
    raise AssertionError("a TnemuError was due, nothing was raised")
