"""Train a teacher: Double DQN from pixels on one CPU core.

    target = return_n + gamma^n  Q_target(s', argmax_a Q_online(s', a))     or return_n, if it ended
    loss   = mean of weight x huber(Q_online(s, a) - target)
    Q_ema  <- Q_ema + 0.001 (Q_online - Q_ema)  per update: it acts, and it is what is kept

Everything is counted in steps (one decision of one world), never in seconds, and every random
stream comes from one seed, so that a run can be repeated. Repeat the run of this project:

    python -m tnemu.learn.teacher krull --steps 400000 --seed 1 --out runs/teacher-krull
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.errors import TnemuError
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.episodes import play_episodes
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import net_player, save_player, state_arrays
from tnemu.learn.run.device import device_name, find_device, one_thread, seeded
from tnemu.learn.run.options import command, run_command
from tnemu.learn.run.runs import (
    Curve,
    CurveRow,
    Report,
    Watch,
    check_unused,
    plain,
    print_row,
    versions,
)
from tnemu.learn.run.trouble import Diverged, check_finite, check_room
from tnemu.learn.teachers.checkpoint import CHECKPOINT, Checkpoint, read_checkpoint, save_checkpoint
from tnemu.learn.teachers.replay import Replay
from tnemu.learn.teachers.settings import CHECK_SETTINGS, TeacherSettings, exploration, n_step
from tnemu.tasks.atari.spec import AtariSpec, read_spec, spec_for


@torch.no_grad()
def move_towards(follower: nn.Module, leader: nn.Module, rate: float) -> None:
    """follower <- follower + rate (leader - follower), parameter by parameter."""
    torch._foreach_lerp_(list(follower.parameters()), list(leader.parameters()), rate)


@torch.no_grad()
def double_dqn_target(
    returns: Tensor, bootstrap: Tensor, q_online_next: Tensor, q_target_next: Tensor
) -> Tensor:
    """The online net chooses the next action, the target net says what it is worth."""
    chosen = q_online_next.argmax(1, keepdim=True)
    return returns + bootstrap * q_target_next.gather(1, chosen).squeeze(1)


BEST = "best.safetensors"
COLUMNS = (
    *("steps", "updates", "train_return", "loss", "check_mean", "check_best"),
    *("steps_per_second", "epsilon", "n"),
)


class Trainer:
    """The whole state of a training run; ``run`` is the loop."""

    def __init__(self, settings: TeacherSettings, spec: AtariSpec):
        self.settings, self.spec, self.out = settings, spec, Path(settings.out)
        self.steps = self.updates = 0
        self.refilling = 0
        self.best_check = -math.inf
        self.checks: list[dict[str, Any]] = []
        self.commands = [{"from": 0, "command": command("tnemu.learn.teacher", settings)}]
        self.device = find_device(settings.device)
        with seeded(settings.seed):
            self.online, self.target, self.ema = (
                DuelNet(spec).to(self.device, memory_format=torch.channels_last) for _ in range(3)
            )
        self.nets = {"online": self.online, "target": self.target, "ema": self.ema}
        self.target.load_state_dict(self.online.state_dict())
        self.ema.load_state_dict(self.online.state_dict())
        self.optimiser = torch.optim.Adam(
            self.online.parameters(), lr=settings.learning_rate, eps=settings.adam_eps, fused=True
        )
        self._seed_worlds()

    def _seed_worlds(self) -> None:
        """All randomness after the network's start; a resumed run draws new streams, from the seed
        and the step.
        """
        s = self.settings
        seeds = np.random.SeedSequence([s.seed, self.steps]).generate_state(s.worlds + 2) >> 1
        self.worlds = [self.spec.start(int(seed)) for seed in seeds[: s.worlds]]
        self.rng = np.random.default_rng(int(seeds[-2]))
        self.replay = Replay(
            s.replay,
            s.worlds,
            self.spec.shape,
            s.n_first,
            s.gamma,
            s.replay_alpha,
            s.replay_beta,
            int(seeds[-1]),
        )
        self.observations = np.stack([world.reset() for world in self.worlds])
        self.hold_left, self.held = np.zeros(s.worlds, np.int64), np.zeros(s.worlds, np.int64)
        lengths = 1 / np.arange(1, s.hold_most + 1) ** 2
        self.hold_cumulative = np.cumsum(lengths / lengths.sum())
        self.screen_sum, self.screen_count = np.zeros(self.spec.shape[1:]), 0
        self.returns: list[float] = []
        """Scores of the last training episodes, unclipped."""
        self.losses: list[Tensor] = []

    def to_device(self, array: np.ndarray) -> Tensor:
        """The array as a tensor where the networks are."""
        return torch.from_numpy(array).to(self.device)

    def choose_actions(self, epsilon: float) -> np.ndarray:
        """The EMA's best actions; now and then a random one, held for a while."""
        s, rng = self.settings, self.rng
        start = (self.hold_left == 0) & (rng.random(s.worlds) < epsilon)
        if start.any():
            self.hold_left[start] = 1 + np.searchsorted(
                self.hold_cumulative, rng.random(int(start.sum())), side="right"
            ).clip(max=s.hold_most - 1)
            self.held[start] = rng.integers(len(self.spec.actions), size=int(start.sum()))
        random = self.hold_left > 0
        self.hold_left[random] -= 1
        if random.all():
            return self.held.copy()
        with torch.inference_mode():
            best = self.ema(self.to_device(self.observations)).argmax(1).cpu().numpy()
        return np.where(random, self.held, best)

    def play_step(self, epsilon: float) -> None:
        """One decision of every world, into the replay."""
        count, spec = len(self.worlds), self.spec
        before, actions = self.observations.copy(), self.choose_actions(epsilon)
        rewards, ends = np.zeros(count, np.float32), np.zeros(count, bool)
        for i, world in enumerate(self.worlds):
            lives = world.lives
            self.observations[i], reward, over = world.step(int(actions[i]))
            rewards[i] = np.sign(reward) if spec.reward_clip else reward
            ends[i] = over or (spec.life_loss_terminal and world.lives < lives)
            if over:
                self.returns = [*self.returns, world.episode_return][-20:]
                self.observations[i] = world.reset()
        self.replay.add(before, actions, rewards, ends)

    def freeze_background(self) -> None:
        """The mean screen of the first steps, from now on that of all three networks."""
        mean = torch.from_numpy(self.screen_sum / self.screen_count).float()
        for net in self.nets.values():
            net.background.copy_(mean)

    def update(self) -> Tensor:
        """One gradient step."""
        s = self.settings
        late = self.steps >= s.late_start
        self.optimiser.param_groups[0]["lr"] = s.late_learning_rate if late else s.learning_rate
        b = self.replay.draw(s.batch, n_step(s, self.updates))
        after = self.to_device(b.next_observations)
        with torch.inference_mode():
            q_online_next, q_target_next = self.online(after), self.target(after)
        target = double_dqn_target(
            self.to_device(b.returns), self.to_device(b.bootstrap), q_online_next, q_target_next
        )
        q = (
            self.online(self.to_device(b.observations))
            .gather(1, self.to_device(b.actions)[:, None])
            .squeeze(1)
        )
        loss = (F.huber_loss(q, target, reduction="none") * self.to_device(b.weights)).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.online.parameters(), s.gradient_clip)
        self.optimiser.step()
        self.replay.set_errors(b.index, (q.detach() - target).cpu().numpy())
        move_towards(self.target, self.online, s.target_rate)
        move_towards(self.ema, self.online, s.ema_rate)
        self.updates += 1
        return loss.detach()

    def run(self, report: Report = print_row) -> None:
        """Up to ``settings.steps``; checkpoints, checks and the best teacher lie in the out folder.

        Raises Diverged, and TnemuError for a disk without room.
        """
        self.curve = Curve(self.out, COLUMNS, report)
        if self.steps:
            self.curve.keep(self.is_behind)
        self.check_room()
        with one_thread():
            self._run()

    def is_behind(self, row: CurveRow) -> bool:
        """Whether a row of the curve is of what the checkpoint holds: not of what is done again."""
        if not row["steps"].isdecimal() or len(row["steps"]) > 18:
            return False
        steps, checked = int(row["steps"]), [check["steps"] for check in self.checks]
        return steps < self.steps or (
            steps == self.steps and (not row["check_mean"] or steps in checked)
        )

    def _run(self) -> None:
        s = self.settings
        if self.steps and not any(check["steps"] == self.steps for check in self.checks):
            self.check()  # the run was stopped between its checkpoint and the check of it
            self.save()
        since, began = self.steps, time.perf_counter()
        while self.steps < s.steps:
            self.play_step(exploration(s, self.steps))
            if self.refilling > 0:
                self.refilling -= s.worlds
                continue
            before, self.steps = self.steps, self.steps + s.worlds
            if before < s.learn_start:
                self.screen_sum += self.observations.sum((0, 1))
                self.screen_count += s.worlds * self.spec.stack
                if self.steps >= s.learn_start:
                    self.freeze_background()
                continue
            for _ in range(self.steps // s.steps_per_update - before // s.steps_per_update):
                self.losses.append(self.update())
            check = crosses(before, self.steps, s.check_every) or self.steps >= s.steps
            if crosses(before, self.steps, s.log_every) or check:
                rate = (self.steps - since) / (time.perf_counter() - began)
                self.log_progress(rate)
                if check:
                    self.save()  # first: what stops the check loses no teacher that was not checked
                    self.check()
                    self.save()
                since, began = self.steps, time.perf_counter()

    def log_progress(self, steps_per_second: float) -> None:
        """A row of the curve. Raises Diverged where loss or weights are not finite."""
        loss = float(torch.stack(self.losses).mean()) if self.losses else 0.0
        self.losses.clear()
        try:
            for net in (self.online, self.ema):
                check_finite(net, loss, f"{self.spec.game}, step {self.steps}")
        except Diverged as error:
            raise Diverged(f"{error}; {self.how_to_go_on()}") from error
        self.curve.add(
            steps=self.steps,
            updates=self.updates,
            train_return=float(np.mean(self.returns)) if self.returns else math.nan,
            loss=loss,
            epsilon=exploration(self.settings, self.steps),
            n=n_step(self.settings, self.updates),
            steps_per_second=steps_per_second,
        )

    def how_to_go_on(self) -> str:
        """What is kept of a run that diverged, and how to go on."""
        s, kept = self.settings, self.out / CHECKPOINT
        late = self.steps >= s.late_start
        option, rate = "late-" if late else "", s.late_learning_rate if late else s.learning_rate
        return (
            f"the last good checkpoint is {kept}; go on with --resume and"
            if kept.exists()
            else "there is no checkpoint yet; begin again with"
        ) + f" a smaller --{option}learning-rate (it was {rate:g})"

    def check_room(self) -> None:
        """For two checkpoints, as one is replaced by another that is written beside it, and the best
        teacher. A checkpoint is five times the network: three of them and Adam's two moments.
        """
        one = sum(array.nbytes for array in state_arrays(self.ema).values())
        begun = (self.out / CHECKPOINT).exists()
        again = "go on with --resume" if begun else "begin again (there is nothing to --resume yet)"
        check_room(self.out, 11 * one, again)

    def check(self) -> None:
        """Play the selection seeds with the EMA; keep it if it is the best so far."""
        s, counts = self.settings, {"steps": self.steps, "updates": self.updates}
        seeds = range(s.check_seed, s.check_seed + s.check_episodes)
        episodes = play_episodes(net_player(self.ema), self.spec, seeds, s.check_epsilon)
        scores = [e.score for e in episodes]
        mean = float(np.mean(scores))
        self.checks.append({**counts, "seeds": [seeds[0], seeds[-1]], "scores": scores})
        if mean > self.best_check:
            self.best_check = mean
            facts = {"settings": asdict(s), "seed": s.seed, "versions": versions(), **counts}
            facts |= {"device": device_name(self.device), "commands": self.commands}
            path = self.out / BEST
            save_player(path, self.ema, TEACHER, self.spec, check=self.checks[-1], **facts)
        self.curve.add(**counts, check_mean=mean, check_best=self.best_check)

    def save(self) -> None:
        """The checkpoint: networks, optimiser, counters."""
        self.check_room()
        save_checkpoint(
            self.out, self.settings, self.spec, self.nets, self.optimiser, self.counters()
        )

    def counters(self) -> Checkpoint:
        """How far the run is."""
        best = None if math.isinf(self.best_check) else self.best_check
        return Checkpoint(
            self.settings, self.steps, self.updates, best, list(self.checks), list(self.commands)
        )

    def resume(self) -> None:
        """Go on from the checkpoint in the out folder; the replay is refilled before learning.

        Raises TrainingError where there is none to go on from, FormatError for a damaged one.
        """
        s = self.settings
        found = read_checkpoint(self.out, self.spec, self.nets, self.optimiser)
        before = found.settings
        self.steps, self.updates = found.steps, found.updates
        self.best_check = -math.inf if found.best_check is None else found.best_check
        self.checks = found.checks
        first = {"from": 0, "command": command("tnemu.learn.teacher", before)}
        now = f"{command('tnemu.learn.teacher', s)} --resume"
        self.commands = [*(found.commands or [first]), {"from": self.steps, "command": now}]
        if any(getattr(before, name) != getattr(s, name) for name in CHECK_SETTINGS):
            self.best_check = -math.inf  # scores of other checks do not compare
        self._seed_worlds()
        self.refilling = s.refill


def crosses(before: int, now: int, every: int) -> bool:
    """Whether a multiple of ``every`` lies in before + 1 .. now."""
    return before // every < now // every


def chosen_spec(settings: TeacherSettings) -> AtariSpec:
    """The spec to train under: the project's own of the game, or that of --spec."""
    if not settings.spec:
        return spec_for(settings.game)
    spec = read_spec(settings.spec)
    if spec.game != settings.game:
        raise TnemuError(
            f"the spec {settings.spec} is of {spec.game!r}, not {settings.game!r}; name its game or "
            "give another file"
        )
    return spec


def train_teacher(
    settings: TeacherSettings, resume: bool = False, report: Report = print_row
) -> Path:
    """Train, and return the path of the best teacher."""
    if not resume:
        check_unused(Path(settings.out), BEST, CHECKPOINT)
    trainer = Trainer(settings, chosen_spec(settings))
    if resume:
        trainer.resume()
    trainer.run(report)
    return trainer.out / BEST


def main(argv: list[str] | None = None, watch: Watch = plain, name: str | None = None) -> int:
    """The command ``python -m tnemu.learn.teacher``; its exit status."""
    return run_command(
        "Train a Double DQN teacher.", TeacherSettings, train_teacher, argv, watch, name
    )


if __name__ == "__main__":
    sys.exit(main())
