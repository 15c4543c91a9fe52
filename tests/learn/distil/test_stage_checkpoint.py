"""A stage that was stopped inside of it goes on from its checkpoint and ends as one that never stopped."""

# ruff: noqa: E402
import csv
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.formats.weights import read_weights
from tnemu.learn.distil.checkpoint import Position, StageCheckpoint
from tnemu.learn.distil.distil import train_student
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.states import States
from tnemu.learn.distil.training import Lesson, train
from tnemu.learn.eedn.heads import heads_of
from tnemu.learn.eedn.student import add_hysteresis
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import save_player
from tnemu.learn.run.device import one_thread
from tnemu.tasks.atari.spec import SPECS

SPECS_OF = [dataclasses.replace(SPECS[g], max_frames=160, block=8) for g in ("freeway", "pong")]
STAGE = {"stage": "stage0", "learning_rate": 0.02}
STEPS = 7


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def lessons():
    rng = np.random.default_rng(0)
    made = []
    for spec in SPECS_OF:
        screens = rng.integers(0, 256, (60, *spec.shape), dtype=np.uint8)
        q = rng.normal(size=(60, len(spec.actions))).astype(np.float32)
        made.append(Lesson.begin(States(screens, q), 5, 0.5))
    return made


def a_training(lessons, path, rows, precision="trinary", hysteresis=0.1, stop=None, minutes=0.0):
    """A stage begun anew, or gone on with; killed in the ``stop``-th minibatch of this process."""
    torch.manual_seed(3)
    heads = heads_of(SPECS_OF, [torch.full((21, 21), 100.0)] * 2, 1, 1, precision)
    student = heads[0].student
    if precision == "trinary":
        add_hysteresis(student, hysteresis)
    left, clip = itertools.count(1), student.clip

    def clip_or_die():
        if next(left) == stop:
            raise Killed
        clip()

    student.clip = clip_or_die
    settings = DistilSettings(
        ("freeway", "pong"), ("t", "t"), "o", batch=4, calibration=20, check_every=4, log_every=3,
        minibatch="one",
    )  # fmt: skip
    kept = StageCheckpoint(path, STAGE, minutes)
    try:
        with one_thread():
            figures = train(heads, lessons, STEPS, 0.02, settings, 7, rows.append, kept)
    except Killed:
        return None
    return student.state_dict(), figures


@pytest.mark.parametrize("precision", ["trinary", "float"])
def test_a_training_killed_in_every_minibatch_ends_in_the_same_weights(
    lessons, tmp_path, precision
):
    rows, again = [], []
    state, figures = a_training(lessons, tmp_path / "whole.safetensors", rows, precision)
    path = tmp_path / "killed.safetensors"
    kills = 0
    while (ended := a_training(lessons, path, again, precision, stop=2)) is None:
        kills += 1
        assert kills < STEPS, "it goes on"
    assert kills == STEPS - 1, "every process did one minibatch"
    for name, tensor in ended[0].items():
        assert torch.equal(tensor, state[name]), name
    assert ended[1] == figures
    assert again == rows, "the curve too"
    assert [row["iteration"] for row in rows] == [3, 4, 6, 7]


def test_what_was_done_after_the_checkpoint_is_done_again(lessons, tmp_path):
    path, rows, again = tmp_path / "c.safetensors", [], []
    state, _ = a_training(lessons, tmp_path / "whole.safetensors", rows)
    assert a_training(lessons, path, again, stop=6) is None
    before = path.read_bytes()
    assert a_training(lessons, path, again, stop=2, minutes=9.0) is None
    assert path.read_bytes() == before, "minutes have not passed"
    assert StageCheckpoint(path, STAGE, 9.0).iteration() == 5
    ended, _ = a_training(lessons, path, again, minutes=9.0)
    assert all(torch.equal(tensor, state[name]) for name, tensor in ended.items())
    assert StageCheckpoint(path, STAGE, 9.0).iteration() == STEPS, "the end is always kept"


def test_a_stage_that_is_done_is_not_trained_again(lessons, tmp_path):
    path, rows = tmp_path / "c.safetensors", []
    state, figures = a_training(lessons, path, rows)
    rows.clear()
    again, same = a_training(lessons, path, rows, stop=1)
    assert rows == [] and same == figures
    assert all(torch.equal(tensor, state[name]) for name, tensor in again.items())


def test_a_checkpoint_of_a_stage_begun_otherwise_counts_as_none(lessons, tmp_path):
    path = tmp_path / "c.safetensors"
    assert StageCheckpoint(path, STAGE, 1.0).iteration() == 0
    a_training(lessons, path, [], stop=4)
    assert StageCheckpoint(path, STAGE, 1.0).iteration() == 3
    assert StageCheckpoint(path, STAGE | {"learning_rate": 0.01}, 1.0).iteration() == 0
    StageCheckpoint(path, STAGE, 1.0).remove()
    assert not path.exists()


