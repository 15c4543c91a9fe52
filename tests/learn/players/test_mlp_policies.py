"""Policies of stable-baselines3 on plain numbers, as networks of rectifiers."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import itertools

import torch
from torch import nn

from tnemu.formats.dense_file import write_dense
from tnemu.formats.errors import FormatError
from tnemu.learn.players.mlp_policy import read_network, read_policy

RELU = {
    "policy_kwargs": {
        ":serialized:": "gAW",
        "activation_fn": "<class 'torch.nn.modules.activation.ReLU'>",
    }
}
TANH = {"policy_kwargs": {"activation_fn": "<class 'torch.nn.modules.activation.Tanh'>"}}
STATES = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


def mlp(*widths: int) -> nn.Sequential:
    torch.manual_seed(1)
    layers: list[nn.Module] = []
    for n, m in itertools.pairwise(widths):
        layers += [nn.Linear(n, m), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def zipped(path: Path, state: dict[str, Any], facts: dict[str, Any]) -> Path:
    torch.save(state, path.with_suffix(".policy"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps(facts))
        archive.write(path.with_suffix(".policy"), "policy.pth")
    return path


def named(net: nn.Module, prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in net.state_dict().items()}


def actor(path: Path, facts: dict[str, Any], **more: Any) -> tuple[Path, nn.Sequential]:
    net = mlp(4, 8, 8, 2)
    state = named(net[:-1], "mlp_extractor.policy_net.") | named(net[-1], "action_net.")
    state |= named(mlp(4, 8, 8), "mlp_extractor.value_net.") | named(mlp(8, 1), "value_net.")
    return zipped(path, state | more, facts), net


def test_a_dqn_answers_as_it_did(tmp_path: Path) -> None:
    net = mlp(4, 64, 64, 2)
    state = named(net, "q_net.q_net.") | named(mlp(4, 64, 64, 2), "q_net_target.q_net.")
    found = read_network(zipped(tmp_path / "dqn.zip", state, {"policy_kwargs": {}}))
    with torch.no_grad():
        wanted = net(torch.from_numpy(STATES)).numpy()
    np.testing.assert_allclose(found.values(STATES), wanted, rtol=1e-5, atol=1e-6)
    assert not found.spiking


def test_an_actor_answers_as_it_did_and_its_critic_is_left_alone(tmp_path: Path) -> None:
    path, net = actor(tmp_path / "ppo.zip", RELU)
    with torch.no_grad():
        wanted = net(torch.from_numpy(STATES)).numpy()
    np.testing.assert_allclose(read_policy(path).values(STATES), wanted, rtol=1e-5, atol=1e-6)


def test_arrays_are_read_as_ever(tmp_path: Path) -> None:
    path, _ = actor(tmp_path / "ppo.zip", RELU)
    network = read_policy(path)
    write_dense(network, tmp_path / "net.npz")
    np.testing.assert_array_equal(
        read_network(tmp_path / "net.npz").values(STATES), network.values(STATES)
    )


@pytest.mark.parametrize("facts", [{}, TANH])
def test_tanh_is_refused_and_what_to_do_is_said(tmp_path: Path, facts: dict[str, Any]) -> None:
    path, _ = actor(tmp_path / "ppo.zip", facts)
    with pytest.raises(
        FormatError,
        match=r"layer mlp_extractor.policy_net.0 is followed by Tanh, and only rectifiers \(ReLU\) can be "
        r"run with spikes; train it with policy_kwargs=",
    ):
        read_policy(path)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"lstm_actor.weight_ih_l0": torch.zeros(3)},
            "layer lstm_actor.weight_ih_l0 is not fully conn",
        ),
        (
            {"mlp_extractor.policy_net.1.running_mean": torch.zeros(3)},
            "running_mean is not fully conn",
        ),
        (
            {"mlp_extractor.policy_net.3.weight": torch.zeros(3)},
            "0, 2, 3 have others than activations",
        ),
        ({"action_net.weight": torch.full((2, 8), torch.nan)}, "action_net.weight holds NaN"),
        ({"action_net.weight": torch.zeros(2, 9)}, r"layer 2: W2 \[9, 2\]"),
    ],
)
def test_what_cannot_be_run_is_named(tmp_path: Path, more: Any, message: str) -> None:
    path, _ = actor(tmp_path / "ppo.zip", RELU, **more)
    with pytest.raises(FormatError, match=message):
        read_policy(path)


def test_a_layer_without_a_bias_and_another_agent_are_named(tmp_path: Path) -> None:
    net = mlp(4, 8, 2)
    state = {k: v for k, v in named(net, "q_net.q_net.").items() if k != "q_net.q_net.2.bias"}
    with pytest.raises(FormatError, match=r"layer q_net\.q_net\.2 has no bias"):
        read_policy(zipped(tmp_path / "a.zip", state, {}))
    with pytest.raises(
        FormatError, match="has no layers of an MlpPolicy of stable-baselines3's DQN"
    ):
        read_policy(zipped(tmp_path / "b.zip", named(net, "net."), {}))
