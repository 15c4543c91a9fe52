"""The checkpoint of a stage: what a training that was stopped inside of it goes on from.

A safetensors file: ``student.*`` are weights and buffers, ``adam.I.*`` the optimiser's state of parameter
I, ``draws`` the state of the generator that draws minibatches, ``losses`` those since the last row of the
curve. Its metadata: ``iteration``, how many are done, ``figures``, JSON of the last validation, and
``stage``, JSON of what the stage was begun with. A stage that goes on from it ends in the weights of
one that never stopped, to the bit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tnemu.files import Fields, json_text, parse_fields, parse_json, place
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, save_tensors
from tnemu.learn.players.nets import part_of, put_state, read_state, state_arrays
from tnemu.learn.run.adam import adam_arrays, put_adam

_MOST = 1 << 53
_THEN = "delete it and go on with --resume, the stage is begun anew"


@dataclass
class Position:
    """How far a stage is."""

    iteration: int = 0
    """Minibatches done."""
    losses: list[Tensor] = field(default_factory=list)
    """Of the minibatches since the last row of the curve."""
    figures: dict[str, float] = field(default_factory=dict)
    """The last validation."""


class StageCheckpoint:
    """The file at ``path``, written when ``minutes`` have passed since the last time.

    ``stage`` is what the stage is begun with. A file of a stage that was begun with something else, as
    another learning rate, counts as none.
    """

    def __init__(self, path: Path, stage: Mapping[str, Any], minutes: float):
        self.path, self.minutes = path, minutes
        self.stage = json_text(stage, "stage", error=FormatError, sort_keys=True)
        self._last_s = time.monotonic()

    def iteration(self) -> int:
        """Minibatches that are done; 0 where there is no checkpoint of this stage."""
        if not self.path.is_file():
            return 0
        facts = Fields(load_facts(self.path), place(self.path), error=FormatError)
        parse_json(facts.text("stage"), f"{facts.where}: stage", error=FormatError)
        if facts.text("stage") != self.stage:
            return 0
        done = parse_json(facts.text("iteration"), f"{facts.where}: iteration", error=FormatError)
        return Fields({"iteration": done}, facts.where, error=FormatError).whole(
            "iteration", 0, _MOST
        )

    def due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() - self._last_s >= 60 * self.minutes

    def save(
        self,
        student: nn.Module,
        optimiser: torch.optim.Optimizer,
        draws: torch.Generator,
        position: Position,
    ) -> None:
        """Write it, whole or not at all. Raises FormatError."""
        losses = [float(loss) for loss in position.losses]
        arrays = {f"student.{k}": array for k, array in state_arrays(student).items()}
        arrays |= {f"adam.{k}": array for k, array in adam_arrays(optimiser).items()}
        arrays["draws"] = draws.get_state().numpy()
        arrays["losses"] = np.array(losses, np.float32)
        facts = {
            "stage": self.stage,
            "iteration": str(position.iteration),
            "figures": json_text(position.figures, "figures", error=FormatError),
        }
        save_tensors(self.path, arrays, facts)
        self._last_s = time.monotonic()

    def resume(
        self, student: nn.Module, optimiser: torch.optim.Optimizer, draws: torch.Generator
    ) -> Position:
        """How far the stage is; what it goes on with gets its numbers from the file. Raises FormatError
        for one that is damaged.
        """
        done, where = self.iteration(), place(self.path)
        if not done:
            return Position()
        tensors = read_state(self.path)
        state, moments = part_of(tensors, "student."), part_of(tensors, "adam.")
        like = {"draws": draws.get_state(), "losses": torch.zeros(0)}
        for name, wanted in like.items():
            got = tensors.get(name)
            if got is None or got.dtype != wanted.dtype or got.dim() != 1:
                raise FormatError(f"{where}: {name} is missing or of another type; {_THEN}")
        if len(tensors) > len(like) or len(tensors["draws"]) != len(like["draws"]):
            raise FormatError(f"{where} is not the checkpoint of a student's stage; {_THEN}")
        text = load_facts(self.path).get("figures", "")
        with parse_fields(text, f"{where}: figures", error=FormatError) as found:
            figures = {name: found.real(name) for name in found}
        put_adam(optimiser, moments, where, "adam.")
        put_state(student, state, self.path)
        try:
            draws.set_state(tensors["draws"])
        except RuntimeError:
            raise FormatError(f"{where}: draws is no state of a generator; {_THEN}") from None
        device = next(student.parameters()).device
        return Position(done, list(tensors["losses"].to(device)), figures)

    def remove(self) -> None:
        """The stage is finished, or is begun anew."""
        self.path.unlink(missing_ok=True)
