"""Files of players in full precision and in n bits, and how a network plays.

All kinds are safetensors with metadata: the spec they play under, its hash, and where they come
from. Trinary students are weight files instead (tnemu.formats.weights).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.learn.eedn.student import Student, size_of
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.episodes import Player
from tnemu.learn.players.quantised import IntegerStudent
from tnemu.tasks.atari.spec import AtariSpec

AnyStudent = TypeVar("AnyStudent", bound=Student)
TEACHER = "tnemu teacher 1"
CONTROL = "tnemu float student 1"
QUANTISED = "tnemu quantised student 1"
_WRITERS = {TEACHER: "teacher", CONTROL: "distil", QUANTISED: "ladder"}


def net_player(net: nn.Module) -> Player:
    """The network as a player for ``play_episodes``; it computes where its weights are."""
    device = net.background.device

    def player(observations: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net(torch.from_numpy(observations).to(device)).cpu().numpy()

    return player


def state_arrays(net: nn.Module) -> dict[str, np.ndarray]:
    """Weights and buffers by name."""
    return {name: tensor.cpu().numpy() for name, tensor in net.state_dict().items()}


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Weights and buffers by name, from a file."""
    return {k: torch.from_numpy(v) for k, v in load_tensors(path).items()}


def load_state(net: nn.Module, path: str | Path) -> None:
    put_state(net, read_state(path), path)


def load_student(path: str | Path, build: Callable[..., AnyStudent]) -> AnyStudent:
    """``build(depth=, width=)`` with the weights of the file, which tell its size."""
    state = read_state(path)
    student = build(**size_of(state))
    put_state(student, state, path)
    return student.eval()


def put_state(net: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> None:
    """Raises FormatError where ``state``, which was read from ``path``, is of another network."""
    try:
        net.load_state_dict(state)
    except RuntimeError as error:  # names or shapes
        raise FormatError(
            f"{path} holds another network ({' '.join(str(error).split())[:300]}); go on with the "
            "settings that it was trained with"
        ) from error


def save_player(
    path: str | Path, net: nn.Module, format: str, spec: AtariSpec, **facts: Any
) -> None:
    """The weights alone; ``facts`` are stored as JSON in the metadata."""
    metadata = {"format": format, "spec": spec.to_json(), "spec_sha256": spec.sha256}
    metadata |= {key: json.dumps(value) for key, value in facts.items()}
    save_tensors(path, state_arrays(net), metadata)


def load_teacher(path: str | Path) -> DuelNet:
    """Q-values for uint8[batch, stack, rows, columns]; ``net.spec`` and ``net.metadata`` with it."""
    spec, metadata = _read(path, TEACHER)
    net = DuelNet(spec.shape, len(spec.actions))
    load_state(net, path)
    net.spec, net.metadata = spec, metadata
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def load_control(path: str | Path) -> tuple[Student, AtariSpec]:
    """The full-precision control student and its spec."""
    spec, _ = _read(path, CONTROL)
    student = load_student(path, partial(Student, spec.shape, len(spec.actions), "float"))
    return student.requires_grad_(False), spec


def load_quantised(path: str | Path) -> tuple[IntegerStudent, AtariSpec]:
    """The n-bit student and its spec."""
    spec, metadata = _read(path, QUANTISED)
    bits = json.loads(metadata["bits"])
    return load_student(path, partial(IntegerStudent, spec.shape, len(spec.actions), bits)), spec


def _read(path: str | Path, format: str) -> tuple[AtariSpec, Mapping[str, str]]:
    metadata = load_facts(path)
    if metadata.get("format") != format:
        raise FormatError(
            f"{path}: format is {metadata.get('format')!r}, needs {format!r}; "
            f"write it with tnemu.learn.{_WRITERS[format]}"
        )
    spec = AtariSpec.from_json(metadata["spec"])
    if spec.sha256 != metadata["spec_sha256"]:
        raise FormatError(
            f"{path}: its spec has hash {spec.sha256[:12]}, it was trained under "
            f"{metadata['spec_sha256'][:12]}; the file was altered, get it again"
        )
    return spec, metadata
