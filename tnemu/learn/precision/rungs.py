"""The one way down from a trained network: rung by rung, fewer and fewer bits, beside a control.

    fp32        the network as it is
    fp32 tuned  the same after the further training that the rungs below had
    n bit       quantised with ranges from the data, judged, then trained on, judged again

What is quantised, what it learns from and how it is judged are a ``Ladder``'s: a student of Atari games
(tnemu.learn.precision.ladder) or a classifier of pictures (tnemu.learn.precision.network_ladder). This
says in which order, what is stored of every rung, and what a resumed ladder keeps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from torch import nn

from tnemu.errors import TnemuError, shown
from tnemu.files import write_json
from tnemu.formats.errors import FormatError
from tnemu.learn.players.files import provenance_of
from tnemu.learn.run.device import one_thread
from tnemu.learn.run.runs import Curve, Report
from tnemu.learn.run.trouble import Diverged

Row = dict[str, Any]
"""What ladder.json says of a rung."""


class Ladder(ABC):
    """The rungs in order; with ``resume``, those that a stopped ladder has finished are kept."""

    bits: tuple[int, ...]
    tune_float: int
    rate: float
    """Learning rate of every rung, which a message names."""
    iterations: int
    """Of every rung's training; 0: quantised and judged alone."""

    def __init__(self, out: Path, resume: bool, columns: tuple[str, ...], report: Report):
        self.out, self.resume = out, resume
        self.curve = Curve(out, ("rung", "iteration", "loss", *columns), report)

    @abstractmethod
    def begin(self) -> tuple[nn.Module, Path]:
        """The full-precision network, in eval mode, and the file that holds it."""

    @abstractmethod
    def validation(self, net: nn.Module) -> dict[str, float]:
        """How well ``net`` does on what no training saw, in eval mode."""

    @abstractmethod
    def copy(self, full: nn.Module) -> nn.Module:
        """The full network, to be trained on."""

    @abstractmethod
    def quantised(self, full: nn.Module, bits: int) -> nn.Module:
        """The full network in ``bits`` bits, ready to be judged."""

    @abstractmethod
    def train(self, net: nn.Module, rung: str, bits: int, log: Report) -> dict[str, float]:
        """Train ``net`` on; leaves it in eval mode; returns its validation. Raises Diverged."""

    @abstractmethod
    def described(self, net: nn.Module, full: nn.Module) -> Row:
        """What else is said of a trained rung: cosines, steps."""

    @abstractmethod
    def save(self, path: Path, net: nn.Module, bits: int | None, facts: Row) -> None:
        """Store a rung with ``facts``, its provenance."""

    @abstractmethod
    def made_with(self) -> Row:
        """What a rung that is kept must have been made with."""

    @abstractmethod
    def provenance(self) -> Row:
        """How the rungs were made: command, settings, versions."""

    @abstractmethod
    def judged(self, rungs: list[Row]) -> Row:
        """All of ladder.json; ``rungs`` get the figures by which they are compared."""

    def climb(self) -> Path:
        """All rungs; returns the path of ladder.json."""
        with one_thread():
            full, file = self.begin()
            rungs = [{"rung": "fp32", "file": str(file), **self.validation(full)}]
            if self.tune_float and self.iterations:
                rungs.append(self.rung(full, "fp32 tuned", "float.safetensors", None))
            for bits in self.bits:
                rungs.append(self.rung(full, f"{bits} bit", f"{bits}bit.safetensors", bits))
            whole = self.judged(rungs)
        path = self.out / "ladder.json"
        write_json(path, whole, error=FormatError)
        return path

    def rung(self, full: nn.Module, name: str, file: str, bits: int | None) -> Row:
        """Make one rung, or read it back; what ladder.json says of it, not yet compared."""
        path = self.out / file
        if self.resume and path.exists():
            return self.finished(path, self.made_with())
        row: Row = {"rung": name, "file": str(path), "bits": bits or 32}
        if bits is None:
            net = self.copy(full)
        else:
            net = self.quantised(full, bits)
            row["before"] = self.validation(net)
            self.curve.add(rung=name, iteration=0, **row["before"])
        if self.iterations:
            row |= self.trained(net, name, bits or 32)
        else:
            row |= row["before"]
        if bits is not None:
            row |= self.described(net, full)
        self.save(path, net, bits, self.provenance() | self.made_with() | {"rung": row})
        return row

    def trained(self, net: nn.Module, name: str, bits: int) -> dict[str, float]:
        """``train``, with a word on how to go on where it diverges."""

        def log(values: Row) -> None:
            self.curve.add(rung=name, **values)

        try:
            return self.train(net, name, bits, log)
        except Diverged as error:
            raise Diverged(
                f"{name}: {error}; all rungs are made with one learning rate: run the ladder again, "
                f"without --resume, with a smaller --learning-rate (it was {self.rate:g})"
            ) from error

    def finished(self, path: Path, made_with: Row) -> Row:
        """What a rung that is done says of itself; raises TnemuError for one made otherwise."""
        facts = provenance_of(path)
        for key, value in made_with.items():
            before = facts.json(key, None)
            if before != value:
                raise TnemuError(
                    f"{path} was made with {key} {shown(before)}, this ladder has {shown(value)}; "
                    "leave out --resume to make it again, or choose another --out"
                )
        rung = facts.mapping("rung")
        return {**{key: rung.json(key) for key in rung}, "file": str(path)}
