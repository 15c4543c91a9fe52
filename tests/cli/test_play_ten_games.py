"""One network with ten heads is one board image: ``tnemu play`` goes from game to game on it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from plays import play, report_of

import corelets
import tnemu
from tnemu.formats.weights import read_heads, write_weights
from tnemu.learn.eedn.heads import heads_of
from tnemu.learn.players.episodes import play_episodes
from tnemu.tasks.atari.spec import spec_for

GAMES = (
    "assault", "crazy_climber", "demon_attack", "freeway", "gopher",
    "jamesbond", "krull", "kung_fu_master", "road_runner", "up_n_down",
)  # fmt: skip
DECISIONS = 4


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained student of ten games, each with a background of its own."""
    specs = [
        dataclasses.replace(spec_for(game), max_frames=2 * DECISIONS, noop_max=0) for game in GAMES
    ]
    generator = torch.Generator().manual_seed(5)
    rows, columns = specs[0].shape[1:]
    grounds = [255 * torch.rand(rows, columns, generator=generator) for _ in specs]
    torch.manual_seed(5)
    heads = heads_of(specs, grounds)
    heads[0].student.eval()
    path = tmp_path_factory.mktemp("ten") / "ten.safetensors"
    write_weights([head.fold("ten", {}) for head in heads], path)
    return path


@pytest.mark.slow
def test_ten_games_have_one_image_of_400_cores(ten: Path) -> None:
    heads = read_heads(ten)
    plans = [tnemu.fit(corelets.Student(head), "ns1e") for head in (heads[0], heads[4], heads[-1])]
    assert len({plan.image.sha256() for plan in plans}) == 1
    assert plans[0].image.core_count == 400


@pytest.mark.slow
def test_the_board_goes_through_ten_games_without_being_loaded_again(
    ten: Path, tmp_path: Path
) -> None:
    """Every episode is that of its head in numpy; one image, and its ticks count on through all."""
    done = play("--weights", ten, "--mode", "free", "--seed", 3, "--output", tmp_path / "run")
    assert done.exit_code == 0, done.output
    report = report_of(tmp_path / "run")
    assert report["games"] == list(GAMES)
    assert report["decisions"] == DECISIONS * len(GAMES)
    assert report["ticks"] == report["decisions"] * report["ticks_per_decision"]
    for game, head, score in zip(GAMES, read_heads(ten), report["episode_returns"], strict=True):
        spec = dataclasses.replace(spec_for(game), max_frames=2 * DECISIONS, noop_max=0)
        assert score == play_episodes(head.scores, spec, [3], epsilon=0.0)[0].score, game


@pytest.mark.slow
def test_ten_heads_on_one_board_vote_as_they_do_in_numpy(ten: Path) -> None:
    """One board, never loaded anew, is asked for each game in turn, twice."""
    heads = read_heads(ten)
    plan = tnemu.fit(corelets.Student(heads[0]), "ns1e")
    rng = np.random.default_rng(7)
    seen = rng.integers(0, 256, (1, *heads[0].input_shape), np.uint8)
    with tnemu.Emulator(plan.image) as board:
        for head in heads * 2:
            codec, start = head.codec(plan.latency_ticks), board.tick
            out = board.run(codec.window.ticks, {codec.input: codec.bits(seen)[0]})
            votes = codec.decode(out.records, start)
            np.testing.assert_array_equal(votes, head.scores(seen)[0])
