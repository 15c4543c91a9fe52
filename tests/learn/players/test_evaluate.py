# ruff: noqa: E402
import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.errors import TnemuError
from tnemu.formats.weights import read_weights, write_weights
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.student import Student
from tnemu.learn.players import evaluate
from tnemu.learn.players.command import main
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.episodes import Episode, play_episodes, random_player
from tnemu.learn.players.evaluate import load_player, summary
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import load_teacher, save_player
from tnemu.tasks.atari import world
from tnemu.tasks.atari.spec import SPECS

SPEC = dataclasses.replace(SPECS["breakout"], max_frames=160)


@pytest.mark.slow
def test_episodes_depend_on_their_seed_alone():
    def player(observations):  # deterministic and batch-independent
        return np.eye(4)[observations.sum((1, 2, 3), dtype=int) % 4]

    together = play_episodes(player, SPEC, [5, 6, 7], 0.1)
    assert [play_episodes(player, SPEC, [seed], 0.1)[0] for seed in (5, 6, 7)] == together
    assert len({e.decisions for e in play_episodes(player, SPEC, range(4), 0.1)}) > 1


class FakeWorld:
    """A world that notes the actions and ends after 3,000 + seed decisions."""

    def __init__(self, spec, seed):
        self.seed, self.taken, self.truncated = seed, [], False

    def reset(self):
        return np.zeros((4, 42, 42), np.uint8)

    def step(self, index):
        self.taken.append(index)
        return self.reset(), 2.0, len(self.taken) == 3000 + self.seed

    def close(self):
        pass

    episode_return = property(lambda self: 2.0 * len(self.taken))
    episode_decisions = property(lambda self: len(self.taken))


def test_epsilon_is_the_share_of_random_actions(monkeypatch):
    made = []
    monkeypatch.setattr(world, "AtariWorld", lambda *a: made.append(FakeWorld(*a)) or made[-1])
    played = play_episodes(lambda x: np.tile([0, 1, 0, 0], (len(x), 1)), SPEC, [0, 5], 0.4)
    assert [(e.seed, e.score, e.decisions) for e in played] == [(0, 6000, 3000), (5, 6010, 3005)]
    for game in made:
        shares = np.bincount(game.taken, minlength=4) / len(game.taken)
        np.testing.assert_allclose(shares, [0.1, 0.7, 0.1, 0.1], atol=0.03)
    assert made[0].taken[:100] != made[1].taken[:100]


def test_summary():
    result = summary([1, 2, 3, 10])
    assert (result["mean"], result["median"], result["episodes"]) == (4, 2.5, 4)
    low, high = result["mean_95"]
    assert 1 <= low < 4 < high <= 10
    assert summary([7])["mean_95"] == [7, 7]


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    net = DuelNet(SPEC)
    save_player(tmp_path / "teacher.safetensors", net, TEACHER, SPEC)
    student = Student(SPEC.shape, 4)
    student.recalibrate(torch.randint(0, 99, (20, 4, 42, 42), dtype=torch.uint8))
    write_weights(fold(student.eval(), SPEC, {"command": "c"}), tmp_path / "student.safetensors")
    return [str(tmp_path / f"{name}.safetensors") for name in ("teacher", "student")]


def test_main_compares_and_records(files, tmp_path, capsys):
    (tmp_path / "zoo").mkdir()
    assert (
        main(
            [
                *files,
                "--episodes",
                "2",
                "--json",
                str(tmp_path / "r.json"),
                "--record",
                str(tmp_path / "zoo" / "b.safetensors"),
            ]
        )
        == 0
    )
    result = json.loads((tmp_path / "r.json").read_text())
    assert list(result["players"]) == files
    assert result["chosen_on"] == {}
    assert result["players"][files[0]]["seeds"] == [77000, 77001]
    assert len(result["players"][files[1]]["scores"]) == 2
    assert (result["game"], result["spec_sha256"], result["sticky"], result["epsilon"]) == (
        "breakout",
        SPEC.sha256,
        0.25,
        0.01,
    )
    assert capsys.readouterr().out.count("mean") == 2
    recorded = read_weights(tmp_path / "zoo" / "b.safetensors")
    assert recorded.provenance == {
        "command": "c",
        "evaluation": {**result, "recorded": files[1]},
    }

    assert (
        main([files[0], "--episodes", "1", "--record", str(tmp_path / "zoo" / "t.safetensors")])
        == 0
    )
    teacher, again = load_teacher(files[0]), load_teacher(tmp_path / "zoo" / "t.safetensors")
    assert torch.equal(teacher.fc.weight, again.fc.weight)
    assert json.loads(again.metadata["evaluation"])["game"] == "breakout"


