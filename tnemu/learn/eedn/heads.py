"""A student and the games it plays: one network, which each game shows its screens and reads its way.

    x_g     = screens - background_g       by the host, every game its own
    votes   = student(x_g)                 the same network for all games: one board image
    logit_g = votes of actions first_g ... first_g + n_g - 1

The student's predict layer holds the voters of all games side by side; a game leaves those of the
others unread (class -1 in its weight file). Rusu et al., Policy Distillation, 2016, have a head of
several layers per game; here a head is a part of the last layer. The student of one game has one head,
all of it, and holds that game's background itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tnemu.errors import TnemuError
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.student import Precision, Student
from tnemu.networks.integer import UNREAD
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.atari.spec import AtariSpec


class HeadError(TnemuError, ValueError):
    """Games that one student cannot play."""


class Head:
    """The student as the player of one game: logits float[n, actions of the game] for
    uint8[n, stack, rows, columns].

    ``background`` float[stack, rows, columns] is subtracted before the student subtracts its own;
    the game's actions are those from ``first`` on. Without either the student is this game's alone.
    """

    def __init__(
        self, student: Student, spec: AtariSpec, background: Tensor | None = None, first: int = 0
    ):
        self.student, self.spec, self.first = student, spec, first
        whole = torch.zeros_like(student.background)
        if background is not None:
            whole += background.round().to(whole.device)
        self.background = whole

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
        """What the network is shown: screens minus the head's background, float."""
        return screens.float() - self.background

    def count(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Votes for the game's actions; the output of each layer goes to ``seen``."""
        return self.student.count(self.centre(screens), seen)[:, self.own]

    def __call__(self, screens: Tensor) -> Tensor:
        """Logits float [n, actions] of screens uint8 [n, stack, rows, columns]; gradients flow."""
        return self.student(self.centre(screens))[:, self.own]

    def fold(self, name: str, provenance: Mapping[str, Any]) -> TrainedNetwork:
        """The weight file of this game. Files of one student differ in background and vote only."""
        background = (self.background + self.student.background).cpu().numpy()
        file = fold(self.student, self.spec, provenance, background, self.classes)
        return replace(file, name=name)

    @torch.no_grad()
    def alone(self) -> Student:
        """A student with this game's background and voters and no others', which gives the same
        logits: what is stored of a float control, one file per game.
        """
        all_of_it, games = self.student, self.spec
        size = (all_of_it.depth, all_of_it.width, all_of_it.voters)
        one = Student(games.shape, len(games.actions), all_of_it.precision, *size)
        state = {name: tensor.cpu() for name, tensor in all_of_it.state_dict().items()}
        state["background"] = (self.background + all_of_it.background).cpu()
        last = len(all_of_it.layers) - 1
        voters = slice(*(one.voters * end for end in (self.own.start, self.own.stop)))
        blocks = all_of_it.layers[last].wiring.groups
        for name in [name for name in state if name.startswith(f"layers.{last}.")]:
            by_block = state[name].reshape(blocks, one.voters * all_of_it.actions, -1)
            kept = by_block[:, voters]
            state[name] = kept.reshape(-1) if state[name].dim() == 1 else kept
        one.load_state_dict(state)
        return one.train(all_of_it.training)


def heads_of(
    specs: Sequence[AtariSpec],
    backgrounds: Sequence[Tensor],
    depth: int = 2,
    width: int = 1,
    precision: Precision = "trinary",
    device: str | torch.device = "cpu",
) -> list[Head]:
    """A new student with a head for each game, in this order; ``backgrounds`` float[rows, columns].

    Raises HeadError for games that repeat and for screens of different shapes.
    """
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
    student = Student(shapes.pop(), sum(counts), precision, depth, width).to(device)
    if len(specs) == 1:
        student.background.copy_(backgrounds[0].round())
        return [Head(student, specs[0])]
    firsts = [sum(counts[:g]) for g in range(len(counts))]
    each = zip(specs, backgrounds, firsts, strict=True)
    return [Head(student, *which) for which in each]


def recalibrate(heads: Sequence[Head], screens: Sequence[Tensor], batch: int = 500) -> None:
    """Exact means and variances over the states of all games together, every game as the network
    sees it: the one set of thresholds on the board serves them all.
    """
    student, pairs = heads[0].student, zip(heads, screens, strict=True)
    parts = [
        partial(_shown, head, part) for head, all_of_it in pairs for part in all_of_it.split(batch)
    ]
    student.settle(parts)


def _shown(head: Head, screens: Tensor) -> Tensor:
    """What the first layer is shown of a game's screens."""
    return head.student.centre(head.centre(screens))
