"""The checkpoint of a training on a control task: everything that a stopped run goes on from.

A safetensors file of ``NET.*`` for each network, ``adam.I.*`` (the optimiser's state of parameter I) and
arrays of the training's own, such as the replay. Metadata, as JSON: ``settings`` and ``counters``. A run
that goes on from it ends where one ends that was not stopped, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tnemu.errors import TnemuError
from tnemu.files import Fields, json_text, parse_fields, place
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.learn.players.nets import put_state, state_arrays

FORMAT = "tnemu control training 1"
CHECKPOINT = "checkpoint.safetensors"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What Adam keeps of a parameter."""

Nets = Mapping[str, nn.Module]


def save(
    out: Path,
    nets: Nets,
    optimiser: torch.optim.Optimizer,
    counters: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Write it, whole or not at all. Raises FormatError."""
    tensors = dict(arrays)
    for name, net in nets.items():
        tensors |= {f"{name}.{k}": array for k, array in state_arrays(net).items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{i}.{k}": state[k].cpu().numpy() for k in MOMENTS}
    facts = {"format": FORMAT, "counters": json_text(counters, "counters", error=FormatError)}
    save_tensors(out / CHECKPOINT, tensors, facts)


def load(
    out: Path, nets: Nets, optimiser: torch.optim.Optimizer
) -> tuple[Fields, dict[str, np.ndarray]]:
    """The counters and the training's own arrays; ``nets`` and ``optimiser`` get their numbers.

    Raises TnemuError where there is none, FormatError for one that is damaged or of other networks.
    """
    path = out / CHECKPOINT
    if not path.is_file():
        raise TnemuError(
            f"there is no checkpoint {place(path)} to go on from; run without --resume, with another "
            "--out if there is a run in this one"
        )
    facts = load_facts(path)
    if facts.get("format") != FORMAT:
        raise FormatError(
            f"{place(path)} is not the checkpoint of a training on a control task; put the run's own "
            "checkpoint there, or choose another --out"
        )
    counters = parse_fields(
        facts.get("counters", ""), f"{place(path)}: counters", error=FormatError
    )
    arrays = load_tensors(path)
    for name, net in nets.items():
        part = {key: torch.from_numpy(a) for key, a in taken(arrays, f"{name}.").items()}
        put_state(net, part, path)
    moments = taken(arrays, "adam.")
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state = {
        i: {kind: _moment(moments, f"{i}.{kind}", parameter, path) for kind in MOMENTS}
        for i, parameter in enumerate(parameters if moments else [])
    }
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return counters, arrays


def taken(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Those whose names begin so, taken away from ``arrays``, without the prefix."""
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}


def array_of(
    arrays: Mapping[str, np.ndarray],
    name: str,
    dtype: Any,
    shape: tuple[int | None, ...],
    out: Path,
) -> np.ndarray:
    """One of the training's own arrays, of its type and shape (None: any size). FormatError."""
    got = arrays.get(name)
    if (
        got is None
        or got.dtype != dtype
        or got.ndim != len(shape)
        or any(n not in (None, m) for n, m in zip(shape, got.shape, strict=True))
    ):
        found = "nothing" if got is None else f"{got.dtype} {list(got.shape)}"
        raise FormatError(
            f"{place(out / CHECKPOINT)}: {name} is {found}, not {np.dtype(dtype)} {list(shape)}; put "
            "the run's own checkpoint there"
        )
    return got


def _moment(moments: Mapping[str, np.ndarray], name: str, like: Tensor, path: Path) -> Tensor:
    shape = () if name.endswith("step") else tuple(like.shape)
    got = moments.get(name)
    if got is None or got.shape != shape or got.dtype != np.float32 or not np.isfinite(got).all():
        raise FormatError(
            f"{place(path)}: adam.{name} is not finite float32 {list(shape)}; put the run's own "
            "checkpoint there"
        )
    return torch.from_numpy(got)
