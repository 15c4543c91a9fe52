"""Networks of torch as players: how they play, and their files.

Teachers and float students are stored as tnemu.learn.players.files says; trinary students are weight files
instead (tnemu.formats.weights), and those in n bits are integers (tnemu.learn.players.integers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from tnemu.errors import TnemuError
from tnemu.files import place
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_tensors
from tnemu.learn.eedn.student import Student
from tnemu.learn.eedn.wiring import size_of
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.episodes import Player
from tnemu.learn.players.files import CONTROL, TEACHER, read_player, save_arrays
from tnemu.tasks.atari.spec import AtariSpec


class Plays(Protocol):
    """A network, or a student's head for one game: one number per action for screens."""

    background: Tensor

    def __call__(self, screens: Tensor) -> Tensor:
        """float[n, actions] for uint8[n, stack, rows, columns]."""
        ...


class NetPlayer:
    """The network as a player for ``play_episodes``; it computes where its weights are."""

    def __init__(self, net: Plays) -> None:
        self.net, self.view = net, getattr(net, "view", None)

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Scores float[n, actions] for what it is shown, uint8[n, ...]."""
        with torch.inference_mode():
            seen = torch.from_numpy(observations).to(self.net.background.device)
            return self.net(seen).cpu().numpy()


def net_player(net: Plays) -> Player:
    """The network as a player; one with a view of its own (``net.view``) is shown that."""
    return NetPlayer(net)


def state_arrays(net: nn.Module) -> dict[str, np.ndarray]:
    """Weights and buffers by name."""
    return {name: tensor.cpu().numpy() for name, tensor in net.state_dict().items()}


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Weights and buffers by name, from a file; raises FormatError."""
    return {k: torch.from_numpy(v) for k, v in load_tensors(path).items()}


def part_of(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin so, taken away from ``tensors``, without the prefix."""
    names = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors.pop(name) for name in names}


def load_state(net: nn.Module, path: str | Path) -> None:
    """The weights and buffers of a file into ``net``; raises FormatError as :func:`put_state`."""
    put_state(net, read_state(path), path)


def load_student(path: str | Path, actions: int, build: Callable[..., Student]) -> Student:
    """``build(depth=, width=, voters=)`` with the weights of the file, which tell its size, the number
    of actions given; in eval mode.

    Raises FormatError for weights of no student, before memory is asked for.
    """
    state = read_state(path)
    size = size_of(state, actions)
    try:
        with torch.device("meta"):  # shapes alone
            _check_state(build(**size), state, path)
        student = build(**size)
    except FormatError:
        raise
    except (TnemuError, RuntimeError, TypeError) as error:  # sizes that no network has
        raise FormatError(f"{place(path)} holds the weights of no student ({error})") from None
    put_state(student, state, path)
    return student.eval()


def put_state(net: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> None:
    """``state`` into ``net``. Raises FormatError where it, which was read from ``path``, is of another
    network or holds NaN or infinity.
    """
    _check_state(net, state, path)
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise FormatError(
                f"{place(path)}: {name} holds NaN or infinity; the network in it is of no use, give a "
                "file of an earlier checkpoint or train it again"
            )
    net.load_state_dict(state)


def _check_state(net: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> None:
    """Names, shapes and types, in the words of this project: torch's are many lines."""
    wanted = net.state_dict()
    odd = [f"no {name}" for name in wanted if name not in state]
    odd += [f"{name} too" for name in state if name not in wanted]
    for name, tensor in wanted.items():
        got = state.get(name, tensor)
        if got.shape != tensor.shape or got.dtype != tensor.dtype:
            needs = f"{_type(tensor)}{list(tensor.shape)}"
            odd.append(f"{name} of {_type(got)}{list(got.shape)}, not {needs}")
    if odd:
        listed = ", ".join(odd[:4]) + (", ..." if len(odd) > 4 else "")
        raise FormatError(
            f"{place(path)} holds another network ({listed[:300]}); go on with the settings that it "
            "was trained with"
        )


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def save_player(path: str | Path, net: nn.Module, kind: str, spec: AtariSpec, **facts: Any) -> None:
    """The weights alone; ``facts`` are stored as JSON in the metadata. Raises FormatError."""
    save_arrays(path, state_arrays(net), kind, spec, **facts)


def load_teacher(path: str | Path) -> DuelNet:
    """Q-values for uint8[batch, stack, rows, columns]; ``net.spec`` and ``net.metadata`` with it.

    Raises FormatError for another file, other layers, and weights that are NaN or infinite.
    """
    spec, metadata = read_player(path, TEACHER)
    net = DuelNet(spec, metadata)
    load_state(net, path)
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def load_control(path: str | Path) -> tuple[Student, AtariSpec]:
    """The full-precision control student and its spec; raises FormatError."""
    spec, _ = read_player(path, CONTROL)
    actions = len(spec.actions)
    student = load_student(path, actions, partial(Student, spec.shape, actions, "float"))
    return student.requires_grad_(False), spec
