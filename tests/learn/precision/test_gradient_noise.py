# ruff: noqa: E402
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from tnemu.learn.precision.noise import gradient, noise_of
from tnemu.measure.noise_plots import NoisePlot, draw_noise
from tnemu.tasks.classify.data import Part


class Linear(nn.Module):
    """A gradient that can be written down."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2, 4))

    def forward(self, images):
        return images.float().flatten(1) @ self.w.T


def data(count):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 1, 2, 2), dtype=np.uint8)
    return Part(images, rng.integers(0, 2, count))


def test_the_gradient_is_that_of_cross_entropy():
    part = data(3)
    found = gradient(Linear(), torch.from_numpy(part.images), torch.from_numpy(part.labels))
    x = part.images.reshape(3, 4).astype(float)
    sign = np.where(part.labels == 0, -0.5, 0.5)[:, None]
    assert np.allclose(found.reshape(2, 4).numpy(), [(sign * x).mean(0), (-sign * x).mean(0)])


def test_noise_falls_as_the_minibatch_grows_and_is_the_variance_of_one_gradient_over_it():
    part = data(20_000)
    x, sign = (
        part.images.reshape(-1, 4).astype(float),
        np.where(part.labels == 0, -0.5, 0.5)[:, None],
    )
    variance = 2 * (sign * x).var(0).sum()
    for batch in (4, 16, 64):
        found = noise_of(Linear(), part, batch, 250, 1)
        assert found["noise"] * batch == pytest.approx(variance, rel=0.25)
        assert found["ratio"] == pytest.approx(found["noise"] / found["signal"])


def test_two_equal_minibatches_have_no_noise():
    part = data(8)
    whole = Part(np.concatenate([part.images[:1]] * 8), np.zeros(8, np.int64))
    assert noise_of(Linear(), whole, 4, 2, 0)["noise"] == 0


def test_the_picture_has_a_line_for_every_precision():
    lines = {32: [(16, 4.0, 2.0), (64, 1.0, 0.5)], 4: [(16, 8.0, 9.0), (64, 2.0, 2.0)]}
    figure = draw_noise(NoisePlot("Noise", "of a test", lines))
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["fp32", "4 bit"]
    assert list(figure.axes[1].lines[1].get_ydata()) == [9.0, 2.0]
