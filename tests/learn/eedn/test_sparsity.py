"""The pressure to fire less, by hand and at work."""

# ruff: noqa: E402
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.learn.distil.distil import main
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.states import States
from tnemu.learn.distil.training import Lesson, train
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.heads import Head
from tnemu.learn.eedn.sparsity import firing_rate, spike_pressure
from tnemu.learn.eedn.student import Fire, Student
from tnemu.tasks.atari.spec import SPECS

FREEWAY = SPECS["freeway"]


def test_the_pressure_is_half_the_sum_of_squared_rates():
    first = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])  # rates 1, 1/2
    second = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])  # rates 0, 1, 1/2
    expected = 0.1 / 2 * (1 + 0.25 + 0 + 1 + 0.25)
    assert float(spike_pressure([first, second], 0.1)) == pytest.approx(expected)


def test_the_gradient_of_the_pressure_lowers_the_rate():
    generator = torch.Generator().manual_seed(0)
    r, beta = torch.randn(64, 10, generator=generator), torch.zeros(10, requires_grad=True)
    optimiser, rates = torch.optim.SGD([beta], 1.0), []
    for _ in range(20):
        bits = Fire.apply(r + beta)
        rates.append(float(bits.detach().mean()))
        optimiser.zero_grad()
        spike_pressure([bits], 0.1).backward()
        assert (beta.grad > 0).all(), "every neuron is told to fire less"
        optimiser.step()
    assert rates[0] == pytest.approx(0.5, abs=0.05)
    assert rates[-1] < rates[0] - 0.1


@pytest.mark.slow
def test_a_student_trained_under_pressure_fires_less():
    rng = np.random.default_rng(0)
    screens = rng.integers(0, 256, (64, *FREEWAY.shape), dtype=np.uint8)
    data = States(screens, rng.normal(size=(64, 3)).astype(np.float32))
    rates = {}
    for sparsity in (0.0, 1e-3):
        torch.manual_seed(1)
        student = Student(FREEWAY.shape, 3)
        settings = DistilSettings("freeway", "t", "o", batch=16, sparsity=sparsity)
        lesson = Lesson(data, data, 1.0)
        train([Head(student, FREEWAY)], [lesson], 12, 0.05, settings, 0, lambda row: None)
        rates[sparsity] = firing_rate(student, data.screens)
        fired = list(fold(student, FREEWAY, {}).activations(screens))[:5]  # predict answers
        bits = np.concatenate([layer.reshape(len(screens), -1) for layer in fired], 1)
        assert rates[sparsity] == pytest.approx(bits.mean()), "as the folded student fires"
    assert bits.shape[1] == 64 * 13 * 13 + 4 * 6400 == 36_416
    assert rates[1e-3] < rates[0.0] - 0.02


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_a_pressure_to_fire_more_is_refused(value, capsys):
    assert main(["pong", "--teacher", "t", "--out", "o", f"--sparsity={value}"]) == 1
    message = f"sparsity is {float(value)}, must be a number of at least 0"
    assert message in capsys.readouterr().err
