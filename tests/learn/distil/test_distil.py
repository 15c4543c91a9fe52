# ruff: noqa: E402
import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.errors import TnemuError
from tnemu.formats.weights import read_weights
from tnemu.learn.distil import losses
from tnemu.learn.distil.distil import main, train_student
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.stages import read_stage
from tnemu.learn.distil.states import States, collect, label_temperature
from tnemu.learn.distil.training import Lesson
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import load_control, save_player
from tnemu.learn.run.runs import derived_seed
from tnemu.tasks.atari.spec import SPECS

SPEC = dataclasses.replace(SPECS["freeway"], max_frames=160)


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory):
    torch.manual_seed(3)
    net = DuelNet(SPEC)
    net.background.fill_(90.4)
    path = tmp_path_factory.mktemp("teacher") / "freeway.safetensors"
    save_player(path, net, TEACHER, SPEC)
    return str(path)


def test_label_temperature_reaches_the_peak():
    q = torch.randn(500, 6, generator=torch.Generator().manual_seed(0)) * 0.03
    tau = label_temperature(q, 0.8)
    assert float((q / tau).softmax(1).amax(1).mean()) == pytest.approx(0.8, abs=1e-4)
    assert label_temperature(q * 10, 0.8) == pytest.approx(10 * tau, rel=1e-4)


def test_kl_by_hand():
    labels, logits = torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    assert float(losses.kl(labels, logits)) == pytest.approx(np.log(2) / 2)


@pytest.mark.slow
def test_collect_visits_and_labels():
    def player(observations):
        return np.eye(3)[observations[:, 0, 0, 0] % 3]

    def teacher(observations):
        return observations.reshape(len(observations), -1)[:, :3] * 1.0

    states = collect(player, teacher, SPEC, 100, keep_every=2, worlds=4, seed=7)
    again = collect(player, teacher, SPEC, 100, keep_every=2, worlds=4, seed=7)
    other = collect(player, teacher, SPEC, 100, keep_every=2, worlds=4, seed=8)
    assert torch.equal(states.screens, again.screens)
    assert not torch.equal(states.screens, other.screens)
    assert states.screens.shape == (100, 4, 42, 42)
    assert states.screens.dtype == torch.uint8
    assert torch.equal(states.q, states.screens.reshape(100, -1)[:, :3].float())
    # with stride 2 and every 2nd decision kept, the newest screen is the second newest next time
    assert torch.equal(states.screens[40, 0], states.screens[44, 1])


def test_split_holds_out_the_last():
    states = States(np.arange(32, dtype=np.uint8).reshape(32, 1), np.zeros((32, 2), np.float32))
    a, b = states.split(16)
    assert a.screens.ravel().tolist() == list(range(30))
    assert b.screens.ravel().tolist() == [30, 31]


