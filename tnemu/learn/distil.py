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

import dataclasses
import hashlib
import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tnemu.formats.tensor_file import save_tensors
from tnemu.formats.weights import WeightFile
from tnemu.hardware.errors import TnemuError
from tnemu.learn.adapters import load_any_teacher
from tnemu.learn.device import device_name, find_device
from tnemu.learn.evaluate import Player, play_episodes
from tnemu.learn.fold import fold
from tnemu.learn.players import (
    CONTROL,
    load_state,
    net_player,
    save_player,
    state_arrays,
)
from tnemu.learn.runs import Curve, Report, Watch, command, plain, print_row, run_command, versions
from tnemu.learn.states import States, collect, label_temperature
from tnemu.learn.student import Student


@dataclass(frozen=True)
class DistilSettings:
    game: str
    teacher: str
    """Teacher file; of tnemu, stable-baselines3 or CleanRL, see tnemu.learn.adapters."""
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
    device: str = "auto"
    """Where the networks compute: cpu, cuda or auto; see tnemu.learn.device."""


def kl(labels: Tensor, logits: Tensor) -> Tensor:
    return F.kl_div(logits.log_softmax(1), labels, reduction="batchmean")


@torch.no_grad()
def validate(student: Student, states: States, tau: float) -> dict[str, float]:
    """In eval mode, so for a trinary student this is the folded network."""
    was_training = student.training
    student.eval()
    device = student.background.device
    logits = torch.cat([student(part.to(device)) for part in states.screens.split(500)]).cpu()
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
    log: Report,
) -> dict[str, float]:
    """One cosine. Leaves the student recalibrated, in eval mode; returns its validation."""
    s, device = settings, student.background.device
    generator = torch.Generator().manual_seed(seed)
    weights = [layer.hidden for layer in student.layers]
    slow = [p for p in student.parameters() if all(p is not w for w in weights)]
    groups = [{"params": weights, "share": 1.0}, {"params": slow, "share": 0.5}]
    optimiser = torch.optim.Adam(groups, lr=rate, fused=True)
    labels = (data.q / tau).softmax(1)
    calibration = data.screens[torch.randperm(len(data), generator=generator)[: s.calibration]]
    losses: list[Tensor] = []
    result: dict[str, float] = {}
    student.train()
    for done in range(1, iterations + 1):
        now = rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - 1) / iterations)))
        for group in optimiser.param_groups:
            group["lr"] = now * group["share"]
        index = torch.randint(len(data), (s.batch,), generator=generator)
        loss = kl(labels[index].to(device), student(data.screens[index].to(device)))
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
        if not math.isfinite(mean):
            raise TnemuError(
                f"{s.game}: the loss is {mean} at iteration {done}; "
                "go on from the last stage with --resume and a smaller learning rate"
            )
        if check:
            student.recalibrate(calibration.to(device))
            result = validate(student, held, tau)
        log({"iteration": done, "loss": mean, **(result if check else {})})
    student.eval()
    return result


