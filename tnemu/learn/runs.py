"""What every training run shares: command-line options, a curve, and the versions behind it."""

from __future__ import annotations

import argparse
import csv
import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import MISSING, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tnemu
from tnemu.hardware.errors import TnemuError

CELL = 10
"""Letters of one value of the plain report."""
Row = dict[str, Any]
Report = Callable[[Row], None]
"""Called with each row of the curve as it is written, to show progress."""
Watch = Callable[[Any], AbstractContextManager[Report]]
"""Given the settings of a run: the report that is open while it trains. It is closed however the run
ends.
"""


def print_row(row: Row) -> None:
    """The plain progress report: one line per row, values in columns."""
    print(
        "  ".join(f"{name} {value!s:<{CELL}}" for name, value in row.items()).rstrip(), flush=True
    )


def plain(settings: Any) -> AbstractContextManager[Report]:
    """``print_row``, whatever the run."""
    return nullcontext(print_row)


class Curve:
    """curve.csv in the run's folder; resumed runs append to it."""

    def __init__(self, out: Path, columns: tuple[str, ...], report: Report = print_row):
        out.mkdir(parents=True, exist_ok=True)
        self.path, self.columns, self.report = out / "curve.csv", columns, report

    def add(self, **values: Any) -> None:
        row = {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in values.items()}
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            if new:
                writer.writeheader()
            writer.writerow(row)
        self.report(row)


def add_options(parser: argparse.ArgumentParser, settings: type) -> None:
    """``game``, ``--resume``, and an option for every field of the settings."""
    parser.add_argument("game")
    parser.add_argument("--resume", action="store_true", help="go on from what is in --out")
    kinds = {"int": int, "float": float, "str": str}
    for f in fields(settings):
        if f.name != "game":
            required = f.default is MISSING
            name = "--" + f.name.replace("_", "-")
            default = None if required else f.default
            parser.add_argument(name, type=kinds[str(f.type)], default=default, required=required)


def run_command(
    description: str,
    settings: type,
    train: Callable[[Any, bool, Report], Path],
    argv: list[str] | None,
    watch: Watch = plain,
) -> int:
    """Parse options into ``settings``, train, and print where the result lies; the exit status."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add_options(parser, settings)
    values = vars(parser.parse_args(argv))
    resume = values.pop("resume")
    try:
        chosen = settings(**values)
        with watch(chosen) as report:
            path = train(chosen, resume, report)
        print(path)
    except (TnemuError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def command(module: str, settings: Any) -> str:
    """The command that repeats a run with these settings."""
    words = ["python", "-m", module, settings.game]
    for f in fields(settings):
        value = getattr(settings, f.name)
        if f.name != "game" and value != f.default:
            words += ["--" + f.name.replace("_", "-"), str(value)]
    return " ".join(words)


def versions() -> dict[str, str]:
    return {
        "tnemu": tnemu.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "ale_py": version("ale-py"),
    }
