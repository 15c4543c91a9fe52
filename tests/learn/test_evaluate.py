# ruff: noqa: E402
import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.atari.spec import SPECS
from tnemu.formats.weights import WeightFile
from tnemu.hardware.errors import TnemuError
from tnemu.learn.evaluate import load_player, main, play_episodes, random_player, summary
from tnemu.learn.fold import fold
from tnemu.learn.network import DuelNet
from tnemu.learn.players import TEACHER, load_teacher, save_player
from tnemu.learn.student import Student

SPEC = dataclasses.replace(SPECS["breakout"], max_frames=300)


def test_episodes_depend_on_their_seed_alone():
    def player(observations):  # deterministic and batch-independent
        return np.eye(4)[observations.sum((1, 2, 3), dtype=int) % 4]

    together = play_episodes(player, SPEC, [5, 6, 7], 0.1)
    assert [play_episodes(player, SPEC, [seed], 0.1)[0] for seed in (5, 6, 7)] == together
    assert (
        len(
            {
                (e.score, e.decisions)
                for e in play_episodes(player, SPEC, range(4), 0.1)
            }
        )
        > 1
    )


def test_epsilon_is_the_share_of_random_actions():
    taken = []

    class Spy:
        def __call__(self, observations):
            return np.tile([0.0, 1.0, 0.0, 0.0], (len(observations), 1))

    from tnemu.learn import evaluate

    class Counting(evaluate.AtariWorld):
        def step(self, index):
            taken.append(index)
            return super().step(index)

    original, evaluate.AtariWorld = evaluate.AtariWorld, Counting
    try:
        play_episodes(
            Spy(),
            dataclasses.replace(
                SPEC, game="freeway", actions=("NOOP", "UP", "DOWN", "FIRE"), max_frames=1500
            ),
            [1, 2],
            0.4,
        )
    finally:
        evaluate.AtariWorld = original
    shares = np.bincount(taken, minlength=4) / len(taken)
    np.testing.assert_allclose(shares, [0.1, 0.7, 0.1, 0.1], atol=0.04)


def test_summary():
    result = summary([1, 2, 3, 10])
    assert (result["mean"], result["median"], result["episodes"]) == (4, 2.5, 4)
    low, high = result["mean_95"]
    assert 1 <= low < 4 < high <= 10
    assert summary([7])["mean_95"] == [7, 7]


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    net = DuelNet(SPEC.shape, 4)
    save_player(tmp_path / "teacher.safetensors", net, TEACHER, SPEC)
    student = Student(SPEC.shape, 4)
    student.recalibrate(torch.randint(0, 99, (20, 4, 42, 42), dtype=torch.uint8))
    fold(student.eval(), SPEC, {"command": "c"}).save(tmp_path / "student.safetensors")
    return [str(tmp_path / f"{name}.safetensors") for name in ("teacher", "student")]


def test_main_compares_and_records(files, tmp_path, capsys):
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
    assert result["players"][files[0]]["seeds"] == [77000, 77001]
    assert len(result["players"][files[1]]["scores"]) == 2
    assert (result["game"], result["spec_sha256"], result["sticky"], result["epsilon"]) == (
        "breakout",
        SPEC.sha256,
        0.25,
        0.01,
    )
    assert capsys.readouterr().out.count("mean") == 2
    recorded = WeightFile.load(tmp_path / "zoo" / "b.safetensors")
    assert recorded.provenance == {"command": "c", "evaluation": result}

    assert (
        main([files[0], "--episodes", "1", "--record", str(tmp_path / "zoo" / "t.safetensors")])
        == 0
    )
    teacher, again = load_teacher(files[0]), load_teacher(tmp_path / "zoo" / "t.safetensors")
    assert torch.equal(teacher.fc.weight, again.fc.weight)
    assert json.loads(again.metadata["evaluation"])["game"] == "breakout"


def test_players_of_different_specs_are_not_compared(files, capsys):
    assert main(["random", files[0], "--episodes", "1"]) == 1
    assert "the players have different specs" in capsys.readouterr().err


def test_simple_players():
    player, spec = load_player("always:UP", "freeway")
    assert player(np.zeros((3, 1))).argmax(1).tolist() == [1, 1, 1]
    assert spec == SPECS["freeway"]
    assert random_player(5, 0)(np.zeros((3, 1))).shape == (3, 5)
    for what, game, message in (
        ("random", None, "say which with --game"),
        ("always:JUMP", "freeway", "'JUMP' is not an action of freeway; choose among NOOP UP DOWN"),
        ("nowhere.safetensors", None, "neither random, always:ACTION nor a file"),
    ):
        with pytest.raises(TnemuError, match=message):
            load_player(what, game)


def test_not_a_safetensors_file(tmp_path):
    (tmp_path / "x").write_text("hello")
    with pytest.raises(TnemuError, match="is not a safetensors file"):
        load_player(str(tmp_path / "x"))
