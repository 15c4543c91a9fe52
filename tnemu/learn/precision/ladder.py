"""The precision ladder: one student, one data set, fewer and fewer bits.

    fp32        the float control of a finished distillation run, as it is
    fp32 tuned  the control after the same further training as the rungs below
    8, 4 bits   the control quantised (tnemu.learn.precision.quantised), then fine-tuned
    trinary     the run's own student: weights {-1, 0, 1}, binary activations, trained from the start

    loss = KL( softmax(Q / tau) || softmax(logit) ), on all states of the run
    learning rate: one cosine from a low start down to 1 %, then exact recalibration and folding

Recipe: fine-tuning after quantisation (McKinstry et al., arXiv 1809.04191): start at the trained
fp32 network, take ranges per layer from the data, anneal a low learning rate, prefer large batches.
As in the paper: straight-through gradients on shadow weights, weight range from the largest weight,
activation range from the 99.99th percentile, batch 256, a learning rate of a few percent of the
first training's. Not as in the paper, whose schedules fit ImageNet: Adam instead of SGD with momentum
and so no weight decay, a cosine instead of an exponential fall, iterations instead of epochs and as
many at 8 bits as at 4, and the first and last layer in n bits as well. All players play the same
seeds. The order of the rungs, and what is kept of them: tnemu.learn.precision.rungs.

    python -m tnemu.learn.ladder krull --run runs/student-krull --bits 8 4
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from tnemu.errors import TnemuError, shown
from tnemu.formats.weights import read_weights
from tnemu.learn.distil.rounds import facts_of, folder_of
from tnemu.learn.distil.settings import DistilSettings, renamed
from tnemu.learn.distil.states import States
from tnemu.learn.distil.training import Lesson, train, validate
from tnemu.learn.eedn.heads import Head
from tnemu.learn.eedn.student import Student, add_hysteresis
from tnemu.learn.players.episodes import random_player
from tnemu.learn.players.evaluate import evaluate
from tnemu.learn.players.files import CONTROL, QUANTISED, provenance_of, save_arrays
from tnemu.learn.players.nets import load_control, load_student, save_player
from tnemu.learn.precision.quantised import QuantStudent
from tnemu.learn.precision.rungs import Ladder, Row
from tnemu.learn.precision.settings import LadderSettings
from tnemu.learn.run.options import command, run_command, settings_from
from tnemu.learn.run.runs import Report, derived_seed, file_sha256, print_row, versions
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.atari.spec import AtariSpec


@dataclass(frozen=True)
class DistilRun:
    """What a finished distillation run left behind."""

    control: Student
    spec: AtariSpec
    settings: DistilSettings
    lesson: Lesson
    """All its states, split as the run split them."""
    stage: str
    """Stage that the trinary student comes from."""


def read_run(folder: Path, game: str) -> DistilRun:
    """Raises TnemuError when a part is missing or the parts do not belong together."""
    control_file, student_file = folder / "control.safetensors", folder / "student.safetensors"
    for file, what in ((control_file, "float control"), (student_file, "trinary student")):
        if not file.is_file():
            raise TnemuError(
                f"{folder}: no {what} ({file.name}); give the folder of a finished run of "
                "tnemu learn student, with control_iterations above 0"
            )
    control, spec = load_control(control_file)
    if spec.game != game:
        raise TnemuError(f"{folder}: the run plays {spec.game!r}, not {game!r}; choose its game")
    student = read_weights(student_file)
    trained = student.task.sha256 if student.task else ""
    if trained != spec.sha256:
        raise TnemuError(
            f"{folder}: the trinary student has spec {trained[:12]}, the float control "
            f"{spec.sha256[:12]}; give a folder whose files come from one run"
        )
    made = provenance_of(control_file)
    settings = settings_from(DistilSettings, made.json("settings"), made.where, renamed)
    tau, teacher_sha256 = made.real("label_temperature", 0), made.text("teacher_sha256")
    if tau == 0:
        raise made.refused("label_temperature", "must be above 0", "give the run's own files")
    rounds = []
    for number in range(1 + settings.dagger_rounds):
        facts = facts_of(settings, number, 0, spec, teacher_sha256)
        path = folder_of(settings, folder, number, 0, facts)
        if not path.is_dir():
            raise TnemuError(
                f"{folder}: the states in {path} are missing, the run has "
                f"{1 + settings.dagger_rounds} rounds of them; resume the run to collect them again"
            )
        rounds.append(States.load(path, spec, facts))
    lesson = Lesson.begin(rounds[0], settings.hold_out, tau)
    for states in rounds[1:]:
        lesson = lesson.and_of(states, settings.hold_out)
    return DistilRun(control, spec, settings, lesson, _chosen(student, student_file))


def _chosen(student: TrainedNetwork, path: Path) -> str:
    """The stage that a trinary student comes from, a name of a file in its folder."""
    stage = student.provenance.get("chosen")
    if not isinstance(stage, str) or not stage.isalnum() or len(stage) > 80:
        raise TnemuError(
            f"{path}: chosen = {shown(stage)}: must be the name of a stage; give the folder of a "
            "finished run"
        )
    return stage


class StudentLadder(Ladder):
    """The rungs of a finished distillation run's student, and its trinary student below them."""

    def __init__(self, settings: LadderSettings, resume: bool, report: Report = print_row):
        s = self.settings = settings
        self.folder = Path(s.run)
        self.run = read_run(self.folder, s.game)
        self.check_seeds()
        out = Path(s.out) if s.out else self.folder / "ladder"
        super().__init__(out, resume, ("val_kl", "val_agree"), report)
        self.control_sha256 = file_sha256(self.folder / "control.safetensors")
        self.spec = self.run.spec
        self.bits, self.tune_float = s.bits, s.tune_float
        self.rate, self.iterations = s.learning_rate, s.iterations

    def check_seeds(self) -> None:
        """Raises TnemuError for seeds that the run has chosen its student on."""
        s, r = self.settings, self.run.settings
        first, last = s.evaluation_seed, s.evaluation_seed + s.episodes - 1
        chose_last = r.check_seed + r.check_episodes - 1
        if first <= chose_last and last >= r.check_seed:
            raise TnemuError(
                f"evaluation seeds {first}..{last} meet {r.check_seed}..{chose_last}, on which the "
                f"run chose its student; choose an evaluation_seed above {chose_last}"
            )

    def begin(self) -> tuple[nn.Module, Path]:
        """The run's float control."""
        return self.run.control, self.folder / "control.safetensors"

    def judged(self, rungs: list[Row]) -> Row:
        """All rungs and the trinary student play the same seeds."""
        s, lesson = self.settings, self.run.lesson
        rungs.append(self.trinary())
        seeds = range(s.evaluation_seed, s.evaluation_seed + s.episodes)
        files = [str(rung["file"]) for rung in rungs]
        # under the run's own spec, which may be another than this project's
        chance = {"random": (random_player(len(self.spec.actions), 0), self.spec)}
        result = evaluate(files, seeds, s.epsilon, s.game, chance)
        scores = result.pop("players")
        random, full = scores["random"]["mean"], scores[files[0]]["mean"]
        for rung, file in zip(rungs, files, strict=True):
            rung |= scores[file]
            # nothing to compare with when fp32 plays no better than chance
            rung["of_fp32"] = (rung["mean"] - random) / (full - random) if full > random else None
        return result | {
            "label_temperature": lesson.tau,
            "states": {"training": len(lesson.data), "validation": len(lesson.held)},
            "random": scores["random"],
            "rungs": rungs,
            **self.provenance(),
        }

    def validation(self, net: nn.Module) -> dict[str, float]:
        """On the states that no training of the run saw."""
        return validate(Head(net, self.spec), self.run.lesson.held, self.run.lesson.tau)

    def copy(self, full: nn.Module) -> nn.Module:
        """The control, to be trained on."""
        return copy.deepcopy(full).requires_grad_(True)

    def quantised(self, full: nn.Module, bits: int) -> QuantStudent:
        """The control in ``bits`` bits, with the exact means and variances of its codes."""
        s = self.settings
        screens, control = self.spread(s.range_states), self.run.control
        student = QuantStudent(control, bits, screens, s.percentile, s.weight_percentile)
        student.recalibrate(self.spread(s.calibration))
        return student

    def train(self, net: nn.Module, rung: str, bits: int, log: Report) -> dict[str, float]:
        """Distillation again, as the run had it, at a low rate."""
        s, run = self.settings, self.run
        tuning = dataclasses.replace(
            run.settings,
            batch=s.batch,
            calibration=s.calibration,
            check_every=max(1, s.iterations // 4),
            log_every=max(1, s.iterations // 20),
        )
        head, seed = Head(net, self.spec), derived_seed(s.seed, bits)
        return train([head], [run.lesson], s.iterations, s.learning_rate, tuning, seed, log)

    def described(self, net: nn.Module, full: nn.Module) -> Row:
        """Cosines and steps, by layer."""
        if not isinstance(net, QuantStudent):
            return {}
        return {
            "cosine_to_fp32": net.cosines(self.run.control),
            "steps": {x.wiring.name: [x.weight_step, x.output_step] for x in net.layers},
        }

    def save(self, path: Path, net: nn.Module, bits: int | None, facts: Row) -> None:
        """The integers that play, or the control."""
        if isinstance(net, QuantStudent):
            arrays = net.fold().arrays
            save_arrays(path, arrays, QUANTISED, self.spec, bits=bits, provenance=facts)
        else:
            save_player(path, net, CONTROL, self.spec, provenance=facts)

    def made_with(self) -> Row:
        """What a rung that is kept must have been made with."""
        return {"training": self.settings.training, "control_sha256": self.control_sha256}

    def trinary(self) -> Row:
        """The rung of the run's own student; its hidden weights tell what the validation needs."""
        hidden = self.folder / f"{self.run.stage}.hidden.safetensors"
        if not hidden.is_file():
            raise TnemuError(
                f"{self.folder}: {hidden.name} is missing, the stage that the trinary student comes "
                "from; give the folder of a finished run"
            )
        student = load_student(hidden, len(self.spec.actions), self.untrained)
        file = self.folder / "student.safetensors"
        return {"rung": "trinary", "file": str(file), **self.validation(student)}

    def untrained(self, **size: int) -> Student:
        """A trinary student as the run had it."""
        student = Student(self.spec.shape, len(self.spec.actions), "trinary", **size)
        if self.run.settings.hysteresis:
            add_hysteresis(student, self.run.settings.hysteresis)
        return student

    def spread(self, count: int) -> torch.Tensor:
        """About ``count`` states of the training data, evenly spread over it."""
        data = self.run.lesson.data
        return data.take(torch.arange(0, len(data), max(1, len(data) // count))[:count])

    def provenance(self) -> Row:
        """How the rungs were made."""
        s = self.settings
        return {
            "command": command("tnemu.learn.ladder", s),
            "settings": asdict(s),
            "versions": versions(),
        }


def climb(settings: LadderSettings, resume: bool = False, report: Report = print_row) -> Path:
    """Make the rungs, play them all; returns the path of ladder.json."""
    return StudentLadder(settings, resume, report).climb()


def main(argv: list[str] | None = None, name: str | None = None) -> int:
    """The command ``python -m tnemu.learn.ladder``; its exit status."""
    about = "Fine-tune a float control in fewer bits."
    return run_command(about, LadderSettings, climb, argv, name=name)


if __name__ == "__main__":
    sys.exit(main())
