"""A network that learns which action another one takes, so that it need not learn what actions are worth.

    loss = mean of - log softmax(scores(s))[a],     a = argmax of the source's output for s

over states s that the source came to while it played. Networks of rectifiers, which convert with far
fewer ticks than those of Q-values, or spiking ones. Source: Hahn 2020, section 4.4, and its code.

    tnemu learn classifier cartpole --source runs/dqn/best.npz --out runs/classifier
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from tnemu.errors import TnemuError
from tnemu.formats.dense_file import write_observations
from tnemu.learn.players.mlp_policy import read_network
from tnemu.learn.run.device import one_thread, seeded
from tnemu.learn.run.runs import Curve, Report, file_sha256
from tnemu.learn.run.trouble import Diverged, check_finite
from tnemu.learn.spiking import checkpoint
from tnemu.learn.spiking.nets import Rectifiers, Spikes
from tnemu.learn.spiking.run import INITIAL, MOST, TRAINED, close_run, keep, open_run, train_all
from tnemu.learn.spiking.settings import ClassifierSettings
from tnemu.tasks.control.states import played_states

COLUMNS = ("iteration", "loss", "accuracy")
STATES = "states.npz"
"""What the source saw, for normalisation too."""
BLOCK = 1_000
"""Updates whose states are drawn at once."""
MEASURED = 20_000
"""States that the accuracy is told of."""


class Classifier:
    """The whole state of a run; ``run`` is the loop."""

    def __init__(self, settings: ClassifierSettings, resume: bool) -> None:
        s = self.settings = settings
        source = read_network(s.source)
        inputs, answers = s.spec.shape[0], len(s.spec.actions)
        if (source.inputs, source.answers) != (inputs, answers):
            raise TnemuError(
                f"source = {s.source!r}: it takes {source.inputs} numbers and gives {source.answers}, "
                f"{s.task} shows {inputs} and takes one of {answers} actions; give a network of that "
                "task"
            )
        self.out = open_run(s, resume, source_sha256=file_sha256(s.source))
        with seeded(s.seed):
            self.net: Any = (
                Spikes(inputs + 1, *s.hidden, answers, ticks=s.ticks, order=s.order)
                if s.spiking
                else Rectifiers(inputs, *s.hidden, answers)
            )
        self.nets = {"net": self.net}
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=s.learning_rate, fused=True)
        self.done, self.block = 0, -1
        self.places = np.empty((0, 0), np.int64)
        self.losses: list[float] = []
        self.hits: list[float] = []
        if resume:
            counters, _ = checkpoint.load(self.out, self.nets, self.optimiser)
            self.done = counters.whole("iteration", 0, MOST)
        else:
            keep(self.net, self.out, INITIAL)
        self.states = played_states(source.decide, s.spec, s.seed, s.states)
        self.answers = source.decide(self.states)
        write_observations(self.states, self.out / STATES)

    def run(self, report: Report) -> Path:
        """Up to ``settings.batches``; the path of the network. Raises Diverged."""
        s, done = self.settings, self.done
        self.curve = Curve(self.out, COLUMNS, report)
        self.curve.keep(lambda row: row["iteration"].isdecimal() and int(row["iteration"]) <= done)
        x, y = torch.from_numpy(self.states), torch.from_numpy(self.answers)
        with one_thread():
            for iteration in range(done, s.batches):
                at = self.drawn(iteration)
                self.update(x[at], y[at])
                last = iteration + 1 == s.batches
                if (iteration + 1) % s.log_every == 0 or last:
                    self.log(iteration + 1)
                if (iteration + 1) % s.save_every == 0 or last:
                    counters = {"iteration": iteration + 1}
                    checkpoint.save(self.out, self.nets, self.optimiser, counters, {})
            with torch.inference_mode():
                hits = self.net(x[:MEASURED]).argmax(1) == y[:MEASURED]
        close_run(s, self.out, accuracy=float(hits.float().mean()))
        return keep(self.net, self.out, TRAINED)

    def drawn(self, iteration: int) -> torch.Tensor:
        """Places of an update's states: of a stream for each block of updates, so that a resumed run
        draws what an unbroken one does.
        """
        block, at = divmod(iteration, BLOCK)
        if block != self.block:
            rng = np.random.default_rng([self.settings.seed, block])
            size = (BLOCK, self.settings.batch)
            self.block, self.places = block, rng.integers(len(self.states), size=size)
        return torch.from_numpy(self.places[at])

    def update(self, states: torch.Tensor, answers: torch.Tensor) -> None:
        """One step of the optimiser."""
        scores = self.net(states)
        loss = F.cross_entropy(scores, answers)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.losses.append(float(loss.detach()))
        self.hits.append(float((scores.detach().argmax(1) == answers).float().mean()))

    def log(self, iteration: int) -> None:
        """A row of the curve. Raises Diverged where loss or weights are not finite."""
        s, loss = self.settings, float(np.mean(self.losses))
        try:
            check_finite(self.net, loss, f"{s.task}, update {iteration}")
        except Diverged as error:
            raise Diverged(
                f"{error}; begin again with a smaller --learning-rate (it was {s.learning_rate:g})"
            ) from error
        self.curve.add(iteration=iteration, loss=loss, accuracy=float(np.mean(self.hits)))
        self.losses.clear()
        self.hits.clear()


def train_one(settings: ClassifierSettings, resume: bool, report: Report) -> Path:
    """One run; the path of its network."""
    return Classifier(settings, resume).run(report)


def train(settings: ClassifierSettings, resume: bool, report: Report) -> tuple[Path, ...]:
    """Every run of the settings; the paths of the networks."""
    return train_all(train_one, settings, resume, report)
