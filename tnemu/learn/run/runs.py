"""What every training run shares: command-line options, a curve, and the versions behind it."""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import inspect
import json
import os
import sys
import textwrap
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import MISSING, Field, asdict, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import tnemu.versions
from tnemu.errors import TnemuError
from tnemu.formats.whole_file import write_json

SEVERAL = "tuple[str, ...]"
"""Type of a setting that takes several words."""
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
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TnemuError(
                f"cannot make the folder {out}: {error.strerror or error}; choose another --out"
            ) from error
        self.path, self.columns, self.report = out / "curve.csv", columns, report

    def add(self, **values: Any) -> None:
        row = {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in values.items()}
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("a", newline="") as file:
                writer = csv.DictWriter(file, self.columns)
                if size == 0:
                    writer.writeheader()
                writer.writerow(row)
        except OSError as error:
            with suppress(OSError):
                os.truncate(self.path, size)  # no half row for a resumed run to append to
            raise TnemuError(
                f"cannot write {self.path}: {error.strerror or error}; make room and go on with "
                "--resume"
            ) from error
        self.report(row)


def required_first(settings: Any) -> list[Field[Any]]:
    """The fields of settings, those that have no default before the others."""
    return sorted(fields(settings), key=lambda f: f.default is not MISSING)


def meanings(settings: type) -> dict[str, str]:
    """What is written below every field of a dataclass, in one line; else the field's name in words."""
    said = {f.name: f.name.replace("_", " ") for f in fields(settings)}
    for kind in reversed(settings.__mro__[:-1]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assert isinstance(tree, ast.ClassDef)
        for f, below in pairwise(tree.body):
            if isinstance(f, ast.AnnAssign) and isinstance(below, ast.Expr):
                text = " ".join(str(ast.literal_eval(below.value)).split())
                said[ast.unparse(f.target)] = text
    return said


def add_options(parser: argparse.ArgumentParser, settings: type) -> None:
    """``game`` (or ``games``), ``--resume``, and an option for every other field of the settings; a
    tuple takes several words.
    """
    parser.add_argument("--resume", action="store_true", help="go on from what is in --out")
    said = {name: text.replace("%", "%%") for name, text in meanings(settings).items()}
    kinds = {"int": int, "float": float, "str": str, "tuple[int, ...]": int}
    for f in required_first(settings):
        several: dict[str, Any] = {"nargs": "+"} if f.type == SEVERAL else {}
        if f.name in ("game", "games"):
            parser.add_argument(f.name, metavar="game", help=said[f.name], **several)
        else:
            required = f.default is MISSING
            name = "--" + f.name.replace("_", "-")
            default = argparse.SUPPRESS if required else f.default  # or the help says: None
            kind = kinds["str" if several else str(f.type)]
            several |= {"nargs": "+"} if str(f.type).startswith("tuple") else {}
            several |= {"default": default, "required": required, "help": said[f.name]}
            parser.add_argument(name, type=kind, **several)


def run_command(
    description: str,
    settings: type,
    train: Callable[[Any, bool, Report], Any],
    argv: list[str] | None,
    watch: Watch = plain,
    name: str | None = None,
) -> int:
    """Parse options into ``settings``, train, and print where the result (or each of several) lies;
    the exit status. ``name`` is what the user typed, if not the program's.
    """
    parser = argparse.ArgumentParser(
        name, description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add_options(parser, settings)
    needed = [f.name for f in fields(settings) if f.default is MISSING]
    words = [f"--{n.replace('_', '-')} {n.upper()}" for n in needed if n not in ("game", "games")]
    parser.usage = " ".join(["%(prog)s game", *words, "[option ...]"])
    values = vars(parser.parse_args(argv))
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    resume = values.pop("resume")
    try:
        chosen = settings(**values)
        with watch(chosen) as report:
            result = train(chosen, resume, report)
        print(*(result if isinstance(result, tuple) else (result,)), sep="\n")
    except (TnemuError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def command(module: str, settings: Any) -> str:
    """The command that repeats a run with these settings."""
    words = ["python", "-m", module]
    for f in required_first(settings):
        value = getattr(settings, f.name)
        if f.name not in ("game", "games"):
            if value == f.default:
                continue
            words.append("--" + f.name.replace("_", "-"))
        words += map(str, value) if isinstance(value, tuple) else [str(value)]
    return " ".join(words)


def derived_seed(*parts: int) -> int:
    """One seed per use, all from the seed of the run."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0] >> 1)


def file_sha256(path: str | Path) -> str:
    """What provenance names a file by."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def check_unused(out: Path, *names: str) -> None:
    """Raises a TnemuError where one of the files ``names`` says that ``out`` holds a run: a new one
    would overwrite it.
    """
    if any((out / name).exists() for name in names):
        raise TnemuError(
            f"{out} holds a run already; go on with it with --resume, or choose another --out"
        )


def begin(out: Path, settings: Any, resume: bool, free: Collection[str], **more: Any) -> None:
    """Write what a run is begun with to settings.json; a resumed run must go on with the same.

    free: settings that may change on the way, because what is kept is not made with them, or says
    itself what it was made with. more: what else must be the same, as the hash of a teacher.
    Raises TnemuError that names every difference, and where a run that is not resumed would mix
    with another one. A folder with nothing but states is taken as it is.
    """
    path = out / "settings.json"
    kept = {k: v for k, v in asdict(settings).items() if k not in free} | more
    now = json.loads(json.dumps(kept))  # tuples become lists
    if not resume:
        check_unused(out, path.name)
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        different = [
            f"{name.replace('_', '-')} was {before[name]}, is {now[name]}"
            for name in now
            if name in before and before[name] != now[name]
        ]
        if different:
            raise TnemuError(
                f"the run in {out} was begun with other settings ({'; '.join(different)}); give the "
                "same to resume it, or choose another --out"
            )
    elif resume and any(out.glob("stage*")):
        raise TnemuError(
            f"{out} holds a run, but not the settings.json it was begun with; choose another --out"
        )
    write_json(path, now)


def versions() -> dict[str, str]:
    """What provenance says a training was made with."""
    return tnemu.versions.versions("numpy", "torch", "ale-py")
