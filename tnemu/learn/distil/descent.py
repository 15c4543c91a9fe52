"""One cosine of training a student, whatever its loss is and however many games it plays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from tnemu.learn.eedn.student import Student
from tnemu.learn.run.runs import Report
from tnemu.learn.run.trouble import check_finite


class Pace(Protocol):
    """What :func:`descend` reads of a run's settings."""

    @property
    def game(self) -> str: ...
    @property
    def check_every(self) -> int: ...
    @property
    def log_every(self) -> int: ...


def descend(
    student: Student,
    batch_loss: Callable[[], Tensor],
    check_now: Callable[[], dict[str, float]],
    iterations: int,
    rate: float,
    settings: Pace,
    log: Report,
) -> dict[str, float]:
    """One cosine of the learning rate, from ``rate`` to 1 % of it. ``batch_loss`` gives the loss of
    the next minibatch, ``check_now`` recalibrates and validates. Leaves the student in eval mode;
    returns its last validation.
    """
    s = settings
    weights = [layer.hidden for layer in student.layers]
    slow = [p for p in student.parameters() if all(p is not w for w in weights)]
    groups = [{"params": weights, "share": 1.0}, {"params": slow, "share": 0.5}]
    optimiser = torch.optim.Adam(groups, lr=rate, fused=True)
    losses: list[Tensor] = []
    result: dict[str, float] = {}
    student.train()
    for done in range(1, iterations + 1):
        now = rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - 1) / iterations)))
        for group in optimiser.param_groups:
            group["lr"] = now * group["share"]
        loss = batch_loss()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        student.clip()
        losses.append(loss.detach())
        check = done % s.check_every == 0 or done == iterations
        if done % s.log_every and not check:
            continue
        mean = float(torch.stack(losses).mean())
        losses.clear()
        check_finite(student, mean, f"{s.game}, iteration {done}")
        if check:
            result = check_now()
        log({"iteration": done, "loss": mean, **(result if check else {})})
    student.eval()
    return result
