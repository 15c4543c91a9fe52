"""Recorded states belong to a spec and to the teacher who labelled them."""

# ruff: noqa: E402
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.formats.errors import FormatError
from tnemu.learn.distil import distil
from tnemu.learn.distil.states import States
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import save_player
from tnemu.tasks.atari.spec import SPECS

SPEC = dataclasses.replace(SPECS["freeway"], max_frames=160)
TEACHER_SHA256 = "ab" * 32
AGAIN = "delete it and go on with the run with --resume, it is collected again"


@pytest.fixture
def path(tmp_path):
    """A file of 20 states."""
    file = tmp_path / "round0.npz"
    arrays = np.ones((20, *SPEC.shape), np.uint8), np.ones((20, 3), np.float32)
    States(*arrays).save(file, SPEC, TEACHER_SHA256)
    return file


def test_states_come_back_with_their_spec_and_teacher(path):
    states = States.load(path, SPEC, TEACHER_SHA256)
    assert states.screens.dtype == torch.uint8 and states.screens.shape == (20, 4, 42, 42)
    assert states.q.dtype == torch.float32 and states.q.shape == (20, 3)


def test_states_of_another_spec_are_refused(path):
    other = dataclasses.replace(SPEC, sticky=0.0)
    with pytest.raises(FormatError) as caught:
        States.load(path, other, TEACHER_SHA256)
    assert str(caught.value) == (
        f"{path}: its states were made with spec_sha256 {SPEC.sha256[:12]}, the run's is "
        f"{other.sha256[:12]}; {AGAIN}"
    )


def test_states_of_another_teacher_are_refused(path):
    with pytest.raises(FormatError) as caught:
        States.load(path, SPEC, "cd" * 32)
    assert str(caught.value) == (
        f"{path}: its states were made with teacher_sha256 abababababab, the run's is "
        f"cdcdcdcdcdcd; {AGAIN}"
    )


def test_states_of_earlier_versions_are_taken_if_they_fit(path):
    q = np.zeros((20, 3), np.float32)
    np.savez(path, screens=np.zeros((20, *SPEC.shape), np.uint8), q=q)
    assert len(States.load(path, SPEC, TEACHER_SHA256)) == 20


@pytest.mark.parametrize(
    ("screens", "labels"),
    [
        ((20, 4, 84, 84), (20, 3)),
        ((20, 4, 42, 42), (20, 6)),
        ((20, 4, 42, 42), (19, 3)),
        ((0, 4, 42, 42), (0, 3)),
    ],
)
def test_states_that_do_not_fit_the_spec_are_refused(path, screens, labels):
    np.savez(path, screens=np.zeros(screens, np.uint8), q=np.zeros(labels, np.float32))
    with pytest.raises(FormatError) as caught:
        States.load(path, SPEC, TEACHER_SHA256)
    assert str(caught.value) == (
        f"{path}: screens {list(screens)} with labels {list(labels)}, the run's spec needs "
        f"[n, 4, 42, 42] with [n, 3]; {AGAIN}"
    )


@pytest.mark.parametrize(
    ("name", "array", "why"),
    [
        ("q", np.full((20, 3), np.nan, np.float32), "q: it holds NaN or infinity"),
        ("q", np.full((20, 3), np.inf, np.float32), "q: it holds NaN or infinity"),
        ("q", np.zeros((20, 3)), "q: "),
        ("q", np.zeros((20, 3), np.complex64), "q: "),
        ("q", np.array([[None] * 3] * 20), "q: "),
        ("screens", np.zeros((20, 4, 42, 42), np.int16), "screens: "),
        ("screens", np.zeros((20, 4), np.uint8), "screens: "),
        ("more", np.zeros(1), "it holds 'more.npy' too"),
    ],
)
def test_numbers_that_no_states_have_are_refused(path, name, array, why):
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    np.savez(path, **arrays | {name: array})
    with pytest.raises(FormatError) as caught:
        States.load(path, SPEC, TEACHER_SHA256)
    assert str(caught.value).startswith(f"{path} cannot be read as states ({why}")
    assert str(caught.value).endswith(f"; {AGAIN}")
    assert "pickle" not in str(caught.value)


def damage(content, how):
    middle = len(content) // 2
    return {
        "empty": b"",
        "cut off": content[:middle],
        "altered": content[:middle] + b"changed" + content[middle + 7 :],
        "no archive": b"something else",
    }[how]


@pytest.mark.parametrize("how", ["empty", "cut off", "altered", "no archive"])
def test_states_that_cannot_be_read_are_named(path, how):
    path.write_bytes(damage(path.read_bytes(), how))
    with pytest.raises(FormatError) as caught:
        States.load(path, SPEC, TEACHER_SHA256)
    assert str(caught.value).startswith(f"{path} cannot be read as states (")
    assert str(caught.value).endswith(f"); {AGAIN}")


def test_arrays_of_something_else_are_no_states(path):
    for save in (
        lambda file: np.savez(file, screens=np.zeros(3)),
        lambda file: np.save(file, np.zeros(3)),
    ):
        with path.open("wb") as file:
            save(file)
        with pytest.raises(FormatError, match="cannot be read as states"):
            States.load(path, SPEC, TEACHER_SHA256)


def test_a_run_collects_again_what_was_damaged_and_deleted(tmp_path, capsys):
    torch.manual_seed(3)
    teacher, out = tmp_path / "t.safetensors", tmp_path / "out"
    save_player(teacher, DuelNet(SPEC), TEACHER, SPEC)
    words = (
        f"freeway --teacher {teacher} --out {out} --states 80 --worlds 2 --batch 8 --iterations 1"
    )
    words += " --dagger-rounds 0 --calibration 20 --control-iterations 0 --check-episodes 1"
    assert distil.main(words.split()) == 0
    states = out / "round0.npz"
    before = states.read_bytes()
    states.write_bytes(before[:1000])
    assert distil.main([*words.split(), "--resume"]) == 1
    assert (
        f"{states} cannot be read as states (it is no whole .npz file: it has"
        in capsys.readouterr().err
    )
    states.unlink()
    assert distil.main([*words.split(), "--resume"]) == 0
    with np.load(states) as again:
        assert str(again["spec_sha256"]) == SPEC.sha256
