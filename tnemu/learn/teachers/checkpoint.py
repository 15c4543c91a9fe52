"""The checkpoint of a teacher's training: what a stopped run goes on from.

A safetensors file: ``online.*``, ``target.*`` and ``ema.*`` are the networks, ``adam.I.*`` the optimiser's
state of parameter I (none before the first update). Its metadata are JSON: ``settings``, ``spec``, and
``counters`` (steps, updates, best_check, checks, commands). The replay is not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tnemu.errors import TnemuError
from tnemu.files import Fields, json_text, parse_fields, parse_json, place
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, save_tensors
from tnemu.learn.players.files import read_spec
from tnemu.learn.players.nets import part_of, put_state, read_state, state_arrays
from tnemu.learn.run.adam import adam_arrays, put_adam
from tnemu.learn.run.options import settings_from
from tnemu.learn.teachers.settings import TeacherSettings
from tnemu.tasks.atari.spec import AtariSpec

CHECKPOINT = "checkpoint.safetensors"
NEEDED = ("settings", "spec", "counters")
_MOST = 1 << 53


class TrainingError(TnemuError, RuntimeError):
    """There is no checkpoint that the run can go on from."""


@dataclass(frozen=True)
class Checkpoint:
    """How far a training is, and how it was begun."""

    settings: TeacherSettings
    steps: int
    updates: int
    best_check: float | None
    """Mean score of the best check; None before the first."""
    checks: list[dict[str, Any]]
    """steps, updates, seeds and scores of each."""
    commands: list[dict[str, Any]]
    """What was typed, and from which step on; empty where an earlier version did not say."""


def save_checkpoint(
    out: Path,
    settings: TeacherSettings,
    spec: AtariSpec,
    nets: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    counters: Checkpoint,
) -> None:
    """Write it, whole or not at all. Raises FormatError."""
    arrays: dict[str, np.ndarray] = {}
    for name, net in nets.items():
        arrays |= {f"{name}.{k}": array for k, array in state_arrays(net).items()}
    arrays |= {f"adam.{k}": array for k, array in adam_arrays(optimiser).items()}
    counted = {k: v for k, v in asdict(counters).items() if k != "settings"}
    metadata = {
        "settings": json_text(asdict(settings), "settings", error=FormatError),
        "spec": spec.to_json(),
        "counters": json_text(counted, "counters", error=FormatError),
    }
    save_tensors(out / CHECKPOINT, arrays, metadata)


def read_checkpoint(
    out: Path, spec: AtariSpec, nets: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer
) -> Checkpoint:
    """How far the training of ``out`` is; ``nets`` and ``optimiser`` get their numbers from the file.

    Raises TrainingError where there is none, or one of another training; FormatError for a
    checkpoint that is damaged.
    """
    path = out / CHECKPOINT
    if not path.is_file():
        raise TrainingError(
            f"there is no checkpoint {place(path)} to go on from; run without --resume, with another "
            "--out if there is a best teacher in this one"
        )
    metadata = load_facts(path)
    missing = [name for name in NEEDED if name not in metadata]
    if missing:
        raise TrainingError(
            f"{place(path)} is not the checkpoint of a teacher: it has no {', '.join(missing)}; put "
            "the run's own checkpoint there, or choose another --out"
        )
    stored = read_spec(metadata["spec"], place(path))
    if stored != spec:
        raise TrainingError(
            f"{place(path)} was trained on another spec ({stored.to_json()}); "
            "choose another --out, or the same spec"
        )
    found = _counters(metadata, place(path))
    tensors = read_state(path)
    parts = {name: part_of(tensors, f"{name}.") for name in nets}
    moments = part_of(tensors, "adam.")
    if tensors:
        raise FormatError(
            f"{place(path)}: {min(tensors)[:80]} is no part of a teacher's checkpoint; put the run's own "
            "checkpoint there"
        )
    put_adam(optimiser, moments, place(path), "adam.")
    for name, net in nets.items():
        put_state(net, parts[name], path)
    return found


def _counters(metadata: Mapping[str, str], where: str) -> Checkpoint:
    # before the first check earlier versions wrote a number that JSON does not have
    text = metadata["counters"].replace('"best_check": -Infinity', '"best_check": null')
    settings = parse_json(metadata["settings"], f"{where}: settings", error=FormatError)
    with parse_fields(text, f"{where}: counters", error=FormatError) as counters:
        return Checkpoint(
            settings=settings_from(TeacherSettings, settings, where),
            steps=counters.whole("steps", 0, _MOST),
            updates=counters.whole("updates", 0, _MOST),
            best_check=None if counters.absent("best_check") else counters.real("best_check"),
            checks=[_check(check) for check in counters.mappings("checks")],
            commands=[_command(each) for each in counters.mappings("commands", [])],
        )


def _check(check: Fields) -> dict[str, Any]:
    return {
        "steps": check.whole("steps", 0, _MOST),
        "updates": check.whole("updates", 0, _MOST),
        "seeds": check.wholes("seeds", 0, 1 << 31, count=2),
        "scores": check.reals("scores", least=1),
    }


def _command(each: Fields) -> dict[str, Any]:
    return {"from": each.whole("from", 0, _MOST), "command": each.text("command")}
