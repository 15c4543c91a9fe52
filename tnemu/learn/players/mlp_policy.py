"""Policies of stable-baselines3 on plain numbers, as networks of rectifiers that can be run with spikes.

    DQN          q_net.q_net.0, .2, ..                                   values of the actions
    PPO, A2C     mlp_extractor.policy_net.0, .2, .., action_net          logits of the actions

of a ``.zip`` with an MlpPolicy: of its policy.pth tensors alone, of its settings what is plain JSON; nothing
in it is run. Hidden neurons must be rectifiers, which is DQN's default; PPO and A2C have tanh unless
trained with ``policy_kwargs={"activation_fn": torch.nn.ReLU}``, and spikes have no sign.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from tnemu.errors import shown
from tnemu.files import place
from tnemu.formats.dense_file import read_dense
from tnemu.formats.errors import FormatError
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork

if TYPE_CHECKING:
    from tnemu.learn.players.checkpoints import Checkpoint

SUFFIX = ".zip"
VALUES, HIDDEN, ACTIONS = "q_net.q_net.", "mlp_extractor.policy_net.", "action_net"
REMEMBERS = ("lstm", "gru", "rnn", "running_mean", "cnn")
"""In names of layers that are no fully connected ones."""
RELU, TANH = "ReLU", "Tanh"


def read_network(path: str | Path) -> DenseNetwork:
    """A network of rectifiers: an archive of arrays (``.npz``), or stable-baselines3's ``.zip``."""
    return read_policy(path) if Path(path).suffix == SUFFIX else read_dense(path)


def read_policy(path: str | Path) -> DenseNetwork:
    """The network that chooses actions in a ``.zip``. Raises FormatError for another file, a layer that
    cannot be run with spikes, an activation that is no rectifier, and NaN.
    """
    from tnemu.learn.players.checkpoints import read_checkpoint  # with torch

    found = read_checkpoint(path)
    odd = next((n for n in found.weights if any(word in n for word in REMEMBERS)), None)
    if odd is not None:
        raise FormatError(
            f"{place(path)}: layer {odd} is not fully connected, and such layers alone are run with "
            "spikes here; give an agent with an MlpPolicy"
        )
    if any(name.startswith(VALUES) for name in found.weights):
        names, usual = _layers(found, VALUES), RELU
    elif f"{ACTIONS}.weight" in found.weights:
        names, usual = [*_layers(found, HIDDEN), ACTIONS], TANH
    else:
        listed = ", ".join(list(found.weights)[:3])[:200] or "nothing"
        raise FormatError(
            f"{place(path)}: has no layers of an MlpPolicy of stable-baselines3's DQN, PPO or A2C, but "
            f"{listed}; give one of these, or a network as .npz (docs/spiking.md)"
        )
    activation = _activation(found, usual)
    if activation != RELU and len(names) > 1:
        raise FormatError(
            f"{place(path)}: layer {names[0]} is followed by {activation}, and only rectifiers "
            f"({RELU}) can be run with spikes; train it with "
            'policy_kwargs={"activation_fn": torch.nn.ReLU}'
        )
    weights = tuple(found.numbers(f"{name}.weight").numpy().T for name in names)
    biases = tuple(_bias(found, name) for name in names)
    try:
        return DenseNetwork(weights, biases, place(path))
    except NetworkError as error:
        raise FormatError(str(error)) from error


def _layers(found: Checkpoint, prefix: str) -> list[str]:
    """Names of the layers 0, 2, 4, .. after a prefix. Raises FormatError for others between them."""
    numbers = sorted(
        int(match[1])
        for name in found.weights
        if (match := re.fullmatch(re.escape(prefix) + r"(\d{1,3})\.weight", name))
    )
    if numbers != list(range(0, 2 * len(numbers), 2)):
        raise FormatError(
            f"{place(found.path)}: layers {prefix}{', '.join(map(str, numbers))} have others than "
            "activations between them, needs 0, 2, 4, ..; give an agent with the library's own net_arch"
        )
    return [f"{prefix}{k}" for k in numbers]


def _bias(found: Checkpoint, name: str) -> npt.NDArray[Any]:
    if f"{name}.bias" not in found.weights:
        raise FormatError(
            f"{place(found.path)}: layer {name} has no bias; give an agent with the library's own network"
        )
    bias: npt.NDArray[Any] = found.numbers(f"{name}.bias").numpy()
    return bias


def _activation(found: Checkpoint, usual: str) -> str:
    """The class's name in the settings, which say it in words beside the pickled one."""
    said = found.facts.get("policy_kwargs")
    text = said.get("activation_fn") if isinstance(said, dict) else None
    if text is None:
        return usual
    match = re.fullmatch(r"<class '[\w.]*?(\w+)'>", text) if isinstance(text, str) else None
    return match[1] if match else shown(text)
