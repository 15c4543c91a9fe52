"""``tnemu play``: a trained network plays its game on an emulated board, in real time.

The console (ALE) runs in the host process, the board in its own; this process supervises, shows live
numbers on a terminal, and leaves a run directory: ``report.json``, ``run.png`` and, on request,
``run.gif``.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tnemu.cli.run_folder import PlayError, folder_of, run_folder
from tnemu.cli.screen import say, screen

if TYPE_CHECKING:
    from rich.console import Console

    from tnemu.hardware.board import BoardSpec
    from tnemu.mapping.fit import Plan
    from tnemu.networks.spiking.rate import RateNetwork
    from tnemu.networks.trained import TrainedNetwork
    from tnemu.runtime.record import Record
    from tnemu.runtime.session import Result, Settings
    from tnemu.tasks.task import TaskSpec

DEFAULT_GAME = "krull"
"""The game of the student that is shipped with tnemu."""

STALL_S, SLOW_STALL_S = 10.0, 600.0
"""Silence after which a process counts as hanging; of a slow engine."""

PLACEMENT_SEED = 0
"""Placement changes no spike; one seed keeps the image, and its hash, the same from run to run."""

Game = Annotated[
    str | None,
    typer.Argument(
        help="A game with a shipped network; cartpole and mountaincar too.",
        show_default=DEFAULT_GAME,
    ),
]
Weights = Annotated[Path | None, typer.Option(help="Play with this weight file instead.")]
Mode = Annotated[
    str,
    typer.Option(
        help="realtime: fixed rate, misses counted; lockstep: at most that rate, the world waits; "
        "free: as fast as possible. What is played is the same."
    ),
]
Fps = Annotated[float, typer.Option(help="Decisions per second.")]
Frames = Annotated[int | None, typer.Option(help="Stop after so many decisions.")]
Episodes = Annotated[
    int | None, typer.Option(help="Stop after so many episodes.", show_default="1")
]
Seed = Annotated[
    int, typer.Option(help="Decides the console's chance; with 4 Krull goes as it does on average.")
]
Board = Annotated[str, typer.Option(help="A board's name or file.")]
Engine = Annotated[str, typer.Option(help="compiled, or reference (slow, obvious).")]
Threads = Annotated[
    int | None, typer.Option(help="Threads of the engine.", show_default="as it sees fit")
]
Ticks = Annotated[
    int | None,
    typer.Option(help="Ticks the board runs per decision.", show_default="the plan's latency"),
]
Output = Annotated[
    Path | None, typer.Option(help="Run directory.", show_default="runs/<game>-<utc time>")
]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite the run that is in the run directory already.")
]
Report = Annotated[Path | None, typer.Option(help="Write the report to this file as well.")]
Video = Annotated[bool, typer.Option("--video", help="Keep a film of the run, run.gif.")]


def command(
    game: Game = None,
    weights: Weights = None,
    mode: Mode = "realtime",
    fps: Fps = 30.0,
    frames: Frames = None,
    episodes: Episodes = None,
    seed: Seed = 4,
    board: Board = "ns1e",
    engine: Engine = "compiled",
    threads: Threads = None,
    ticks_per_decision: Ticks = None,
    output: Output = None,
    force: Force = False,
    report: Report = None,
    video: Video = False,
) -> None:
    """Play an Atari game, CartPole or MountainCar on an emulated board in real time; live numbers, then
    a report.
    """
    from functools import partial

    from tnemu.cli.play_end import finish
    from tnemu.emulator.engines import find
    from tnemu.hardware.board import load_board
    from tnemu.runtime.board import BoardJob
    from tnemu.runtime.clock import Clock
    from tnemu.runtime.session import Settings
    from tnemu.tasks.player import TaskPlayer

    console = screen()
    Clock(mode, fps)  # refuses what cannot be before anything slow happens
    _check_engine(engine)
    machine = load_board(board)
    student = _student(game, weights)
    spec = _world(student, seed)
    folder = folder_of(output, spec.name, force)
    with run_folder(folder) as scratch:
        plan = _plan(student, machine, scratch / "image")
        codec, how = _codec(student, plan)
        say(console, _intent(spec, plan, codec.window.ticks))
        ticks = codec.window.ticks if ticks_per_decision is None else ticks_per_decision
        settings = Settings(
            partial(TaskPlayer, spec, seed, codec),
            BoardJob(scratch / "image", codec.window, ticks, engine, threads=threads, **how),
            mode,
            fps,
            frames,
            1 if episodes is None and frames is None else episodes,
            film=video,
            stall_s=SLOW_STALL_S if find(engine).slow else STALL_S,
        )
        result = _run(settings, console)
    finish(result, _facts(student, spec, seed, output or folder), folder, report, console)


def _check_engine(engine: str) -> None:
    """Refused here, the board process need not be started to say so."""
    import os

    from tnemu.emulator import compiling
    from tnemu.emulator.engines import find

    if find(engine).compiles and os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise PlayError(f"{compiling.NO_COMPILER}: --engine reference")


def _student(game: str | None, path: Path | None) -> TrainedNetwork | RateNetwork:
    """The network to play with: a file, or the one that is shipped under the name of the game."""
    from tnemu import zoo
    from tnemu.formats.rate_file import is_rate, read_rate
    from tnemu.formats.weights import read_weights

    file = path or zoo.find_player(game or DEFAULT_GAME)
    network = read_rate(file) if is_rate(file) else read_weights(file)
    if path is None:
        return network
    trained = network.task.name if network.task else "nothing"
    if game not in (None, trained):
        raise PlayError(
            f"weight file {path} was trained for {trained!r}, not for {game!r}; play it with "
            f"'tnemu play {trained} --weights {path}', or give a weight file for {game!r}"
        )
    return network


def _codec(student: TrainedNetwork | RateNetwork, plan: Plan) -> tuple[Any, dict[str, Any]]:
    """How the network is asked and read, and what of a board job follows from it."""
    from tnemu.networks.spiking.rate import RateNetwork
    from tnemu.networks.spiking.rate_codec import RateCodec

    if not isinstance(student, RateNetwork):
        return student.codec(plan.latency_ticks), {}
    codec = RateCodec(student)
    names = {"input_name": codec.input, "output_name": codec.output}
    return codec, {**names, "stimulus_ticks": codec.window.ticks, "fresh": True}


def _world(student: TrainedNetwork | RateNetwork, seed: int) -> TaskSpec:
    """The task that the student was trained for, once it has proved to start."""
    from tnemu.tasks.player import check_start
    from tnemu.tasks.task import spec_of

    spec: TaskSpec = spec_of(student)
    check_start(spec, seed)
    return spec


def _plan(student: TrainedNetwork | RateNetwork, board: BoardSpec, image: Path) -> Plan:
    """Put the network on the board, and the board's image into a folder."""
    from corelets import Student
    from tnemu.lab.rate_board import rate_plan
    from tnemu.mapping.fit import fit
    from tnemu.networks.spiking.rate import RateNetwork

    if isinstance(student, RateNetwork):
        plan = rate_plan(student, board)
    else:
        plan = fit(Student(student), board, seed=PLACEMENT_SEED)
    try:
        plan.image.save(image)
    except OSError as error:
        raise PlayError(
            f"the board image cannot be written to {image.parent}: {error.strerror or error}; "
            "make room, or choose another run directory with --output"
        ) from error
    return plan