@pytest.mark.slow
def test_all_stages_and_resume(teacher_file, tmp_path, capsys):
    s = DistilSettings(
        "freeway",
        teacher_file,
        str(tmp_path),
        states=160,
        dagger_rounds=1,
        dagger_states=64,
        worlds=4,
        batch=16,
        iterations=3,
        calibration=64,
        control_iterations=2,
        check_every=2,
        check_episodes=1,
        log_every=1,
    )
    (path,) = train_student(s)
    file = read_weights(path)
    provenance = file.provenance
    assert [(x["stage"], x["states"], x["iterations"]) for x in provenance["stages"]] == [
        ("stage0", 150, 3),
        ("stage1", 210, 3),
        ("control", 210, 2),
    ]
    assert provenance["chosen"] in ("stage0", "stage1")
    assert (
        f"--teacher {teacher_file} --out {tmp_path} --states 160 --dagger-rounds 1"
        in provenance["command"]
    )
    assert file.task.sha256 == SPEC.sha256
    assert (file.transduction.background == 90).all()
    control, spec = load_control(tmp_path / "control.safetensors")
    assert spec == SPEC
    assert control.precision == "float"

    with np.load(tmp_path / "round0.npz") as stored:
        assert set(stored) == {"screens", "q", "spec_sha256", "teacher_sha256"}
    first = file.scores(np.zeros((1, 4, 42, 42), np.uint8))
    for name in ("stage1.hidden.safetensors", "control.hidden.safetensors"):
        (tmp_path / name).unlink()
    capsys.readouterr()
    again = read_weights(*train_student(s, resume=True))
    out = capsys.readouterr().out
    assert "stage0" not in out, "only the missing stages are trained again"
    assert "stage1" in out
    np.testing.assert_array_equal(again.scores(np.zeros((1, 4, 42, 42), np.uint8)), first)
    assert json.dumps(again.provenance["stages"]) == json.dumps(provenance["stages"]), (
        "a resumed run ends as one that never stopped"
    )
    longer = dataclasses.replace(s, control_iterations=3)
    stages = read_weights(*train_student(longer, resume=True)).provenance["stages"]
    assert [stage["iterations"] for stage in stages] == [3, 3, 3], "the control is trained again"
    with pytest.raises(TnemuError, match=r"was begun with other settings \(width was 1, is 2\)"):
        train_student(dataclasses.replace(s, width=2), resume=True)


def test_wrong_game_is_refused(teacher_file, tmp_path, capsys):
    assert main(["pong", "--teacher", teacher_file, "--out", str(tmp_path)]) == 1
    assert "plays 'freeway', not 'pong'; choose its game or another file" in capsys.readouterr().err


def test_load_control_refuses_other_files(teacher_file):
    with pytest.raises(
        TnemuError, match="format is 'tnemu teacher 1', needs 'tnemu float student 1'"
    ):
        load_control(teacher_file)


STAGE = {
    "stage": "stage0", "states": 9, "iterations": 4, "learning_rate": 0.5, "device": "cpu",
    "val_kl": 0.5, "val_agree": 0.5, "firing_rate": 0.1, "check_seeds": [1, 2], "check_scores": [1.0],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": "stage1"}, "stage = 'stage1': must be one of 'stage0'"),
        ({"states": "9"}, "states = '9': must be a whole number"),
        ({"check_scores": []}, "check_scores = []: must be a list"),
        ({"check_scores": {"freeway": [1]}}, "check_scores = {'freeway': [1]}: must be a list"),
        ({"learning_rate": True}, "learning_rate = True: must be a finite number"),
        ({"more": 1}, "unknown key 'more'"),
    ],
)
def test_what_a_stage_says_is_read_typed(tmp_path, change, message):
    path = tmp_path / "stage0.json"
    path.write_text(json.dumps(STAGE))
    assert read_stage(path, "stage0", ["freeway"]) == STAGE
    path.write_text(json.dumps(STAGE | change))
    with pytest.raises(TnemuError) as caught:
        read_stage(path, "stage0", ["freeway"])
    assert str(caught.value).startswith(f"{path}: {message}")
    path.write_bytes(b"{")
    with pytest.raises(TnemuError, match=r"stage0\.json:1:2: is not JSON"):
        read_stage(path, "stage0", ["freeway"])


def test_the_first_of_several_games_has_the_streams_of_a_game_alone():
    """So a student of one game is the case of one game."""
    for seed in (0, 7, 2**32 - 1):
        assert derived_seed(seed, 1, 2) == derived_seed(seed, 1, 2, 0)
        assert derived_seed(seed, 1, 2) != derived_seed(seed, 1, 2, 1)


def test_too_few_states_to_hold_any_out_are_refused():
    few = States(np.zeros((3, 1), np.uint8), np.zeros((3, 2), np.float32))
    with pytest.raises(
        TnemuError, match="3 states are there, of which 1 / 4 is none; collect more"
    ):
        Lesson.begin(few, 4, 1.0)
