"""The precision ladder: one student, one data set, fewer and fewer bits.

    fp32        the float control of a finished distillation run, as it is
    fp32 tuned  the control after the same further training as the rungs below
    8, 4 bits   the control quantised (tnemu.learn.players.quantised), then fine-tuned
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
seeds.

    python -m tnemu.learn.ladder krull --run runs/student-krull --bits 8 4
"""

from __future__ import annotations

import copy
import dataclasses
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tnemu.errors import TnemuError
from tnemu.formats.tensor_file import load_facts
from tnemu.formats.weights import read_weights
from tnemu.formats.whole_file import write_json
from tnemu.learn.distil.distil import DistilSettings, train, validate
from tnemu.learn.distil.states import States
from tnemu.learn.eedn.student import Student
from tnemu.learn.players.episodes import random_player
from tnemu.learn.players.evaluate import evaluate
from tnemu.learn.players.files import (
    CONTROL,
    QUANTISED,
    load_control,
    load_student,
    save_player,
)
from tnemu.learn.players.quantise import check_bits
from tnemu.learn.players.quantised import QuantStudent
from tnemu.learn.run.ranges import at_least, shares, world_seeds
from tnemu.learn.run.runs import (
    Curve,
    Report,
    command,
    derived_seed,
    file_sha256,
    print_row,
    run_command,
    versions,
)
from tnemu.learn.run.trouble import Diverged
from tnemu.tasks.atari.spec import AtariSpec


