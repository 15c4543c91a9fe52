"""``tnemu play``: a trained network plays its game, or several, on an emulated board, in real time.

The console (ALE) runs in the host process, the board in its own; this process supervises, shows live
numbers on a terminal, and leaves a run directory: ``report.json``, ``run.png`` and, for ``tnemu show``,
``replay.npz``. With ``--web`` a page shows the run while it goes on.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tnemu.cli.page_view import Address, Port
from tnemu.cli.run_folder import PlayError, folder_of, run_folder
from tnemu.cli.screen import say, screen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from tnemu.hardware.board import BoardSpec
    from tnemu.mapping.fit import Plan
    from tnemu.networks.codec import Codec
    from tnemu.networks.spiking.rate import RateNetwork
    from tnemu.networks.trained import TrainedNetwork
    from tnemu.runtime.loop import Application
    from tnemu.runtime.record import Record
    from tnemu.runtime.session import Result, Settings
    from tnemu.tasks.task import TaskSpec
    from tnemu.web.live import LiveRun

    Player = TrainedNetwork | RateNetwork

DEFAULT_GAME = "krull"
"""The game of the student that is shipped with tnemu."""

STALL_S, SLOW_STALL_S = 10.0, 600.0
"""Silence after which a process counts as hanging; of a slow engine."""

PLACEMENT_SEED = 0
"""Placement changes no spike; one seed keeps the image, and its hash, the same from run to run."""

Games = Annotated[
    list[str] | None,
    typer.Argument(
        help="A game with a shipped network, cartpole and mountaincar too; with --weights any of the "
        "file's games, or several, an episode of each in turn on the same board.",
        metavar="[GAME]...",
        show_default=f"{DEFAULT_GAME}; with --weights all games of the file",
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
    int | None, typer.Option(help="Stop after so many episodes.", show_default="1 of each game")
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
Video = Annotated[
    Path | None,
    typer.Option(help="Write a film, the game beside the chip, to this .mp4, .gif or .png file."),
]
Web = Annotated[
    bool, typer.Option("--web", help="Show the run on a page of this computer while it goes on.")
]


def command(
    games: Games = None,
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
    video: Video = None,
    web: Web = False,
    port: Port = 0,
    address: Address = "127.0.0.1",
) -> None:
    """Play Atari games, CartPole or MountainCar on an emulated board in real time; live numbers, then
    a report.
    """
    from tnemu.cli.play_end import Kept, finish
    from tnemu.cli.play_page import about_run, check_film, watched
    from tnemu.emulator.engines import find
    from tnemu.hardware.board import load_board
    from tnemu.runtime import report as reports
    from tnemu.runtime.board import BoardJob
    from tnemu.runtime.clock import Clock
    from tnemu.runtime.session import Settings

    console = screen()
    Clock(mode, fps)  # refuses what cannot be before anything slow happens
    _check_engine(engine)
    check_film(video, force)
    machine = load_board(board)
    students = _students(games or [], weights)
    specs = [_world(student, seed) for student in students]
    folder = folder_of(output, specs[0].name if len(specs) == 1 else f"{len(specs)}-games", force)
    with run_folder(folder) as scratch:
        plan = _plan(students[0], machine, scratch / "image")
        codecs, how = _codecs(students, plan)
        window = codecs[0].window
        say(console, _intent(specs, plan, window.ticks))
        ticks = window.ticks if ticks_per_decision is None else ticks_per_decision
        settings = Settings(
            _application(specs, seed, codecs),
            BoardJob(scratch / "image", window, ticks, engine, threads=threads, **how),
            mode,
            fps,
            frames,
            len(specs) if episodes is None and frames is None else episodes,
            film=web or video is not None,
            stall_s=SLOW_STALL_S if find(engine).slow else STALL_S,
        )
        facts = _facts(students, specs, seed, output or folder)
        about = about_run(plan, specs, students[0], settings) if settings.film else {}
        with watched(about, plan.image, settings, web, port, address, console) as live:
            result = _run(settings, console, live)
            told = reports.build(result, facts)
            if live is not None:
                live.finish(told)
    finish(result, told, folder, report, console, Kept(about, video))


def _check_engine(engine: str) -> None:
    """Refused here, the board process need not be started to say so."""
    import os

    from tnemu.emulator import compiling
    from tnemu.emulator.engines import find

    if find(engine).compiles and os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise PlayError(f"{compiling.NO_COMPILER}: --engine reference")


def _students(games: list[str], path: Path | None) -> Sequence[Player]:
    """The network to play with, as the player of each game: of a file, or of the one that is shipped
    under the name of the game.
    """
    from tnemu import zoo
    from tnemu.formats.rate_file import is_rate, read_rate
    from tnemu.formats.weights import read_heads

    file = path or zoo.find_player(games[0] if games else DEFAULT_GAME)
    found: Sequence[Player] = [read_rate(file)] if is_rate(file) else read_heads(file)
    if path is None:
        if len(games) > 1:
            raise PlayError(
                f"{len(games)} games ({', '.join(games)}) are played with the one network of a file; "
                "give it with --weights, or play one game at a time"
            )
        return found
    heads = {head.task.name if head.task else "nothing": head for head in found}
    if len(set(games)) < len(games):
        raise PlayError(f"games repeat: {', '.join(games)}; name each game once")
    for game in games:
        if game not in heads:
            trained = ", ".join(map(repr, heads))
            raise PlayError(
                f"weight file {path} was trained for {trained}, not for {game!r}; play it with "
                f"'tnemu play {next(iter(heads))} --weights {path}', or give a weight file for {game!r}"
            )
    return [heads[game] for game in games or heads]


def _application(
    specs: Sequence[TaskSpec], seed: int, codecs: Sequence[Codec]
) -> Callable[[], Application]:
    """What makes the player, or the players in turn, in the host process."""
    from functools import partial

    from tnemu.tasks.player import InTurn, TaskPlayer

    pairs = zip(specs, codecs, strict=True)
    players = [partial(TaskPlayer, spec, seed, codec) for spec, codec in pairs]
    return players[0] if len(players) == 1 else partial(InTurn, players)


def _codecs(students: Sequence[Player], plan: Plan) -> tuple[list[Codec], dict[str, Any]]:
    """How each network is asked and read, and what of a board job follows from it."""
    from tnemu.networks.spiking.rate import RateNetwork
    from tnemu.networks.spiking.rate_codec import RateCodec

    first = students[0]
    if not isinstance(first, RateNetwork):
        return [s.codec(plan.latency_ticks) for s in students if not isinstance(s, RateNetwork)], {}
    codec = RateCodec(first)
    names = {"input_name": codec.input, "output_name": codec.output}
    return [codec], {**names, "stimulus_ticks": codec.window.ticks, "fresh": True}


def _world(student: Player, seed: int) -> TaskSpec:
    """The task that the student was trained for, once it has proved to start."""
    from tnemu.tasks.player import check_start
    from tnemu.tasks.task import spec_of

    spec: TaskSpec = spec_of(student)
    check_start(spec, seed)
    return spec


def _plan(student: Player, board: BoardSpec, image: Path) -> Plan:
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


def _intent(specs: Sequence[TaskSpec], plan: Plan, ticks: int) -> str:
    machine = plan.image.board
    return (
        f"{', '.join(spec.name for spec in specs)} on {machine.name}: {plan.resources['cores']:,} of "
        f"{machine.core_count:,} cores, {ticks} ticks from frame to votes; starting host and board"
    )


def _run(settings: Settings, console: Console, page: LiveRun | None) -> Result:
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

        result = session.run(live, page.attach if page else lambda memory: None)
    _end_tracker()
    return result


def _end_tracker() -> None:
    """End multiprocessing's helper process, which would outlive this one by a moment."""
    from multiprocessing import resource_tracker

    end = getattr(resource_tracker._resource_tracker, "_stop", None)  # it has no public name
    if end is not None:
        end()


def _facts(
    students: Sequence[Player], specs: Sequence[TaskSpec], seed: int, folder: Path
) -> dict[str, Any]:
    """What only this command knows of its run, for the report."""
    hashes = {spec.name: spec.sha256 for spec in specs}
    return {
        "command": shlex.join(["tnemu", *sys.argv[1:]]),
        "output": str(folder),
        "game": "+".join(hashes),
        "games": list(hashes),
        "seed": seed,
        "weights": students[0].name,
        "weights_sha256": students[0].sha256,
        "spec_sha256": specs[0].sha256 if len(specs) == 1 else hashes,
    }
