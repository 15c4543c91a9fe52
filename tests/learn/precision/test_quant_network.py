# ruff: noqa: E402
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_networks import SHAPE, everything, network_of, pictures
from torch import nn

from tnemu.learn.players.integers import QuantiseError
from tnemu.learn.precision.cifar_resnet import cifar_resnet
from tnemu.learn.precision.folding import runnable
from tnemu.learn.precision.network_files import load_network, save_network
from tnemu.learn.precision.network_settings import QuantiseSettings
from tnemu.learn.precision.quant_network import QuantNetwork, where_rounded
from tnemu.learn.precision.trace import in_floats, trace


def settings(**more):
    return QuantiseSettings("test", "nowhere", **more)


def quantised(bits=8, **more):
    return QuantNetwork(network_of(everything()), bits, pictures(40), settings(**more))


def in_python(network, images):
    """The steps of an integer network by their rule, one number at a time, in Python's integers."""
    done = []
    for k, step in enumerate(network.steps):
        x = [done[i] for i in step.inputs]
        n, arrays = step.numbers, network.arrays
        if step.kind == "image":
            out = images.astype(object)
        elif step.kind == "conv":
            out = _conv(x[0], arrays[f"{k}.codes"].astype(object), n)
        elif step.kind == "linear":
            out = x[0] @ arrays[f"{k}.codes"].astype(object).T
        elif step.kind in ("max", "sum"):
            out = _pool(x[0], n, max if step.kind == "max" else sum)
        elif step.kind == "cat":
            out = np.concatenate(x, 1)
        elif step.kind == "pad":
            left, right, above, below = n["edges"]
            out = np.pad(x[0], ((0, 0), (0, 0), (above, below), (left, right)))
        elif step.kind == "take":
            s, more = n["stride"], n["more"]
            out = np.pad(x[0][:, :, ::s, ::s], ((0, 0), (more, more), (0, 0), (0, 0)))
        elif step.kind == "flatten":
            out = x[0].reshape(len(x[0]), -1)
        else:
            axes = (1, -1) + (1,) * (x[0].ndim - 2)
            total = arrays[f"{k}.offset"].astype(object).reshape(axes)
            for i, each in enumerate(x):
                total = total + each * arrays[f"{k}.multiplier{i}"].astype(object).reshape(axes)
            if step.kind == "round":
                total = np.minimum(np.maximum(total // 2**32, n["low"]), n["high"])
            out = total
        done.append(out)
    return done[-1]


def _conv(x, codes, n):
    (rows, columns), (down, across), (dr, dc) = n["pad"], n["stride"], n["dilation"]
    x = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    outputs, per, high, wide = codes.shape
    each = outputs // n["groups"]
    ends = (
        (x.shape[2] - dr * (high - 1) - 1) // down + 1,
        (x.shape[3] - dc * (wide - 1) - 1) // across + 1,
    )
    out = np.zeros((len(x), outputs, *ends), object)
    for o, r, c in np.ndindex(outputs, *ends):
        first = o // each * per
        part = x[:, first : first + per, r * down :: dr, c * across :: dc][:, :, :high, :wide]
        out[:, o, r, c] = (part * codes[o]).reshape(len(x), -1).sum(1)
    return out


def _pool(x, n, of):
    left, right, above, below = n["edges"]
    least = 0 if of is sum else -(10**9)
    x = np.pad(x, ((0, 0), (0, 0), (above, below), (left, right)), constant_values=least)
    (high, wide), (down, across) = n["window"], n["stride"]
    ends = (x.shape[2] - high) // down + 1, (x.shape[3] - wide) // across + 1
    out = np.zeros((*x.shape[:2], *ends), object)
    for i, f, r, c in np.ndindex(*out.shape):
        out[i, f, r, c] = of(
            x[i, f, r * down : r * down + high, c * across : c * across + wide].ravel()
        )
    return out


@pytest.mark.parametrize("channels", [0, 1])
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_torch_and_numpy_and_python_integers_give_the_same_answers(bits, channels):
    net = quantised(bits, channels=channels)
    images = pictures(3, seed=2)
    plain = net.folded().numpy()
    by_numpy = plain.answers(images.numpy())
    assert np.array_equal(net.folded().answers(images).numpy(), by_numpy)
    assert (in_python(plain, images.numpy()) == by_numpy).all()
    np.testing.assert_array_equal(net(images).numpy(), plain(images.numpy()))


def test_the_tracing_computes_what_the_module_does():
    module = everything()
    _, nodes = trace(module)
    x = torch.randn(4, *SHAPE)
    values = [x]
    with torch.no_grad():
        for node in nodes[1:]:
            values.append(in_floats(node, [values[i] for i in node.inputs]))
        assert torch.equal(values[-1], module(x))


def test_more_bits_are_nearer_to_full_precision():
    images = pictures(40, seed=3)
    full = network_of(everything())
    with torch.no_grad():
        expected = full.module(full.normalised(images)).double()
        away = [float((quantised(b)(images) - expected).square().mean()) for b in (8, 6, 4, 2)]
    assert away == sorted(away)
    assert away[0] < 0.01 * float(expected.var(0).mean())


def test_the_learning_pass_differs_from_the_integers_by_float_rounding_alone():
    net = quantised(8, edge_bits=8)
    images = pictures(20, seed=4)
    with torch.no_grad():
        played = net(images)
        learning = net._values(images)[-1].double()
    steps = float((played - learning).abs().max()) / float(played.abs().max())
    assert steps < 0.05  # codes on the edge of two may fall either way


def test_a_step_for_each_channel_misses_weights_less():
    one, each = quantised(4), quantised(4, channels=1)
    for k in one.weight_steps:
        missed = [
            float((net.codes(k) * net.weight_steps[k] - net.weight(k)).detach().square().sum())
            for net in (one, each)
        ]
        assert missed[1] <= missed[0] * 1.0001
    assert each.cosines()["all"] > one.cosines()["all"]


def test_values_are_rounded_where_codes_are_read_and_at_rectifiers():
    _, nodes = trace(everything())
    rounded = {nodes[k].name: r for k, r in where_rounded(nodes, 4, 8).items()}
    kinds = {nodes[k].kind for k in where_rounded(nodes, 4, 8)}
    assert rounded["x"].bits == 8 and not rounded["x"].positive, "the picture"
    assert "norm" not in kinds and "conv" not in kinds
    assert [r.bits for r in rounded.values() if r.positive][-1] == 8, "what enters the last layer"
    add = next(r for name, r in rounded.items() if name.startswith("add"))
    assert (add.bits, add.positive, add.low, add.limit) == (4, False, -7, 7)


def test_a_shortcut_is_added_before_rounding():
    net = QuantNetwork(
        network_of(cifar_resnet(8), (3, 32, 32)), 4, pictures(4, (3, 32, 32)), settings()
    )
    steps = net.folded().steps
    two = [s for s in steps if s.kind == "round" and len(s.inputs) == 2]
    assert len(two) == 3
    assert all({steps[i].kind for i in s.inputs} & {"conv"} for s in two)
    images = pictures(2, (3, 32, 32), seed=9)
    plain = net.folded().numpy()
    assert np.array_equal(net.folded().answers(images).numpy(), plain.answers(images.numpy()))


def test_gradients_reach_every_weight_and_clipping_keeps_them_in_reach():
    net = quantised(4).train()
    optimiser = torch.optim.SGD(net.parameters(), 0.5)
    loss = nn.functional.cross_entropy(net(pictures(16)), torch.arange(16) % 5)
    loss.backward()
    for name, p in net.named_parameters():
        assert p.grad is not None and p.grad.abs().sum() > 0, name
    before = {k: net.codes(k).clone() for k in net.weight_steps}
    optimiser.step()
    net.clip()
    assert any((net.codes(k) != before[k]).any() for k in before)
    for k, step in net.weight_steps.items():
        limit = 2 ** (net.weight_bits[k] - 1) - 1
        assert float((net.weight(k) / step).abs().max()) <= limit * 1.0001


def test_a_file_gives_the_same_answers(tmp_path):
    net = quantised(4)
    path, images = tmp_path / "4bit.safetensors", pictures(7)
    save_network(path, net.folded().numpy(), bits=4, provenance={})
    again = load_network(path)
    np.testing.assert_array_equal(again(images.numpy()), net(images).numpy())
    np.testing.assert_array_equal(runnable(again)(images).numpy(), net(images).numpy())


class Odd(nn.Module):
    def __init__(self, last):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3), last

    def forward(self, x):
        return self.last(self.conv(x)).flatten(1)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (
            nn.Sigmoid(),
            r"'last' \(Sigmoid\) has no form in integers here; tnemu.learn.precision.trace",
        ),
        (
            nn.BatchNorm2d(4, track_running_stats=False),
            r"'last' \(BatchNorm2d\) has no running means",
        ),
        (nn.AvgPool2d(2, padding=1, count_include_pad=False), "does not count its padding"),
        (nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), "pads with other values"),
        (nn.AdaptiveAvgPool2d(3), "a mean of 10 x 10 over 3 x 3 windows of different sizes"),
    ],
)
def test_a_layer_that_has_no_integers_is_refused_by_name(last, message):
    net = network_of(Odd(last))
    with pytest.raises(QuantiseError, match=message):
        QuantNetwork(net, 8, pictures(4), settings()).folded()


def test_a_forward_that_depends_on_values_is_refused():
    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(QuantiseError, match="the network cannot be traced"):
        trace(Branch())
