"""Teach a student what a teacher would do: distillation, with rounds in which the student plays and
the teacher corrects.

    loss = KL( softmax(Q / tau)  ||  softmax(logit) )
    tau    such that the mean over states of the largest label probability is 0.8

Stage 0 learns from states the teacher visits. Before each later stage the folded student plays and
the states it visits, labelled by the teacher, are added (DAgger). Every stage is one cosine of the
learning rate down to 1 %, then exact recalibration and folding. The float control learns last, from
all these states. Everything is counted in iterations, and every random stream comes from one seed.
Repeat the run of this project:

    python -m tnemu.learn.distil krull --teacher tnemu/zoo/teachers/krull.safetensors \\
        --out runs/student-krull
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import json
import math
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from tnemu.atari.spec import AtariSpec
from tnemu.atari.world import AtariWorld
from tnemu.formats.weights import WeightFile
from tnemu.hardware.errors import TnemuError
from tnemu.learn.evaluate import Player, play_episodes
from tnemu.learn.fold import fold
from tnemu.learn.student import Student
from tnemu.learn.teacher import load_teacher, q_values, versions


@dataclass(frozen=True)
class DistilSettings:
    game: str
    teacher: str
    """Teacher file."""
    out: str
    """Folder for data, checkpoints, curve and folded students."""
    seed: int = 0
    states: int = 40_000
    """States the teacher visits."""
    dagger_rounds: int = 2
    dagger_states: int = 14_000
    """States the student visits, per round."""
    keep_every: int = 2
    """Decisions per kept state: neighbours in time are nearly the same."""
    worlds: int = 8
    hold_out: int = 16
    """The last 1 / hold_out of each round's states is for validation."""
    label_peak: float = 0.8
    """tau makes the mean of the largest label probability this."""
    batch: int = 64
    iterations: int = 4_000
    """Per stage."""
    learning_rate: float = 2e-2
    """Of stage 0; beta and log_scale get half."""
    later_learning_rate: float = 1e-2
    calibration: int = 3_000
    """States for the exact means and variances."""
    control_iterations: int = 6_000
    """Of the float control; 0: none."""
    control_learning_rate: float = 2e-3
    check_every: int = 1_000
    check_episodes: int = 10
    check_seed: int = 9_000
    """First selection seed; these scores choose among stages and are not the result."""
    log_every: int = 200


EPSILONS = (0.01, 0.05, 0.1, 0.2)
"""Shares of random actions while collecting, dealt to the worlds in turn."""


class States:
    """Observations and the teacher's Q-values for them; one collection round, or several joined."""

    def __init__(self, screens: np.ndarray, q: np.ndarray):
        self.screens, self.q = torch.from_numpy(screens), torch.from_numpy(q)

    def __len__(self) -> int:
        return len(self.screens)

    @staticmethod
    def join(rounds: list[States]) -> States:
        return States(
            np.concatenate([r.screens.numpy() for r in rounds]),
            np.concatenate([r.q.numpy() for r in rounds]),
        )

    def split(self, hold_out: int) -> tuple[States, States]:
        """For training, for validation: the last 1 / hold_out in time."""
        cut = len(self) - len(self) // hold_out
        screens, q = self.screens.numpy(), self.q.numpy()
        return States(screens[:cut], q[:cut]), States(screens[cut:], q[cut:])


