"""Trinary weights with hysteresis against the rule written out for one weight."""

# ruff: noqa: E402
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import save_tensors
from tnemu.learn.distil.distil import Run, main
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.hysteresis import next_trinary
from tnemu.learn.eedn.student import Student, add_hysteresis
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import load_state, save_player, state_arrays
from tnemu.tasks.atari.spec import SPECS

FREEWAY = SPECS["freeway"]


def one_weight(hidden, before, h):
    """A weight keeps its value until the hidden weight is past its boundary by more than h."""
    now = before
    if now == 1 and hidden <= 0.5 - h:
        now = 0
    if now == -1 and hidden >= -0.5 + h:
        now = 0
    if now == 0 and hidden > 0.5 + h:
        now = 1
    if now == 0 and hidden < -0.5 - h:
        now = -1
    return now


@pytest.mark.parametrize("h", [0.0, 0.125, 0.25, 0.375])
def test_every_weight_follows_the_rule_for_one(h):
    # 1/64 steps: sums with h are exact, so the boundaries themselves are among the cases
    hidden = np.arange(-64, 65, dtype=np.float32) / 64
    for before in (-1, 0, 1):
        got = next_trinary(torch.from_numpy(hidden), torch.full((129,), float(before)), h)
        assert got.tolist() == [one_weight(float(w), before, h) for w in hidden]


@pytest.mark.parametrize(
    ("hidden", "before", "after"),
    [(0.55, 0, 0), (0.55, 1, 1), (0.61, 0, 1), (0.39, 1, 0), (-0.61, 0, -1), (-0.55, 0, 0)],
)
def test_the_cases_of_the_papers_rule_with_a_tenth(hidden, before, after):
    assert next_trinary(torch.tensor([hidden]), torch.tensor([float(before)]), 0.1) == after


def test_a_jump_to_the_other_side_does_not_keep_the_old_sign():
    before = torch.tensor([1.0, 1.0, -1.0, -1.0])
    hidden = torch.tensor([-0.55, -0.65, 0.55, 0.65])
    assert next_trinary(hidden, before, 0.1).tolist() == [0, -1, 0, 1]


@pytest.mark.slow
def test_weights_of_a_student_follow_their_whole_history():
    torch.manual_seed(0)
    student, h = Student(FREEWAY.shape, 3), 0.125
    add_hysteresis(student, h)
    layer, rng = student.layers[1], np.random.default_rng(1)
    some = np.s_[:5, 0, 0, 0]
    start = layer.hidden.detach().numpy()[some].tolist()
    expected = [int(w > 0.5) - int(w < -0.5) for w in start]
    assert layer.weights.detach().numpy()[some].tolist() == expected
    flips = 0
    for _ in range(60):
        with torch.no_grad():
            layer.hidden += torch.from_numpy(rng.normal(0, 0.2, layer.hidden.shape)).float()
        student.clip()
        hidden = layer.hidden.detach().numpy()[some].tolist()
        before = expected
        expected = [one_weight(w, old, h) for w, old in zip(hidden, before, strict=True)]
        flips += expected != before
        assert layer.weights.detach().numpy()[some].tolist() == expected
    assert flips > 5
    layer.weights.sum().backward()
    assert (layer.hidden.grad == 1).all(), "the gradient passes straight through"
    np.testing.assert_array_equal(
        fold(student, FREEWAY, {}).layers[1].weights, layer.weights.detach().numpy()
    )


def test_weights_with_a_history_are_stored_with_the_student(tmp_path):
    students = []
    for _ in range(2):
        students.append(Student(FREEWAY.shape, 3))
        add_hysteresis(students[-1], 0.2)
    first, second = students
    with torch.no_grad():
        for layer in first.layers:
            layer.hidden.mul_(0.9)
    first.clip()
    plain = Student(FREEWAY.shape, 3)
    plain.load_state_dict({k: v for k, v in first.state_dict().items() if "kept" not in k})
    assert not torch.equal(plain.layers[3].weights, first.layers[3].weights)
    path = tmp_path / "s.safetensors"
    save_tensors(path, state_arrays(first))
    load_state(second, path)
    for a, b in zip(first.layers, second.layers, strict=True):
        assert torch.equal(a.weights, b.weights)
    with pytest.raises(
        FormatError, match=r"holds another network .*kept.*; go on with the settings"
    ):
        load_state(plain, path)


def test_the_setting_reaches_the_trinary_student_only(tmp_path):
    teacher, spec = tmp_path / "t.safetensors", dataclasses.replace(FREEWAY, max_frames=160)
    save_player(teacher, DuelNet(spec), TEACHER, spec)
    settings = DistilSettings("freeway", str(teacher), str(tmp_path / "out"), hysteresis=0.1)
    run = Run(settings, resume=False)
    assert [layer.hysteresis for layer in run.untrained(2, "trinary")[0].student.layers] == [
        0.1
    ] * 6
    assert all(layer.kept is None for layer in run.untrained(4, "float")[0].student.layers)
    plain = Run(dataclasses.replace(settings, hysteresis=0.0), resume=False)
    assert all(layer.kept is None for layer in plain.untrained(2, "trinary")[0].student.layers)


@pytest.mark.parametrize("value", ["-0.1", "0.5", "nan"])
def test_a_hysteresis_that_no_weight_could_pass_is_refused(value, capsys):
    assert main(["pong", "--teacher", "t", "--out", "o", f"--hysteresis={value}"]) == 1
    assert f"hysteresis is {value}, must be at least 0 and less than 0.5" in capsys.readouterr().err
