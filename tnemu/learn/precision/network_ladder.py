"""The precision ladder of a classifier: a network of others, on labelled pictures.

    python -m tnemu.learn.quantise resnet20 --weights resnet20.th --data cifar10 --out runs/resnet20

The network is first adapted to the data, if that is asked for (``adapt_iterations``); everything below is
compared with what that left. Weights and data are the user's; OUT/fp32.safetensors, what the adaptation
left, may be the --weights of another ladder.
"""

from __future__ import annotations

import copy
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tnemu.files import json_text
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, save_tensors
from tnemu.learn.distil.checkpoint import StageCheckpoint
from tnemu.learn.players.integers import QuantiseError
from tnemu.learn.players.nets import load_state, state_arrays
from tnemu.learn.precision.folding import runnable
from tnemu.learn.precision.named import Network, network
from tnemu.learn.precision.network_files import INTEGER_NETWORK, load_network, save_network
from tnemu.learn.precision.network_settings import FREE, QuantiseSettings
from tnemu.learn.precision.noise import measure_noise
from tnemu.learn.precision.quant_network import QuantNetwork
from tnemu.learn.precision.rungs import Ladder, Row
from tnemu.learn.precision.tune import Descent, figures_of, logits_of, tune, validate
from tnemu.learn.run.options import command, run_command
from tnemu.learn.run.runs import Report, begin, derived_seed, file_sha256, print_row, versions
from tnemu.tasks.classify.catalogue import load
from tnemu.tasks.classify.data import Part, split

FLOAT_NETWORK = "tnemu float network 1"
EQUAL_IMAGES = 100
"""Test pictures on which the answers of torch and of numpy are compared in every rung."""


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
            self.finished(path, self._adapted_with())
            load_state(full.module, path)
            return full, path
        figures: Row = {}
        if s.adapt_iterations:
            how = Descent(
                s.adapt_iterations,
                s.adapt_batch,
                s.adapt_rate,
                "sgd",
                "cosine",
                s.momentum,
                s.weight_decay,
            )

            def log(values: Row) -> None:
                self.curve.add(rung="fp32", **values)

            figures = self._tuned(full, "fp32", how, 0, log)
        facts = self.provenance() | self._adapted_with() | {"rung": figures}
        self._write(path, state_arrays(full.module), FLOAT_NETWORK, {"provenance": facts})
        return full, path

    def _tuned(
        self, net: nn.Module, rung: str, how: Descent, use: int, log: Report
    ) -> dict[str, float]:
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

    def quantised(self, full: nn.Module, bits: int) -> QuantNetwork:
        """The network with ranges from training pictures that are spread over the data."""
        count = min(self.settings.range_images, len(self.train_part))
        which = np.linspace(0, len(self.train_part) - 1, count).astype(np.int64)
        images = torch.from_numpy(self.train_part.images[which])
        return QuantNetwork(self.net, bits, images, self.settings)

    def train(self, net: nn.Module, rung: str, bits: int, log: Report) -> dict[str, float]:
        """One descent as the settings say, the same for the control and every rung."""
        s = self.settings
        how = Descent(
            self.iterations,
            s.batch,
            s.learning_rate,
            s.optimiser,
            s.schedule,
            s.momentum,
            s.weight_decay,
        )
        return self._tuned(net, rung, how, 1, log)

    def described(self, net: nn.Module, full: nn.Module) -> Row:
        """Cosines, sizes, and whether torch and numpy give the same answers to the last bit."""
        if not isinstance(net, QuantNetwork):
            return {}
        some = self.test.images[:EQUAL_IMAGES]
        theirs = net.folded().answers(torch.from_numpy(some)).numpy()
        ours = net.folded().numpy().answers(some)
        if not np.array_equal(theirs, ours):
            raise QuantiseError(
                f"{net.bits} bit: {int((theirs != ours).sum())} of {ours.size} answers of numpy differ from "
                "those of torch; please report this with the network"
            )
        return {
            "cosine_to_fp32": net.cosines(),
            "weights_bytes": net.bytes_of_weights(),
            "equal_in_numpy": len(some),
        }

    def save(self, path: Path, net: nn.Module, bits: int | None, facts: Row) -> None:
        """The integers of a rung, or the weights of the control."""
        if isinstance(net, QuantNetwork):
            save_network(path, net.folded().numpy(), bits=bits, provenance=facts)
        else:
            self._write(path, state_arrays(net.module), FLOAT_NETWORK, {"provenance": facts})

    def made_with(self) -> Row:
        """What a rung that is kept must have been made with."""
        return {"training": self.settings.training, **self._origin()}

    def _adapted_with(self) -> Row:
        return {"adaptation": self.settings.adaptation, **self._origin()}

    def _origin(self) -> Row:
        weights = self.settings.weights
        return {"weights_sha256": file_sha256(weights) if weights else None}

    def provenance(self) -> Row:
        """How the rungs were made."""
        s = self.settings
        return {
            "command": command("tnemu.learn.quantise", s),
            "settings": asdict(s),
            "versions": versions(),
        }

    def judged(self, rungs: list[Row]) -> Row:
        """Every rung on the test part, whose labels nothing before has looked at."""
        images, labels = torch.from_numpy(self.test.images), torch.from_numpy(self.test.labels)
        logits = {}
        for row in rungs:
            logits[row["rung"]] = self._answers(Path(row["file"]), images)
            row |= figures_of(logits[row["rung"]], labels, "test")
        best = {name: each.argmax(1) for name, each in logits.items()}
        for row in rungs:
            same = (best[row["rung"]] == best["fp32"]).double().mean()
            row["agrees_with_fp32"] = float(same)
        whole: Row = {
            "pictures": {name: len(part) for name, part in self._parts().items()},
            "iterations": self.iterations,
            "rungs": rungs,
            **self.provenance(),
        }
        if self.settings.noise_batches:
            whole["noise"] = self._noise()
        return whole

    def _parts(self) -> dict[str, Part]:
        return {"training": self.train_part, "validation": self.held, "test": self.test}

    def _answers(self, path: Path, images: Tensor) -> Tensor:
        """Logits of the rung in a file, as its integers give them."""
        if load_facts(path).get("format") == INTEGER_NETWORK:
            return runnable(load_network(path))(images)
        net = FloatNetwork(copy.deepcopy(self.net))
        load_state(net.module, path)
        return logits_of(net, images)

    def _noise(self) -> list[Row]:
        s = self.settings
        nets: dict[int, nn.Module] = {32: FloatNetwork(copy.deepcopy(self.net))}
        nets |= {bits: self.quantised(nets[32], bits) for bits in self.bits}
        return measure_noise(nets, self.train_part, s.noise_batches, derived_seed(s.seed, 9))


def quantise(settings: QuantiseSettings, resume: bool = False, report: Report = print_row) -> Path:
    """Make the rungs of a network and judge them all; returns the path of ladder.json."""
    return NetworkLadder(settings, resume, report).climb()


def main(argv: list[str] | None = None) -> int:
    """The command ``python -m tnemu.learn.quantise``; its exit status."""
    about = "Fine-tune a pretrained network in fewer bits."
    return run_command(about, QuantiseSettings, quantise, argv)


if __name__ == "__main__":
    sys.exit(main())
