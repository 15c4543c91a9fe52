import dataclasses
import sys

import numpy as np
import pytest

from tnemu.tasks.atari.spec import SPECS, AtariSpec

pytest.importorskip("ale_py")

from tnemu.tasks.atari.world import AtariWorld, WorldError

PONG = SPECS["pong"]


def trace(spec, seed, decisions, policy_seed=0):
    """Observations, rewards and ends under a fixed random policy."""
    world, rng = AtariWorld(spec, seed), np.random.default_rng(policy_seed)
    seen = [(world.reset().tobytes(), 0.0, False)]
    for _ in range(decisions):
        observation, reward, over = world.step(int(rng.integers(len(spec.actions))))
        seen.append((observation.tobytes(), reward, over))
        if over:
            seen.append((world.reset().tobytes(), 0.0, False))
    return seen


def test_same_seed_same_episodes_and_other_seed_other():
    spec = dataclasses.replace(
        SPECS["breakout"], max_frames=400
    )  # 1000 decisions are several episodes
    first = trace(spec, 5, 600)
    assert sum(over for _, _, over in first) >= 3
    assert trace(spec, 5, 600) == first
    assert trace(spec, 6, 600) != first


def test_worlds_do_not_disturb_each_other():
    alone = trace(PONG, 3, 60)
    other, rng = AtariWorld(PONG, 4), np.random.default_rng(0)
    other.reset()
    world = AtariWorld(PONG, 3)
    seen = [(world.reset().tobytes(), 0.0, False)]
    for _ in range(60):
        other.step(0)
        observation, reward, over = world.step(int(rng.integers(len(PONG.actions))))
        seen.append((observation.tobytes(), reward, over))
    assert seen == alone


def test_sticky_actions_are_in_force():
    """Without sticky actions and no-ops nothing is random: seeds agree; with them they differ."""
    fixed = dataclasses.replace(PONG, sticky=0.0, noop_max=0)
    assert trace(fixed, 1, 120) == trace(fixed, 2, 120)
    sticky = dataclasses.replace(fixed, sticky=0.25)
    assert trace(sticky, 1, 120) != trace(sticky, 2, 120)


def test_noop_starts_vary_and_are_bounded():
    world = AtariWorld(dataclasses.replace(PONG, noop_max=5), 1)
    frames = []
    for _ in range(40):
        world.reset()
        frames.append(world.episode_frames)
    assert set(frames) == {0, 1, 2, 3, 4, 5}


def test_stack_is_newest_first_and_strided():
    world, rng = AtariWorld(PONG, 2), np.random.default_rng(1)
    observations = [world.reset()]
    assert observations[0].shape == PONG.shape
    assert observations[0].dtype == np.uint8
    assert all((screen == observations[0][0]).all() for screen in observations[0])
    for _ in range(80):
        observations.append(world.step(int(rng.integers(6)))[0])
    newest = [observation[0] for observation in observations]
    assert len({screen.tobytes() for screen in newest[40:]}) > 30, (
        "the screen must move for this test to mean something"
    )
    for now, observation in enumerate(observations):
        for k in range(PONG.stack):
            np.testing.assert_array_equal(
                observation[k], newest[max(0, now - k * PONG.stack_stride)]
            )


def test_screen_is_the_maximum_of_the_last_raw_frames():
    """A world of 1 raw frame per decision shows the frames that one of 2 pools."""
    base = dataclasses.replace(PONG, sticky=0.0, noop_max=0, stack=1)
    fine, coarse = (
        AtariWorld(spec, 0)
        for spec in (
            dataclasses.replace(base, frame_skip=1, max_pool=1, block=1),
            dataclasses.replace(base, block=1),
        )
    )
    fine.reset(), coarse.reset()
    for k in range(60):
        action = k % 6
        first, second = fine.step(action)[0], fine.step(action)[0]
        np.testing.assert_array_equal(coarse.step(action)[0], np.maximum(first, second))


def test_return_counters_and_lives():
    world, rng = AtariWorld(SPECS["breakout"], 1), np.random.default_rng(0)
    world.reset()
    assert world.lives == 5
    total, decisions, over = 0.0, 0, False
    while not over:
        _, reward, over = world.step(int(rng.integers(4)))
        total, decisions = total + reward, decisions + 1
    assert world.lives == 0
    assert not world.truncated
    assert (world.episode_return, world.episode_decisions, world.episodes) == (total, decisions, 1)
    assert 0 <= world.episode_frames - 2 * decisions <= world.spec.noop_max
    with pytest.raises(
        WorldError,
        match=r"breakout: step after the episode's end \(or before the first\); call reset\(\) "
        r"first",
    ):
        world.step(0)
    world.reset()
    assert (world.episode_return, world.episode_decisions, world.episodes) == (0, 0, 2)


def test_episode_is_cut_at_max_frames():
    world = AtariWorld(dataclasses.replace(PONG, max_frames=50, noop_max=0), 1)
    world.reset()
    overs = [world.step(0)[2] for _ in range(25)]
    assert overs == [False] * 24 + [True]
    assert world.truncated


def test_raw_screen_is_for_people():
    world = AtariWorld(PONG, 1)
    world.reset()
    assert world.picture().shape == (210, 160, 3)


def test_errors_teach():
    with pytest.raises(
        WorldError,
        match=r"no ROM for game 'no_such_game' in ale_py .*; check the name, or reinstall",
    ):
        AtariWorld(AtariSpec("no_such_game", ("NOOP",), crop_top=0), 0)
    with pytest.raises(WorldError, match=r"seed = -1: must be an integer in 0..2147483647"):
        AtariWorld(PONG, -1)
    world = AtariWorld(PONG, 1)
    world.reset()
    with pytest.raises(WorldError, match=r"pong: action index 6 is not in 0..5"):
        world.step(6)


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(WorldError, match="needs ale_py, which is not installed; pip install"):
        AtariWorld(PONG, 1)


def test_console_is_silent(capfd):
    AtariWorld(PONG, 1).reset()
    assert capfd.readouterr() == ("", "")
