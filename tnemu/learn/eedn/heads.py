"""Several games in one student: one network, which each game shows its screens and reads its way.

    x_g     = screens - background_g       by the host, every game its own
    votes   = student(x_g)                 the same network for all games: one board image
    logit_g = votes of actions first_g ... first_g + n_g - 1

The student's predict layer holds the voters of all games side by side; a game leaves those of the
others unread (class -1 in its weight file). Rusu et al., Policy Distillation, 2016, have a head of
several layers per game; here a head is a part of the last layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tnemu.errors import TnemuError
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.student import Student
from tnemu.networks.integer import UNREAD
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.atari.spec import AtariSpec


class HeadError(TnemuError, ValueError):
    """Games that one student cannot play."""


class Head(nn.Module):
    """The student as the player of one game: logits float[n, actions of the game] for
    uint8[n, stack, rows, columns].
    """

    background: Tensor

    def __init__(self, student: Student, spec: AtariSpec, background: Tensor, first: int):
        super().__init__()
        self.student, self.spec, self.first = student, spec, first
        whole = background.round().expand(spec.shape).clone()
        self.register_buffer("background", whole)

    @property
    def own(self) -> slice:
        """The game's actions among those of all games."""
        return slice(self.first, self.first + len(self.spec.actions))

    @property
    def classes(self) -> np.ndarray:
        """int32[voters]: the game's action that an output votes for, -1 if another game's."""
        classes = self.student.classes - self.first
        mine = (classes >= 0) & (classes < len(self.spec.actions))
        return np.where(mine, classes, UNREAD).astype(np.int32)

    def centre(self, screens: Tensor) -> Tensor:
        """What the network is shown: screens minus the game's background, float."""
        return screens.float() - self.background

    def forward(self, screens: Tensor) -> Tensor:
        return self.student(self.centre(screens))[:, self.own]

    def fold(self, name: str, provenance: Mapping[str, Any]) -> TrainedNetwork:
        """The weight file of this game. Files of one student differ in background and vote only."""
        background = self.background.numpy()
        file = fold(self.student, self.spec, provenance, background, self.classes)
        return replace(file, name=name)


def heads_of(
    specs: Sequence[AtariSpec], backgrounds: Sequence[Tensor], depth: int = 2, width: int = 1
) -> tuple[Student, list[Head]]:
    """A new trinary student with a head for each game, in this order."""
    games = [spec.game for spec in specs]
    if len(set(games)) < len(games):
        raise HeadError(f"games repeat: {', '.join(games)}; name each game once")
    shapes = {spec.shape for spec in specs}
    if len(shapes) != 1:
        listed = ", ".join(f"{spec.game} {list(spec.shape)}" for spec in specs)
        raise HeadError(
            f"the games' screens have different shapes ({listed}), one retina sees one; choose "
            "teachers of one resolution and stack"
        )
    counts = [len(spec.actions) for spec in specs]
    student = Student(shapes.pop(), sum(counts), depth=depth, width=width)
    firsts = [sum(counts[:g]) for g in range(len(counts))]
    each = zip(specs, backgrounds, firsts, strict=True)
    return student, [Head(student, *which) for which in each]


@torch.no_grad()
def recalibrate(student: Student, heads: Sequence[Head], screens: Sequence[Tensor]) -> None:
    """Exact means and variances over the states of all games together, every game as the network
    sees it: the one set of thresholds on the board serves them all.
    """
    seen = [head.centre(part) for head, part in zip(heads, screens, strict=True)]
    student.recalibrate(torch.cat(seen))