def collect(
    player: Player,
    teacher: Player,
    spec: AtariSpec,
    states: int,
    keep_every: int,
    worlds: int,
    seed: int,
) -> States:
    """States that ``player`` visits (with some random actions), labelled by ``teacher``; in order
    of time.
    """
    seeds = np.random.SeedSequence(seed).generate_state(worlds + 1) >> 1
    consoles = [AtariWorld(spec, int(s)) for s in seeds[:-1]]
    rng = np.random.default_rng(int(seeds[-1]))
    epsilons = np.array([EPSILONS[i % len(EPSILONS)] for i in range(worlds)])
    now, kept = np.stack([world.reset() for world in consoles]), []
    for decision in range(-(-states // worlds) * keep_every):
        if decision % keep_every == 0:
            kept.append(now.copy())
        actions = np.asarray(player(now)).argmax(1)
        other = rng.integers(len(spec.actions), size=worlds)
        actions = np.where(rng.random(worlds) < epsilons, other, actions)
        for i, world in enumerate(consoles):
            now[i], _, over = world.step(int(actions[i]))
            if over:
                now[i] = world.reset()
    screens = np.concatenate(kept)[:states]
    return States(
        screens,
        np.concatenate([teacher(screens[i : i + 500]) for i in range(0, states, 500)]).astype(
            np.float32
        ),
    )


def label_temperature(q: Tensor, peak: float) -> float:
    """tau for which the mean over states of max_a softmax(q / tau) is ``peak``."""
    low, high = 1e-6, 1e3
    for _ in range(60):
        tau = math.sqrt(low * high)
        if float((q / tau).softmax(1).amax(1).mean()) > peak:
            low = tau
        else:
            high = tau
    return tau


def kl(labels: Tensor, logits: Tensor) -> Tensor:
    return F.kl_div(logits.log_softmax(1), labels, reduction="batchmean")


@torch.no_grad()
def validate(student: Student, states: States, tau: float) -> dict[str, float]:
    """In eval mode, so for a trinary student this is the folded network."""
    was_training = student.training
    student.eval()
    logits = torch.cat([student(part) for part in states.screens.split(500)])
    student.train(was_training)
    agree = (logits.argmax(1) == states.q.argmax(1)).float().mean()
    return {"val_kl": float(kl((states.q / tau).softmax(1), logits)), "val_agree": float(agree)}


def train(
    student: Student,
    data: States,
    held: States,
    tau: float,
    iterations: int,
    rate: float,
    settings: DistilSettings,
    seed: int,
    log: Any,
) -> dict:
    """One cosine. Leaves the student recalibrated, in eval mode; returns its validation."""
    s = settings
    generator = torch.Generator().manual_seed(seed)
    weights = [layer.hidden for layer in student.layers]
    slow = [p for p in student.parameters() if all(p is not w for w in weights)]
    optimiser = torch.optim.Adam(
        [{"params": weights, "share": 1.0}, {"params": slow, "share": 0.5}], lr=rate, fused=True
    )
    labels = (data.q / tau).softmax(1)
    calibration = data.screens[torch.randperm(len(data), generator=generator)[: s.calibration]]
    losses, result = [], {}
    student.train()
    for iteration in range(iterations):
        now = rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * iteration / iterations)))
        for group in optimiser.param_groups:
            group["lr"] = now * group["share"]
        index = torch.randint(len(data), (s.batch,), generator=generator)
        loss = kl(labels[index], student(data.screens[index]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        student.clip()
        losses.append(loss.detach())
        done = iteration + 1
        last = done == iterations
        if done % s.log_every == 0 or last:
            mean = float(torch.stack(losses).mean())
            losses.clear()
            if not math.isfinite(mean):
                raise TnemuError(
                    f"{s.game}: the loss is {mean} at iteration {done}; use a smaller learning "
                    "rate, or go on from the last stage with --resume"
                )
            row = {"iteration": done, "loss": mean}
            if done % s.check_every == 0 or last:
                student.recalibrate(calibration)
                result = validate(student, held, tau)
            log(**row, **(result if done % s.check_every == 0 or last else {}))
    student.eval()
    return result


class Run:
    """The stages in order; what a stopped run has finished is read back with ``resume``."""

    def __init__(self, settings: DistilSettings, resume: bool):
        self.settings, self.resume, self.out = settings, resume, Path(settings.out)
        self.out.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(1)
        self.net = load_teacher(settings.teacher)
        self.spec: AtariSpec = self.net.spec
        if self.spec.game != settings.game:
            raise TnemuError(
                f"the teacher {settings.teacher} plays {self.spec.game!r}, not "
                f"{settings.game!r}; choose its game or another file"
            )
        self.teacher = q_values(self.net)
        self.rounds: list[States] = []
        self.tau = math.nan
        self.stages: list[dict] = []

    def log(self, stage: str):
        path = self.out / "curve.csv"
        columns = ("stage", "iteration", "loss", "val_kl", "val_agree")

        def row(**values: float) -> None:
            new = not path.exists()
            with path.open("a", newline="") as file:
                writer = csv.DictWriter(file, columns)
                if new:
                    writer.writeheader()
                writer.writerow({"stage": stage} | {k: f"{v:.5g}" for k, v in values.items()})
            print(stage, " ".join(f"{k} {v:.5g}" for k, v in values.items()), flush=True)

        return row

    def seed(self, *parts: int) -> int:
        return int(np.random.SeedSequence([self.settings.seed, *parts]).generate_state(1)[0] >> 1)

    def gather(self, stage: int, player: Player) -> None:
        s, path = self.settings, self.out / f"round{stage}.npz"
        if self.resume and path.exists():
            with np.load(path, allow_pickle=False) as stored:
                self.rounds.append(States(stored["screens"], stored["q"]))
        else:
            count = s.states if stage == 0 else s.dagger_states
            states = collect(
                player, self.teacher, self.spec, count, s.keep_every, s.worlds, self.seed(1, stage)
            )
            np.savez(path, screens=states.screens.numpy(), q=states.q.numpy())
            self.rounds.append(states)
        if stage == 0:
            self.tau = label_temperature(self.rounds[0].q, s.label_peak)

    def data(self) -> tuple[States, States]:
        parts = [r.split(self.settings.hold_out) for r in self.rounds]
        return States.join([a for a, _ in parts]), States.join([b for _, b in parts])

    def learn(self, name: str, student: Student, iterations: int, rate: float, seed: int) -> None:
        """Train and store ``student`` as stage ``name``, or read it back."""
        path = self.out / f"{name}.hidden.safetensors"
        if self.resume and path.exists():
            student.load_state_dict(load_file(path))
            student.eval()
            self.stages.append(json.loads((self.out / f"{name}.json").read_text()))
            return
        data, held = self.data()
        result = train(
            student, data, held, self.tau, iterations, rate, self.settings, seed, self.log(name)
        )
        player = self.player(student, name)
        seeds = range(
            self.settings.check_seed, self.settings.check_seed + self.settings.check_episodes
        )
        scores = [e.score for e in play_episodes(player, self.spec, seeds)]
        stage = {
            "stage": name,
            "states": len(data),
            "iterations": iterations,
            **result,
            "check_seeds": [seeds[0], seeds[-1]],
            "check_scores": scores,
        }
        self.stages.append(stage)
        print(name, f"selection score {np.mean(scores):.5g}", flush=True)
        (self.out / f"{name}.json").write_text(json.dumps(stage))
        if student.precision == "trinary":
            fold(student, self.spec, self.provenance()).save(self.out / f"{name}.safetensors")
        else:
            save_control(student, self.spec, self.out / f"{name}.safetensors", self.provenance())
        save_file({k: v.contiguous() for k, v in student.state_dict().items()}, path)

    def player(self, student: Student, name: str) -> Player:
        return (
            fold(student, self.spec, {}).votes
            if student.precision == "trinary"
            else control_player(student)
        )

    def provenance(self) -> dict[str, Any]:
        s = self.settings
        digest = hashlib.sha256(Path(s.teacher).read_bytes()).hexdigest()
        command = f"python -m tnemu.learn.distil {s.game} --teacher {s.teacher} --out {s.out}"
        for f in fields(s):
            if f.name not in ("game", "teacher", "out") and getattr(s, f.name) != f.default:
                command += f" --{f.name.replace('_', '-')} {getattr(s, f.name)}"
        return {
            "command": command,
            "settings": asdict(s),
            "teacher_sha256": digest,
            "label_temperature": self.tau,
            "stages": self.stages,
            "versions": versions(),
        }

    def run(self) -> Path:
        """All stages; returns the weight file of the stage that played best on the selection
        seeds.
        """
        s = self.settings
        torch.manual_seed(self.seed(2))
        student = Student(self.spec.shape, len(self.spec.actions))
        student.background.copy_(self.net.background.round())
        for stage in range(1 + s.dagger_rounds):
            self.gather(
                stage, self.teacher if stage == 0 else self.player(student, f"stage{stage}")
            )
            rate = s.learning_rate if stage == 0 else s.later_learning_rate
            self.learn(f"stage{stage}", student, s.iterations, rate, self.seed(3, stage))
        best = max(self.stages, key=lambda stage: np.mean(stage["check_scores"]))["stage"]
        if s.control_iterations:
            torch.manual_seed(self.seed(4))
            control = Student(self.spec.shape, len(self.spec.actions), "float")
            control.background.copy_(self.net.background.round())
            self.learn(
                "control", control, s.control_iterations, s.control_learning_rate, self.seed(5)
            )
        chosen = WeightFile.load(self.out / f"{best}.safetensors")
        dataclasses.replace(chosen, provenance=self.provenance() | {"chosen": best}).save(
            self.out / "student.safetensors"
        )
        return self.out / "student.safetensors"


def save_control(student: Student, spec: AtariSpec, path: Path, provenance: dict[str, Any]) -> None:
    metadata = {
        "format": "tnemu float student 1",
        "spec": spec.to_json(),
        "spec_sha256": spec.sha256,
        "provenance": json.dumps(provenance),
    }
    save_file({k: v.contiguous() for k, v in student.state_dict().items()}, path, metadata)


def load_control(path: str | Path) -> tuple[Student, AtariSpec]:
    """The full-precision control student and its spec."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("format") != "tnemu float student 1":
        raise TnemuError(
            f"{path}: format is {metadata.get('format')!r}, needs 'tnemu float student 1'; "
            "write it with tnemu.learn.distil"
        )
    spec = AtariSpec.from_json(metadata["spec"])
    student = Student(spec.shape, len(spec.actions), "float")
    student.load_state_dict(load_file(path))
    return student.eval(), spec


def control_player(student: Student) -> Player:
    def player(observations: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return student(torch.from_numpy(observations)).numpy()

    return player


def train_student(settings: DistilSettings, resume: bool = False) -> Path:
    """Collect, train, fold; returns the path of the best weight file."""
    return Run(settings, resume).run()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Distil a teacher into a trinary student.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("game")
    parser.add_argument(
        "--resume", action="store_true", help="keep the rounds and stages already in --out"
    )
    for f in fields(DistilSettings):
        if f.name != "game":
            kind = {"int": int, "float": float, "str": str}[f.type]
            parser.add_argument(
                "--" + f.name.replace("_", "-"),
                type=kind,
                default=f.default,
                required=f.default is dataclasses.MISSING,
            )
    values = vars(parser.parse_args(argv))
    resume = values.pop("resume")
    try:
        print(train_student(DistilSettings(**values), resume))
    except (TnemuError, ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
