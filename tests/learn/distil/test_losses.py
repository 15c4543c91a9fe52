"""The losses by hand, and what each of them teaches."""

# ruff: noqa: E402
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.errors import TnemuError
from tnemu.learn.distil import settings
from tnemu.learn.distil.distil import main
from tnemu.learn.distil.losses import LOSSES, loss_for

Q = torch.tensor([[1.0, 3.0, 2.0], [0.5, 0.5, -1.0], [40.0, 10.0, 10.0]])
LOGITS = torch.tensor([[0.0, 1.0, 5.0], [2.0, 2.0, 2.0], [3.0, 0.0, 0.0]])
TAU = 2.0


def loss(name, q=Q, logits=LOGITS, tau=TAU):
    return float(LOSSES[name].distance(LOSSES[name].labels(q, tau), logits))


def softmax(row):
    powers = [math.exp(x - max(row)) for x in row]
    return [x / sum(powers) for x in powers]


def test_kl_is_the_relative_entropy_of_tempered_q_values():
    total = 0.0
    for q, z in zip(Q.tolist(), LOGITS.tolist(), strict=True):
        p, s = softmax([x / TAU for x in q]), softmax(z)
        total += sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, s, strict=True))
    assert loss("kl") == pytest.approx(total / 3, rel=1e-5)


def test_nll_is_the_surprise_at_the_first_of_the_teachers_best_actions():
    surprise = [-math.log(softmax(z)[b]) for z, b in zip(LOGITS.tolist(), (1, 0, 0), strict=True)]
    assert loss("nll") == pytest.approx(sum(surprise) / 3, rel=1e-5)
    assert loss("nll", tau=0.01) == loss("nll"), "a temperature does not change the best action"


def test_mse_is_between_both_sides_without_their_means_in_units_of_tau():
    total = 0.0
    for q, z in zip(Q.tolist(), LOGITS.tolist(), strict=True):
        for a in range(3):
            total += ((z[a] - sum(z) / 3) - (q[a] - sum(q) / 3) / TAU) ** 2
    assert loss("mse") == pytest.approx(total / 9, rel=1e-5)
    assert loss("mse", Q + 100, LOGITS - 7) == pytest.approx(loss("mse"), rel=1e-4)


def test_logits_that_are_q_over_tau_have_no_error_under_mse_and_kl():
    for name in ("kl", "mse"):
        assert loss(name, logits=Q / TAU + 5) == pytest.approx(0, abs=1e-6)


def test_kl_with_a_small_temperature_is_nll():
    q = torch.tensor([[1.0, 3.0, 2.0], [0.5, -1.0, -1.0]])
    assert loss("kl", q, LOGITS[:2], 0.01) == pytest.approx(loss("nll", q, LOGITS[:2]), abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.slow
def test_descending_a_loss_finds_the_teachers_action(name):
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(200, 4, generator=generator)
    logits = torch.zeros_like(q, requires_grad=True)
    optimiser = torch.optim.Adam([logits], 0.1)
    labels = LOSSES[name].labels(q, 0.5)
    for _ in range(300):
        optimiser.zero_grad()
        LOSSES[name].distance(labels, logits).backward()
        optimiser.step()
    assert np.array_equal(logits.detach().numpy().argmax(1), q.numpy().argmax(1))


def test_an_unknown_loss_is_refused_with_the_choices(tmp_path, capsys):
    with pytest.raises(TnemuError, match="there is no loss 'l1'; choose among kl nll mse"):
        loss_for("l1")
    out = str(tmp_path / "new")
    assert main(["pong", "--teacher", "none", "--out", out, "--loss", "l1"]) == 1
    assert "there is no loss 'l1'; choose among kl nll mse" in capsys.readouterr().err
    assert not (tmp_path / "new").exists(), "refused before anything begins"


def test_settings_know_every_loss_without_torch():
    assert tuple(LOSSES) == settings.LOSSES
