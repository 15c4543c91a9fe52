# ruff: noqa: E402
import dataclasses
import json
import shutil

import numpy as np
import pytest

from tnemu.formats.weights import read_weights, write_weights
from tnemu.tasks.task import reference_to

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.errors import TnemuError
from tnemu.formats.tensor_file import load_tensors
from tnemu.learn.distil.distil import train_student
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.states import States
from tnemu.learn.players import evaluate
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER, load_quantised
from tnemu.learn.players.nets import load_control, save_player
from tnemu.learn.precision.ladder import climb, main
from tnemu.learn.precision.settings import LadderSettings
from tnemu.learn.run.runs import file_sha256
from tnemu.learn.run.trouble import Diverged
from tnemu.tasks.atari.spec import SPECS

SPEC = dataclasses.replace(SPECS["freeway"], max_frames=120)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A distillation run of seconds."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(3)
    save_player(folder / "teacher.safetensors", DuelNet(SPEC), TEACHER, SPEC)
    settings = DistilSettings(
        "freeway",
        str(folder / "teacher.safetensors"),
        str(folder),
        states=128,
        dagger_rounds=1,
        dagger_states=32,
        worlds=4,
        batch=8,
        iterations=2,
        calibration=64,
        control_iterations=3,
        check_episodes=1,
    )
    train_student(settings, report=lambda row: None)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def settings(folder, **more):
    tiny = {"batch": 8, "iterations": 2, "range_states": 16, "calibration": 32, "episodes": 2}
    return LadderSettings("freeway", str(folder), **{**tiny, **more})


@pytest.mark.slow
def test_every_rung_plays_the_same_seeds_and_a_stopped_ladder_goes_on(folder, capsys):
    path = climb(settings(folder))
    whole = json.loads(path.read_text())
    assert path == folder / "ladder" / "ladder.json"
    rungs = {rung["rung"]: rung for rung in whole["rungs"]}
    assert list(rungs) == ["fp32", "fp32 tuned", "8 bit", "4 bit", "trinary"]
    for rung in (*rungs.values(), whole["random"]):
        assert rung["seeds"] == [77000, 77001] and len(rung["scores"]) == 2
        assert rung["mean"] == np.mean(rung["scores"])
    for rung in rungs.values():
        assert rung["val_kl"] >= 0 and 0 <= rung["val_agree"] <= 1
    assert rungs["8 bit"]["before"].keys() == {"val_kl", "val_agree"}
    assert whole["states"] == {"training": 150, "validation": 10}
    assert whole["settings"]["bits"] == [8, 4]
    assert f"--run {folder} --batch 8 --iterations 2" in whole["command"]

    # what the ladder says of a rung, its file says again: played anew, labelled anew
    for bits in (8, 4):
        file = rungs[f"{bits} bit"]["file"]
        student, spec = load_quantised(file)
        assert (student.bits, spec) == (bits, SPEC)
        again = evaluate.evaluate([file], range(77000, 77002))
        assert again["players"][file]["scores"] == rungs[f"{bits} bit"]["scores"]

    before = load_tensors(folder / "ladder/4bit.safetensors")
    (folder / "ladder/4bit.safetensors").unlink()
    capsys.readouterr()
    climb(settings(folder), resume=True)
    out = capsys.readouterr().out
    assert "rung 4 bit" in out and "rung 8 bit" not in out
    after = load_tensors(folder / "ladder/4bit.safetensors")
    assert after.keys() == before.keys()
    for name, array in after.items():
        np.testing.assert_array_equal(array, before[name], "same seeds, same numbers")
    assert json.loads(path.read_text()) == whole
    with pytest.raises(TnemuError, match="leave out --resume to make it again"):
        climb(settings(folder, learning_rate=1.0), resume=True)


