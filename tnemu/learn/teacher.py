"""Train a teacher: Double DQN from pixels on one CPU core.

    target = return_n + gamma^n  Q_target(s', argmax_a Q_online(s', a))     or return_n, if it ended
    loss   = mean of weight x huber(Q_online(s, a) - target)
    Q_ema  <- Q_ema + 0.001 (Q_online - Q_ema)  per update: it acts, and it is what is kept

Everything is counted in steps (one decision of one world), never in seconds, and every random
stream comes from one seed, so that a run can be repeated. Repeat the run of this project:

    python -m tnemu.learn.teacher krull --steps 400000 --seed 1 --out runs/teacher-krull
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import platform
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

import tnemu
from tnemu.atari.spec import AtariSpec, spec_for
from tnemu.atari.world import AtariWorld
from tnemu.hardware.errors import TnemuError
from tnemu.learn.evaluate import play_episodes
from tnemu.learn.network import DuelNet
from tnemu.learn.replay import Batch, Replay


@dataclass(frozen=True)
class TeacherSettings:
    game: str
    out: str
    """Folder for checkpoint, curve and the best teacher."""
    steps: int = 400_000
    seed: int = 1
    worlds: int = 8
    """Consoles stepped together."""
    learn_start: int = 5_000
    """Steps before the first update; the background is the mean screen of these."""
    steps_per_update: int = 16
    batch: int = 32
    learning_rate: float = 4e-4
    late_learning_rate: float = 4e-4
    """From step ``late_start`` on."""
    late_start: int = 1_000_000
    adam_eps: float = 1e-5
    gradient_clip: float = 10.0
    gamma: float = 0.995
    """Per decision."""
    n_first: int = 20
    n_last: int = 6
    n_updates: int = 40_000
    """n goes from n_first to n_last exponentially over this many updates."""
    replay: int = 300_000
    replay_alpha: float = 0.5
    replay_beta: float = 0.4
    refill: int = 20_000
    """Steps played without learning after a resume (the replay is not stored)."""
    target_rate: float = 0.01
    """Polyak, per update."""
    ema_rate: float = 0.001
    """Per update."""
    epsilon_last: float = 0.02
    epsilon_steps: int = 160_000
    hold_most: int = 24
    """A random action is held d decisions, 1 <= d <= hold_most, with probability proportional to 1
    / d^2.
    """
    check_every: int = 40_000
    """Steps between two checks of the EMA on the selection seeds; the best one is kept."""
    check_episodes: int = 5
    check_seed: int = 9_000
    """First selection seed. Never report these scores as the result: they chose the teacher."""
    check_epsilon: float = 0.01
    log_every: int = 10_000


def n_step(settings: TeacherSettings, updates: int) -> int:
    part = min(1.0, updates / settings.n_updates)
    return round(settings.n_first * (settings.n_last / settings.n_first) ** part)


def exploration(settings: TeacherSettings, steps: int) -> float:
    part = min(1.0, steps / settings.epsilon_steps)
    return 1 + part * (settings.epsilon_last - 1)


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


class TrainingError(TnemuError, RuntimeError):
    """Training cannot go on; the message names the last good checkpoint."""


class Trainer:
    """The whole state of a training run; ``run`` is the loop."""

    def __init__(self, settings: TeacherSettings, spec: AtariSpec):
        self.settings, self.spec, self.out = settings, spec, Path(settings.out)
        self.steps = self.updates = 0
        self.refilling = 0
        self.best_check = -math.inf
        self.checks: list[dict] = []
        torch.set_num_threads(1)
        torch.manual_seed(settings.seed)
        self.online, self.target, self.ema = (
            DuelNet(spec.shape, len(spec.actions)).to(memory_format=torch.channels_last)
            for _ in range(3)
        )
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
        self.worlds = [AtariWorld(self.spec, int(seed)) for seed in seeds[: s.worlds]]
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
            best = self.ema(torch.from_numpy(self.observations)).argmax(1).numpy()
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
        mean = torch.from_numpy(self.screen_sum / self.screen_count).float()
        for net in (self.online, self.target, self.ema):
            net.background.copy_(mean)

    def update(self) -> Tensor:
        """One gradient step."""
        s = self.settings
        late = self.steps >= s.late_start
        self.optimiser.param_groups[0]["lr"] = s.late_learning_rate if late else s.learning_rate
        b: Batch = self.replay.draw(s.batch, n_step(s, self.updates))
        after = torch.from_numpy(b.next_observations)
        with torch.inference_mode():
            q_online_next, q_target_next = self.online(after), self.target(after)
        target = double_dqn_target(
            torch.from_numpy(b.returns), torch.from_numpy(b.bootstrap), q_online_next, q_target_next
        )
        q = (
            self.online(torch.from_numpy(b.observations))
            .gather(1, torch.from_numpy(b.actions)[:, None])
            .squeeze(1)
        )
        loss = (F.huber_loss(q, target, reduction="none") * torch.from_numpy(b.weights)).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.online.parameters(), s.gradient_clip)
        self.optimiser.step()
        self.replay.set_errors(b.index, (q.detach() - target).numpy())
        move_towards(self.target, self.online, s.target_rate)
        move_towards(self.ema, self.online, s.ema_rate)
        self.updates += 1
        return loss.detach()

    def run(self) -> None:
        s = self.settings
        log = Log(self.out)
        self.out.mkdir(parents=True, exist_ok=True)
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
            if crosses(before, self.steps, s.log_every):
                loss = float(torch.stack(self.losses).mean()) if self.losses else 0.0
                self.losses.clear()
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"{s.game}: the loss is {loss} at step {self.steps}; the last good "
                        f"checkpoint is {self.out / 'checkpoint.safetensors'}: "
                        "resume it with a smaller learning rate"
                    )
                rate = (self.steps - since) / (time.perf_counter() - began)
                since, began = self.steps, time.perf_counter()
                mean = float(np.mean(self.returns)) if self.returns else math.nan
                log.row(self, train_return=mean, loss=loss, steps_per_second=rate)
            if crosses(before, self.steps, s.check_every) or self.steps >= s.steps:
                self.check(log)
                self.save()

    def check(self, log: Log) -> None:
        s = self.settings
        seeds = range(s.check_seed, s.check_seed + s.check_episodes)
        scores = [
            e.score for e in play_episodes(q_values(self.ema), self.spec, seeds, s.check_epsilon)
        ]
        mean = float(np.mean(scores))
        self.checks.append(
            {
                "steps": self.steps,
                "updates": self.updates,
                "seeds": [seeds[0], seeds[-1]],
                "scores": scores,
            }
        )
        if mean > self.best_check:
            self.best_check = mean
            save_teacher(
                self.out / "best.safetensors",
                self.ema,
                self.spec,
                s,
                self.steps,
                self.updates,
                self.checks[-1],
            )
        log.row(self, check_mean=mean, check_best=self.best_check)

    def save(self) -> None:
        """The checkpoint: networks, optimiser, counters. Written beside and renamed, so it is
        always whole.
        """
        tensors = {
            f"{n}.{k}": v
            for n in ("online", "target", "ema")
            for k, v in getattr(self, n).state_dict().items()
        }
        for i, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{i}.{k}": v for k, v in state.items()}
        counters = {
            "steps": self.steps,
            "updates": self.updates,
            "best_check": self.best_check,
            "checks": self.checks,
        }
        metadata = {
            "settings": json.dumps(asdict(self.settings)),
            "spec": self.spec.to_json(),
            "counters": json.dumps(counters),
        }
        path = self.out / "checkpoint.safetensors"
        save_file(
            {k: v.contiguous() for k, v in tensors.items()}, path.with_suffix(".new"), metadata
        )
        path.with_suffix(".new").replace(path)

    def resume(self) -> None:
        """Go on from the checkpoint in the out folder."""
        path = self.out / "checkpoint.safetensors"
        if not path.is_file():
            raise FileNotFoundError(
                f"no checkpoint to resume at {path}; run without --resume first"
            )
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        stored = AtariSpec.from_json(metadata["spec"])
        if stored != self.spec:
            raise ValueError(
                f"{path} was trained on another spec ({stored.to_json()}); choose another "
                "--out or the same spec"
            )
        tensors = load_file(path)
        for name in ("online", "target", "ema"):
            part = {
                k.removeprefix(name + "."): v
                for k, v in tensors.items()
                if k.startswith(name + ".")
            }
            getattr(self, name).load_state_dict(part)
        state: dict[int, dict] = {}
        for key, value in tensors.items():
            if key.startswith("adam."):
                _, i, name = key.split(".")
                state.setdefault(int(i), {})[name] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
        counters = json.loads(metadata["counters"])
        self.steps, self.updates, self.best_check, self.checks = (
            counters[k] for k in ("steps", "updates", "best_check", "checks")
        )
        before = json.loads(metadata["settings"])
        if any(
            before[name] != getattr(self.settings, name)
            for name in ("check_episodes", "check_seed", "check_epsilon")
        ):
            self.best_check = -math.inf  # scores of other checks do not compare
        self._seed_worlds()
        self.refilling = self.settings.refill


def crosses(before: int, now: int, every: int) -> bool:
    return before // every < now // every


class Log:
    """curve.csv, and a line per row on stdout."""

    columns = (
        "steps",
        "updates",
        "train_return",
        "loss",
        "check_mean",
        "check_best",
        "steps_per_second",
        "epsilon",
        "n",
    )

    def __init__(self, out: Path):
        out.mkdir(parents=True, exist_ok=True)
        self.path = out / "curve.csv"

    def row(self, trainer: Trainer, **values: float) -> None:
        s = trainer.settings
        values |= {"epsilon": exploration(s, trainer.steps), "n": n_step(s, trainer.updates)}
        row = {"steps": trainer.steps, "updates": trainer.updates} | {
            k: f"{v:.5g}" for k, v in values.items()
        }
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            if new:
                writer.writeheader()
            writer.writerow(row)
        print(" ".join(f"{k} {v}" for k, v in row.items()), flush=True)


def q_values(net: nn.Module):
    """A player for play_episodes."""

    def player(observations: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net(torch.from_numpy(observations)).numpy()

    return player


def versions() -> dict[str, str]:
    import ale_py

    return {
        "tnemu": tnemu.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "ale_py": ale_py.__version__,
    }


def save_teacher(
    path: Path,
    net: nn.Module,
    spec: AtariSpec,
    settings: TeacherSettings,
    steps: int,
    updates: int,
    check: dict,
) -> None:
    """The weights alone, with everything needed to know where they come from."""
    metadata = {
        "format": "tnemu teacher 1",
        "spec": spec.to_json(),
        "spec_sha256": spec.sha256,
        "settings": json.dumps(asdict(settings)),
        "steps": str(steps),
        "updates": str(updates),
        "seed": str(settings.seed),
        "versions": json.dumps(versions()),
        "check": json.dumps(check),
    }
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, path, metadata)


def load_teacher(path: str | Path) -> DuelNet:
    """The teacher as a module: Q-values for uint8[batch, stack, rows, columns]. Its spec is
    ``net.spec``.
    """
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("format") != "tnemu teacher 1":
        raise ValueError(
            f"{path}: format is {metadata.get('format')!r}, needs 'tnemu teacher 1'; write it "
            "with tnemu.learn.teacher"
        )
    spec = AtariSpec.from_json(metadata["spec"])
    net = DuelNet(spec.shape, len(spec.actions))
    net.load_state_dict(load_file(path))
    net.spec, net.metadata = spec, metadata
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def train_teacher(settings: TeacherSettings, resume: bool = False) -> Path:
    """Train, and return the path of the best teacher."""
    trainer = Trainer(settings, spec_for(settings.game))
    if resume:
        trainer.resume()
    trainer.run()
    return trainer.out / "best.safetensors"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Train a Double DQN teacher.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("game")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    for f in fields(TeacherSettings):
        if f.name != "game":
            kind = {"int": int, "float": float, "str": str}[f.type]
            parser.add_argument(
                "--" + f.name.replace("_", "-"),
                type=kind,
                default=f.default,
                required=f.name == "out",
            )
    values = vars(parser.parse_args(argv))
    resume = values.pop("resume")
    try:
        print(train_teacher(TeacherSettings(**values), resume))
    except (TnemuError, ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
