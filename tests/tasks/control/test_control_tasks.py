"""CartPole and MountainCar under the thesis's rules: contract, physics, starts, rewards, pictures."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.tasks import contract
from tnemu.tasks.control.seeding import gym_stream
from tnemu.tasks.control.spec import ENVIRONMENTS, ControlSpec
from tnemu.tasks.task import Task, TaskError, TaskSpec

CARTPOLE, MOUNTAINCAR = ControlSpec("cartpole"), ControlSpec("mountaincar")


class TestCartPole(contract.TaskContract):
    def spec(self) -> TaskSpec:
        return ControlSpec("cartpole")


class TestShapedMountainCar(contract.TaskContract):
    def spec(self) -> TaskSpec:
        return ControlSpec("mountaincar", steps=50, shaped=True)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_step_is_gymnasiums_but_for_the_last_bits(name: str) -> None:
    env: Any = gymnasium.make(ENVIRONMENTS[name].environment).unwrapped
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    world = ControlSpec(name, steps=300).start(3)
    world.reset()
    overs = 0
    for _ in range(300):
        action = int(rng.integers(len(world.spec.actions)))
        env.state, env.steps_beyond_terminated = np.array(world.state), None
        now, reward, over = world.step(action)
        expected, expected_reward, ended, _, _ = env.step(action)
        np.testing.assert_allclose(world.state, env.state, rtol=1e-14, atol=1e-16)
        np.testing.assert_allclose(now, expected, rtol=1e-6)
        assert reward == expected_reward
        assert (over and not world.truncated) == ended
        if over:
            overs += 1
            world.reset()
    assert overs


def test_the_car_that_arrives_ends_its_episode_where_gymnasiums_does() -> None:
    env: Any = gymnasium.make("MountainCar-v0").unwrapped
    env.reset(seed=0)
    world = MOUNTAINCAR.start(1)
    world.reset()
    env.state = world.state
    for _ in range(300):
        action = 2 if world.state[1] >= 0 else 0
        _, _, over = world.step(action)
        assert over == env.step(action)[2]
        assert world.state == env.state
        if over:
            break
    assert 80 < world.episode_decisions < 200
    assert not world.truncated


def test_episodes_begin_where_gym_0_15_began_them() -> None:
    # by hand: sha512("1") begins 4dff4ea340f0a823; as little-endian words 0xa34eff4d, 0x23a8f040
    assert hashlib.sha512(b"1").hexdigest()[:16] == "4dff4ea340f0a823"
    stream = np.random.RandomState([0xA34EFF4D, 0x23A8F040])
    world = CARTPOLE.start(1)
    for _ in range(3):
        expected = stream.uniform(-0.05, 0.05, 4)
        assert np.array_equal(world.reset(), expected.astype(np.float32))
    stream = np.random.RandomState([0xA34EFF4D, 0x23A8F040])
    world = MOUNTAINCAR.start(1)
    for _ in range(3):
        position, velocity = world.reset()
        assert position == np.float32(stream.uniform(-0.6, -0.4))
        assert velocity == 0


@given(st.integers(0, 2**63 - 1))
def test_a_seed_is_hashed_into_words_of_32_bits_without_leading_zero_words(seed: int) -> None:
    number = int.from_bytes(hashlib.sha512(str(seed).encode()).digest()[:8], "little")
    words = []  # as gym's _int_list_from_bigint cut it
    while number:
        number, word = divmod(number, 2**32)
        words.append(word)
    expected = np.random.RandomState(words).uniform(size=4)
    assert np.array_equal(gym_stream(seed).uniform(size=4), expected)


@pytest.mark.parametrize("steps", [1, 7, 200])
def test_an_episode_is_cut_after_its_steps(steps: int) -> None:
    world = ControlSpec("mountaincar", steps=steps).start(0)
    world.reset()
    overs = [world.step(1)[2] for _ in range(steps)]  # nobody pushes: the car stays in the valley
    assert overs == [False] * (steps - 1) + [True]
    assert world.truncated
    assert world.episode_return == -steps


def test_a_pole_that_falls_ends_its_episode_uncut() -> None:
    world = CARTPOLE.start(0)
    world.reset()
    steps = next(k for k in range(1, 500) if world.step(0)[2])
    assert 5 < steps < 15
    assert not world.truncated
    assert world.episode_return == steps


def test_the_shaped_reward_is_min_of_r_plus_distance_and_minus_a_tenth() -> None:
    plain, shaped = MOUNTAINCAR.start(4), ControlSpec("mountaincar", shaped=True).start(4)
    plain.reset()
    shaped.reset()
    seen = set()
    for _ in range(199):  # swing, so that far places are reached
        action = 2 if plain.state[1] >= 0 else 0
        _, reward, over = plain.step(action)
        expected = min(-1.0 + abs(plain.state[0] + 0.5), -0.1)
        assert shaped.step(action)[1] == expected
        assert reward == -1.0
        seen.add(expected)
        if over:
            break
    assert over  # it arrived
    assert -0.1 in seen
    assert min(seen) < -0.9


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"name": "cartpol"},
            "ControlSpec.name = 'cartpol': must be one of 'cartpole', 'mountaincar'; did you mean "
            r"'cartpole'\?",
        ),
        (
            {"name": "cartpole", "steps": 0},
            "ControlSpec.steps = 0: must be a whole number in 1..1000000; choose one in that range",
        ),
        (
            {"name": "cartpole", "shaped": True},
            "ControlSpec.shaped = True: the reward of 'cartpole' has no shaped form, only that of "
            "'mountaincar'; leave it out",
        ),
        (
            {"name": "mountaincar", "shaped": 1},
            "ControlSpec.shaped = 1: must be True or False; choose one",
        ),
    ],
)
def test_what_a_spec_cannot_have_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        ControlSpec(**fields)


def test_an_action_that_does_not_exist_is_named() -> None:
    world = CARTPOLE.start(0)
    world.reset()
    with pytest.raises(
        TaskError, match=r"cartpole action = 2: must be a whole number in 0..1; see spec.actions"
    ):
        world.step(2)


def test_any_field_changes_the_hash() -> None:
    changed = [
        CARTPOLE,
        MOUNTAINCAR,
        dataclasses.replace(MOUNTAINCAR, steps=200),
        dataclasses.replace(MOUNTAINCAR, shaped=True),
    ]
    assert len({spec.sha256 for spec in changed}) == len(changed)
    assert CARTPOLE.to_json() == '{"name":"cartpole","shaped":false,"steps":500}'


def test_the_specs_are_tasks_by_protocol() -> None:
    assert isinstance(CARTPOLE.start(0), Task)


@pytest.mark.parametrize(("state", "lean"), [((0.0, 0, 0.2, 0), 1), ((0.0, 0, -0.2, 0), -1)])
def test_the_picture_shows_the_poles_lean(state: tuple[float, ...], lean: int) -> None:
    world = CARTPOLE.start(0)
    world.reset()
    upright = world.picture()
    world.begin(state)
    picture = world.picture()
    pole = np.argwhere((picture == (202, 138, 74)).all(2))
    top = pole[pole[:, 0] == pole[:, 0].min(), 1].mean()
    assert np.sign(top - pole[:, 1].max() / 2 - pole[:, 1].min() / 2) == lean
    assert not np.array_equal(upright, picture)


def test_the_picture_of_the_car_moves_with_it() -> None:
    def middle(position: float) -> float:
        world = MOUNTAINCAR.start(0)
        world.begin((position, 0.0))
        return float(np.argwhere((world.picture() == (44, 62, 100)).all(2))[:, 1].mean())

    assert middle(-1.0) < middle(-0.5) < middle(0.3)
