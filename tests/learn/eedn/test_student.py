# ruff: noqa: E402
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tnemu.errors import TnemuError
from tnemu.formats.weights import read_weights, write_weights
from tnemu.learn.eedn import student as module
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.student import Fire, NeuronLayer, Student, Trinary
from tnemu.learn.eedn.wiring import Wiring, size_of
from tnemu.learn.players.files import CONTROL
from tnemu.learn.players.nets import load_control, save_player
from tnemu.tasks.atari.spec import SPECS

FREEWAY = SPECS["freeway"]


@pytest.fixture(scope="module")
def trained():
    """A student after a few steps on noise, recalibrated: every layer differs from its start."""
    torch.manual_seed(0)
    student = Student(FREEWAY.shape, 3)
    student.background.copy_(torch.randint(0, 120, (42, 42)).float())
    generator = torch.Generator().manual_seed(1)
    screens = torch.randint(0, 256, (150, *FREEWAY.shape), dtype=torch.uint8, generator=generator)
    optimiser = torch.optim.Adam(student.parameters(), 0.02)
    for _ in range(4):
        loss = torch.nn.functional.cross_entropy(student(screens[:32]), torch.arange(32) % 3)
        optimiser.zero_grad(), loss.backward(), optimiser.step()
        student.clip()
    student.recalibrate(screens, batch=64)
    return student.eval(), screens


def test_trinary_values_and_straight_through_gradient():
    hidden = torch.tensor([-1.0, -0.51, -0.5, 0.0, 0.5, 0.51, 1.0], requires_grad=True)
    out = Trinary.apply(hidden)
    assert out.tolist() == [-1, -1, 0, 0, 0, 1, 1]
    (out * torch.arange(7.0)).sum().backward()
    assert hidden.grad.tolist() == list(range(7))


def test_fire_and_its_triangle(monkeypatch):
    y = torch.tensor([-3.0, -1.0, -1e-9, 0.0, 0.5, 2.0], requires_grad=True)
    out = Fire.apply(y)
    assert out.tolist() == [0, 0, 0, 1, 1, 1]
    out.sum().backward()
    torch.testing.assert_close(y.grad, torch.tensor([0, 0.5, 1, 1, 0.75, 0]))
    assert module.SURROGATE_WIDTH == 2


def test_shape_of_the_network():
    student = Student((4, 42, 42), 18)
    shapes = {layer.wiring.name: tuple(layer.hidden.shape) for layer in student.layers}
    assert shapes == {
        "retina": (64, 4, 6, 6),
        "conv1": (256, 8, 4, 4),
        "conv2": (256, 128, 1, 1),
        "block1": (50, 128, 128),
        "block2": (50, 128, 128),
        "predict": (50, 90, 128),
    }
    assert np.bincount(student.classes).tolist() == [250] * 18


def test_width_multiplies_features_and_groups_and_keeps_the_fan_in():
    student = Student((4, 42, 42), 6, depth=1, width=3)
    shapes = {layer.wiring.name: tuple(layer.hidden.shape) for layer in student.layers}
    assert shapes == {
        "retina": (192, 4, 6, 6),
        "conv1": (768, 8, 4, 4),
        "conv2": (768, 128, 1, 1),
        "block1": (150, 128, 128),
        "predict": (150, 30, 128),
    }
    assert np.bincount(student.classes).tolist() == [750] * 6
    conv2 = student.layers[2]
    sources = (
        conv2.wiring.order.reshape(conv2.wiring.groups, 128) // 32
    )  # 32 features of each group of conv1
    assert all(set(row) == set(range(24)) for row in sources)
    assert size_of(student.state_dict(), 6) == {"depth": 1, "width": 3, "voters": 5}


@pytest.mark.parametrize(
    ("actions", "voters"), [(3, 5), (18, 5), (51, 5), (52, 4), (107, 2), (180, 1), (300, 1)]
)
def test_a_block_has_five_voters_per_action_or_as_many_as_its_core_holds(actions, voters):
    """So a student of ten games with 107 actions has the cores of one of a single game."""
    student = Student((4, 21, 21), actions, depth=1)
    blocks = student.layers[-1].wiring.groups
    assert student.layers[-1].hidden.shape == (blocks, voters * actions, 128)
    assert np.bincount(student.classes).tolist() == [voters * blocks] * actions
    assert size_of(student.state_dict(), actions)["voters"] == voters
    assert voters * actions <= 256 or voters == 1


@pytest.mark.parametrize("size", [{"depth": 0}, {"width": 0}])
def test_a_student_without_layers_or_features_is_refused(size):
    name = {"depth": "blocks", "width": "width"}[next(iter(size))]
    with pytest.raises(
        TnemuError, match=f"^{name} is 0, a student has 1 or more; choose --{name} 1"
    ):
        Student((4, 42, 42), 6, **size)


def test_a_wide_student_folds_to_what_it_was():
    torch.manual_seed(2)
    student = Student(FREEWAY.shape, 3, depth=3, width=2)
    screens = torch.randint(0, 256, (20, *FREEWAY.shape), dtype=torch.uint8)
    student.recalibrate(screens)
    votes = fold(student.eval(), FREEWAY, {}).scores(screens.numpy())
    np.testing.assert_array_equal(votes, student.count(screens).detach().numpy())
    assert len(np.unique(votes)) > 3