@dataclass(frozen=True)
class LadderSettings:
    game: str
    """What the run's student plays."""
    run: str
    """Folder of a finished distillation run: its data, float control and trinary student."""
    out: str = ""
    """Folder for the rungs, curve.csv and ladder.json; RUN/ladder when empty."""
    bits: tuple[int, ...] = (8, 4)
    """Of weights and activations, 2..8; one rung each."""
    seed: int = 0
    """Of everything that is drawn."""
    batch: int = 256
    """States of a minibatch."""
    iterations: int = 2_000
    """Of fine-tuning, per rung."""
    learning_rate: float = 1e-4
    """Of weights at the start; gain, beta and log_scale get half."""
    percentile: float = 99.99
    """Of every layer's activations: the end of their range."""
    weight_percentile: float = 100.0
    """Of the size of every layer's weights: the end of their range."""
    range_states: int = 500
    """States that set the ranges of activations."""
    calibration: int = 3_000
    """States for the exact means and variances."""
    tune_float: int = 1
    """1: a rung for the float control after the same fine-tuning; 0: none."""
    episodes: int = 30
    """Played by every rung."""
    evaluation_seed: int = 77_000
    """Of the first episode; the next has the next. They must have chosen nothing."""
    epsilon: float = 0.01
    """Share of random actions while playing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", tuple(self.bits))
        for bits in self.bits:
            check_bits(bits)
        if len(set(self.bits)) < len(self.bits):
            raise TnemuError(f"bits = {list(self.bits)}: a rung is named twice; name each once")
        at_least(1, self, "batch iterations range_states calibration episodes")
        at_least(0, self, "seed")
        shares(self, "epsilon")
        world_seeds(self, "evaluation_seed", "episodes")

    @property
    def training(self) -> dict[str, Any]:
        """What a rung depends on besides its bits."""
        chosen = "seed batch iterations learning_rate percentile weight_percentile range_states"
        return {name: getattr(self, name) for name in (*chosen.split(), "calibration")}


@dataclass(frozen=True)
class DistilRun:
    """What a finished distillation run left behind."""

    control: Student
    spec: AtariSpec
    settings: DistilSettings
    data: States
    held: States
    tau: float
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
    provenance = json.loads(load_facts(control_file)["provenance"])
    known = {field.name for field in dataclasses.fields(DistilSettings)}
    settings = DistilSettings(**{k: v for k, v in provenance["settings"].items() if k in known})
    rounds = []
    for number in range(1 + settings.dagger_rounds):
        path = folder / f"round{number}.npz"
        if not path.is_file():
            raise TnemuError(
                f"{folder}: {path.name} is missing, the run has {1 + settings.dagger_rounds} "
                "rounds of states; resume the run to collect them again"
            )
        states = States.load(path, spec, provenance["teacher_sha256"])
        rounds.append(states.split(settings.hold_out))
    data, held = (States.join(part) for part in zip(*rounds, strict=True))
    tau, stage = float(provenance["label_temperature"]), str(student.provenance.get("chosen"))
    return DistilRun(control, spec, settings, data, held, tau, stage)


class Ladder:
    """The rungs in order; with ``resume``, those that a stopped ladder has finished are kept."""

    def __init__(self, settings: LadderSettings, resume: bool, report: Report = print_row):
        self.settings, self.resume, self.folder = settings, resume, Path(settings.run)
        torch.set_num_threads(1)
        self.run = read_run(self.folder, settings.game)
        self.check_seeds()
        self.out = Path(settings.out) if settings.out else self.folder / "ladder"
        self.curve = Curve(self.out, ("rung", "iteration", "loss", "val_kl", "val_agree"), report)
        self.control_sha256 = file_sha256(self.folder / "control.safetensors")
        self.spec = self.run.spec

    def check_seeds(self) -> None:
        s, r = self.settings, self.run.settings
        first, last = s.evaluation_seed, s.evaluation_seed + s.episodes - 1
        chose_last = r.check_seed + r.check_episodes - 1
        if first <= chose_last and last >= r.check_seed:
            raise TnemuError(
                f"evaluation seeds {first}..{last} meet {r.check_seed}..{chose_last}, on which the "
                f"run chose its student; choose an evaluation_seed above {chose_last}"
            )

    def climb(self) -> Path:
        """All rungs; returns the path of ladder.json."""
        s, control = self.settings, self.folder / "control.safetensors"
        rungs = [{"rung": "fp32", "file": str(control), **self.validation(self.run.control)}]
        if s.tune_float:
            rungs.append(self.rung("fp32 tuned", "float.safetensors", None))
        rungs += [self.rung(f"{bits} bit", f"{bits}bit.safetensors", bits) for bits in s.bits]
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
        whole = result | {
            "label_temperature": self.run.tau,
            "states": {"training": len(self.run.data), "validation": len(self.run.held)},
            "random": scores["random"],
            "rungs": rungs,
            **self.provenance(),
        }
        path = self.out / "ladder.json"
        write_json(path, whole)
        return path

    def validation(self, student: Student) -> dict[str, float]:
        return validate(student, self.run.held, self.run.tau)

    def rung(self, name: str, file: str, bits: int | None) -> dict[str, Any]:
        """Make one rung, or read it back; what ladder.json says of it, without scores."""
        path = self.out / file
        if self.resume and path.exists():
            return self.finished(path)
        s, run = self.settings, self.run
        row: dict[str, Any] = {"rung": name, "file": str(path), "bits": bits or 32}
        if bits is None:
            student = copy.deepcopy(run.control).requires_grad_(True)
        else:
            student = QuantStudent(
                run.control, bits, self.spread(s.range_states), s.percentile, s.weight_percentile
            )
            student.recalibrate(self.spread(s.calibration))
            row["before"] = self.validation(student)
            self.curve.add(rung=name, iteration=0, **row["before"])
        tuning = dataclasses.replace(
            run.settings,
            batch=s.batch,
            calibration=s.calibration,
            check_every=max(1, s.iterations // 4),
            log_every=max(1, s.iterations // 20),
        )
        seed = derived_seed(s.seed, bits or 32)

        def log(values: dict[str, Any]) -> None:
            self.curve.add(rung=name, **values)

        rate = s.learning_rate
        try:
            row |= train(
                student, run.data, run.held, run.tau, s.iterations, rate, tuning, seed, log
            )
        except Diverged as error:
            raise Diverged(
                f"{name}: {error}; all rungs are made with one learning rate: run the ladder again, "
                f"without --resume, with a smaller --learning-rate (it was {rate:g})"
            ) from error
        facts = self.provenance() | {"training": s.training, "control_sha256": self.control_sha256}
        if isinstance(student, QuantStudent):
            row["cosine_to_fp32"] = student.cosines(run.control)
            row["steps"] = {x.name: [x.weight_step, x.output_step] for x in student.layers}
            facts["rung"] = row
            save_player(path, student.fold(), QUANTISED, self.spec, bits=bits, provenance=facts)
        else:
            facts["rung"] = row
            save_player(path, student, CONTROL, self.spec, provenance=facts)
        return row

    def finished(self, path: Path) -> dict[str, Any]:
        facts = json.loads(load_facts(path)["provenance"])
        now = {"training": self.settings.training, "control_sha256": self.control_sha256}
        for key, value in now.items():
            if facts.get(key) != value:
                raise TnemuError(
                    f"{path} was made with {key} {facts.get(key)}, this ladder has {value}; "
                    "leave out --resume to make it again, or choose another --out"
                )
        return {**facts["rung"], "file": str(path)}

    def trinary(self) -> dict[str, Any]:
        hidden = self.folder / f"{self.run.stage}.hidden.safetensors"
        if not hidden.is_file():
            raise TnemuError(
                f"{self.folder}: {hidden.name} is missing, the stage that the trinary student comes "
                "from; give the folder of a finished run"
            )
        actions = len(self.spec.actions)
        student = load_student(hidden, partial(Student, self.spec.shape, actions, "trinary"))
        file = self.folder / "student.safetensors"
        return {"rung": "trinary", "file": str(file), **self.validation(student)}

    def spread(self, count: int) -> torch.Tensor:
        """About ``count`` states of the training data, evenly spread over it."""
        return self.run.data.screens[:: max(1, len(self.run.data) // count)][:count]

    def provenance(self) -> dict[str, Any]:
        s = self.settings
        return {
            "command": command("tnemu.learn.ladder", s),
            "settings": asdict(s),
            "versions": versions(),
        }


def climb(settings: LadderSettings, resume: bool = False, report: Report = print_row) -> Path:
    """Make the rungs, play them all; returns the path of ladder.json."""
    return Ladder(settings, resume, report).climb()


def main(argv: list[str] | None = None, name: str | None = None) -> int:
    about = "Fine-tune a float control in fewer bits."
    return run_command(about, LadderSettings, climb, argv, name=name)


if __name__ == "__main__":
    sys.exit(main())
