"""Teachers of one's own: DQN checkpoints of stable-baselines3 and CleanRL, weights only.

    x      = screens / 255                                                    uint8[n, 4, 84, 84]
    h      = relu(fc(relu(conv3(relu(conv2(relu(conv1(x))))))))
    Q(x,a) = out(h)                                                           float[n, actions]

with conv1 32 of 8x8 stride 4, conv2 64 of 4x4 stride 2, conv3 64 of 3x3 stride 1, fc 512: the
network of the Nature paper, as both libraries have it. Files: stable-baselines3's ``.zip`` (its
policy.pth is read, nothing else) and CleanRL's ``.cleanrl_model`` or any ``.pth`` or ``.pt`` with its names.

Such a teacher plays under ``foreign_spec(game)``: the project's spec with 84 x 84 screens
(``block=2``: rows crop_top..crop_top + 167, 4 black columns on each side, means of 2x2 pixels), a
decision every 4 raw frames, the maximum of the last 2, and 4 neighbouring screens, NEWEST first. Its
actions are ``spec.actions``, in that order. It must have been trained so, for instance on

    gymnasium.make(
        "tnemu.tasks.atari.env:tnemu/Atari-v0", game="pong", atari_spec=foreign_spec("pong")
    )

The libraries' usual wrappers squeeze the whole screen, 210 x 160, into 84 x 84 and stack the newest
last. Nothing in a checkpoint says which it saw: one trained on those loads, but plays badly here.
"""

from __future__ import annotations

import dataclasses
import io
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.errors import TnemuError, shown
from tnemu.files import place, read_bytes
from tnemu.formats.errors import FormatError
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import is_foreign
from tnemu.learn.players.nets import load_teacher
from tnemu.tasks.atari.spec import AtariSpec, spec_for

LARGEST = 64 << 20
"""Bytes of the weights, packed and unpacked; a network of this kind has 7 to 14 million of them."""
LARGEST_FILE = 256 << 20
"""Bytes of a checkpoint, which may hold an optimiser and more."""
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
    """The network of the Nature paper, for the game of a spec of 84 x 84 screens."""

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
        """Q-values float[n, actions] for uint8[n, 4, 84, 84]."""
        x = F.relu(self.conv1(screens.float() / 255))
        x = F.relu(self.conv3(F.relu(self.conv2(x)))).flatten(1)
        return self.out(F.relu(self.fc(x)))


def foreign_spec(game: str) -> AtariSpec:
    """What a teacher of another library sees: 4 screens of 84 x 84, a decision every 4 frames."""
    return dataclasses.replace(spec_for(game), block=2, frame_skip=4, stack_stride=1)


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


def teacher_of(game: str, path: str | Path) -> NatureNet | DuelNet:
    """The teacher in the file at ``path``; raises TnemuError if it plays another game."""
    net = load_any_teacher(path, game)
    if net.spec.game != game:
        raise TnemuError(
            f"the teacher {path} plays {net.spec.game!r}, not {game!r}; choose its game or "
            "another file"
        )
    return net


def load_foreign(path: str | Path, game: str) -> NatureNet:
    """The teacher in another library's checkpoint, for the game that its file does not name.

    Raises FormatError for a file that is no such checkpoint, for a layer of another shape, and for
    weights that are NaN or infinite.
    """
    net = NatureNet(foreign_spec(game))
    state = _read(path)
    library = next((k for k, v in NAMES.items() if f"{v['conv1']}.weight" in state), None)
    if library is None:
        raise FormatError(
            f"{place(path)}: has neither {NAMES['stable-baselines3']['conv1']}.weight (a DQN of "
            f"stable-baselines3) nor {NAMES['CleanRL']['conv1']}.weight (of CleanRL), but "
            f"{', '.join(list(state)[:3])[:200] or 'nothing'}; pass a DQN with the Nature network"
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
                f"{place(path)}: layer {theirs} is {found}, needs {list(needed.shape)}; pass a Nature "
                f"network for screens of 4 x 84 x 84" + (f" ({why})" if layer == "out" else "")
            )
        own[name] = _numbers(got, theirs, path)
    net.load_state_dict(own)
    return net.eval().requires_grad_(False)


def _numbers(tensor: Tensor, name: str, path: str | Path) -> Tensor:
    """float32, all of them finite."""
    plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    if not plain or tensor.is_quantized or not tensor.is_floating_point():
        raise FormatError(
            f"{place(path)}: layer {name} is {shown(tensor)}, needs plain numbers; save the "
            "state_dict() of the network itself"
        )
    values = tensor.float()
    if not values.isfinite().all():
        raise FormatError(
            f"{place(path)}: layer {name} holds NaN or infinity; the network in it is of no use, give "
            "a file of an earlier checkpoint or train it again"
        )
    return values


def _read(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name; nothing but tensors is ever unpickled. Raises FormatError.

    What torch says of a file is not passed on: it advises to load it in another, unsafe way.
    """
    data = read_bytes(path, error=FormatError, what="checkpoint", most_bytes=LARGEST_FILE)
    if Path(path).suffix == ".zip":
        data = _policy(data, path)
    if zipfile.is_zipfile(io.BytesIO(data)):
        _check_unpacked(data, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a parser of another library, which promises nothing
        more = "weights only" in str(error).lower() or "unsupported" in str(error).lower()
        what = "it holds other objects than tensors" if more else "it is damaged, or no such file"
        raise _refused(path, what) from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise FormatError(f"{place(path)} holds more than weights; save its state_dict() alone")
    if not all(isinstance(name, str) for name in state):
        raise _refused(path, "its weights have no names")
    return state


def _policy(data: bytes, path: str | Path) -> bytes:
    """policy.pth of a stable-baselines3 .zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = archive.getinfo("policy.pth").file_size
            if size > LARGEST:
                raise _too_large(path, "policy.pth", size)
            with archive.open("policy.pth") as member:
                return member.read(LARGEST)
    except FormatError:
        raise
    except KeyError:
        raise _refused(path, "there is no policy.pth in it") from None
    except Exception:  # zipfile and zlib raise a dozen kinds for damaged files
        raise _refused(path, "it is damaged, or no such file") from None


def _check_unpacked(data: bytes, path: str | Path) -> None:
    """Weights are an archive too: small files must not become large ones in memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except Exception:
        raise _refused(path, "it is damaged, or no such file") from None
    if size > LARGEST:
        raise _too_large(path, "its weights", size)


def _too_large(path: str | Path, part: str, size: int) -> FormatError:
    return FormatError(
        f"{place(path)}: {part} of {size:,} bytes, the limit is {LARGEST:,}; pass the checkpoint of a "
        "Nature network"
    )


def _refused(path: str | Path, why: str) -> FormatError:
    return FormatError(
        f"{place(path)} cannot be read as a checkpoint of weights ({why}); pass a stable-baselines3 "
        ".zip or the state_dict of a CleanRL model"
    )
