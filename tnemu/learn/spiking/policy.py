"""A policy by its gradient, one update an episode: REINFORCE, and an actor with a critic.

    p(a | s)      = softmax(scores(s))
    R[t]          = r[t] + gamma R[t + 1]
    reinforce     A = R
    actor-critic  A[t] = R[t] - V(s[t]);     of an episode that was cut, R[end] = V(s[end])
    loss          = - sum of A'[t] log p(a[t] | s[t]) - entropy H(p)     + mean of (R[t] - V(s[t]))^2 / 2

with A' = A less its mean over the episode, over its standard deviation. V, the critic, is a network of
its own, of the same size. A run ends where the task is solved: where the mean return over 100 episodes
is what the task asks for. Source: Williams, 1992 (as Hahn 2020, section 4.5); Sutton et al., 1999.

    tnemu learn policy cartpole --method actor-critic --out runs/policy
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tnemu.learn.run.device import one_thread, seeded
from tnemu.learn.run.runs import Curve, Report
from tnemu.learn.run.trouble import Diverged, check_finite
from tnemu.learn.spiking import checkpoint
from tnemu.learn.spiking.nets import Rectifiers
from tnemu.learn.spiking.run import (
    BEST,
    INITIAL,
    LAST,
    TRAINED,
    Progress,
    close_run,
    keep,
    open_run,
    train_all,
)
from tnemu.learn.spiking.settings import PolicySettings
from tnemu.tasks.control.physics import REWARDS

COLUMNS = ("episode", "train_return", "average", "best_average", "loss")


class PolicyGradient:
    """The whole state of a run; ``run`` is the loop."""

    def __init__(self, settings: PolicySettings, resume: bool) -> None:
        s = self.settings = settings
        self.spec, self.out = s.spec, open_run(s, resume)
        inputs, answers = self.spec.shape[0], len(self.spec.actions)
        with seeded(s.seed):
            self.actor = Rectifiers(inputs, *s.hidden, answers)
            self.critic = Rectifiers(inputs, *s.hidden, 1)
        self.nets = {"actor": self.actor, "critic": self.critic}
        parameters = [*self.actor.parameters()]
        if s.method == "actor-critic":
            parameters += self.critic.parameters()
        self.optimiser = torch.optim.Adam(parameters, lr=s.learning_rate)
        self.progress = Progress(s.task, hold=1)
        self.losses: list[float] = []
        if resume:
            counters, _ = checkpoint.load(self.out, self.nets, self.optimiser)
            self.progress.restore(counters)
        else:
            keep(self.actor, self.out, INITIAL)

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
                if self.progress.solved_episode:
                    break
                # an episode's own stream, so that a resumed run draws what an unbroken one does
                self.learn(*self.episode(world, np.random.default_rng([s.seed, episode])))
                self.after(episode + 1, world.episode_decisions)
        keep(self.actor, self.out, LAST)
        close_run(s, self.out, **self.progress.result())
        best = self.out / BEST
        return best if best.exists() else self.out / LAST

    def episode(
        self, world: Any, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        """Play one: states [n + 1, in], actions int [n], rewards [n], and whether it was cut."""
        states, actions, rewards = [world.reset()], [], []
        over = False
        while not over:
            with torch.inference_mode():
                scores = self.actor(torch.from_numpy(states[-1][None]))[0].double()
                chances = torch.softmax(scores, 0).numpy()
            action = min(int((np.cumsum(chances) < rng.random()).sum()), len(chances) - 1)
            state, reward, over = world.step(action)
            states.append(state)
            actions.append(action)
            rewards.append(reward)
        return np.stack(states), np.array(actions), np.array(rewards, np.float32), world.truncated

    def learn(
        self, states: np.ndarray, actions: np.ndarray, rewards: np.ndarray, cut: bool
    ) -> None:
        """One step of the optimiser from an episode."""
        s = self.settings
        x = torch.from_numpy(states)
        logs = F.log_softmax(self.actor(x[:-1]), 1)
        chosen = logs.gather(1, torch.from_numpy(actions)[:, None]).squeeze(1)
        critic_loss: Tensor | float = 0.0
        if s.method == "reinforce":
            advantages = discounted(rewards, s.gamma)
        else:
            values = self.critic(x).squeeze(1)
            known = values.detach().numpy()
            returns = discounted(rewards, s.gamma, float(known[-1]) if cut else 0.0)
            critic_loss = F.mse_loss(values[:-1], torch.from_numpy(returns)) / 2
            advantages = returns - known[:-1]
        gain = (chosen * torch.from_numpy(standardised(advantages))).sum()
        entropy = -(logs.exp() * logs).sum(1).mean()
        loss = critic_loss - gain - s.entropy * entropy
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.losses.append(float(loss.detach()))

    def after(self, episode: int, decisions: int) -> None:
        """Count an episode, keep what is worth it, and write the curve and the checkpoint."""
        s, progress = self.settings, self.progress
        best, solved = progress.add(REWARDS[s.task] * decisions)
        if best:
            keep(self.actor, self.out, BEST)
        if solved:
            keep(self.actor, self.out, TRAINED)
        last = solved or episode == s.episodes
        if episode % s.log_every == 0 or last:
            self.log(episode)
        if episode % s.save_every == 0 or last:
            checkpoint.save(self.out, self.nets, self.optimiser, progress.counters(), {})

    def log(self, episode: int) -> None:
        """A row of the curve. Raises Diverged where loss or weights are not finite."""
        s, progress = self.settings, self.progress
        loss = float(np.mean(self.losses))
        self.losses.clear()
        try:
            check_finite(self.actor, loss, f"{s.task}, episode {episode}")
        except Diverged as error:
            raise Diverged(
                f"{error}; begin again with a smaller --learning-rate (it was {s.learning_rate:g})"
            ) from error
        self.curve.add(
            episode=episode,
            train_return=float(np.mean(progress.returns[-s.log_every :])),
            average=math.nan if progress.average is None else progress.average,
            best_average=math.nan if progress.best_average is None else progress.best_average,
            loss=loss,
        )


def discounted(values: np.ndarray, gamma: float, later: float = 0.0) -> np.ndarray:
    """R[t] = values[t] + gamma R[t + 1], float32 [n]; ``later`` is R after the last."""
    sums = np.empty(len(values), np.float32)
    for t in range(len(values) - 1, -1, -1):
        later = float(values[t]) + gamma * later
        sums[t] = later
    return sums


def standardised(values: np.ndarray) -> np.ndarray:
    """(values - mean) / standard deviation."""
    return (values - values.mean()) / (values.std() + np.finfo(np.float32).eps)


def train_one(settings: PolicySettings, resume: bool, report: Report) -> Path:
    """One run; the path of its best network."""
    return PolicyGradient(settings, resume).run(report)


def train(settings: PolicySettings, resume: bool, report: Report) -> tuple[Path, ...]:
    """Every run of the settings; the paths of the best networks."""
    return train_all(train_one, settings, resume, report)
