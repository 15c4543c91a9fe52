"""``tnemu run``: an IBM model file, or a board image, on a spike file.

    tnemu run ex1.json --spikes ex1_spikes.sfti --ticks 46 --output ex1.sfto

Ticks count from 0. An input spike sent in tick t is seen in tick t + its delay. Every spike that
leaves the board is one line of the output: the tick in which the neuron fired, the connector's
number, the pin; sorted by the three. An output named .sfro is RAWO6, one named .sfcp CONNPIN.
"""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

TERMINATED = 128 + signal.SIGTERM
"""Exit status after SIGTERM."""


def command(
    model: Annotated[
        Path, typer.Argument(help="IBM model file (.json, .tnbm), or the folder of a board image.")
    ],
    ticks: Annotated[int, typer.Option(min=1, help="Ticks to run, counted from 0.")],
    output: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Spike file to write: .sfro with senders (RAWO6), .sfcp pins (CONNPIN), any other "
            "name text; - is standard output.",
        ),
    ],
    spikes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Input spikes: text or RAWI3.")
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Board to run on; the smallest that holds it."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="compiled, or reference: slow and obvious.")
    ] = "compiled",
    probe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=FILE",
            help="Record inside, as .npz, .csv or .parquet (spikes also .sfro): spikes, "
            "spikes:CORE,..., potentials:CORE[:NEURON,...] or counters; with ' every N' after it every "
            "N-th tick, counters of N ticks together.",
        ),
    ] = None,
    noise_seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Other noise, 0..4294967295, for stochastic neurons; left out: that of the cores' "
            "own seeds, as IBM's run time has it.",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the board."),
    ] = None,
    most_bytes: Annotated[
        int | None,
        typer.Option(min=1, help="Largest model file that is read, instead of 2 GiB."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write counts, time and estimated energy as JSON."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the same JSON for programs, and no summary.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw raster, rates and the map of the cores."),
    ] = None,
) -> None:
    """Run an IBM model file, or a board image, on a spike file."""
    from tnemu.cli.boards import parse_changes
    from tnemu.cli.run_end import finish, refuse_early
    from tnemu.lab.images import board_image, notes_of
    from tnemu.lab.model_run import RunError, run_model
    from tnemu.lab.probes import parse_probe
    from tnemu.lab.run_report import PictureProbe

    probes = [parse_probe(text, ticks) for text in probe or []]
    if json and output == "-":
        raise RunError("--json and --output - both write to standard output; give --output a file")
    files = [*(item.path for item in probes), *filter(None, (report, plot))]
    names = [output, *map(str, files)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise RunError(f"{twice.pop()} is to be written twice; give every file its own name")
    refuse_early(report, plot)
    image = board_image(model, board, parse_changes(changes or []), most_bytes=most_bytes)
    picture = PictureProbe(ticks) if plot else None
    with _terminable():
        done = run_model(
            image,
            ticks,
            _opened(output),
            given=spikes,
            probes=[*probes, picture] if picture else probes,
            engine=engine,
            noise_seed=noise_seed,
            name=model.name,
        )
        facts = {
            "command": shlex.join(["tnemu", *sys.argv[1:]]),
            "model": model.name,
            "output": output,
            "noise_seed": noise_seed,
        }
        finish(done, image, facts, report, plot, picture, json=json)
    for note in (*notes_of(image.origin), *done.notes()):
        typer.echo(f"note: {note}", err=True)


def _opened(output: str) -> str | IO[bytes]:
    """Where to write: standard output as the file that it is, so that a full disk is told as of any."""
    from tnemu.lab.model_run import RunError

    if output != "-":
        return output
    if sys.stdout is None:
        raise RunError("standard output is closed; give a file, --output FILE")
    try:
        sys.stdout.fileno()
    except OSError:  # it is no file, but what a test or a notebook has put in its place
        return typer.get_binary_stream("stdout")
    return "/dev/stdout"


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the block as an exception does, so that no unfinished file is left; status 143."""
    ended = False

    def end(number: int, frame: object) -> None:
        nonlocal ended
        ended = True
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():  # it may not handle signals
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except BaseException:
        if ended:  # whatever a library made of it
            raise SystemExit(TERMINATED) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
