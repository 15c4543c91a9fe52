"""The precision ladder of a classifier: a network of others, on labelled pictures.

    python -m tnemu.learn.quantise resnet20 --weights resnet20.th --data cifar10 --out runs/resnet20

The network is first adapted to the data, if that is asked for (``adapt_iterations``); everything below is
compared with what that left. Weights and data are the user's.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tnemu.formats.errors import FormatError
from tnemu.files import json_text
from tnemu.formats.tensor_file import load_facts, save_tensors
from tnemu.learn.distil.checkpoint import StageCheckpoint
from tnemu.learn.players.nets import load_state, state_arrays
from tnemu.learn.precision.named import Network, network
from tnemu.learn.precision.network_settings import FREE, QuantiseSettings
from tnemu.learn.precision.rungs import Ladder, Row
from tnemu.learn.precision.tune import Descent, tune, validate
from tnemu.learn.run.options import command, run_command
from tnemu.learn.run.runs import Report, begin, derived_seed, file_sha256, print_row, versions
from tnemu.tasks.classify.catalogue import load
from tnemu.tasks.classify.data import Part, split

FLOAT_NETWORK = "tnemu float network 1"


class FloatNetwork(nn.Module):
    """The full-precision network, shown pictures as they are: uint8 [n, channels, rows, columns]."""

    def __init__(self, net: Network):
        super().__init__()
        self.module, self.net = net.module, net

    def forward(self, images: Tensor) -> Tensor:
        """Logits [n, classes]."""
        return self.module(self.net.normalised(images))


class NetworkLadder(Ladder):
    """The rungs of a named network, or of one of the user's."""

    def __init__(self, settings: QuantiseSettings, resume: bool, report: Report = print_row):
        s = self.settings = settings
        out = Path(s.out)
        super().__init__(out, resume, ("val_loss", "val_right"), report)
        self.net = network(s.network, s.weights)
        self.data = load(s.dataset, s.data, False, self.net.shape)
        begin(out, s, resume, FREE)
        self.train_part, self.held = split(self.data.train, s.hold_out, derived_seed(s.seed, 1))
        count = s.test_images or len(self.data.test)
        self.test = self.data.test.take(np.arange(min(count, len(self.data.test))))
        self.bits, self.tune_float, self.rate = s.bits, s.tune_float, s.learning_rate
        self.iterations = round(s.epochs * len(self.train_part) / s.batch)

    def begin(self) -> tuple[nn.Module, Path]:
        """The network, adapted to the data if that was asked for."""
        s, path = self.settings, self.out / "fp32.safetensors"
        full = FloatNetwork(self.net).eval()
        if self.resume and path.exists():
            load_state(full, path)
            return full, path
        figures: Row = {}
        if s.adapt_iterations:
            how = Descent(
                s.adapt_iterations, s.adapt_batch, s.adapt_rate, "sgd", "cosine", s.momentum, s.weight_decay
            )
            figures = self._tuned(full, "fp32", how, 0)
        facts = self.provenance() | self.made_with() | {"rung": figures}
        self._write(path, state_arrays(full), FLOAT_NETWORK, {"provenance": facts})
        return full, path

    def _tuned(self, net: nn.Module, rung: str, how: Descent, use: int) -> dict[str, float]:
        s = self.settings
        stage = {"rung": rung, **asdict(how)}
        name = rung.replace(" ", "-")
        checkpoint = StageCheckpoint(
            self.out / f"{name}.checkpoint.safetensors", stage, s.checkpoint_minutes
        )
        if not self.resume:
            checkpoint.remove()
        reached = checkpoint.iteration()
        self.curve.keep(lambda row: row["rung"] != rung or int(row["iteration"] or 0) <= reached)

        def log(values: Row) -> None:
            self.curve.add(rung=rung, **values)

        seed = derived_seed(s.seed, use + 2)
        every = s.check_every, s.log_every
        figures = tune(net, self.train_part, self.held, how, s, seed, log, checkpoint, every)
        checkpoint.remove()
        return figures

    def _write(self, path: Path, arrays: Any, kind: str, facts: dict[str, Any]) -> None:
        said = {key: json_text(value, key, error=FormatError) for key, value in facts.items()}
        save_tensors(path, arrays, {"format": kind, **said})

    def validation(self, net: nn.Module) -> dict[str, float]:
        """On the part of the training data that no training sees."""
        return validate(net, self.held)

    def copy(self, full: nn.Module) -> nn.Module:
        """The full network again."""
        return copy.deepcopy(full)

    def quantised(self, full: nn.Module, bits: int) -> nn.Module:
        raise NotImplementedError

    def train(self, net: nn.Module, rung: str, bits: int, log: Report) -> dict[str, float]:
        """One descent as the settings say, the same for the control and every rung."""
        s = self.settings
        how = Descent(
            self.iterations, s.batch, s.learning_rate, s.optimiser, s.schedule, s.momentum, s.weight_decay
        )
        return self._tuned(net, rung, how, 1)

    def described(self, net: nn.Module, full: nn.Module) -> Row:
        raise NotImplementedError

    def save(self, path: Path, net: nn.Module, bits: int | None, facts: Row) -> None:
        raise NotImplementedError

    def made_with(self) -> Row:
        """What a rung that is kept must have been made with."""
        weights = self.settings.weights
        return {
            "training": self.settings.training,
            "weights_sha256": file_sha256(weights) if weights else None,
        }

    def provenance(self) -> Row:
        """How the rungs were made."""
        s = self.settings
        return {
            "command": command("tnemu.learn.quantise", s),
            "settings": asdict(s),
            "versions": versions(),
        }

    def judged(self, rungs: list[Row]) -> Row:
        raise NotImplementedError


def quantise(settings: QuantiseSettings, resume: bool = False, report: Report = print_row) -> Path:
    """Make the rungs of a network and judge them all; returns the path of ladder.json."""
    return NetworkLadder(settings, resume, report).climb()


def main(argv: list[str] | None = None) -> int:
    """The command ``python -m tnemu.learn.quantise``; its exit status."""
    about = "Fine-tune a pretrained network in fewer bits."
    return run_command(about, QuantiseSettings, quantise, argv)


if __name__ == "__main__":
    sys.exit(main())
