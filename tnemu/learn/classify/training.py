"""One network from the first minibatch to its integers: the descent, its checkpoints, its validation.

    loss = cross entropy(logits, label) [+ pressure on spikes]

Every minibatch is drawn with replacement and seen through tnemu.learn.classify.augment. The learning rate
follows one cosine down to 1 %, or falls to a tenth twice. A training that was stopped goes on from its
checkpoint to the same weights, to the bit. In the end means and variances are exact
(``Student.recalibrate``), and the trinary network is its own integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tnemu.learn.classify.augment import augmented
from tnemu.learn.classify.settings import DROPS, ClassifySettings
from tnemu.learn.distil.checkpoint import Position, StageCheckpoint
from tnemu.learn.eedn.classifier import Classifier
from tnemu.learn.eedn.sparsity import spike_pressure
from tnemu.learn.run.device import seeded
from tnemu.learn.run.runs import Report
from tnemu.learn.run.trouble import check_finite
from tnemu.tasks.classify.data import Part


def rate_at(done: int, iterations: int, rate: float, schedule: str) -> float:
    """The learning rate of the minibatch after ``done`` others."""
    if schedule == "steps":
        return rate * 0.1 ** sum(done >= share * iterations for share in DROPS)
    return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done / iterations)))


def adam_of(net: Classifier, rate: float) -> torch.optim.Adam:
    """Hidden weights at the rate, all else at half of it."""
    weights = [layer.hidden for layer in net.layers]
    slow = [p for p in net.parameters() if all(p is not w for w in weights)]
    groups = [{"params": weights, "share": 1.0}, {"params": slow, "share": 0.5}]
    return torch.optim.Adam(groups, lr=rate, fused=True)


@torch.no_grad()
def validate(net: Classifier, part: Part, batch: int = 500) -> dict[str, float]:
    """Cross entropy and share right, in eval mode: of a trinary network, of its integers."""
    was_training = net.training
    net.eval()
    images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels)
    device = net.background.device
    logits = torch.cat([net(some.to(device)) for some in images.split(batch)]).cpu()
    net.train(was_training)
    return {
        "val_loss": float(F.cross_entropy(logits, labels)),
        "val_right": float((logits.argmax(1) == labels).float().mean()),
    }


def train(
    net: Classifier,
    data: Part,
    held: Part,
    iterations: int,
    rate: float,
    s: ClassifySettings,
    seed: int,
    log: Report,
    checkpoint: StageCheckpoint,
) -> dict[str, float]:
    """Train ``net`` for ``iterations`` minibatches from wherever ``checkpoint`` is; leaves it
    recalibrated, in eval mode; returns its validation. Raises Diverged.
    """
    draws = torch.Generator().manual_seed(seed)
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
    calibration = images[torch.randperm(len(images), generator=draws)[: s.calibration]]
    optimiser = adam_of(net, rate)
    at = checkpoint.resume(net, optimiser, draws)
    device = net.background.device
    net.train()

    def minibatch() -> Tensor:
        which = torch.randint(len(images), (s.batch,), generator=draws)
        seen = augmented(images[which], s, draws).to(device)
        bits: list[Tensor] = []
        with _dropped(net, draws):
            logits = net(seen, bits)
        loss = F.cross_entropy(logits, labels[which].to(device))
        if s.sparsity and net.precision == "trinary":
            loss = loss + spike_pressure(bits[:-1], s.sparsity)
        return loss

    def check() -> dict[str, float]:
        net.recalibrate(calibration.to(device), 100)
        return validate(net, held)

    while at.iteration < iterations:
        now = rate_at(at.iteration, iterations, rate, s.schedule)
        for group in optimiser.param_groups:
            group["lr"] = now * group["share"]
        loss = minibatch()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        net.clip()
        at.iteration += 1
        at.losses.append(loss.detach())
        _tell(net, at, iterations, s, check, log)
        if checkpoint.due() and at.iteration < iterations:
            checkpoint.save(net, optimiser, draws, at)
    if not at.figures:
        at.figures = check()
    net.eval()
    return at.figures


def _tell(
    net: Classifier,
    at: Position,
    iterations: int,
    s: ClassifySettings,
    check: Callable[[], dict[str, float]],
    log: Report,
) -> None:
    """A row of the curve where one is due, with a validation where that is."""
    due = at.iteration % s.check_every == 0 or at.iteration == iterations
    if at.iteration % s.log_every and not due:
        return
    mean = float(torch.stack(at.losses).mean())
    at.losses.clear()
    check_finite(net, mean, f"{s.dataset}, iteration {at.iteration}")
    if due:
        at.figures = check()
    log({"iteration": at.iteration, "loss": mean, **(at.figures if due else {})})


def _dropped(net: Classifier, draws: torch.Generator) -> Any:
    """torch's own stream, from which dropout draws, begun anew from ``draws``, which is stored."""
    from contextlib import nullcontext

    if not net.dropout:
        return nullcontext()
    return seeded(int(torch.randint(1 << 62, (1,), generator=draws)))
