"""Networks trained on for the board: what is kept, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from spiking_networks import random_dense

from tnemu.errors import TnemuError
from tnemu.formats.dense_file import write_dense
from tnemu.formats.rate_file import read_rate
from tnemu.learn.spiking import finetune
from tnemu.learn.spiking.finetune import _Quantised, _through
from tnemu.learn.spiking.nets import Rectifiers
from tnemu.learn.spiking.settings import FinetuneSettings
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.recipe import Recipe


def silent(row: dict[str, Any]) -> None:
    pass


def test_gradients_pass_what_is_rounded() -> None:
    x = torch.tensor([0.2, 1.7], requires_grad=True)
    rounded = _through(x, torch.round(x))
    assert rounded.tolist() == [0.0, 2.0]
    rounded.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]


def test_weights_are_rounded_to_as_many_steps_as_bits_have() -> None:
    class Whole:
        recipe, levels = Recipe(100), 1
        layers = (type("L", (), {"bits": 3}), type("L", (), {"bits": 3}))

    net = Rectifiers(2, 3, 2)
    model = _Quantised(net, Whole(), [torch.ones(2), torch.ones(3)])  # type: ignore[arg-type]
    model.highs = [3, 3]
    unit = torch.eye(2)
    with torch.no_grad():
        net.layers[0].bias.zero_()
        net.layers[0].weight.copy_(torch.tensor([[0.3, 0.11], [0.9, 0.44], [0.2, 0.2]]))
        net.layers[1].bias.zero_()
        net.layers[1].weight.copy_(torch.eye(2, 3))
        found = model(unit).numpy()
    # rows in steps of 0.1 and 0.3: 0.3, 0.1 and 0.9, 0.3; rates in hundredths
    np.testing.assert_allclose(found, [[0.3, 0.9], [0.1, 0.3]], atol=1e-6)


def test_a_run_keeps_what_decides_more_as_the_source(tmp_path: Path) -> None:
    write_dense(random_dense(12), tmp_path / "net.npz")
    s = FinetuneSettings(
        "cartpole", str(tmp_path / "run"), network=str(tmp_path / "net.npz"), ticks=30, bits=3,
        first_bits=4, states=400, batches=40, batch=32, log_every=20,
    )  # fmt: skip
    path = finetune.train_one(s, False, silent)
    network = read_rate(path)
    assert [layer.bits for layer in network.layers] == [4, 3, 3]
    assert (network.recipe.ticks, network.task.name if network.task else "") == (30, "cartpole")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["agreement"] >= result["agreement_before"]
    assert {p.name for p in path.parent.iterdir()} == {
        "curve.csv", "network.safetensors", "result.json", "settings.json", "trained.npz",
    }  # fmt: skip
    again = finetune.train_one(s, True, silent)
    assert read_rate(again).sha256 == network.sha256


@pytest.mark.parametrize(
    ("network", "fields", "message"),
    [
        (
            random_dense(1, 2, 5, 3),
            {},
            "takes 2 numbers and gives 3, cartpole shows 4 and takes one",
        ),
        (
            DenseNetwork.with_constant_input([np.ones((5, 3), "f4"), np.ones((3, 2), "f4")]),
            {"spiking": True},
            "it was trained as a spiking one, whose thresholds are part of it; fine-tune one of rect",
        ),
    ],
)
def test_networks_that_cannot_be_trained_on_are_refused(
    network: DenseNetwork, fields: Any, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.npz"
    if fields:
        first = np.vstack([network.weights[0], network.biases[0]])
        np.savez(path, W0=first, W1=network.weights[1])
    else:
        write_dense(network, path)
    with pytest.raises(TnemuError, match=message):
        finetune.train_one(
            FinetuneSettings("cartpole", str(tmp_path / "run"), network=str(path)), False, silent
        )


def test_a_network_must_be_given() -> None:
    with pytest.raises(TnemuError, match="network is not given: name the one to put on the board"):
        FinetuneSettings("cartpole", "x")
