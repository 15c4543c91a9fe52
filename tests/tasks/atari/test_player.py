"""The player: screen to pins, votes to action, one console step per decision."""

from __future__ import annotations

import numpy as np
import pytest

from tnemu.tasks.atari.player import AtariPlayer, check_console
from tnemu.tasks.atari.spec import AtariSpec, spec_for
from tnemu.tasks.atari.world import AtariWorld, WorldError

SPEC = spec_for("pong")


def bright(observations: np.ndarray) -> np.ndarray:
    return observations > 100


def first_pins(counts: np.ndarray) -> np.ndarray:
    """The first pins are the actions' votes."""
    return counts[:, : len(SPEC.actions)]


def votes(*counts: int) -> np.ndarray:
    return np.array([*counts, *[0] * (8 - len(counts))], np.int32)


@pytest.fixture
def player() -> AtariPlayer:
    return AtariPlayer(SPEC, 3, bright, first_pins)


def test_pins_are_the_set_bits_of_the_encoded_observation(player: AtariPlayer) -> None:
    world = AtariWorld(SPEC, 3)
    pins = player.sense()
    assert pins.tolist() == np.flatnonzero(world.reset() > 100).tolist()
    assert len(pins) > 0


def test_the_action_with_most_votes_is_played_and_the_first_on_a_tie(player: AtariPlayer) -> None:
    world = AtariWorld(SPEC, 3)
    world.reset()
    for counts, action in (((0, 0, 5), 2), ((0, 4, 1, 4), 1), ((), 0)):
        outcome = player.act(votes(*counts))
        observation, reward, over = world.step(action)
        assert (outcome.reward, outcome.episode_over) == (reward, over)
        assert player.sense().tolist() == np.flatnonzero(observation > 100).tolist()


def test_after_an_episode_the_next_one_has_begun() -> None:
    spec = AtariSpec("pong", SPEC.actions, crop_top=30, max_frames=40, noop_max=0)
    player = AtariPlayer(spec, 0, bright, first_pins)
    outcomes = [player.act(votes(1)) for _ in range(40)]
    assert [k for k, outcome in enumerate(outcomes) if outcome.episode_over] == [19, 39]


def test_the_score_is_the_return_of_the_episode_it_belongs_to() -> None:
    spec = AtariSpec("pong", SPEC.actions, crop_top=30, max_frames=600, noop_max=0)
    player = AtariPlayer(spec, 0, bright, first_pins)
    outcomes = [player.act(votes(1)) for _ in range(600)]
    first, second = outcomes[:300], outcomes[300:]
    assert first[-1].episode_over
    assert second[-1].episode_over
    for episode in (first, second):
        assert np.cumsum([o.reward for o in episode]).tolist() == [o.score for o in episode]
    assert first[-1].score < 0  # nobody at the paddle


def test_the_picture_is_the_consoles_screen(player: AtariPlayer) -> None:
    world = AtariWorld(SPEC, 3)
    world.reset()
    assert np.array_equal(player.picture(), world.raw_screen_rgb())


def test_a_missing_rom_is_found_before_anything_is_started() -> None:
    spec = AtariSpec("solitaire", ("NOOP",), crop_top=0)
    with pytest.raises(WorldError, match="no ROM for game 'solitaire'"):
        check_console(spec, 0)
