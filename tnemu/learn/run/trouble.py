"""What stops a training, said so that a person can go on: values that are not finite, a full disk."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tnemu.errors import TnemuError

if TYPE_CHECKING:
    from torch import nn


class Diverged(TnemuError, RuntimeError):
    """A loss or a weight is not a finite number."""


def check_finite(net: nn.Module, loss: float, where: str) -> None:
    """Raises Diverged, beginning with ``where``.

    The loss alone does not tell: a binary neuron turns a sum that is NaN into a 0.
    """
    if not math.isfinite(loss):
        raise Diverged(f"{where}: the loss is {loss}")
    for name, values in net.named_parameters():
        if not values.isfinite().all():
            raise Diverged(f"{where}: the values of {name} are not finite")


def how_to_go_on(out: Path, last: str | None, option: str, rate: float) -> str:
    """What is kept of a run after its stage ``last`` (None: before any), and the command to go on
    where the next one, with learning rate ``rate``, diverged.
    """
    kept = f"no stage was finished, the states in {out} are kept"
    if last is not None:
        kept = f"the last good stage is kept in {out / last}.*"
    return f"{kept}; go on with --resume and a smaller --{option} (it was {rate:g})"


def check_room(folder: Path, bytes_needed: int, next_step: str = "go on with --resume") -> None:
    """Raises a TnemuError before the work whose result would not fit on the disk."""
    bytes_free = shutil.disk_usage(folder).free
    if bytes_free < bytes_needed:
        raise TnemuError(
            f"{folder} has {bytes_free / 1e6:,.1f} MB free, what is next needs "
            f"{bytes_needed / 1e6:,.1f} MB; make room and {next_step}"
        )
