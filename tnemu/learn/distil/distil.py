"""Teach a student what a teacher would do: distillation, with rounds in which the student plays and
the teacher corrects.

    loss = KL( softmax(Q / tau)  ||  softmax(logit) )       or another of tnemu.learn.distil.losses
    tau    such that the mean over states of the largest label probability is 0.8

Stage 0 learns from states the teacher visits. Before each later stage the folded student plays and
the states it visits, labelled by the teacher, are added (DAgger); with teacher_share = X the teacher
takes X^k of the decisions of round k. Every stage is one cosine of the learning rate down to 1 %, then
exact recalibration and folding. The float control learns last, from all these states. Everything is
counted in iterations, and every random stream comes from one seed. Repeat the run of this project:

    python -m tnemu.learn.distil krull --teacher tnemu/zoo/teachers/krull.safetensors \\
        --out runs/student-krull
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tnemu.errors import TnemuError
from tnemu.formats.tensor_file import save_tensors
from tnemu.formats.weights import read_weights, write_weights
from tnemu.formats.whole_file import write_json
from tnemu.learn.distil.descent import descend
from tnemu.learn.distil.losses import kl, loss_for
from tnemu.learn.distil.settings import FREE, StudentSettings
from tnemu.learn.distil.states import States, bytes_of, collect, label_temperature
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.hysteresis import add_hysteresis, check_hysteresis
from tnemu.learn.eedn.sparsity import check_sparsity, firing_rate, spike_pressure
from tnemu.learn.eedn.student import Student
from tnemu.learn.players.adapters import load_any_teacher
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.episodes import Player, play_episodes
from tnemu.learn.players.files import (
    CONTROL,
    load_state,
    net_player,
    save_player,
    state_arrays,
)
from tnemu.learn.run.device import device_name, find_device
from tnemu.learn.run.ranges import above_zero, at_least
from tnemu.learn.run.runs import (
    Curve,
    Report,
    Watch,
    begin,
    command,
    derived_seed,
    file_sha256,
    plain,
    print_row,
    run_command,
    versions,
)
from tnemu.learn.run.trouble import Diverged, check_room, way_out
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.player import check_start


@dataclass(frozen=True)
class DistilSettings(StudentSettings):
    game: str
    """What the teacher plays."""
    teacher: str
    """Teacher file; of tnemu, stable-baselines3 or CleanRL, see tnemu.learn.players.adapters."""
    out: str
    """Folder for data, checkpoints, curve and folded students."""
    teacher_share: float = 0.0
    """Of the decisions in the first of the student's rounds; in round k it is this to the power k."""
    loss: str = "kl"
    """kl, nll or mse; see tnemu.learn.distil.losses."""
    hysteresis: float = 0.0
    """Of the trinary weights: how far a hidden weight must pass a boundary before they follow."""
    sparsity: float = 0.0
    """Pressure on the spikes of the trinary student, added to its loss; see tnemu.learn.eedn.sparsity."""
    control_iterations: int = 6_000
    """Of the float control; 0: none."""
    control_learning_rate: float = 2e-3
    """Of the float control."""
    device: str = "auto"
    """Where the networks compute: cpu, cuda or auto; see tnemu.learn.run.device."""

    def __post_init__(self) -> None:
        super().__post_init__()
        loss_for(self.loss)
        check_hysteresis(self.hysteresis)
        check_sparsity(self.sparsity)
        at_least(0, self, "control_iterations")
        above_zero(self, "control_learning_rate")
        if not 0 <= self.teacher_share <= 1:
            raise TnemuError(
                f"teacher_share is {self.teacher_share}, must be between 0 (the student plays alone) "
                "and 1 (the teacher does)"
            )


@torch.no_grad()
def validate(student: nn.Module, states: States, tau: float) -> dict[str, float]:
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
    copy = loss_for(s.loss)
    labels = copy.labels(data.q, tau)
    calibration = data.screens[torch.randperm(len(data), generator=generator)[: s.calibration]]

    def loss() -> Tensor:
        index = torch.randint(len(data), (s.batch,), generator=generator)
        bits: list[Tensor] = []
        distance = copy.distance(
            labels[index].to(device), student(data.screens[index].to(device), bits)
        )
        if s.sparsity and student.precision == "trinary":
            distance = distance + spike_pressure(bits[:-1], s.sparsity)
        return distance

    def check() -> dict[str, float]:
        student.recalibrate(calibration.to(device))
        return validate(student, held, tau)

    return descend(student, loss, check, iterations, rate, s, log)


def teacher_of(game: str, path: str) -> DuelNet:
    """The teacher in the file at ``path``, refused if it plays another game."""
    net = load_any_teacher(path, game)
    if net.spec.game != game:
        raise TnemuError(
            f"the teacher {path} plays {net.spec.game!r}, not {game!r}; choose its game or "
            "another file"
        )
    return net


CONTROL_FACTS = ("states", "iterations", "learning_rate")
"""Of a finished float control; where they are others now, it is trained again."""

Check = Callable[[TrainedNetwork], object]
"""Is given the untrained student, folded; raises a TnemuError if there is no use in training it."""