def test_a_control_of_any_size_is_read_back(tmp_path):
    torch.manual_seed(3)
    control = Student(FREEWAY.shape, 3, "float", depth=1, width=2).eval()
    save_player(tmp_path / "c.safetensors", control, CONTROL, FREEWAY)
    again, spec = load_control(tmp_path / "c.safetensors")
    screens = torch.randint(0, 256, (5, *FREEWAY.shape), dtype=torch.uint8)
    assert (again.depth, again.width, spec) == (1, 2, FREEWAY)
    torch.testing.assert_close(again(screens), control(screens))


def test_shuffle_is_its_order():
    conv = NeuronLayer(Wiring("c", "conv", (4, 6, 1, 1), 12, groups=2, shuffle=3), "trinary")
    dense = NeuronLayer(Wiring("d", "dense", (4, 2, 3), 12, groups=4, shuffle=4), "trinary")
    assert dense.wiring.order.tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]
    x = torch.randn(5, 12)
    shuffled = x[:, torch.from_numpy(dense.wiring.order).long()].reshape(5, 4, 3)
    torch.testing.assert_close(
        dense.sums(x), torch.einsum("ngi,goi->ngo", shuffled, dense.weights).reshape(5, 8)
    )
    image = torch.randn(5, 12, 2, 2)
    expected = torch.nn.functional.conv2d(
        image[:, torch.from_numpy(conv.wiring.order).long()], conv.weights, groups=2
    )
    torch.testing.assert_close(conv.sums(image), expected)


def test_second_shuffle_reaches_every_block():
    predict = Student((4, 42, 42), 3).layers[-1]
    sources = predict.wiring.order.reshape(50, 128) // 128
    assert all(set(row) == set(range(50)) for row in sources)


def test_recalibration_is_exact(trained):
    student, screens = trained
    x = screens.float() - student.background
    for layer in student.layers:
        r = layer.sums(x).detach()
        flat = r.transpose(0, 1).reshape(r.shape[1], -1).double().numpy()
        np.testing.assert_allclose(layer.mean.numpy(), flat.mean(1), atol=1e-9)
        np.testing.assert_allclose(layer.variance.numpy(), flat.var(1), rtol=1e-9, atol=1e-9)
        x = layer(x)


def test_threshold_fires_exactly_where_the_normalised_sum_does(trained):
    student, screens = trained
    x = screens.float() - student.background
    for layer in student.layers:
        r = layer.sums(x).detach()
        shape = (-1, *[1] * (r.dim() - 2))
        y = (r.double() - layer.mean.view(shape)) / (
            layer.variance.view(shape) + layer.wiring.eps
        ).sqrt() + layer.beta.detach().double().view(shape)
        clear = y.abs() > 1e-9
        assert clear.float().mean() > 0.999
        x = layer(x)
        assert torch.equal(x.bool()[clear], (y >= 0)[clear])


def test_folded_student_equals_the_integer_forward_pass(trained, tmp_path):
    student, screens = trained
    folded = fold(student, FREEWAY, {"why": "test"})
    write_weights(folded, tmp_path / "s.safetensors")
    again = read_weights(tmp_path / "s.safetensors")
    observations = screens.numpy()
    np.testing.assert_array_equal(
        again.scores(observations), student.count(screens).detach().numpy()
    )
    x = screens.float() - student.background
    for layer, bits in zip(student.layers, again.activations(observations), strict=False):
        x = layer(x)
        np.testing.assert_array_equal(
            bits.reshape(len(bits), -1), x.reshape(len(x), -1).numpy().astype(bool)
        )
    assert again.task.sha256 == FREEWAY.sha256
    assert again.answers == FREEWAY.actions
    assert again.provenance == {"why": "test"}
    assert 0.05 < bits.mean() < 0.95, "neither dead nor always on"


def test_a_feature_that_never_changes_folds(trained):
    student, _ = trained
    student = Student(FREEWAY.shape, 3)
    student.recalibrate(torch.zeros(4, *FREEWAY.shape, dtype=torch.uint8))
    student.layers[1].beta.data[0] = -1e30
    assert fold(student, FREEWAY, {}).layers[1].thresholds[0] == 2**30


def test_fold_refuses_what_the_board_cannot_do(trained):
    with pytest.raises(ValueError, match="precision is 'float', needs 'trinary'"):
        fold(Student(FREEWAY.shape, 3, "float"), FREEWAY, {})
    student = Student(FREEWAY.shape, 3)
    student.background.fill_(0.5)
    with pytest.raises(ValueError, match="the background has fractions"):
        fold(student, FREEWAY, {})


def test_float_control_has_the_same_wiring():
    trinary, control = Student(FREEWAY.shape, 3), Student(FREEWAY.shape, 3, "float")
    assert [layer.hidden.shape for layer in trinary.layers] == [
        layer.hidden.shape for layer in control.layers
    ]
    pairs = zip(trinary.layers, control.layers, strict=True)
    assert all(a.wiring == b.wiring for a, b in pairs)
    screens = torch.randint(0, 256, (8, *FREEWAY.shape), dtype=torch.uint8)
    control.recalibrate(screens)
    train_mode, eval_mode = control.train()(screens), control.eval()(screens)
    torch.testing.assert_close(train_mode, eval_mode, atol=1e-3, rtol=1e-3)
    assert dataclasses.is_dataclass(FREEWAY)