@pytest.fixture(scope="module")
def stopped(lessons, tmp_path_factory):
    path = tmp_path_factory.mktemp("stage") / "c.safetensors"
    a_training(lessons, path, [], stop=4)
    return load_tensors(path), load_facts(path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("draws", None, "draws is missing or of another type"),
        ("draws", lambda a: a[:-1], "is not the checkpoint of a student's stage"),
        ("draws", lambda a: a * 0, "draws is no state of a generator"),
        ("losses", lambda a: a.astype(np.float64), "losses is missing or of another type"),
        ("adam.0.exp_avg", None, "adam.0.exp_avg is nothing, needs float32[64, 4, 6, 6]"),
        ("adam.0.step", lambda a: -a, "adam.0.step holds NaN, infinity or a negative number"),
        ("student.log_scale", lambda a: a * np.nan, "log_scale holds NaN or infinity"),
        ("student.layers.1.kept", None, "holds another network (no layers.1.kept)"),
        ("more", lambda a: np.zeros(1, np.float32), "is not the checkpoint of a student's stage"),
    ],
)
def test_a_damaged_checkpoint_is_refused(lessons, stopped, tmp_path, name, change, message):
    arrays, facts = stopped
    arrays = {k: a for k, a in arrays.items() if k != name}
    if change is not None:
        arrays[name] = change(stopped[0].get(name))
    path = tmp_path / "c.safetensors"
    save_tensors(path, arrays, facts)
    with pytest.raises(FormatError) as caught:
        a_training(lessons, path, [])
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("iteration", "-1", "iteration = -1: must be a whole number"),
        ("iteration", "x", "iteration"),
        ("figures", '{"val_kl": "0"}', "val_kl = '0': must be a finite number"),
        ("figures", "", "figures"),
    ],
)
def test_a_checkpoint_that_says_nothing_of_use_is_refused(
    lessons, stopped, tmp_path, key, text, message
):
    arrays, facts = stopped
    save_tensors(tmp_path / "c.safetensors", arrays, facts | {key: text})
    with pytest.raises(FormatError) as caught:
        a_training(lessons, tmp_path / "c.safetensors", [])
    assert message in str(caught.value)


def test_a_position_begins_at_nothing():
    assert Position() == Position(0, [], {})
    assert Position().losses is not Position().losses


@pytest.fixture
def run(tmp_path):
    """Settings of a small run of two stages and a control."""
    torch.manual_seed(3)
    save_player(tmp_path / "t.safetensors", DuelNet(SPECS_OF[0]), TEACHER, SPECS_OF[0])
    return DistilSettings(
        "freeway", str(tmp_path / "t.safetensors"), str(tmp_path / "whole"), states=120,
        dagger_rounds=1, dagger_states=40, worlds=2, batch=8, iterations=60, calibration=40,
        check_every=10, check_episodes=1, log_every=4, control_iterations=40, checkpoint_minutes=0.0,
        device="cpu",
    )  # fmt: skip


@pytest.mark.slow
def test_a_run_killed_ten_times_ends_in_the_same_files(run, tmp_path):
    whole = train_student(run, report=lambda row: None)
    killed = dataclasses.replace(run, out=str(tmp_path / "killed"))
    words = ["--out", killed.out]
    skip = ("games", "teachers", "out", "data")
    for f in dataclasses.fields(killed):
        if f.name not in skip and getattr(killed, f.name) != f.default:
            words += [f"--{f.name.replace('_', '-')}", str(getattr(killed, f.name))]
    words = [*words, "--teacher", killed.teachers[0]]
    program = [sys.executable, "-m", "tnemu.learn.distil", "freeway", *words]
    kills, rng = 0, np.random.default_rng(1)
    while True:
        resume = ["--resume"] if (tmp_path / "killed" / "settings.json").exists() else []
        process = subprocess.Popen([*program, *resume], stdout=subprocess.DEVNULL)
        if kills < 10 and at_next_checkpoint(tmp_path / "killed", process, rng):
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert process.wait() == 0
        break
    assert kills == 10
    names = sorted(path.name for path in (tmp_path / "whole").iterdir() if path.is_file())
    assert names == sorted(p.name for p in (tmp_path / "killed").iterdir() if p.is_file())
    assert not any("checkpoint" in name for name in names)
    for name in names:
        one, two = tmp_path / "whole" / name, tmp_path / "killed" / name
        if name.endswith(".hidden.safetensors"):
            assert one.read_bytes() == two.read_bytes(), name
    assert rows_of(tmp_path / "whole") == rows_of(tmp_path / "killed")
    for name in ("stage0.json", "stage1.json", "control.json"):
        one, two = (json.loads((tmp_path / d / name).read_text()) for d in ("whole", "killed"))
        assert one == two
    seen = np.random.default_rng(0).integers(0, 256, (5, 4, 21, 21), dtype=np.uint8)
    again = read_weights(tmp_path / "killed" / whole.name)
    np.testing.assert_array_equal(again.scores(seen), read_weights(whole).scores(seen))


def at_next_checkpoint(out, process, rng):
    """Whether the run has written two checkpoints, and then gone on for a moment."""
    seen, deadline = set(), time.monotonic() + 120
    while process.poll() is None:
        assert time.monotonic() < deadline
        for path in out.glob("*.checkpoint.safetensors"):
            try:
                seen.add(os.stat(path).st_ino)
            except FileNotFoundError:
                continue
        if len(seen) > 1:
            time.sleep(float(rng.random()) * 0.02)
            return process.poll() is None
        time.sleep(0.002)
    return False


def rows_of(out):
    with (out / "curve.csv").open() as file:
        return list(csv.DictReader(file))