class Run:
    """The stages in order; with ``resume``, what a stopped run has finished is read back."""

    def __init__(self, settings: DistilSettings, resume: bool, report: Report = print_row):
        self.settings, self.resume, self.out = settings, resume, Path(settings.out)
        self.curve = Curve(
            self.out, ("stage", "iteration", "loss", "val_kl", "val_agree", "score"), report
        )
        torch.set_num_threads(1)
        self.device = find_device(settings.device)
        self.net = load_any_teacher(settings.teacher, settings.game).to(self.device)
        self.spec = self.net.spec
        if self.spec.game != settings.game:
            raise TnemuError(
                f"the teacher {settings.teacher} plays {self.spec.game!r}, not "
                f"{settings.game!r}; choose its game or another file"
            )
        self.rounds: list[States] = []
        self.tau = math.nan
        self.stages: list[dict[str, Any]] = []

    def run(self) -> Path:
        """All stages; returns the weight file of the stage that played best on the selection
        seeds.
        """
        s = self.settings
        student = self.new_student(2, "trinary")
        player = net_player(self.net)
        for stage in range(1 + s.dagger_rounds):
            self.gather(stage, player)
            rate = s.learning_rate if stage == 0 else s.later_learning_rate
            self.learn(f"stage{stage}", student, s.iterations, rate, self.seed(3, stage))
            player = self.player(student)
        best = max(self.stages, key=lambda stage: float(np.mean(stage["check_scores"])))["stage"]
        if s.control_iterations:
            control = self.new_student(4, "float")
            rate = s.control_learning_rate
            self.learn("control", control, s.control_iterations, rate, self.seed(5))
        path = self.out / "student.safetensors"
        chosen = WeightFile.load(self.out / f"{best}.safetensors")
        provenance = self.provenance() | {"chosen": best}
        dataclasses.replace(chosen, provenance=provenance).save(path)
        return path

    def seed(self, *parts: int) -> int:
        """One seed per use, all from the seed of the run."""
        state = np.random.SeedSequence([self.settings.seed, *parts]).generate_state(1)
        return int(state[0] >> 1)

    def new_student(self, use: int, precision: Any) -> Student:
        torch.manual_seed(self.seed(use))
        student = Student(self.spec.shape, len(self.spec.actions), precision)
        student.background.copy_(self.net.background.round())
        return student.to(self.device)

    def player(self, student: Student) -> Player:
        """The trinary student plays folded, as on the board."""
        if student.precision == "trinary":
            return fold(student, self.spec, {}).votes
        return net_player(student)

    def gather(self, stage: int, player: Player) -> None:
        """One more round of states."""
        s, path = self.settings, self.out / f"round{stage}.npz"
        if self.resume and path.exists():
            states = States.load(path)
        else:
            count = s.states if stage == 0 else s.dagger_states
            seed, teacher = self.seed(1, stage), net_player(self.net)
            states = collect(player, teacher, self.spec, count, s.keep_every, s.worlds, seed)
            states.save(path)
        self.rounds.append(states)
        if stage == 0:
            self.tau = label_temperature(states.q, s.label_peak)

    def learn(self, name: str, student: Student, iterations: int, rate: float, seed: int) -> None:
        """Train, check and store ``student`` as stage ``name``, or read it back."""
        s = self.settings
        hidden, facts = self.out / f"{name}.hidden.safetensors", self.out / f"{name}.json"
        if self.resume and hidden.exists():
            load_state(student, hidden)
            student.eval()
            self.stages.append(json.loads(facts.read_text()))
            return
        parts = [states.split(s.hold_out) for states in self.rounds]
        data, held = (States.join(part) for part in zip(*parts, strict=True))

        def log(row: dict[str, Any]) -> None:
            self.curve.add(stage=name, **row)

        result = train(student, data, held, self.tau, iterations, rate, s, seed, log)
        seeds = range(s.check_seed, s.check_seed + s.check_episodes)
        scores = [e.score for e in play_episodes(self.player(student), self.spec, seeds)]
        self.curve.add(stage=name, iteration=iterations, score=float(np.mean(scores)))
        stage = {"stage": name, "states": len(data), "iterations": iterations, **result}
        self.stages.append(stage | {"check_seeds": [seeds[0], seeds[-1]], "check_scores": scores})
        facts.write_text(json.dumps(self.stages[-1]))
        path = self.out / f"{name}.safetensors"
        if student.precision == "trinary":
            fold(student, self.spec, self.provenance()).save(path)
        else:
            save_player(path, student, CONTROL, self.spec, provenance=self.provenance())
        save_tensors(hidden, state_arrays(student))

    def provenance(self) -> dict[str, Any]:
        s = self.settings
        return {
            "command": command("tnemu.learn.distil", s),
            "settings": asdict(s),
            "teacher_sha256": hashlib.sha256(Path(s.teacher).read_bytes()).hexdigest(),
            "label_temperature": self.tau,
            "stages": self.stages,
            "versions": versions(),
            "device": device_name(self.device),
        }


def train_student(
    settings: DistilSettings, resume: bool = False, report: Report = print_row
) -> Path:
    """Collect, train, fold; returns the path of the best weight file."""
    return Run(settings, resume, report).run()


def main(argv: list[str] | None = None, watch: Watch = plain) -> int:
    return run_command(
        "Distil a teacher into a trinary student.", DistilSettings, train_student, argv, watch
    )


if __name__ == "__main__":
    sys.exit(main())
