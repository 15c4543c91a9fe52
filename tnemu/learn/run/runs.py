"""What every training's folder holds: a curve, the settings it was begun with, and what is behind it.

No torch in here, so that commands show and check a run without it.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import tnemu.versions
from tnemu import files
from tnemu.errors import TnemuError, shown
from tnemu.files import append_row, make_folder, read_fields, read_text, write_text
from tnemu.formats.errors import FormatError

CELL = 10
"""Letters of one value of the plain report."""
CurveRow = dict[str, Any]
"""What a training says of itself, by column."""
Report = Callable[[CurveRow], None]
"""Called with each row of the curve as it is written, to show progress."""
Watch = Callable[[Any], AbstractContextManager[Report]]
"""Given the settings of a run: the report that is open while it trains. It is closed however the run
ends.
"""
MOST_SETTINGS = 1 << 20
"""Bytes of settings.json and of what a stage says of itself."""


def say(line: str) -> None:
    """A line for people, beside what is printed for programs."""
    print(line, file=sys.stderr, flush=True)


def print_row(row: CurveRow) -> None:
    """The plain progress report: one line per row, values in columns."""
    print(
        "  ".join(f"{name} {value!s:<{CELL}}" for name, value in row.items()).rstrip(), flush=True
    )


def plain(settings: Any) -> AbstractContextManager[Report]:
    """``print_row``, whatever the run."""
    return nullcontext(print_row)


class Curve:
    """curve.csv in the run's folder, which is made; resumed runs append to it."""

    def __init__(self, out: Path, columns: tuple[str, ...], report: Report = print_row):
        make_folder(out, error=TnemuError, then="choose another --out")
        self.path, self.columns, self.report = out / "curve.csv", columns, report

    def add(self, **values: Any) -> None:
        """One more row, whole or not at all; floats with five digits. Raises a TnemuError."""
        row = {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in values.items()}
        append_row(
            self.path,
            [row.get(name, "") for name in self.columns],
            columns=self.columns,
            error=TnemuError,
            then="make room and go on with --resume",
        )
        self.report(row)

    def keep(self, wanted: Callable[[dict[str, str]], bool]) -> None:
        """Of the rows that are there, those that are ``wanted``: a resumed run begins with what is
        done, and not with what it does again. Raises a TnemuError for a file that is no table.
        """
        if not self.path.exists():
            return
        text = read_text(self.path, error=TnemuError)
        try:
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
        except csv.Error as error:
            raise TnemuError(
                f"{self.path} is not a table ({error}); move it away and go on with --resume"
            ) from None
        plain_rows = [{k: v or "" for k, v in row.items() if k} for row in rows]
        kept = [row for row in plain_rows if wanted(row)]
        if len(kept) < len(rows):
            table = io.StringIO(newline="")
            writer = csv.DictWriter(table, self.columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)
            write_text(self.path, table.getvalue(), error=TnemuError)


def derived_seed(*parts: int) -> int:
    """One seed per use, all from the seed of the run; trailing zeros change nothing, as long as all
    parts together have at most four words of 32 bits.
    """
    return int(np.random.SeedSequence(parts).generate_state(1)[0] >> 1)


def file_sha256(path: str | Path) -> str:
    """What provenance names a file by."""
    return files.file_sha256(path, error=FormatError)


def check_unused(out: Path, *names: str) -> None:
    """Raises a TnemuError where one of the files ``names`` says that ``out`` holds a run: a new one
    would overwrite it.
    """
    if any((out / name).exists() for name in names):
        raise TnemuError(
            f"{out} holds a run already; go on with it with --resume, or choose another --out"
        )


def begin(
    out: Path,
    settings: Any,
    resume: bool,
    free: Collection[str],
    renamed: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    **more: Any,
) -> None:
    """Write what a run is begun with to settings.json; a resumed run must go on with the same.

    free: settings that may change on the way, because what is kept is not made with them, or says
    itself what it was made with. more: what else must be the same, as the hash of a teacher.
    renamed: gives what an earlier version wrote today's names. Raises TnemuError that names every
    difference, and where a run that is not resumed would mix with another one. A folder with
    nothing but states is taken as it is.
    """
    path = out / "settings.json"
    kept = {k: v for k, v in asdict(settings).items() if k not in free} | more
    now = json.loads(json.dumps(kept))  # tuples become lists
    if not resume:
        check_unused(out, path.name)
    if path.exists():
        found = read_fields(path, error=TnemuError, most_bytes=MOST_SETTINGS)
        before = renamed({key: found.json(key) for key in found})
        different = [
            f"{name.replace('_', '-')} was {_said(before[name])}, is {_said(now[name])}"
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
    files.write_json(path, now, error=TnemuError)


def _said(value: Any) -> str:
    return str(value) if isinstance(value, str) and len(value) < 80 else shown(value)


def versions() -> dict[str, str]:
    """What a run was made with, by name."""
    return tnemu.versions.versions("numpy", "torch", "ale-py")
