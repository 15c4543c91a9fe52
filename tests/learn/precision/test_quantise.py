# ruff: noqa: E402
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tnemu.formats.errors import FormatError
from tnemu.learn.eedn.student import Student
from tnemu.learn.players.files import CONTROL, QUANTISED, load_quantised, save_arrays
from tnemu.learn.players.integers import (
    IntegerStudent,
    QuantiseError,
    activation_limit,
    check_exact,
    requantise,
    weight_limit,
)
from tnemu.learn.players.nets import load_control, save_player
from tnemu.learn.precision.quantise import Codes, fixed_point, step_for
from tnemu.learn.precision.quantised import QuantStudent
from tnemu.tasks.atari.spec import SPECS

SPEC = SPECS["freeway"]


@pytest.fixture(scope="module")
def control():
    """A float control after a few steps on noise."""
    torch.manual_seed(0)
    student = Student(SPEC.shape, 3, "float")
    student.background.copy_(torch.randint(0, 120, (42, 42)).float())
    generator = torch.Generator().manual_seed(1)
    screens = torch.randint(0, 256, (96, *SPEC.shape), dtype=torch.uint8, generator=generator)
    optimiser = torch.optim.Adam(student.parameters(), 0.02)
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(student(screens[:32]), torch.arange(32) % 3)
        optimiser.zero_grad(), loss.backward(), optimiser.step()
    with torch.no_grad():
        student.layers[1].gain[:7] *= -1  # a gain may be negative
    student.recalibrate(screens)
    return student.eval(), screens


@pytest.fixture(scope="module", params=[8, 4, 2])
def quantised(request, control):
    student = QuantStudent(control[0], request.param, control[1])
    student.recalibrate(control[1])
    return student.eval()


def outputs(student, screens):
    """What every layer puts out, in eval mode."""
    result, x = [], screens.float() - student.background
    with torch.no_grad():
        for layer in student.layers:
            x = layer(x)
            result.append(x)
    return result


def test_codes_by_hand_and_their_gradient():
    values = torch.tensor([-9.0, -3.6, -0.2, 0.2, 0.3, 3.5, 3.6], requires_grad=True)
    codes = Codes.apply(values, 0.5, -7, 7)
    assert codes.tolist() == [-7, -7, 0, 0, 1, 7, 7]
    (codes * torch.arange(1.0, 8)).sum().backward()
    assert values.grad.tolist() == [0, 0, 6, 8, 10, 12, 0], "1 / step within, 0 beyond the range"


def test_limits_of_codes():
    assert [weight_limit(bits) for bits in (2, 4, 8)] == [1, 7, 127]
    assert [activation_limit(bits) for bits in (2, 4, 8)] == [3, 15, 255]


@pytest.mark.parametrize("bits", [1, 9, 0, -4, 4.0, True])
def test_bits_outside_the_range_are_refused(bits):
    with pytest.raises(QuantiseError, match=r"quantised layers have 2\.\.8 bits; choose"):
        activation_limit(bits)


def test_step_puts_the_percentile_on_the_largest_code():
    values = torch.arange(-100.0, 1.0)  # sizes 0, 1 ... 100
    assert step_for(values, 10, 100) == pytest.approx(10)
    assert step_for(values, 10, 50) == pytest.approx(5)
    mostly_zero = torch.zeros(1000)
    mostly_zero[3] = 6
    assert step_for(mostly_zero, 3, 99) == 2, "the maximum, where the percentile is 0"
    assert step_for(torch.zeros(5), 3, 99) == 1
    for percentile in (0, -1, 100.1, math.nan):
        with pytest.raises(QuantiseError, match="must be above 0 and at most 100"):
            step_for(values, 10, percentile)


def test_fixed_point_rounds_as_the_real_line_does():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 0.01, 50), rng.normal(2, 20, 50)
    sums = rng.integers(-(2**20), 2**20, (200, 50))
    multiplier, offset = fixed_point(torch.from_numpy(a), torch.from_numpy(b))
    codes = requantise(torch.from_numpy(sums), multiplier, offset, 255).numpy()
    real = a * sums + b
    clear = np.abs(real - np.floor(real) - 0.5) > 1e-3
    assert clear.mean() > 0.99
    assert (codes == np.clip(np.rint(real), 0, 255))[clear].all()
    assert np.mean((codes > 0) & (codes < 255)) > 0


def test_fixed_point_never_overflows():
    extreme = torch.tensor([1e30, -1e30])
    multiplier, offset = fixed_point(extreme.double(), extreme.double())
    most = 2**24 - 1
    for sign in (1, -1):
        sums = torch.full((1, 2), sign * most)
        codes = requantise(sums, multiplier, offset, 255)[0].tolist()
        exact = [
            min(max((sign * most * int(m) + int(o)) >> 32, 0), 255)
            for m, o in zip(multiplier, offset, strict=True)
        ]
        assert codes == exact


