"""An optimiser's state as named arrays, and back, all float32; none before the first step. Of parameter I
Adam keeps ``I.step``, ``I.exp_avg``, ``I.exp_avg_sq``, SGD with momentum ``I.momentum_buffer``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tnemu.formats.errors import FormatError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MOMENTS = {"Adam": ("step", "exp_avg", "exp_avg_sq"), "SGD": ("momentum_buffer",)}
"""What an optimiser keeps of a parameter."""
_SIGNED = ("exp_avg", "momentum_buffer")
_THEN = "put the run's own checkpoint there"


def adam_arrays(optimiser: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """The state of ``optimiser``, an Adam or an SGD with momentum."""
    state = optimiser.state_dict()["state"]
    return {f"{i}.{k}": t.cpu().numpy() for i, kept in state.items() for k, t in kept.items()}


def put_adam(
    optimiser: torch.optim.Optimizer, moments: Mapping[str, Tensor], where: str, prefix: str = ""
) -> None:
    """``moments`` into ``optimiser``. Raises FormatError, which names them with ``prefix``, for those of
    other parameters and for numbers that it does not have.
    """
    state = _state(moments, optimiser, where, prefix)
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _state(
    moments: Mapping[str, Tensor], optimiser: torch.optim.Optimizer, where: str, prefix: str
) -> dict[int, dict[str, Tensor]]:
    """The state by parameter: of all of them, or of none before the first step."""
    import torch

    kinds = MOMENTS[type(optimiser).__name__]
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for i, parameter in enumerate(parameters if moments else []):
        state[i] = {}
        for kind in kinds:
            name, shape = f"{i}.{kind}", torch.Size(()) if kind == "step" else parameter.shape
            got = moments.get(name)
            if got is None or got.shape != shape or got.dtype != torch.float32:
                found = "nothing" if got is None else f"{got.dtype}{list(got.shape)}"
                raise FormatError(
                    f"{where}: {prefix}{name} is {found.removeprefix('torch.')}, needs "
                    f"float32{list(shape)}; {_THEN}"
                )
            if not got.isfinite().all() or (kind not in _SIGNED and got.min() < 0):
                raise FormatError(
                    f"{where}: {prefix}{name} holds NaN, infinity or a negative number; {_THEN}"
                )
            state[i][kind] = got
    odd = sorted(set(moments) - {f"{i}.{kind}" for i in state for kind in kinds})
    if odd:
        raise FormatError(f"{where}: {prefix}{odd[0][:80]} is no part of a checkpoint; {_THEN}")
    return state
