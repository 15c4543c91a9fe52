"""Teachers of one's own: DQN checkpoints of stable-baselines3 and CleanRL, weights only.

    x      = screens / 255                                                    uint8[n, 4, 84, 84]
    h      = relu(fc(relu(conv3(relu(conv2(relu(conv1(x))))))))
    Q(x,a) = out(h)                                                           float[n, actions]

with conv1 32 of 8x8 stride 4, conv2 64 of 4x4 stride 2, conv3 64 of 3x3 stride 1, fc 512: the
network of the Nature paper, as both libraries have it. Files: stable-baselines3's ``.zip`` (its
policy.pth is read, nothing else) and CleanRL's ``.cleanrl_model`` or any ``.pth`` with its names.

Such a teacher plays under ``foreign_spec(game)``: the project's spec with 84 x 84 screens
(``block=2``: rows crop_top..crop_top + 167, 4 black columns on each side, means of 2x2 pixels), a
decision every 4 raw frames, the maximum of the last 2, and 4 neighbouring screens, NEWEST first. Its
actions are ``spec.actions``, in that order. It must have been trained so, for instance on

    gymnasium.make("tnemu/Atari-v0", game="pong", atari_spec=foreign_spec("pong"))

The libraries' usual wrappers squeeze the whole screen, 210 x 160, into 84 x 84 and stack the newest
last. Nothing in a checkpoint says which it saw: one trained on those loads, but plays badly here.
"""

from __future__ import annotations

import dataclasses
import io
import pickle
import zipfile
from pathlib import Path
from typing import IO

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.formats.errors import FormatError
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import load_teacher
from tnemu.tasks.atari.spec import AtariSpec, spec_for

SUFFIXES = (".zip", ".cleanrl_model", ".pth")
LARGEST = 64 << 20
"""Bytes of policy.pth; a network of this kind has 7 to 14 million of them."""
NAMES = {
    "stable-baselines3": {
        "conv1": "q_net.features_extractor.cnn.0",
        "conv2": "q_net.features_extractor.cnn.2",
        "conv3": "q_net.features_extractor.cnn.4",
        "fc": "q_net.features_extractor.linear.0",
        "out": "q_net.q_net.0",
    },
    "CleanRL": {
        "conv1": "network.0",
        "conv2": "network.2",
        "conv3": "network.4",
        "fc": "network.7",
        "out": "network.9",
    },
}
"""Library -> our layer -> its name there."""


class NatureNet(nn.Module):
    background: Tensor
    """Zeros: nothing is subtracted. A student begins with the same."""
    spec: AtariSpec

    def __init__(self, spec: AtariSpec):
        super().__init__()
        self.spec = spec
        self.register_buffer("background", torch.zeros(spec.rows, spec.columns), persistent=False)
        self.conv1 = nn.Conv2d(spec.stack, 32, 8, 4)
        self.conv2 = nn.Conv2d(32, 64, 4, 2)
        self.conv3 = nn.Conv2d(64, 64, 3, 1)
        self.fc = nn.Linear(64 * 7 * 7, 512)
        self.out = nn.Linear(512, len(spec.actions))

    def forward(self, screens: Tensor) -> Tensor:
        x = F.relu(self.conv1(screens.float() / 255))
        x = F.relu(self.conv3(F.relu(self.conv2(x)))).flatten(1)
        return self.out(F.relu(self.fc(x)))


def foreign_spec(game: str) -> AtariSpec:
    """What a teacher of another library sees: 4 screens of 84 x 84, a decision every 4 frames."""
    return dataclasses.replace(spec_for(game), block=2, frame_skip=4, stack_stride=1)


def is_foreign(path: str | Path) -> bool:
    """Whether a file's name ends like those of the other libraries."""
    return Path(path).suffix in SUFFIXES


def load_any_teacher(path: str | Path, game: str) -> NatureNet | DuelNet:
    """The teacher in a file, ours or another library's. For another game than ``game`` callers refuse
    it; where nobody knows ``game`` either, SpecError has near names.
    """
    if is_foreign(path):
        return load_foreign(path, game)
    net = load_teacher(path)
    if net.spec.game != game:
        spec_for(game)
    return net


def load_foreign(path: str | Path, game: str) -> NatureNet:
    """The teacher in another library's checkpoint, for the game that its file does not name.

    Raises FormatError for a file that is no such checkpoint, and for a layer of another shape.
    """
    net = NatureNet(foreign_spec(game))
    state = _read(path)
    library = next((k for k, v in NAMES.items() if f"{v['conv1']}.weight" in state), None)
    if library is None:
        raise FormatError(
            f"{path}: has neither {NAMES['stable-baselines3']['conv1']}.weight (a DQN of "
            f"stable-baselines3) nor {NAMES['CleanRL']['conv1']}.weight (of CleanRL), but "
            f"{', '.join(list(state)[:3]) or 'nothing'}; pass a DQN with the Nature network"
        )
    own = {}
    for name, needed in net.state_dict().items():
        layer, _, kind = name.partition(".")
        theirs = f"{NAMES[library][layer]}.{kind}"
        got = state.get(theirs)
        if got is None or got.shape != needed.shape:
            found = "nothing" if got is None else list(got.shape)
            why = f"{game} has {len(net.spec.actions)} actions: {' '.join(net.spec.actions)}"
            raise FormatError(
                f"{path}: layer {theirs} is {found}, needs {list(needed.shape)}; pass a Nature "
                f"network for screens of 4 x 84 x 84" + (f" ({why})" if layer == "out" else "")
            )
        own[name] = got.float()
    net.load_state_dict(own)
    return net.eval().requires_grad_(False)


def _read(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name; nothing but tensors is ever unpickled."""
    try:
        source: str | Path | IO[bytes] = path
        if Path(path).suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                size = archive.getinfo("policy.pth").file_size
                if size > LARGEST:
                    raise FormatError(
                        f"{path}: policy.pth has {size} bytes, the limit is {LARGEST}; pass the "
                        "checkpoint of a Nature network"
                    )
                source = io.BytesIO(archive.read("policy.pth"))
        state = torch.load(source, map_location="cpu", weights_only=True)
    except (
        OSError,
        KeyError,
        EOFError,
        RuntimeError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as e:
        raise FormatError(
            f"{path} cannot be read as a checkpoint of weights ({str(e).splitlines()[0][:200]}); "
            "pass a stable-baselines3 .zip or the state_dict of a CleanRL model"
        ) from e
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise FormatError(f"{path} holds more than weights; save its state_dict() alone")
    return state
