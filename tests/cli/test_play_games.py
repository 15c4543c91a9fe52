"""``tnemu play`` with one file for several games: any of them, or an episode of each in turn."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from plays import play, refused, report_of, student

from tnemu.formats.weights import read_heads, write_weights
from tnemu.learn.players.episodes import play_episodes
from tnemu.networks.integer import Dense, Vote
from tnemu.tasks.atari.spec import spec_for

GAMES = {"pong": 60, "breakout": 100}
"""Raw frames of an episode: 30 and 50 decisions."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of two games, on one core: its voters stand side by side."""
    specs = [
        dataclasses.replace(spec_for(game), max_frames=n, noop_max=0) for game, n in GAMES.items()
    ]
    counts = [len(spec.actions) for spec in specs]
    wide = student(dataclasses.replace(specs[0], actions=spec_for("krull").actions[: sum(counts)]))
    shared, heads = wide.layers[:-1], []
    assert isinstance(shared[1], Dense)
    for k, spec in enumerate(specs):
        classes = wide.vote.classes - sum(counts[:k])
        mine = (classes >= 0) & (classes < counts[k])
        vote = Vote("vote", np.where(mine, classes, -1).astype(np.int32))
        ground = np.full(spec.shape, 80 - 30 * k, np.int16)
        retina = dataclasses.replace(wide.transduction, background=ground)
        alone = dataclasses.replace(student(spec), name="both", layers=(retina, shared[1], vote))
        heads.append(alone)
    path = tmp_path_factory.mktemp("students") / "both.safetensors"
    write_weights(heads, path)
    return path


def lone_score(path: Path, game: str, seed: int) -> float:
    """Of the integer network in numpy."""
    (head,) = [head for head in read_heads(path) if head.task and head.task.name == game]
    spec = dataclasses.replace(spec_for(game), max_frames=GAMES[game], noop_max=0)
    return play_episodes(head.scores, spec, [seed], epsilon=0.0)[0].score


@pytest.mark.parametrize("game", GAMES)
def test_any_game_is_played_from_the_one_file(both: Path, tmp_path: Path, game: str) -> None:
    done = play(
        game, "--weights", both, "--mode", "free", "--seed", 3, "--output", tmp_path / "run"
    )
    assert done.exit_code == 0
    report = report_of(tmp_path / "run")
    assert (report["game"], report["games"], report["weights"]) == (game, [game], "both")
    assert report["decisions"] == GAMES[game] // 2
    assert report["episode_returns"] == [lone_score(both, game, 3)]


def test_games_take_turns_on_a_board_that_is_loaded_once(both: Path, tmp_path: Path) -> None:
    games = ["breakout", "pong"]
    folder = tmp_path / "run"
    done = play(*games, "--weights", both, "--mode", "free", "--seed", 3, "--output", folder)
    assert done.exit_code == 0
    report = report_of(folder)
    assert (report["game"], report["games"]) == ("+".join(games), games)
    assert list(report["spec_sha256"]) == games
    assert report["decisions"] == 30 + 50
    assert report["ticks"] == report["decisions"] * report["ticks_per_decision"]
    assert report["episode_returns"] == [lone_score(both, game, 3) for game in games]
    assert f"{', '.join(games)} on ns1e" in done.stdout
    again = play("pong", "--weights", both, "--frames", 2, "--output", tmp_path / "b")
    assert again.exit_code == 0
    assert report_of(tmp_path / "b")["image_sha256"] == report["image_sha256"]


def test_a_run_of_all_games_of_a_file_has_a_folder_of_their_number(
    both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert play("--weights", both, "--frames", 2, "--mode", "free").exit_code == 0
    (folder,) = os.listdir(tmp_path / "runs")
    assert folder.startswith("2-games-20")
    assert report_of(tmp_path / "runs" / folder)["games"] == list(GAMES)


def test_games_that_cannot_be_played_from_a_file_are_refused(both: Path) -> None:
    assert refused("krull", "--weights", both) == (
        f"error: weight file {both} was trained for 'pong', 'breakout', not for 'krull'; play it with "
        f"'tnemu play pong --weights {both}', or give a weight file for 'krull'\n"
    )
    assert refused("pong", "pong", "--weights", both) == (
        "error: games repeat: pong, pong; name each game once\n"
    )
    assert refused("krull", "freeway") == (
        "error: 2 games (krull, freeway) are played with the one network of a file; give it with "
        "--weights, or play one game at a time\n"
    )
