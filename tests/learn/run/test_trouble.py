"""What stops a training is said, and what was finished stays."""

# ruff: noqa: E402
import dataclasses
import resource
import shutil
from collections import namedtuple
from contextlib import contextmanager

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.errors import TnemuError
from tnemu.formats.errors import FormatError
from tnemu.formats.weights import read_weights
from tnemu.learn.distil.distil import train_student
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.states import States
from tnemu.learn.eedn.student import Student
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import save_player
from tnemu.learn.run.runs import Curve, file_sha256
from tnemu.learn.run.trouble import Diverged, check_finite
from tnemu.tasks.atari.spec import SPECS

SPEC = dataclasses.replace(SPECS["freeway"], max_frames=160)


@pytest.fixture
def settings(tmp_path):
    torch.manual_seed(3)
    teacher, out = tmp_path / "t.safetensors", tmp_path / "out"
    save_player(teacher, DuelNet(SPEC), TEACHER, SPEC)
    return DistilSettings(
        "freeway",
        str(teacher),
        str(out),
        states=80,
        dagger_rounds=1,
        dagger_states=40,
        worlds=2,
        batch=8,
        iterations=3,
        calibration=20,
        control_iterations=0,
        check_episodes=1,
    )


@pytest.fixture
def small_disk():
    """No file may grow beyond the limit, as on a disk that is nearly full.

    Only inside of its block: pytest's own output may go to a file too.
    """

    @contextmanager
    def limited(size):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return limited


def quietly(row):
    pass


def test_a_run_that_diverges_at_once_says_that_its_states_are_kept(settings, tmp_path):
    wild = dataclasses.replace(settings, learning_rate=1e38)
    with pytest.raises(Diverged) as caught:
        train_student(wild, report=quietly)
    text = str(caught.value)
    assert text.startswith("freeway, iteration 3: the ")
    assert text.endswith(
        f"; no stage was finished, the states in {tmp_path}/out are kept; go on with --resume and "
        "a smaller --learning-rate (it was 1e+38)"
    )
    teacher = file_sha256(settings.teachers[0])
    assert len(States.load(tmp_path / "out" / "round0.npz", SPEC, teacher)) == 80


@pytest.mark.slow
def test_a_later_stage_that_diverges_leaves_the_last_good_one_to_go_on_from(settings, tmp_path):
    wild = dataclasses.replace(settings, later_learning_rate=1e38)
    with pytest.raises(Diverged) as caught:
        train_student(wild, report=quietly)
    kept = tmp_path / "out" / "stage0.safetensors"
    assert (
        f"; the last good stage is kept in {tmp_path}/out/stage0.*; go on with --resume and a smaller "
        "--later-learning-rate (it was 1e+38)" in str(caught.value)
    )
    before = kept.read_bytes()
    assert read_weights(kept).task.name == "freeway"
    (path,) = train_student(settings, resume=True, report=quietly)
    assert [s["stage"] for s in read_weights(path).provenance["stages"]] == ["stage0", "stage1"]
    assert kept.read_bytes() == before


def test_weights_that_are_no_numbers_are_found_though_the_loss_is_finite():
    torch.manual_seed(0)
    student = Student(SPEC.shape, 3)
    screens = torch.randint(0, 256, (8, *SPEC.shape), dtype=torch.uint8)
    check_finite(student, 1.0, "here")
    with pytest.raises(Diverged, match="here: the loss is nan"):
        check_finite(student, np.nan, "here")
    with torch.no_grad():
        student.layers[3].beta[7] = np.nan
        loss = float(torch.nn.functional.cross_entropy(student(screens), torch.zeros(8).long()))
    assert np.isfinite(loss), "so the loss alone does not tell"
    with pytest.raises(Diverged, match=r"here: the values of layers\.3\.beta are not finite"):
        check_finite(student, loss, "here")


def test_states_are_written_whole_or_not_at_all(tmp_path, small_disk):
    path = tmp_path / "round0.npz"
    States(np.ones((2, 4, 8, 8), np.uint8), np.ones((2, 3), np.float32)).save(path, SPEC, "t")
    before = path.read_bytes()
    many = States(np.ones((9_000, 4, 8, 8), np.uint8), np.ones((9_000, 3), np.float32))
    with (
        small_disk(100_000),
        pytest.raises(FormatError, match=r"cannot write .*round0\.npz: File too large"),
    ):
        many.save(path, SPEC, "t")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_curve_on_a_full_disk_keeps_only_whole_rows(tmp_path, small_disk):
    curve = Curve(tmp_path, ("step", "loss"), quietly)
    curve.add(step=1, loss=0.5)
    told = r"cannot write .*curve\.csv: File too large; make room and go on with"
    with small_disk(16), pytest.raises(TnemuError, match=told):
        curve.add(step=2, loss=0.25)
    assert curve.path.read_text().splitlines() == ["step,loss", "1,0.5"]
    curve.add(step=2, loss=0.25)
    assert curve.path.read_text().splitlines() == ["step,loss", "1,0.5", "2,0.25"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TnemuError, match=r"cannot make the folder .*file/out: Not a directory"):
        Curve(tmp_path / "file" / "out", ("step",))


@pytest.mark.parametrize(("bytes_free", "missing"), [(1_000, "round0.npz"), (10**6, "stage0.json")])
@pytest.mark.slow
def test_a_disk_without_room_is_refused_before_the_work(
    settings, tmp_path, monkeypatch, bytes_free, missing
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, bytes_free))
    with pytest.raises(
        TnemuError, match=r"out has [\d.]+ MB free, what is next needs [\d.]+ MB; make room and go"
    ):
        train_student(settings, report=quietly)
    assert not (tmp_path / "out" / missing).exists()
    monkeypatch.undo()
    (path,) = train_student(settings, resume=True, report=quietly)
    assert path.exists()
