"""The gymnasium environment is the world, and keeps gymnasium's rules."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from tnemu.tasks.atari.env import ID
from tnemu.tasks.atari.spec import SpecError, spec_for
from tnemu.tasks.atari.world import AtariWorld


def test_gymnasium_accepts_the_environment():
    check_env(gymnasium.make(ID, game="freeway", render_mode="rgb_array").unwrapped)


def test_the_environment_shows_what_the_world_shows():
    env = gymnasium.make(ID, game="krull").unwrapped
    world = AtariWorld(spec_for("krull"), seed=9)
    assert np.array_equal(env.reset(seed=9)[0], world.reset())
    for action in np.random.default_rng(0).integers(0, env.action_space.n, 40):
        seen, reward, terminated, truncated, info = env.step(action)
        expected, points, over = world.step(int(action))
        assert np.array_equal(seen, expected)
        assert (reward, terminated or truncated) == (points, over)
        assert info == {"lives": world.lives, "spec_sha256": world.spec.sha256}


def test_an_unknown_game_is_refused_by_name():
    with pytest.raises(SpecError, match="krul"):
        gymnasium.make(ID, game="krul")
