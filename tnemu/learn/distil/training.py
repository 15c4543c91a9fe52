"""One stage of a student's training, whatever its loss is and however many games it plays.

    loss = mean over games g of loss(labels_g, logit_g) [+ pressure on spikes]     labels of Q_g / tau_g

A minibatch is ``all``: so many states of every game, so that batch normalisation sees in training
the mix of games that the frozen thresholds are made for; or ``one``: states of one game drawn at
random, as in the paper (Rusu et al., Policy Distillation, 2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tnemu.errors import TnemuError
from tnemu.learn.distil.checkpoint import Position, StageCheckpoint
from tnemu.learn.distil.losses import kl, loss_for
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.distil.states import States
from tnemu.learn.eedn.heads import Head, recalibrate
from tnemu.learn.eedn.sparsity import spike_pressure
from tnemu.learn.eedn.student import Student
from tnemu.learn.run.runs import Report
from tnemu.learn.run.trouble import check_finite


@dataclass(frozen=True)
class Lesson:
    """What there is to learn of one game: states, those held out, and the labels' temperature tau."""

    data: States
    held: States
    tau: float

    @staticmethod
    def begin(states: States, hold_out: int, tau: float) -> Lesson:
        """Of the first round's states. Raises TnemuError where none would be held out."""
        if len(states) < hold_out:
            raise TnemuError(
                f"{len(states)} states are there, of which 1 / {hold_out} is none; collect more "
                "--states, or choose a smaller --hold-out"
            )
        return Lesson(*states.split(hold_out), tau)

    def and_of(self, states: States, hold_out: int) -> Lesson:
        """With the states of one more round."""
        data, held = states.split(hold_out)
        return Lesson(States.join([self.data, data]), States.join([self.held, held]), self.tau)


def prefixes_of(games: Sequence[str]) -> list[str]:
    """What stands before the name of a figure of each game: nothing where there is one game."""
    return [""] if len(games) == 1 else [f"{game}_" for game in games]


@torch.no_grad()
def validate(head: Head, states: States, tau: float) -> dict[str, float]:
    """KL to the labels, and how often the first choice is the teacher's; in eval mode, so for a
    trinary student this is the folded network.
    """
    student, device = head.student, head.background.device
    was_training = student.training
    student.eval()
    logits = torch.cat([head(part.to(device)) for part in states.batches()]).cpu()
    student.train(was_training)
    agree = (logits.argmax(1) == states.q.argmax(1)).float().mean()
    return {"val_kl": float(kl((states.q / tau).softmax(1), logits)), "val_agree": float(agree)}


def train(
    heads: Sequence[Head],
    lessons: Sequence[Lesson],
    iterations: int,
    rate: float,
    settings: DistilSettings,
    seed: int,
    log: Report,
    kept: StageCheckpoint | None = None,
) -> dict[str, float]:
    """One cosine of ``iterations`` minibatches over the states of all games; ``heads`` are of one
    student. Goes on from what is ``kept`` of it. Leaves it recalibrated, in eval mode; returns its
    validation. Raises Diverged.
    """
    s, student, device = settings, heads[0].student, heads[0].background.device
    prefixes = prefixes_of([head.spec.game for head in heads])
    generator = torch.Generator().manual_seed(seed)
    copied = loss_for(s.loss)
    labels = [copied.labels(lesson.data.q, lesson.tau) for lesson in lessons]
    calibration = [
        lesson.data.take(torch.randperm(len(lesson.data), generator=generator)[: s.calibration])
        for lesson in lessons
    ]

    def draw(g: int) -> tuple[Tensor, Tensor]:
        """What the network sees, and what it is to copy."""
        data = lessons[g].data
        index = torch.randint(len(data), (s.batch,), generator=generator)
        return heads[g].centre(data.take(index).to(device)), labels[g][index].to(device)

    def loss() -> Tensor:
        if s.minibatch == "one":
            chosen = [int(torch.randint(len(heads), (1,), generator=generator))]
        else:
            chosen = list(range(len(heads)))
        seen, wanted = zip(*(draw(g) for g in chosen), strict=True)
        bits: list[Tensor] = []
        logits = student(torch.cat(seen), bits).split(s.batch)
        parts = zip(chosen, wanted, logits, strict=True)
        distances = [copied.distance(w, part[:, heads[g].own]) for g, w, part in parts]
        distance = torch.stack(distances).mean()
        if s.sparsity and student.precision == "trinary":
            distance = distance + spike_pressure(bits[:-1], s.sparsity)
        return distance

    def check() -> dict[str, float]:
        recalibrate(heads, [screens.to(device) for screens in calibration])
        result: dict[str, float] = {}
        for prefix, head, lesson in zip(prefixes, heads, lessons, strict=True):
            found = validate(head, lesson.held, lesson.tau)
            result |= {prefix + what: value for what, value in found.items()}
        return result

    return _descend(student, loss, check, generator, iterations, rate, s, log, kept)


def _descend(
    student: Student,
    batch_loss: Callable[[], Tensor],
    check_now: Callable[[], dict[str, float]],
    draws: torch.Generator,
    iterations: int,
    rate: float,
    settings: DistilSettings,
    log: Report,
    kept: StageCheckpoint | None,
) -> dict[str, float]:
    """One cosine of the learning rate, from ``rate`` to 1 % of it. ``batch_loss`` gives the loss of
    the next minibatch, from ``draws``; ``check_now`` recalibrates and validates. Leaves the student in
    eval mode; returns its last validation.
    """
    s = settings
    weights = [layer.hidden for layer in student.layers]
    slow = [p for p in student.parameters() if all(p is not w for w in weights)]
    groups = [{"params": weights, "share": 1.0}, {"params": slow, "share": 0.5}]
    optimiser = torch.optim.Adam(groups, lr=rate, fused=True)
    at = Position() if kept is None else kept.resume(student, optimiser, draws)
    student.train()
    for done in range(at.iteration + 1, iterations + 1):
        now = rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - 1) / iterations)))
        for group in optimiser.param_groups:
            group["lr"] = now * group["share"]
        loss = batch_loss()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        student.clip()
        at.losses.append(loss.detach())
        at.iteration, where = done, f"{s.game}, iteration {done}"
        check = done % s.check_every == 0 or done == iterations
        if check or done % s.log_every == 0:
            mean = float(torch.stack(at.losses).mean())
            at.losses.clear()
            check_finite(student, mean, where)
            if check:
                at.figures = check_now()
            log({"iteration": done, "loss": mean, **(at.figures if check else {})})
        if kept is not None and (kept.due() or done == iterations):
            check_finite(student, float(loss.detach()), where)
            kept.save(student, optimiser, draws, at)
    student.eval()
    return at.figures