def test_what_cannot_be_recorded_is_refused_before_anything_is_played(
    files, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(evaluate, "play_episodes", None)
    for last, target, message in (
        (
            "random",
            tmp_path / "x",
            "--record copies the last player's file, and 'random' has none; name a file last",
        ),
        (files[1], tmp_path / "nowhere" / "x", "x: No such file or directory; give a name in"),
        (__file__, tmp_path / "x", "is not a safetensors file"),
    ):
        assert main([files[0], last, "--record", str(target)]) == 1
        assert message in capsys.readouterr().err


def with_spec(files, tmp_path, **changes):
    """The teacher once more, trained under a changed spec."""
    path = tmp_path / "other.safetensors"
    save_player(path, load_teacher(files[0]), TEACHER, dataclasses.replace(SPEC, **changes))
    return str(path)


def test_players_of_different_specs_are_not_compared(files, tmp_path, capsys):
    other = with_spec(files, tmp_path, noop_max=0)
    assert main([files[0], other, "--episodes", "1"]) == 1
    message = capsys.readouterr().err
    assert "the players have different specs" in message
    assert "apart in noop_max; compare players of one\n" in message


def test_random_plays_under_the_spec_of_the_files(files):
    result = evaluate.evaluate(["random", files[0]], [1])
    assert result["spec_sha256"] == SPEC.sha256
    assert SPECS["breakout"] != SPEC


@pytest.mark.slow
def test_sticky_is_that_of_all_players_and_both_are_recorded(files, tmp_path, capsys):
    other = with_spec(files, tmp_path, sticky=0.1)
    assert main([files[0], other, "--episodes", "1"]) == 1
    assert "apart in sticky; compare players of one, or say --sticky" in capsys.readouterr().err
    result = evaluate.evaluate([files[0], other], [4, 5], sticky=0)
    played = dataclasses.replace(SPEC, sticky=0)
    assert (result["sticky"], result["spec_sha256"]) == (0, played.sha256)
    first, second = (result["players"][what] for what in (files[0], other))
    assert (first["own_sticky"], second["own_sticky"]) == (0.25, 0.1)
    assert first["own_spec_sha256"] == SPEC.sha256
    alone = play_episodes(load_player(files[0])[0], played, [4, 5])
    assert first["scores"] == second["scores"] == [e.score for e in alone]
    assert main([files[0], "--episodes", "1", "--sticky", "1.5"]) == 1
    assert "AtariSpec.sticky = 1.5: must be a probability" in capsys.readouterr().err


def test_scores_are_normalised_when_random_and_a_teacher_play(files, monkeypatch):
    """Every player's scores are made up, so that the shares are known."""
    made_up = iter([[0, 2], [11, 11], [3, 9]])

    def played(player, spec, seeds, epsilon):
        return [Episode(s, x, 1, False) for s, x in zip(seeds, next(made_up), strict=True)]

    monkeypatch.setattr(evaluate, "play_episodes", played)
    result = evaluate.evaluate(["random", *files], [0, 1])
    rows = result["players"]
    assert rows[files[1]]["teacher_share"]["mean"] == pytest.approx((6 - 1) / (11 - 1))
    assert rows["random"]["teacher_share"]["mean"] == 0
    assert rows[files[0]]["human_share"]["mean"] == pytest.approx((11 - 1.7) / (30.5 - 1.7))
    assert result["normalised"]["teacher_share"] == {"random": "random", "teacher": files[0]}
    assert result["normalised"]["human_share"]["human"] == 30.5


def test_a_file_of_another_game_is_refused(files, capsys):
    assert main([files[0], "--game", "pong", "--episodes", "1"]) == 1
    assert "plays 'breakout', not --game 'pong'; leave --game out" in capsys.readouterr().err


def test_simple_players():
    player, spec = load_player("always:UP", "freeway")
    assert player(np.zeros((3, 1))).argmax(1).tolist() == [1, 1, 1]
    assert spec == SPECS["freeway"]
    assert random_player(5, 0)(np.zeros((3, 1))).shape == (3, 5)
    for what, game, message in (
        ("random", None, "say which with --game"),
        ("always:JUMP", "freeway", "'JUMP' is not an action of freeway; choose among NOOP UP DOWN"),
        ("nowhere.safetensors", None, "cannot read nowhere.safetensors: .*; check the path"),
    ):
        with pytest.raises(TnemuError, match=message):
            load_player(what, game)


def test_not_a_safetensors_file(tmp_path):
    (tmp_path / "x").write_text("hello")
    with pytest.raises(TnemuError, match="is not a safetensors file"):
        load_player(str(tmp_path / "x"))