class Run:
    """The stages in order; with ``resume``, what a stopped run has finished is read back."""

    def __init__(
        self,
        settings: DistilSettings,
        resume: bool,
        report: Report = print_row,
        check: Check | None = None,
    ):
        self.settings, self.resume, self.out = settings, resume, Path(settings.out)
        self.check = check
        self.curve = Curve(
            self.out, ("stage", "iteration", "loss", "val_kl", "val_agree", "score"), report
        )
        torch.set_num_threads(1)
        self.device = find_device(settings.device)
        self.net = teacher_of(settings.game, settings.teacher).to(self.device)
        self.spec, self.teacher_sha256 = self.net.spec, file_sha256(settings.teacher)
        self.rounds: list[States] = []
        self.tau = math.nan
        self.stages: list[dict[str, Any]] = []

    def run(self) -> Path:
        """All stages; returns the weight file of the stage that played best on the selection
        seeds.
        """
        s = self.settings
        student = self.new_student(2, "trinary")
        if self.check is not None:
            self.check(fold(student, self.spec, {}))
        check_start(self.spec, 0)
        free = FREE | {"teacher", "device", "control_iterations", "control_learning_rate"}
        begin(self.out, s, self.resume, free, teacher_sha256=self.teacher_sha256)
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
        chosen = read_weights(self.out / f"{best}.safetensors")
        provenance = self.provenance() | {"chosen": best}
        write_weights(dataclasses.replace(chosen, provenance=provenance), path)
        return path

    def seed(self, *parts: int) -> int:
        """One seed per use, all from the seed of the run."""
        return derived_seed(self.settings.seed, *parts)

    def new_student(self, use: int, precision: Any) -> Student:
        torch.manual_seed(self.seed(use))
        s, actions = self.settings, len(self.spec.actions)
        student = Student(self.spec.shape, actions, precision, s.blocks, s.width)
        student.background.copy_(self.net.background.round())
        if precision == "trinary" and s.hysteresis:
            add_hysteresis(student, s.hysteresis)
        return student.to(self.device)

    def player(self, student: Student) -> Player:
        """The trinary student plays folded, as on the board."""
        if student.precision == "trinary":
            return fold(student, self.spec, {}).scores
        return net_player(student)

    def gather(self, stage: int, player: Player) -> None:
        """One more round of states."""
        s, path = self.settings, self.out / f"round{stage}.npz"
        if self.resume and path.exists():
            states = States.load(path, self.spec, self.teacher_sha256)
        else:
            count = s.states if stage == 0 else s.dagger_states
            check_room(self.out, bytes_of(self.spec, count))
            seed, teacher = self.seed(1, stage), net_player(self.net)
            share = s.teacher_share**stage if stage else 0.0  # in round 0 it is the player anyway
            states = collect(player, teacher, self.spec, count, s.keep_every, s.worlds, seed, share)
            states.save(path, self.spec, self.teacher_sha256)
        self.rounds.append(states)
        if stage == 0:
            self.tau = label_temperature(states.q, s.label_peak)

    def learn(self, name: str, student: Student, iterations: int, rate: float, seed: int) -> None:
        """Train, check and store ``student`` as stage ``name``, or read it back."""
        s = self.settings
        hidden, facts = self.out / f"{name}.hidden.safetensors", self.out / f"{name}.json"
        parts = [states.split(s.hold_out) for states in self.rounds]
        data, held = (States.join(part) for part in zip(*parts, strict=True))
        stage = {"stage": name, "states": len(data), "iterations": iterations}
        stage |= {"learning_rate": rate, "device": device_name(self.device)}
        if self.resume and hidden.exists():
            done = json.loads(facts.read_text())
            # the control learns from all rounds, and there may be more of them now
            if name != "control" or all(done[k] == stage[k] for k in CONTROL_FACTS):
                load_state(student, hidden)
                student.eval()
                self.stages.append(done)
                return
        # the hidden state and, never larger, what is made of it
        check_room(self.out, 2 * sum(array.nbytes for array in state_arrays(student).values()))

        def log(row: dict[str, Any]) -> None:
            self.curve.add(stage=name, **row)

        try:
            result = train(student, data, held, self.tau, iterations, rate, s, seed, log)
        except Diverged as error:
            last = self.stages[-1]["stage"] if self.stages else None
            option = {"stage0": "", "control": "control-"}.get(name, "later-") + "learning-rate"
            raise Diverged(f"{error}; {way_out(self.out, last, option, rate)}") from error
        seeds = range(s.check_seed, s.check_seed + s.check_episodes)
        scores = [e.score for e in play_episodes(self.player(student), self.spec, seeds)]
        self.curve.add(stage=name, iteration=iterations, score=float(np.mean(scores)))
        stage |= result
        if student.precision == "trinary":
            stage["firing_rate"] = firing_rate(student, held.screens)
        self.stages.append(stage | {"check_seeds": [seeds[0], seeds[-1]], "check_scores": scores})
        write_json(facts, self.stages[-1])
        path = self.out / f"{name}.safetensors"
        if student.precision == "trinary":
            write_weights(fold(student, self.spec, self.provenance()), path)
        else:
            save_player(path, student, CONTROL, self.spec, provenance=self.provenance())
        save_tensors(hidden, state_arrays(student))

    def provenance(self) -> dict[str, Any]:
        s = self.settings
        return {
            "command": command("tnemu.learn.distil", s),
            "settings": asdict(s),
            "teacher_sha256": self.teacher_sha256,
            "label_temperature": self.tau,
            "stages": self.stages,
            "versions": versions(),
            "device": device_name(self.device),
        }


def train_student(
    settings: DistilSettings,
    resume: bool = False,
    report: Report = print_row,
    check: Check | None = None,
) -> Path:
    """Collect, train, fold; returns the path of the best weight file.

    ``check`` is asked before anything is collected or trained; this room knows no boards.
    """
    return Run(settings, resume, report, check).run()


def main(
    argv: list[str] | None = None,
    watch: Watch = plain,
    check: Check | None = None,
    name: str | None = None,
) -> int:
    return run_command(
        "Distil a teacher into a trinary student. `tnemu learn student` checks first that it fits "
        "--board, a board's name or file (ns1e if not given).",
        DistilSettings,
        partial(train_student, check=check),
        argv,
        watch,
        name,
    )


if __name__ == "__main__":
    sys.exit(main())
