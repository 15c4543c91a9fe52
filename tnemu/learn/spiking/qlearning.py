"""Q-learning on CartPole and MountainCar, for networks of rectifiers (DQN) and of spikes (DSQN).

    target = r + gamma Q_target(s', argmax_a Q_online(s', a))     or r, where the episode ended by itself
    loss   = mean of (Q_online(s, a) - target)^2, every element of the gradient cut to -1..1

One update a decision, as soon as there is a batch; the target network is a copy that is made every few
episodes, the first one included. The last transition of an episode that was cut is not learnt from.
Source: Hahn 2020, section 4.2, and its code; double: van Hasselt et al., 2016.

    tnemu learn dqn cartpole --preset A --seed 1 --out runs/dqn
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tnemu.learn.run.device import one_thread, seeded
from tnemu.learn.run.runs import Curve, Report
from tnemu.learn.run.trouble import Diverged, check_finite
from tnemu.learn.spiking import checkpoint
from tnemu.learn.spiking.nets import Rectifiers, Spikes
from tnemu.learn.spiking.replay import Transitions
from tnemu.learn.spiking.run import (
    BEST,
    INITIAL,
    LAST,
    MOST,
    TRAINED,
    Progress,
    close_run,
    keep,
    open_run,
    train_all,
)
from tnemu.learn.spiking.settings import DqnSettings, DsqnSettings
from tnemu.tasks.control.physics import REWARDS

COLUMNS = ("episode", "steps", "train_return", "average", "best_average", "loss", "epsilon")


def make_net(settings: DqnSettings) -> Any:
    """A new network for the task, of rectifiers or of spikes; torch's own stream draws its weights."""
    spec, hidden = settings.spec, settings.hidden
    inputs, answers = spec.shape[0], len(spec.actions)
    if isinstance(settings, DsqnSettings):
        return Spikes(inputs + 1, *hidden, answers, ticks=settings.ticks, order=settings.order)
    return Rectifiers(inputs, *hidden, answers)


class QLearning:
    """The whole state of a run; ``run`` is the loop."""

    def __init__(self, settings: DqnSettings, resume: bool) -> None:
        self.settings, self.spec = settings, settings.spec
        self.out = open_run(settings, resume)
        with seeded(settings.seed):
            self.online, self.target = make_net(settings), make_net(settings)
        self.target.load_state_dict(self.online.state_dict())
        self.nets = {"online": self.online, "target": self.target}
        self.optimiser = torch.optim.Adam(
            self.online.parameters(), lr=settings.learning_rate, fused=True
        )
        self.replay = Transitions(settings.replay, self.spec.shape[0])
        self.progress = Progress(settings.task)
        self.steps = 0
        self.losses: list[float] = []
        if resume:
            counters, arrays = checkpoint.load(self.out, self.nets, self.optimiser)
            self.progress.restore(counters)
            self.steps = counters.whole("steps", 0, MOST)
            self.replay.restore(arrays, counters.whole("added", 0, MOST), self.out)
        else:
            keep(self.online, self.out, INITIAL)

    def run(self, report: Report) -> Path:
        """Up to ``settings.episodes``; the path of the best network. Raises Diverged."""
        s = self.settings
        done = len(self.progress.returns)
        self.curve = Curve(self.out, COLUMNS, report)
        self.curve.keep(lambda row: row["episode"].isdecimal() and int(row["episode"]) <= done)
        world = self.spec.start(s.seed)
        for _ in range(done):
            world.reset()
        with one_thread():
            for episode in range(done, s.episodes):
                # an episode's own stream, so that a resumed run draws what an unbroken one does
                self.episode(world, np.random.default_rng([s.seed, episode]))
                if episode % s.target_episodes == 0:
                    self.target.load_state_dict(self.online.state_dict())
                self.after(episode + 1, world.episode_decisions)
        keep(self.online, self.out, LAST)
        close_run(s, self.out, **self.progress.result())
        best = self.out / BEST
        return best if best.exists() else self.out / LAST

    def episode(self, world: Any, rng: np.random.Generator) -> None:
        """Play one, learning after every decision."""
        s = self.settings
        state, over = world.reset(), False
        while not over:
            action = self.choose(state, rng)
            following, reward, over = world.step(action)
            self.steps += 1
            if world.episode_decisions < self.spec.steps:
                self.replay.add(state, action, reward, following, over)
            state = following
            if len(self.replay) >= s.batch:
                self.losses.append(self.update(rng))

    def choose(self, state: np.ndarray, rng: np.random.Generator) -> int:
        """The best action, or a random one with probability epsilon."""
        if rng.random() <= self.epsilon:
            return int(rng.integers(len(self.spec.actions)))
        with torch.inference_mode():
            return int(self.online(torch.from_numpy(state[None])).argmax())

    @property
    def epsilon(self) -> float:
        """max(epsilon_last, epsilon_decay ^ decisions so far)."""
        s = self.settings
        return max(s.epsilon_last, s.epsilon_decay**self.steps)

    def update(self, rng: np.random.Generator) -> float:
        """One step of the optimiser; the loss before it."""
        s = self.settings
        b = self.replay.draw(s.batch, rng)
        with torch.inference_mode():
            values = self.target(b.following)
            chosen = (self.online(b.following) if s.double else values).argmax(1, keepdim=True)
            wanted = b.rewards + s.gamma * b.goes_on * values.gather(1, chosen).squeeze(1)
        q = self.online(b.states).gather(1, b.actions[:, None]).squeeze(1)
        loss = F.mse_loss(q, wanted.clone())
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(self.online.parameters(), s.gradient_clip)
        self.optimiser.step()
        return float(loss.detach())

    def after(self, episode: int, decisions: int) -> None:
        """Count an episode, keep what is worth it, and write the curve and the checkpoint."""
        s, progress = self.settings, self.progress
        best, solved = progress.add(REWARDS[s.task] * decisions)
        if best:
            keep(self.online, self.out, BEST)
        if solved:
            keep(self.online, self.out, TRAINED)
        last = episode == s.episodes
        if episode % s.log_every == 0 or last:
            self.log(episode)
        if episode % s.save_every == 0 or last:
            counters = {"steps": self.steps, "added": self.replay.added, **progress.counters()}
            checkpoint.save(self.out, self.nets, self.optimiser, counters, self.replay.filled())

    def log(self, episode: int) -> None:
        """A row of the curve. Raises Diverged where loss or weights are not finite."""
        s, progress = self.settings, self.progress
        loss = float(np.mean(self.losses)) if self.losses else 0.0
        self.losses.clear()
        try:
            check_finite(self.online, loss, f"{s.task}, episode {episode}")
        except Diverged as error:
            raise Diverged(
                f"{error}; begin again with a smaller --learning-rate (it was {s.learning_rate:g})"
            ) from error
        self.curve.add(
            episode=episode,
            steps=self.steps,
            train_return=float(np.mean(progress.returns[-s.log_every :])),
            average=math.nan if progress.average is None else progress.average,
            best_average=math.nan if progress.best_average is None else progress.best_average,
            loss=loss,
            epsilon=self.epsilon,
        )


def train_one(settings: DqnSettings, resume: bool, report: Report) -> Path:
    """One run; the path of its best network."""
    return QLearning(settings, resume).run(report)


def train(settings: DqnSettings, resume: bool, report: Report) -> tuple[Path, ...]:
    """Every run of the settings; the paths of the best networks."""
    return train_all(train_one, settings, resume, report)
