"""Training on labelled pictures from wherever a network is: full precision or quantised alike.

    loss = cross entropy(logits, label)
    rate(i) = start · 0.01^(i / iterations)                              exponential, as in the paper
    rate(i) = start · (0.01 + 0.99 (1 + cos(π i / iterations)) / 2)      cosine

SGD with Nesterov momentum, or Adam, both with weight decay. Every picture is seen once in an epoch, in
an order drawn anew for each, mirrored and moved as tnemu.learn.classify.augment says. What was stopped
goes on from its checkpoint to the same weights, to the bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.learn.classify.augment import Views, augmented
from tnemu.learn.distil.checkpoint import StageCheckpoint
from tnemu.learn.precision.integer_network import pictures_at_once
from tnemu.learn.run.runs import Report, derived_seed
from tnemu.learn.run.trouble import check_finite
from tnemu.tasks.classify.data import Part


class Classifies(Protocol):
    """Logits [n, classes] for pictures uint8 [n, channels, rows, columns]."""

    def __call__(self, images: Tensor) -> Tensor:
        """Logits."""
        ...


@dataclass(frozen=True)
class Descent:
    """How a network is trained."""

    iterations: int
    batch: int
    rate: float
    optimiser: str = "sgd"
    schedule: str = "exponential"
    momentum: float = 0.9
    weight_decay: float = 0.0

    def rate_at(self, done: int) -> float:
        """The learning rate of the minibatch after ``done`` others."""
        share = done / self.iterations
        if self.schedule == "exponential":
            return self.rate * 0.01**share
        return self.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

    def begin(self, net: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of all that ``net`` learns."""
        learnt = [p for p in net.parameters() if p.requires_grad]
        if self.optimiser == "adam":
            return torch.optim.Adam(learnt, self.rate, weight_decay=self.weight_decay)
        return torch.optim.SGD(
            learnt, self.rate, self.momentum, weight_decay=self.weight_decay, nesterov=True
        )


@torch.no_grad()
def logits_of(net: nn.Module, images: Tensor) -> Tensor:
    """Logits of ``net`` in eval mode; it is left in the mode that it was in."""
    was_training, size = net.training, pictures_at_once(images.shape[1:])
    net.eval()
    logits = torch.cat([net(some) for some in images.split(size)])
    net.train(was_training)
    return logits


def figures_of(logits: Tensor, labels: Tensor, prefix: str = "val") -> dict[str, float]:
    """Cross entropy and share right."""
    return {
        f"{prefix}_loss": float(F.cross_entropy(logits, labels)),
        f"{prefix}_right": float((logits.argmax(1) == labels).double().mean()),
    }


def validate(net: nn.Module, part: Part, prefix: str = "val") -> dict[str, float]:
    """Cross entropy and share right of ``net`` in eval mode."""
    logits = logits_of(net, torch.from_numpy(part.images))
    return figures_of(logits, torch.from_numpy(part.labels), prefix)


class Order:
    """Which pictures a minibatch has: every picture once in an epoch; the last few, too few for a
    minibatch, are left out of it.
    """

    def __init__(self, pictures: int, batch: int, seed: int):
        self.pictures, self.batch, self.seed = pictures, min(batch, pictures), seed
        self.each = pictures // self.batch
        self._epoch, self._order = -1, torch.zeros(0, dtype=torch.long)

    def __call__(self, done: int) -> Tensor:
        """int64[batch], those of the minibatch after ``done`` others."""
        epoch, at = divmod(done, self.each)
        if epoch != self._epoch:
            draws = torch.Generator().manual_seed(derived_seed(self.seed, 7, epoch + 1))
            self._epoch, self._order = epoch, torch.randperm(self.pictures, generator=draws)
        return self._order[at * self.batch : (at + 1) * self.batch]


def tune(
    net: nn.Module,
    data: Part,
    held: Part,
    how: Descent,
    views: Views,
    seed: int,
    log: Report,
    checkpoint: StageCheckpoint,
    every: tuple[int, int] = (500, 50),
) -> dict[str, float]:
    """Train ``net`` from wherever ``checkpoint`` is; leaves it in eval mode; returns its validation.

    every: iterations between two validations, and between two rows of the curve. A net with a method
    ``clip`` is clipped after every step. Raises Diverged.
    """
    draws = torch.Generator().manual_seed(seed)
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
    order, optimiser = Order(len(images), how.batch, seed), how.begin(net)
    at = checkpoint.resume(net, optimiser, draws)
    clip: Any = getattr(net, "clip", None)
    net.train()
    while at.iteration < how.iterations:
        for group in optimiser.param_groups:
            group["lr"] = how.rate_at(at.iteration)
        which = order(at.iteration)
        loss = F.cross_entropy(net(augmented(images[which], views, draws)), labels[which])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if clip is not None:
            clip()
        at.iteration += 1
        at.losses.append(loss.detach())
        due = at.iteration % every[0] == 0 or at.iteration == how.iterations
        if at.iteration % every[1] == 0 or due:
            mean = float(torch.stack(at.losses).mean())
            at.losses.clear()
            check_finite(net, mean, f"iteration {at.iteration}")
            at.figures = validate(net, held) if due else at.figures
            log({"iteration": at.iteration, "loss": mean, **(at.figures if due else {})})
        if checkpoint.due() and at.iteration < how.iterations:
            checkpoint.save(net, optimiser, draws, at)
    net.eval()
    return at.figures or validate(net, held)