@pytest.mark.slow
def test_fine_tuning_changes_codes(folder):
    near = settings(folder, bits=(4,), tune_float=0, episodes=1, iterations=1, learning_rate=1e-30)
    climb(near)
    untouched = load_quantised(folder / "ladder/4bit.safetensors")[0]
    climb(dataclasses.replace(near, learning_rate=0.05, iterations=4))
    tuned = load_quantised(folder / "ladder/4bit.safetensors")[0]
    codes = [student.arrays["layers.3.codes"] for student in (untouched, tuned)]
    assert (codes[0] != codes[1]).any()
    control = load_control(folder / "control.safetensors")[0]
    hidden = control.layers[3].hidden
    expected = (hidden / (hidden.abs().max() / 7)).round()
    assert np.array_equal(codes[0], expected.detach().numpy()), "starts at the control"


@pytest.mark.parametrize(("tuned", "rung"), [(1, "fp32 tuned"), (0, "8 bit")])
@pytest.mark.slow
def test_a_rung_that_diverges_says_how_to_go_on(folder, tuned, rung):
    wild = settings(folder, tune_float=tuned, learning_rate=1e38)
    with pytest.raises(Diverged) as caught:
        climb(wild)
    assert str(caught.value).startswith(f"{rung}: freeway, iteration ")
    assert str(caught.value).endswith(
        "; all rungs are made with one learning rate: run the ladder again, without --resume, with a "
        "smaller --learning-rate (it was 1e+38)"
    )


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("control.safetensors", r"no float control \(control\.safetensors\); give the folder of a"),
        ("student.safetensors", r"no trinary student \(student\.safetensors\)"),
        ("round1.npz", r"round1\.npz is missing, the run has 2 rounds of states; resume the run"),
    ],
)
def test_a_run_that_is_not_whole_is_refused(folder, missing, message):
    (folder / missing).unlink()
    with pytest.raises(TnemuError, match=message):
        climb(settings(folder))


def test_files_of_different_specs_are_refused(folder):
    path = folder / "student.safetensors"
    other = dataclasses.replace(SPEC, sticky=0.0)
    student = read_weights(path)
    write_weights(dataclasses.replace(student, task=reference_to(other)), path)
    with pytest.raises(TnemuError, match=f"has spec {other.sha256[:12]}, the float control"):
        climb(settings(folder))


def test_states_of_another_shape_are_refused(folder):
    np.savez(
        folder / "round0.npz",
        screens=np.zeros((20, 4, 42, 42), np.uint8),
        q=np.zeros((20, 5), np.float32),
    )
    with pytest.raises(TnemuError, match=r"labels \[20, 5\].*with \[n, 3\]"):
        climb(settings(folder))


def test_states_that_another_teacher_labelled_are_refused(folder):
    """The control's file says who its teacher was."""
    states = States.load(folder / "round1.npz", SPEC, file_sha256(folder / "teacher.safetensors"))
    states.save(folder / "round1.npz", SPEC, "0" * 64)
    with pytest.raises(TnemuError, match="made with teacher_sha256 000000000000, the run's is"):
        climb(settings(folder))


def test_seeds_that_chose_the_student_are_refused(folder):
    with pytest.raises(TnemuError, match=r"seeds 8999\.\.9000 meet 9000\.\.9000"):
        climb(settings(folder, evaluation_seed=8999))


def test_settings_out_of_range_are_refused(capsys):
    for bits in ("1", "9"):
        assert main(["freeway", "--run", "nowhere", "--bits", "8", bits]) == 1
        assert f"bits = {bits}: quantised layers have 2..8 bits" in capsys.readouterr().err
    with pytest.raises(TnemuError, match="a rung is named twice"):
        LadderSettings("freeway", "nowhere", bits=(4, 4))
    with pytest.raises(TnemuError, match="iterations = 0: must be 1 or more"):
        LadderSettings("freeway", "nowhere", iterations=0)


def test_another_game_is_refused(folder, capsys):
    assert main(["pong", "--run", str(folder)]) == 1
    assert "the run plays 'freeway', not 'pong'; choose its game" in capsys.readouterr().err
