"""``tnemu compare``: does the board compute what the student is? Every neuron, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from tnemu.errors import TnemuError


class CompareError(TnemuError, ValueError):
    """There is no engine of that name."""


def command(
    weights: Annotated[
        str, typer.Argument(help="A weight file, or the name of a shipped student.")
    ],
    game: Annotated[
        str | None, typer.Option(help="Of a weight file for several games, the one to play.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames to compare.")] = 1000,
    seed: Annotated[int, typer.Option(help="Decides the console's chance and the placement.")] = 0,
    observations: Annotated[
        Path | None,
        typer.Option(help="Take frames from this .npy file, uint8 [n, ...], and play no game."),
    ] = None,
    board: Annotated[str, typer.Option(help="A board's name or file.")] = "ns1e",
    engines: Annotated[
        str, typer.Option(help="Engines to compare, separated by commas.")
    ] = "reference,compiled",
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Compare every neuron of a student with the emulated board, and name the first that differs.

    The student plays its game; the frames that it sees go through its integer network and through
    the board, one frame a tick. Status 0 if all neurons of all layers and all votes agree, 1 if not.
    """
    from corelets import Student
    from tnemu import zoo
    from tnemu.formats.weights import read_weights
    from tnemu.hardware.board import load_board
    from tnemu.lab.comparison import compare, facts
    from tnemu.lab.observations import Recorded, check_task, played
    from tnemu.mapping.fit import fit

    chosen = _engines(engines)
    student = read_weights(zoo.find(weights), game)
    recorded = None
    if observations is None:
        check_task(student)
    else:
        recorded = Recorded(observations, student)
        frames = min(frames, len(recorded))
    plan = fit(Student(student), load_board(board), seed)
    results = {}
    for engine in chosen:
        blocks = recorded.blocks(frames) if recorded else played(student, frames, seed)
        with progress(engine, frames) as advance:
            results[engine] = compare(student, plan, plan.image, blocks, engine, advance)
    found = facts(student, plan, frames, results)
    if json:
        import json as encoder

        typer.echo(encoder.dumps(found, indent=2))
    else:
        _show(found, results)
    if not found["agree"]:
        raise typer.Exit(1)


def _engines(text: str) -> list[str]:
    from tnemu.emulator.engines import find, registry

    chosen = [name.strip() for name in text.split(",") if name.strip()]
    if not chosen:
        raise CompareError(f"no engine is named; choose among: {', '.join(registry())}")
    for name in chosen:
        find(name)  # or the list of those there are
    return chosen


def _show(facts: dict[str, Any], results: dict[str, Any]) -> None:
    for engine, difference in results.items():
        typer.echo(
            difference
            or f"{engine} agrees with the integer network on {facts['frames']:,} frames, in every "
            f"neuron of {', '.join(facts['layers'])}"
        )


@contextmanager
def progress(what: str, count: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=count)
        yield lambda done: bar.advance(task, done)
