"""The end of ``tnemu run``: its report, its picture, and a summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from tnemu.hardware.image import BoardImage
    from tnemu.lab.model_run import ModelRun
    from tnemu.lab.run_report import PictureProbe


def refuse_early(report: Path | None, plot: Path | None) -> None:
    """Raises RunError for files that could not be written, not after an hour of running."""
    from tnemu.errors import shown
    from tnemu.files import check_writable
    from tnemu.lab.outputs import RunError

    if plot is not None and plot.suffix.lower() != ".png":
        raise RunError(f"--plot {shown(str(plot))} is not a picture's name; end it in .png")
    for file, what in ((report, "report"), (plot, "picture")):
        if file is not None:
            check_writable(file, error=RunError, what=what)


def finish(
    done: ModelRun,
    image: BoardImage,
    facts: dict[str, Any],
    report: Path | None,
    plot: Path | None,
    picture: PictureProbe | None,
    *,
    json: bool,
) -> None:
    """Write what was asked for, then print the report (``json``) or a summary."""
    from tnemu.files import json_text, write_json, writing
    from tnemu.lab import run_report
    from tnemu.lab.outputs import RunError

    found = run_report.build(done, image, facts)
    if report is not None:
        write_json(report, found, error=RunError, what="report", indent=2)
    if plot is not None and picture is not None:
        with writing(plot, error=RunError, what="picture") as file:
            run_report.draw(picture, done, image, found, file)
    if json:
        typer.echo(json_text(found, "the report", error=RunError))
        return
    for line in (str(done), _pace(found)):
        typer.echo(line, err=True)


def _pace(report: dict[str, Any]) -> str:
    """Time and power in a line."""
    energy = report["energy"]
    times = ""
    if report["elapsed_s"]:
        times = (
            f"{report['elapsed_s']:.3g} s after the first tick, {report['times_real_time']:,.3g} x the "
            "chip's own speed; "
        )
    return (
        f"{times}{energy['power_mw']:.1f} mW estimated for the chip: {energy['assumed_mw']:.1f} static "
        f"(assumed), {energy['counted_mw']:.2g} counted"
    )
