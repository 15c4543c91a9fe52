"""Train a classifier of a labelled data set: a trinary network for the board, and its float control.

    python -m tnemu.learn.classify digits --out runs/digits

The trinary network is trained, folded and tested once on the test part, whose labels nothing else
looks at; then the control, of the same wiring, data and number of minibatches, in full precision. The
result is ``classifier.safetensors``, a weight file like that of any student; its provenance holds both
accuracies, the settings, and what the data was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tnemu.errors import TnemuError
from tnemu.files import read_fields, write_json
from tnemu.formats.tensor_file import save_tensors
from tnemu.formats.weights import write_weights
from tnemu.learn.classify.settings import FREE, ClassifySettings
from tnemu.learn.classify.training import train, validate
from tnemu.learn.distil.checkpoint import StageCheckpoint
from tnemu.learn.eedn.classifier import Classifier
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.student import Precision, add_hysteresis
from tnemu.learn.players.nets import load_state, state_arrays
from tnemu.learn.run.device import device_name, find_device, one_thread, seeded
from tnemu.learn.run.options import command, run_command
from tnemu.learn.run.runs import (
    MOST_SETTINGS,
    Curve,
    Report,
    begin,
    derived_seed,
    print_row,
    versions,
)
from tnemu.learn.run.trouble import Diverged
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.classify.catalogue import load
from tnemu.tasks.classify.data import LabelledData, split
from tnemu.tasks.classify.spec import ClassifySpec

WEIGHTS = "classifier.safetensors"
Check = Callable[[TrainedNetwork], object]
"""Is given the untrained network, folded; raises a TnemuError if there is no use in training it."""
_STAGES: tuple[tuple[str, Precision, int], ...] = (
    ("trinary", "trinary", 2),
    ("control", "float", 4),
)


class Run:
    """Both stages in order; with ``resume``, what a stopped run has finished is read back."""

    def __init__(
        self,
        settings: ClassifySettings,
        resume: bool = False,
        report: Report = print_row,
        check: Check | None = None,
    ):
        s = self.settings = settings
        self.resume, self.out, self.check = resume, Path(s.out), check
        self.device = find_device(s.device)
        more: dict[str, Any] = {"unseen": s.unseen} if s.unseen else {}
        self.data: LabelledData = load(s.dataset, s.data, s.equal_contrast, **more)
        self.spec = ClassifySpec.of(self.data, s.equal_contrast)
        self.train, self.held = split(self.data.train, s.hold_out, derived_seed(s.seed, 1))
        self.background = np.rint(self.train.images.mean(axis=0))
        self.done: dict[str, dict[str, Any]] = {}
        columns = ("stage", "iteration", "loss", "val_loss", "val_right", "test_right")
        self.curve = Curve(self.out, columns, report)

    def run(self) -> Path:
        """Both stages; returns the weight file."""
        s = self.settings
        with one_thread():
            if self.check is not None:
                self.check(fold(self.untrained("trinary", 2), self.spec, {}))
            begin(self.out, s, self.resume, FREE, classes=list(self.data.classes))
            nets = {}
            for name, precision, use in _STAGES:
                if s.minibatches(name):
                    nets[name] = self.stage(name, self.untrained(precision, use), use + 1)
            path = self.out / WEIGHTS
            write_weights(fold(nets["trinary"], self.spec, self.provenance()), path)
            return path

    def untrained(self, precision: Precision, use: int) -> Classifier:
        """A new network."""
        s = self.settings
        with seeded(derived_seed(s.seed, use)):
            size = self.spec.shape[0], self.spec.shape[1], self.spec.shape[2]
            net = Classifier(size, len(self.spec.actions), s.preset, precision, s.dropout)
        net.background.copy_(torch.from_numpy(self.background))
        if precision == "trinary" and s.hysteresis:
            add_hysteresis(net, s.hysteresis)
        return net.to(self.device)

    def stage(self, name: str, net: Classifier, use: int) -> Classifier:
        """``net`` trained, tested and stored as stage ``name``, or read back."""
        s = self.settings
        hidden, facts = self.out / f"{name}.hidden.safetensors", self.out / f"{name}.json"
        rate = s.control_learning_rate if name == "control" else s.learning_rate
        stage = {"stage": name, "iterations": s.minibatches(name), "learning_rate": rate}
        if self.resume and hidden.exists() and facts.exists():
            found = read_fields(facts, error=TnemuError, most_bytes=MOST_SETTINGS)
            kept = {key: found.json(key) for key in found}
            if all(kept.get(key) == value for key, value in stage.items()):
                load_state(net, hidden)
                self.done[name] = kept
                return net.eval()
        checkpoint = StageCheckpoint(
            self.out / f"{name}.checkpoint.safetensors", stage, s.checkpoint_minutes
        )
        if not self.resume:
            checkpoint.remove()
        reached = checkpoint.iteration()
        self.curve.keep(lambda row: row["stage"] != name or int(row["iteration"] or 0) <= reached)

        def log(row: dict[str, Any]) -> None:
            self.curve.add(stage=name, **row)

        seed = derived_seed(s.seed, use)
        try:
            figures = train(
                net, self.train, self.held, s.minibatches(name), rate, s, seed, log, checkpoint
            )
        except Diverged as error:
            option = "control-learning-rate" if name == "control" else "learning-rate"
            raise Diverged(
                f"{error}; begin again with a smaller --{option} (it was {rate:g})"
            ) from None
        tested = validate(net, self.data.test)
        right = {"test_right": tested["val_right"], "test_loss": tested["val_loss"]}
        seen = {
            "train_right": validate(net, self.train.take(np.arange(min(2000, len(self.train)))))
        }
        self.done[name] = (
            stage | figures | right | {"train_right": seen["train_right"]["val_right"]}
        )
        self.done[name]["device"] = device_name(self.device)
        self.curve.add(stage=name, iteration=s.minibatches(name), test_right=right["test_right"])
        save_tensors(hidden, state_arrays(net))
        write_json(facts, self.done[name], error=TnemuError)
        checkpoint.remove()
        return net

    def provenance(self) -> dict[str, Any]:
        """How the weight file was made, and what the test part said of it, once."""
        s, data = self.settings, self.data
        made = {
            "command": command("tnemu.learn.classify", s),
            "settings": {k: v for k, v in asdict(s).items() if k not in ("out", "data", "device")},
            "data": {
                "name": data.name,
                "title": s.known.title,
                "licence": s.known.licence,
                "train": len(data.train),
                "test": len(data.test),
            },
            "stages": list(self.done.values()),
            "versions": versions(),
        }
        tested = {name: stage["test_right"] for name, stage in self.done.items()}
        made["accuracy"] = tested
        return made


def train_classifier(
    settings: ClassifySettings,
    resume: bool = False,
    report: Report = print_row,
    check: Check | None = None,
) -> Path:
    """Train; the path of the weight file. ``check`` refuses a network before it is trained. Raises
    TnemuError, a DataError for the data.
    """
    return Run(settings, resume, report, check).run()


def main(argv: list[str] | None = None) -> int:
    """``python -m tnemu.learn.classify``; returns the exit status."""
    text = (__doc__ or "").partition("\n")[0]
    return run_command(text, ClassifySettings, partial(train_classifier), argv)


if __name__ == "__main__":
    sys.exit(main())
