"""Who acts while states are collected: the student, with a share of the teacher that decays."""

# ruff: noqa: E402
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.learn.distil import distil, states
from tnemu.learn.distil.distil import main, train_student
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.states import collect
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import save_player
from tnemu.tasks.atari import world
from tnemu.tasks.atari.spec import SPECS

SPEC = dataclasses.replace(SPECS["freeway"], max_frames=160)


@pytest.fixture
def acted(monkeypatch):
    """The actions that worlds are given, without the random ones."""
    actions = []

    class Watched(world.AtariWorld):
        def step(self, action):
            actions.append(action)
            return super().step(action)

    monkeypatch.setattr(world, "AtariWorld", Watched)
    monkeypatch.setattr(states, "EPSILONS", (0.0,))
    return actions


def always(action):
    return lambda observations: np.tile(np.eye(3)[action], (len(observations), 1))


def gather(share, seed=7):
    return collect(always(1), always(2), SPEC, 400, 2, 4, seed, share)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_teacher_takes_its_share_of_the_decisions(acted, share):
    gather(share)
    assert len(acted) == 800
    assert set(acted) <= {1, 2}, "nobody else acts"
    assert np.mean(np.array(acted) == 2) == pytest.approx(share, abs=0.05 * (0 < share < 1))


@pytest.mark.slow
def test_labels_are_the_teachers_whoever_acts(acted):
    for share in (0.0, 0.3, 1.0):
        assert torch.equal(gather(share).q, torch.eye(3)[2].expand(400, 3))


@pytest.mark.slow
def test_a_mix_is_chosen_by_the_seed(acted):
    runs = []
    for seed in (7, 7, 8):
        acted.clear()
        runs.append((gather(0.5, seed).screens, list(acted)))
    assert torch.equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert runs[0][1] != runs[2][1]


@pytest.mark.slow
def test_the_share_decays_with_every_round(tmp_path, monkeypatch):
    shares = []

    def watched(*arguments):
        shares.append(arguments[-1])
        return collect(*arguments)

    monkeypatch.setattr(distil, "collect", watched)
    teacher = tmp_path / "t.safetensors"
    save_player(teacher, DuelNet(SPEC), TEACHER, SPEC)
    settings = DistilSettings(
        "freeway",
        str(teacher),
        str(tmp_path / "out"),
        states=40,
        dagger_rounds=3,
        dagger_states=40,
        teacher_share=0.5,
        worlds=2,
        batch=8,
        iterations=1,
        calibration=20,
        control_iterations=0,
        check_episodes=1,
    )
    train_student(settings, report=lambda row: None)
    assert shares[1:] == [0.5, 0.25, 0.125]


@pytest.mark.parametrize("value", ["-0.1", "1.5", "nan"])
def test_a_share_that_is_none_is_refused(value, capsys):
    assert main(["pong", "--teacher", "t", "--out", "o", f"--teacher-share={value}"]) == 1
    assert f"teacher_share is {value}, must be between 0" in capsys.readouterr().err
