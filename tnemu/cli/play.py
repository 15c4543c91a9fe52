"""``tnemu play``: a trained student plays its game on an emulated board, in real time.

The console (ALE) runs in the host process, the board in its own; this process supervises, shows live
numbers on a terminal, and leaves a run directory: ``report.json``, ``run.png`` and, on request,
``run.gif``.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tnemu.cli import play_view as view
from tnemu.errors import TnemuError

if TYPE_CHECKING:
    from rich.console import Console

    from tnemu.hardware.board import BoardSpec
    from tnemu.mapping.fit import Plan
    from tnemu.networks.trained import TrainedNetwork
    from tnemu.runtime.record import Record
    from tnemu.runtime.session import Result, Settings
    from tnemu.tasks.task import TaskSpec

DEFAULT_GAME = "krull"
"""The game of the student that is shipped with tnemu."""

STALL_S = {"reference": 600.0}
"""Silence after which a process counts as hanging, for engines slower than most: 10 s otherwise."""

PLACEMENT_SEED = 0
"""Placement changes no spike; one seed keeps the image, and its hash, the same from run to run."""


class PlayError(TnemuError, RuntimeError):
    """A run that cannot begin, or that ended before its time."""


def command(
    game: Annotated[
        str | None, typer.Argument(help="A game with a shipped student.", show_default=DEFAULT_GAME)
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Play with this weight file instead.")
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="realtime: fixed rate, misses counted; lockstep: at most that rate, the world waits; "
            "free: as fast as possible. What is played is the same."
        ),
    ] = "realtime",
    fps: Annotated[float, typer.Option(help="Decisions per second.")] = 30.0,
    frames: Annotated[int | None, typer.Option(help="Stop after so many decisions.")] = None,
    episodes: Annotated[
        int | None, typer.Option(help="Stop after so many episodes.", show_default="1")
    ] = None,
    seed: Annotated[
        int,
        typer.Option(help="Decides the console's chance; with 4 Krull goes as it does on average."),
    ] = 4,
    board: Annotated[str, typer.Option(help="A board's name or file.")] = "ns1e",
    engine: Annotated[str, typer.Option(help="numba, or reference (slow, obvious).")] = "numba",
    threads: Annotated[
        int | None, typer.Option(help="Threads of the engine.", show_default="as it sees fit")
    ] = None,
    ticks_per_decision: Annotated[
        int | None,
        typer.Option(help="Ticks the board runs per decision.", show_default="the plan's latency"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Run directory.", show_default="runs/<game>-<utc time>")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the report to this file as well.")
    ] = None,
    video: Annotated[
        bool, typer.Option("--video", help="Keep a film of the run, run.gif.")
    ] = False,
) -> None:
    """Play an Atari game on an emulated board in real time; live numbers, then a report."""
    from functools import partial

    from rich.console import Console

    from tnemu.hardware.board import load_board
    from tnemu.runtime.board import BoardJob
    from tnemu.runtime.clock import Clock, utc_now
    from tnemu.runtime.session import Settings
    from tnemu.tasks.player import TaskPlayer

    console = Console(highlight=False, soft_wrap=True)
    Clock(mode, fps)  # refuses what cannot be before anything slow happens
    machine = load_board(board)
    student = _student(game, weights)
    spec = _world(student, seed)
    name = spec.name
    folder = output or Path("runs") / f"{name}-{utc_now():%Y%m%dT%H%M%SZ}"
    with _run_directory(folder) as scratch:
        plan = _plan(student, machine, scratch / "image")
        view.say(
            console,
            f"{name} on {machine.name}: {plan.resources['cores']:,} of {machine.core_count:,} cores, "
            f"{plan.latency_ticks} ticks from frame to votes; starting host and board",
        )
        ticks = plan.latency_ticks if ticks_per_decision is None else ticks_per_decision
        codec = student.codec(plan.latency_ticks)
        settings = Settings(
            partial(TaskPlayer, spec, seed, codec),
            BoardJob(scratch / "image", codec.window, ticks, engine, threads=threads),
            mode,
            fps,
            frames,
            1 if episodes is None and frames is None else episodes,
            film=video,
            stall_s=STALL_S.get(engine, 10.0),
        )
        result = _run(settings, console)
    facts = {
        "command": shlex.join(["tnemu", *sys.argv[1:]]),
        "output": str(folder),
        "game": name,
        "seed": seed,
        "weights": student.name,
        "weights_sha256": student.sha256,
        "spec_sha256": spec.sha256,
    }
    _finish(result, facts, folder, report, console)


def _student(game: str | None, path: Path | None) -> TrainedNetwork:
    """The student to play with: a file, or the one that is shipped under the name of the game."""
    from tnemu import zoo
    from tnemu.formats.weights import read_weights

    if path is None:
        return read_weights(zoo.find(game or DEFAULT_GAME))
    student = read_weights(path)
    trained = student.task.name if student.task else "nothing"
    if game not in (None, trained):
        raise PlayError(
            f"weight file {path} was trained for {trained!r}, not for {game!r}; play it with "
            f"'tnemu play {trained} --weights {path}', or give a weight file for {game!r}"
        )
    return student


def _world(student: TrainedNetwork, seed: int) -> TaskSpec:
    """The task that the student was trained for, once it has proved to start."""
    from tnemu.tasks.player import check_start
    from tnemu.tasks.task import spec_of

    spec: TaskSpec = spec_of(student)
    check_start(spec, seed)
    return spec


@contextlib.contextmanager
def _run_directory(folder: Path) -> Iterator[Path]:
    """Makes the run directory and, in it, a scratch folder that is gone afterwards."""
    import signal

    def leave(number: int, frame: object) -> None:
        raise typer.Exit(128 + number)

    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".image-", dir=folder))
    except OSError as error:
        raise PlayError(
            f"the run directory {folder} cannot be written: {error.strerror or error}; "
            "choose another one with --output"
        ) from error
    before = signal.signal(signal.SIGTERM, leave)  # the session has its own answer while it runs
    try:
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        shutil.rmtree(scratch, ignore_errors=True)


def _plan(student: TrainedNetwork, board: BoardSpec, image: Path) -> Plan:
    """Put the student on the board, and the board's image into a folder."""
    from corelets import Student
    from tnemu.mapping.fit import fit

    plan = fit(Student(student), board, seed=PLACEMENT_SEED)
    try:
        plan.image.save(image)
    except OSError as error:
        raise PlayError(
            f"the board image cannot be written to {image.parent}: {error.strerror or error}; "
            "make room, or choose another run directory with --output"
        ) from error
    return plan


