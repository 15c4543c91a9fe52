"""The end of ``tnemu play``: everything that can be written is, and how it went is said."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from tnemu.cli import play_view as view
from tnemu.cli.play_page import write_film
from tnemu.cli.run_folder import PlayError
from tnemu.errors import TnemuError

if TYPE_CHECKING:
    from rich.console import Console

    from tnemu.runtime.session import Result


class Kept(NamedTuple):
    """What a film is made with: what a page knows of the run, and the file it is wanted in."""

    about: dict[str, Any]
    video: Path | None


def finish(
    result: Result,
    report: dict[str, Any],
    folder: Path,
    copy: Path | None,
    console: Console,
    kept: Kept,
) -> None:
    """Write the report, here and to ``copy``, picture and film, sum the run up, and end with its
    status: PlayError if the run failed or something could not be written, 128 + a signal.
    """
    written, problems = _write_reports(report, [folder / "report.json", *([copy] if copy else [])])
    for place, make in _extras(result, report, folder, kept).items():
        with contextlib.suppress(OSError):
            place.unlink()  # of a run that is overwritten
        if make is not None:
            (problem,) = _tried([lambda make=make, place=place: make(place)])
            problems += [problem] if problem else []
            written += [] if problem else [place]
    view.summary(report, [_short(path) for path in written], console)
    if result.signal:
        for problem in problems:
            typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(128 + result.signal)
    if result.outcome != "finished":
        problems.insert(0, result.message)
    if problems:
        raise PlayError("\n       ".join(problems))


def _write_reports(report: dict[str, Any], places: list[Path]) -> tuple[list[Path], list[str]]:
    """Where the report now is, and what stopped it from being elsewhere."""
    from tnemu.runtime import report as reports

    problems = [*_tried(lambda place=place: reports.write(report, place) for place in places)]
    written = [place for place, problem in zip(places, problems, strict=True) if not problem]
    if not written:
        # The last place that is left: what was measured must not be lost with a full disk.
        typer.echo(json.dumps(report, indent=2), err=True)
    return written, [problem for problem in problems if problem]


def _extras(
    result: Result, report: dict[str, Any], folder: Path, kept: Kept
) -> dict[Path, Callable[[Path], object] | None]:
    """File -> what writes it; None for what this run does not have."""
    from tnemu.web.replay import NAME, write_replay

    any_film = bool(len(result.film))
    extras: dict[Path, Callable[[Path], object] | None] = {
        folder / "run.png": lambda path: view.plot(result, report, path),
        folder / NAME: (lambda path: write_replay(result, kept.about, report, path))
        if any_film
        else None,
    }
    if any_film and kept.video is not None:
        extras[kept.video] = lambda path: write_film(result, kept.about, path)
    return extras


def _short(path: Path) -> str:
    """As seen from here, if it is below."""
    with contextlib.suppress(OSError, ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _tried(actions: Any) -> Iterator[str]:
    """What stopped each of the actions; an empty string for one that went well."""
    for action in actions:
        try:
            action()
        except (OSError, TnemuError) as error:
            yield str(error)
        else:
            yield ""
