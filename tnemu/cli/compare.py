"""``tnemu compare``: does the board compute what the student is? Every neuron, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tnemu.errors import TnemuError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from tnemu.networks.trained import TrainedNetwork

    Observations = npt.NDArray[np.uint8]

BLOCK_FRAMES = 200
"""Frames played, or read, at a time."""


class CompareError(TnemuError, ValueError):
    """There is nothing that can be compared."""


def command(
    weights: Annotated[
        str, typer.Argument(help="A weight file, or the name of a shipped student.")
    ],
    frames: Annotated[int, typer.Option(min=1, help="Frames to compare.")] = 1000,
    seed: Annotated[int, typer.Option(help="Decides the console's chance and the placement.")] = 0,
    observations: Annotated[
        Path | None,
        typer.Option(help="Take frames from this .npy file, uint8 [n, ...], and play no game."),
    ] = None,
    board: Annotated[str, typer.Option(help="A board's name or file.")] = "ns1e",
    engines: Annotated[
        str, typer.Option(help="Engines to compare, separated by commas.")
    ] = "reference,numba",
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
    from tnemu.lab.comparison import compare
    from tnemu.mapping.fit import fit

    chosen = _engines(engines)
    student = read_weights(zoo.find(weights))
    if observations is None:
        _check_world(student)
    else:
        frames = min(frames, len(_recorded(observations, student)))
    plan = fit(Student(student), load_board(board), seed)
    results: dict[str, Any] = {}
    for engine in chosen:
        if observations is None:
            blocks = _played(student, frames, seed)
        else:
            blocks = _read(observations, student, frames)
        with _progress(engine, frames) as advance:
            results[engine] = compare(student, plan, plan.image, blocks, engine, advance)
    _report(student, results, frames, json, plan.image.sha256())
    if any(results.values()):
        raise typer.Exit(1)


def _engines(text: str) -> list[str]:
    from tnemu.emulator.emulator import ENGINES

    chosen = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in chosen if name not in ENGINES]
    if wrong or not chosen:
        what = f"there is no engine {wrong[0]!r}" if wrong else "no engine is named"
        raise CompareError(f"{what}; choose among: {', '.join(ENGINES)}")
    return chosen


def _report(
    weights: TrainedNetwork, results: dict[str, Any], frames: int, json: bool, image: str
) -> None:
    from dataclasses import asdict

    layers = [layer.name for layer in weights.layers[1:]]
    if json:
        import json as encoder

        facts = {
            "weights": weights.name,
            "weights_sha256": weights.sha256,
            "image_sha256": image,
            "frames": frames,
            "layers": layers,
            "agree": not any(results.values()),
            "engines": {
                engine: asdict(found) if found else None for engine, found in results.items()
            },
        }
        typer.echo(encoder.dumps(facts, indent=2))
        return
    for engine, found in results.items():
        if found:
            typer.echo(str(found))
        else:
            typer.echo(
                f"{engine} agrees with the integer network on {frames:,} frames, in every neuron of "
                f"{', '.join(layers)}"
            )


def _check_world(weights: TrainedNetwork) -> None:
    if weights.task is None:
        raise CompareError(
            f"weight file {weights.name!r} names no game to take frames from; give frames with "
            "--observations FILE.npy"
        )


def _played(weights: TrainedNetwork, frames: int, seed: int) -> Iterator[Observations]:
    """What the student sees while it plays its game by its integer network, in blocks."""
    import numpy as np

    from tnemu.tasks.task import spec_of

    world = spec_of(weights).start(seed)
    now = world.reset()
    block = []
    for k in range(1, frames + 1):
        block.append(now)
        now, _, over = world.step(int(weights.scores(now[None])[0].argmax()))
        if over:
            now = world.reset()
        if k % BLOCK_FRAMES == 0 or k == frames:
            yield np.stack(block)
            block = []


def _recorded(path: Path, weights: TrainedNetwork) -> Observations:
    """The frames of a .npy file, opened memory-mapped; CompareError if they are no such frames."""
    import numpy as np

    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CompareError(
            f"cannot read {path} ({error}); expected a .npy file that numpy.save wrote"
        ) from error
    if array.dtype != np.uint8 or array.shape[1:] != weights.input_shape or not len(array):
        raise CompareError(
            f"{path} holds {array.dtype} {array.shape}; {weights.name!r} sees uint8 "
            f"[n, {', '.join(map(str, weights.input_shape))}] with n of 1 or more"
        )
    return array


def _read(path: Path, weights: TrainedNetwork, frames: int) -> Iterator[Observations]:
    array = _recorded(path, weights)
    for first in range(0, frames, BLOCK_FRAMES):
        yield array[first : min(first + BLOCK_FRAMES, frames)]


@contextmanager
def _progress(engine: str, frames: int) -> Iterator[Callable[[int], None]]:
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
        task = bar.add_task(engine, total=frames)
        yield lambda count: bar.advance(task, count)
