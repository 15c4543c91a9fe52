"""The player: an observation to spikes, spikes to an action, one step of the task per decision."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from tnemu.networks.codec import SPIKE_DTYPE, Spikes, Stimulus, Window
from tnemu.tasks.atari.spec import AtariSpec, spec_for
from tnemu.tasks.atari.world import AtariWorld, WorldError
from tnemu.tasks.player import InTurn, TaskPlayer, check_start

SPEC = spec_for("pong")


@dataclass(frozen=True)
class Bright:
    """Pixels above 100 spike; the first pins are the actions' votes."""

    input: str = "frame"
    output: str = "votes"
    window: Window = field(default_factory=lambda: Window(0, 0))

    def encode(self, observation: np.ndarray) -> Stimulus:
        return Stimulus.at_once(observation > 100)

    def decode(self, spikes: Spikes, start: int) -> np.ndarray:
        return self.window.counts(spikes, start, len(SPEC.actions))


def votes(*counts: int) -> Spikes:
    pins = np.repeat(np.arange(len(counts)), counts)
    spikes = np.zeros(len(pins), SPIKE_DTYPE)
    spikes["pin"] = pins
    return spikes


@pytest.fixture
def player() -> TaskPlayer:
    return TaskPlayer(SPEC, 3, Bright())


def test_pins_are_the_set_bits_of_the_encoded_observation(player: TaskPlayer) -> None:
    world = AtariWorld(SPEC, 3)
    pins = player.sense().pins
    assert pins.tolist() == np.flatnonzero(world.reset() > 100).tolist()
    assert len(pins) > 0


def test_the_action_with_most_votes_is_played_and_the_first_on_a_tie(player: TaskPlayer) -> None:
    world = AtariWorld(SPEC, 3)
    world.reset()
    for counts, action in (((0, 0, 5), 2), ((0, 4, 1, 4), 1), ((), 0)):
        outcome = player.act(votes(*counts))
        observation, reward, over = world.step(action)
        assert (outcome.reward, outcome.episode_over) == (reward, over)
        assert player.sense().pins.tolist() == np.flatnonzero(observation > 100).tolist()


def test_after_an_episode_the_next_one_has_begun() -> None:
    spec = dataclasses.replace(SPEC, max_frames=40, noop_max=0)
    player = TaskPlayer(spec, 0, Bright())
    outcomes = [player.act(votes(1)) for _ in range(40)]
    assert [k for k, outcome in enumerate(outcomes) if outcome.episode_over] == [19, 39]


def test_the_score_is_the_return_of_the_episode_it_belongs_to() -> None:
    spec = dataclasses.replace(SPEC, max_frames=600, noop_max=0)
    player = TaskPlayer(spec, 0, Bright())
    outcomes = [player.act(votes(1)) for _ in range(600)]
    first, second = outcomes[:300], outcomes[300:]
    assert first[-1].episode_over
    assert second[-1].episode_over
    for episode in (first, second):
        assert np.cumsum([o.reward for o in episode]).tolist() == [o.score for o in episode]
    assert first[-1].score < 0  # nobody at the paddle


def test_the_picture_is_the_tasks(player: TaskPlayer) -> None:
    world = AtariWorld(SPEC, 3)
    world.reset()
    assert np.array_equal(player.picture(), world.picture())


def test_several_tasks_take_turns_episode_by_episode() -> None:
    specs = [dataclasses.replace(SPEC, max_frames=frames, noop_max=0) for frames in (40, 20, 60)]
    makers = [partial(TaskPlayer, spec, 0, Bright()) for spec in specs]
    turns, alone = InTurn(makers), [make() for make in makers]
    ends = []
    for k in range(130):
        turn = len(ends) % 3
        assert turns.sense().pins.tolist() == alone[turn].sense().pins.tolist()
        assert np.array_equal(turns.picture(), alone[turn].picture())
        outcome = turns.act(votes(0, 1))
        assert outcome == dataclasses.replace(alone[turn].act(votes(0, 1)), player=turn)
        ends += [k] if outcome.episode_over else []
    assert ends == [19, 29, 59, 79, 89, 119], "the others wait where they are"
    turns.close()


def test_a_missing_rom_is_found_before_anything_is_started() -> None:
    spec = AtariSpec("solitaire", ("NOOP",), crop_top=0)
    with pytest.raises(WorldError, match="no ROM for game 'solitaire'"):
        check_start(spec, 0)
