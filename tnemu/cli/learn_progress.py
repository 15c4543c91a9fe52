"""What a training shows while it runs, and the picture of its curve when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from tnemu.learn.run.runs import Report
    from tnemu.measure.curve_plots import CurvePlot

TOGETHER = (
    ("train_return", "check_mean", "check_best", "average", "best_average"),
    ("loss", "val_kl", "val_loss"),
    ("val_right", "test_right"),
    ("free_energy_data", "free_energy_chains"),
    ("log_likelihood", "log_likelihood_test"),
)
"""Columns that share a panel."""
AXES = ("steps", "updates", "iteration", "epoch", "stage", "rung", "episode")
"""Columns that say where, not how well."""


@contextmanager
def watched(settings: Any) -> Iterator[Report]:
    """A bar on a terminal, a line per report elsewhere; draws curve.png however the run ends."""
    from rich.console import Console

    from tnemu.learn.run.runs import plain

    console = Console()
    try:
        with _bar(settings, console) if console.is_terminal else plain(settings) as report:
            yield report
    finally:
        draw_curve(Path(settings.out))


@contextmanager
def _bar(settings: Any, console: Any) -> Iterator[Report]:
    """How far the run (a teacher) or its stage (a student) is, and the last figures; what has a
    score stays above it.
    """
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console) as progress:
        shown = getattr(settings, "game", "") or settings.name
        task = progress.add_task(shown, total=None, figures="starting")

        def report(row: dict[str, Any]) -> None:
            nonlocal task, shown
            if "run" in row:
                console.print(" ".join(f"{k} {v}" for k, v in row.items()), highlight=False)
                return
            name, done, total = position(settings, row)
            if name != shown:
                progress.remove_task(task)
                task, shown = progress.add_task(name, total=total, figures=""), name
            figures = " ".join(f"{k} {v}" for k, v in row.items() if k not in AXES)
            if any(key in row for key in ("check_mean", "score")):
                console.print(f"{name} {done:,}: {figures}", highlight=False)
            else:
                progress.update(task, completed=done, total=total, figures=figures)

        yield report


def position(settings: Any, row: dict[str, Any]) -> tuple[str, int, int]:
    """What is being trained, how many steps are done, and of how many."""
    if "rung" in row:
        return f"{settings.name} {row['rung']}", row["iteration"], settings.minibatches(row["rung"])
    if "epoch" in row:
        return settings.name, row["epoch"], settings.epochs
    for axis, total in (("episode", "episodes"), ("iteration", "batches")):
        if axis in row and "stage" not in row:
            return settings.game, row[axis], getattr(settings, total)
    if "stage" not in row:
        return settings.game, row["steps"], settings.steps
    total = settings.minibatches(row["stage"])
    return f"{settings.game} {row['stage']}", row["iteration"], total


def draw_curve(out: Path) -> None:
    """curve.png beside curve.csv, if there is one; a problem with it is told, not raised."""
    from tnemu.cli.errors import CommandError
    from tnemu.errors import TnemuError
    from tnemu.files import writing
    from tnemu.measure.curve_plots import save_curves

    try:
        plot = read_curve(out / "curve.csv")
        if plot is not None:
            with writing(out / "curve.png", error=CommandError) as file:
                save_curves(plot, file)
    except (TnemuError, OSError, ValueError) as error:
        typer.echo(f"note: {out / 'curve.png'} was not drawn: {error}", err=True)


def read_curve(path: Path) -> CurvePlot | None:
    """What to draw of a curve.csv; None if nothing is in it.

    The x axis is the steps, the epochs, or the iterations of all stages, one stage after the other.
    """
    import csv

    import numpy as np

    from tnemu.measure.curve_plots import CurvePlot, Line, keep_last_pass

    if not path.is_file():
        return None
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return None
    axis = next(name for name in ("steps", "epoch", "iteration", "episode") if name in rows[0])
    stage_of = "rung" if "rung" in rows[0] else "stage"
    stages = list(dict.fromkeys(row.get(stage_of, "") for row in rows))
    parts, marks, begin = [], [], 0.0
    for stage in stages:
        part = [row for row in rows if row.get(stage_of, "") == stage]
        steps = np.array([float(row[axis]) for row in part])
        kept = keep_last_pass(steps)
        parts += [(begin + x, row) for x, row, keep in zip(steps, part, kept, strict=True) if keep]
        if stage:
            marks.append((begin, stage))
        begin += float(steps[-1])
    names = [name for name in rows[0] if name not in AXES and any(row[name] for row in rows)]
    groups = [[name for name in group if name in names] for group in TOGETHER]
    groups += [[name] for name in names if not any(name in group for group in TOGETHER)]

    def line(name: str) -> Line:
        found = [(x, float(row[name])) for x, row in parts if row[name]]
        points = np.array(found, float).reshape(-1, 2)
        return Line(name, points[:, 0], points[:, 1])

    panels = [[line(name) for name in group] for group in groups if group]
    return CurvePlot(str(path.parent), axis, panels, marks)