def _run(settings: Settings, console: Console) -> Result:
    """Run the session; on a terminal, show its numbers as they come."""
    import signal

    from tnemu.runtime.session import Session

    session = Session(settings)
    with view.display(session, console) as show:

        def live(record: Record) -> None:
            if record.board["ready"]:  # and has mapped the image: its files may go
                shutil.rmtree(settings.board.image, ignore_errors=True)
            try:
                show(record)
            except (BrokenPipeError, SystemExit):  # the latter is rich's word for the former
                session.interrupt(signal.SIGPIPE)

        return session.run(live)


def _finish(
    result: Result,
    facts: dict[str, Any],
    folder: Path,
    copy: Path | None,
    console: Console,
) -> None:
    """Write everything that can be written, say how it went, and end with the right status."""
    from tnemu.runtime import report as reports

    report = reports.build(result, facts)
    places = [folder / "report.json", *([copy] if copy else [])]
    problems = [*_tried(lambda place=place: reports.write(report, place) for place in places)]
    written = [str(place) for place, problem in zip(places, problems, strict=True) if not problem]
    if not written:
        import json

        # The last place that is left: what was measured must not be lost with a full disk.
        typer.echo(json.dumps(report, indent=2), err=True)
    extras: dict[Path, Callable[[], object]] = {
        folder / "run.png": lambda: view.plot(result, report, folder / "run.png")
    }
    if len(result.film):
        extras[folder / "run.gif"] = lambda: view.film(result, folder / "run.gif")
    for path, make in extras.items():
        (problem,) = _tried([make])
        problems.append(problem and f"{path} cannot be written: {problem}")
        written += [] if problem else [str(path)]
    view.summary(report, written, console)
    problems = [problem for problem in problems if problem]
    if result.signal:
        for problem in problems:
            typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(128 + result.signal)
    if result.outcome != "finished":
        problems.insert(0, result.message)
    if problems:
        raise PlayError("\n       ".join(problems))


def _tried(actions: Any) -> Iterator[str]:
    """What stopped each of the actions; an empty string for one that went well."""
    for action in actions:
        try:
            action()
        except (OSError, TnemuError) as error:
            yield str(error)
        else:
            yield ""