def _intent(spec: TaskSpec, plan: Plan, ticks: int) -> str:
    machine = plan.image.board
    return (
        f"{spec.name} on {machine.name}: {plan.resources['cores']:,} of {machine.core_count:,} "
        f"cores, {ticks} ticks from frame to votes; starting host and board"
    )


def _run(settings: Settings, console: Console) -> Result:
    """Run the session; on a terminal, show its numbers as they come."""
    import signal

    from tnemu.cli.play_view import display
    from tnemu.runtime.session import Session

    session = Session(settings)
    with display(session, console) as show:

        def live(record: Record) -> None:
            if record.board["ready"]:  # and has mapped the image: its files may go
                shutil.rmtree(settings.board.image, ignore_errors=True)
            try:
                show(record)
            except (OSError, SystemExit):  # no room, or (rich's word for it) nobody reads any more
                session.interrupt(signal.SIGPIPE)

        result = session.run(live)
    _end_tracker()
    return result


def _end_tracker() -> None:
    """End multiprocessing's helper process, which would outlive this one by a moment."""
    from multiprocessing import resource_tracker

    end = getattr(resource_tracker._resource_tracker, "_stop", None)  # it has no public name
    if end is not None:
        end()


def _facts(
    student: TrainedNetwork | RateNetwork, spec: TaskSpec, seed: int, folder: Path
) -> dict[str, Any]:
    """What only this command knows of its run, for the report."""
    return {
        "command": shlex.join(["tnemu", *sys.argv[1:]]),
        "output": str(folder),
        "game": spec.name,
        "seed": seed,
        "weights": student.name,
        "weights_sha256": student.sha256,
        "spec_sha256": spec.sha256,
    }