def test_sums_that_float32_might_round_are_refused():
    check_exact("conv1", 2**24 - 1)
    with pytest.raises(QuantiseError, match="layer 'conv1': its sums reach 16,777,216, float32"):
        check_exact("conv1", 2**24)


def test_weights_take_at_most_2_to_the_n_minus_1_values(quantised, control):
    for layer, full in zip(quantised.layers, control[0].layers, strict=True):
        codes = layer.weights.detach()
        assert len(codes.unique()) <= 2**quantised.bits - 1
        assert (codes == codes.round()).all()
        assert codes.abs().max() == 2 ** (quantised.bits - 1) - 1, "the largest weight is the end"
        away = (codes * layer.weight_step - full.hidden.detach()).abs().max()
        assert float(away) <= layer.weight_step * 0.5001


def test_activations_take_at_most_2_to_the_n_levels(quantised, control):
    quantised.eval()
    for x in outputs(quantised, control[1])[:-1]:
        levels = x.unique()
        assert len(levels) <= 2**quantised.bits
        assert (levels == levels.round()).all()
        assert levels.min() == 0 and levels.max() == 2**quantised.bits - 1
    quantised.train()
    x = control[1].float() - quantised.background
    with torch.no_grad():
        for layer in list(quantised.layers)[:-1]:
            x = layer(x)
            assert len(x.unique()) <= 2**quantised.bits
    quantised.eval()


def test_float_sums_are_integer_sums_times_scales(quantised, control):
    """Real weights on real inputs in float64 against int64 codes times the two steps."""
    inputs = [control[1].float() - quantised.background, *outputs(quantised, control[1])]
    for layer, codes in zip(quantised.layers, inputs, strict=False):
        with torch.no_grad():
            whole = layer.sums(codes)
        assert (whole == whole.round()).all()
        plain = sums_in_int64(
            layer.wiring, layer.weights.detach().long().numpy(), codes.long().numpy()
        )
        np.testing.assert_array_equal(whole.long().numpy(), plain)
        real = sums_in_int64(
            layer.wiring,
            layer.weights.detach().double().numpy() * layer.weight_step,
            codes.double().numpy() * layer.input_step,
        )
        np.testing.assert_allclose(plain * layer.scale, real, rtol=1e-9, atol=1e-9)


def test_integer_layers_round_what_the_normalised_layers_give(quantised, control):
    """Batch normalisation, ReLU and rounding in float64 give the layer's codes, off the edges."""
    inputs = [control[1].float() - quantised.background, *outputs(quantised, control[1])]
    for layer, x, out in zip(quantised.layers, inputs, inputs[1:], strict=False):
        if layer.linear:
            continue
        with torch.no_grad():
            r = layer.sums(x).double() * layer.scale
            shape = (-1, *[1] * (r.dim() - 2))
            mean = (layer.mean * layer.scale).view(shape)
            variance = (layer.variance * layer.scale**2).view(shape)
            gain, beta = layer.gain.double().view(shape), layer.beta.double().view(shape)
            y = (r - mean) / (variance + layer.wiring.eps).sqrt() * gain + beta
            real = y.clamp(min=0) / layer.output_step
        clear = ((real - real.floor()) - 0.5).abs() > 1e-2
        assert clear.float().mean() > 0.9
        expected = real.round().clamp(max=2**quantised.bits - 1)
        assert torch.equal(out.double()[clear], expected[clear])


def sums_in_int64(layer, weights, x):
    """Plain numpy: windows, groups and the wiring's order of inputs."""
    x = x[:, layer.order] if layer.kind == "conv" else x.reshape(len(x), -1)[:, layer.order]
    if layer.kind == "dense":
        parts = x.reshape(len(x), layer.groups, -1)
        return np.stack([parts[:, g] @ weights[g].T for g in range(layer.groups)], 1).reshape(
            len(x), -1
        )
    k, s, width = weights.shape[-1], layer.stride, weights.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))[:, :, ::s, ::s]
    per_group = len(weights) // layer.groups
    return np.concatenate(
        [
            np.moveaxis(
                np.tensordot(
                    windows[:, g * width : (g + 1) * width],
                    weights[g * per_group : (g + 1) * per_group],
                    ((1, 4, 5), (1, 2, 3)),
                ),
                3,
                1,
            )
            for g in range(layer.groups)
        ],
        1,
    )


def test_the_file_plays_in_integers_as_the_student_does(quantised, control, tmp_path):
    path = tmp_path / "q.safetensors"
    bits = quantised.bits
    save_arrays(path, quantised.fold().arrays, QUANTISED, SPEC, bits=bits)
    loaded, spec = load_quantised(path)
    assert spec == SPEC
    kinds = {k: array.dtype.kind for k, array in loaded.arrays.items()}
    assert {k for k, kind in kinds.items() if kind != "i"} == {"unit"}, "the rest are integers"
    screens = control[1][:12]
    with torch.no_grad():
        np.testing.assert_array_equal(loaded(screens.numpy()), quantised(screens).numpy())

    # the same once more from the stored numbers alone, in int64
    x = screens.numpy().astype(np.int64) - loaded.background
    for k, layer in enumerate(loaded.wiring):
        codes, multiplier, offset = (
            loaded.arrays[f"layers.{k}.{name}"].astype(np.int64)
            for name in ("codes", "multiplier", "offset")
        )
        sums = sums_in_int64(layer, codes, x)
        shape = (-1, *[1] * (sums.ndim - 2))
        if layer.last:
            x = sums + offset.reshape(shape)
        else:
            x = sums * multiplier.reshape(shape) + offset.reshape(shape)
            x = np.clip(x >> 32, 0, 2**bits - 1)
    votes = np.stack([x[:, loaded.classes == a].sum(1) for a in range(3)], 1)
    np.testing.assert_array_equal(loaded.votes(screens.numpy()), votes)
    np.testing.assert_array_equal(loaded(screens.numpy()), loaded.unit * votes)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("layers.1.codes", lambda a: a.astype(np.int16), r"is int16\[256, 8, 4, 4\], needs int8"),
        ("layers.1.codes", lambda a: a[:1], r"is int8\[1, 8, 4, 4\], needs int8\[256, 8, 4, 4\]"),
        (
            "layers.1.codes",
            lambda a: np.full_like(a, -128),
            r"values in -128..-128, needs -127..127",
        ),
        ("layers.2.multiplier", lambda a: a * 0 + 2**40, r"values in 1099511627776..1"),
        ("layers.5.offset", lambda a: a * 0 - 2**62, r"values in -4611686018427387904..-4"),
        ("background", lambda a: a * 0 - 1, r"values in -1..-1, needs 0..255"),
        ("unit", lambda a: a * np.nan, r"'unit' has values in nan..nan"),
        ("unit", None, "arrays missing or unknown: unit"),
    ],
)
def test_numbers_that_no_integer_student_has_are_refused_by_name(
    control, tmp_path, name, change, message
):
    student = QuantStudent(control[0], 8, control[1])
    arrays = dict(student.fold().arrays)
    if change is None:
        del arrays[name]
    else:
        arrays[name] = np.asarray(change(arrays[name]))
    size = (SPEC.shape, 3, 8)
    with pytest.raises(QuantiseError, match=message):
        IntegerStudent(*size, arrays)
    save_arrays(tmp_path / "q.safetensors", arrays, QUANTISED, SPEC, bits=8)
    with pytest.raises(FormatError, match=rf"q\.safetensors: .*{message}"):
        load_quantised(tmp_path / "q.safetensors")


def test_more_bits_are_nearer_to_the_control(control):
    full, screens = control
    with torch.no_grad():
        expected = full(screens).double()
        away = []
        for bits in (8, 4, 2):
            student = QuantStudent(full, bits, screens)
            student.recalibrate(screens)
            away.append(float((student.eval()(screens) - expected).square().mean()))
    assert away[0] < away[1] < away[2]
    # a hundredth of what the control says, in power; a wrong scale anywhere gives far more
    assert away[0] < 0.01 * float(expected.var())


def test_learning_and_integer_forward_agree_on_one_batch(control):
    """With the batch's own statistics, eval mode is the training forward pass without rounding
    errors of float32.
    """
    full, screens = control
    student = QuantStudent(full, 8, screens)
    student.recalibrate(screens)
    with torch.no_grad():
        trained = student.train()(screens).double()
        played = student.eval()(screens)
    assert float((trained - played).square().mean()) < 1e-3 * float(played.var())


def test_clip_keeps_weights_within_reach_of_their_codes(control):
    student = QuantStudent(control[0], 4, control[1])
    with torch.no_grad():
        student.layers[2].hidden.mul_(5)
    student.clip()
    layer = student.layers[2]
    assert float(layer.hidden.abs().max()) == pytest.approx(7 * layer.weight_step)


def test_cosine_to_the_control_falls_with_the_bits(control):
    full, screens = control
    eight, four = (QuantStudent(full, bits, screens).cosines(full) for bits in (8, 4))
    assert all(four[name] < eight[name] <= 1.0001 for name in four)
    assert min(eight.values()) > 0.999


def test_what_cannot_be_quantised_is_refused(control, tmp_path):
    full, screens = control
    with pytest.raises(QuantiseError, match="precision 'trinary', needs 'float'"):
        QuantStudent(Student(SPEC.shape, 3), 8, screens)
    with pytest.raises(QuantiseError, match="bits = 9"):
        QuantStudent(full, 9, screens)
    odd = Student(SPEC.shape, 3, "float").eval()
    odd.background.fill_(0.5)
    with pytest.raises(QuantiseError, match="the background has fractions"):
        QuantStudent(odd, 8, screens)
    save_player(tmp_path / "c.safetensors", full, CONTROL, SPEC)
    with pytest.raises(ValueError, match=r"needs 'tnemu quantised student 1'; .*learn\.ladder"):
        load_quantised(tmp_path / "c.safetensors")
    assert load_control(tmp_path / "c.safetensors")[1] == SPEC
