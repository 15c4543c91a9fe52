"""The ``tnemu`` command: one file per command, each imported only when it is called.

A command lives in ``tnemu/cli/<name>.py`` as a function ``command`` whose annotations are typer's and
whose docstring is its help, or, with commands of its own, as a typer application ``app``. It raises
TnemuError for what a user can act on.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import tnemu
from tnemu.cli.ending import run_to_the_end
from tnemu.cli.lazy import HELP, lazy_group
from tnemu.emulator import compiling

COMMANDS = {
    "play": "Play a game on an emulated board in real time, with a report",
    "show": "Show a finished run on a page, with a time slider",
    "boards": "List the boards, or draw one: chips, links, host, published figures",
    "fit": "Map a network onto a board, or say by how much it does not fit",
    "run": "Run an IBM model file, or a board image, on a spike file",
    "export": "Write a network as an IBM model file: JSON, or compiled for a board",
    "diff": "Compare two files of spikes; find the first that only one has",
    "compare": "Compare a student with the emulator; find the first neuron that differs",
    "dream": "Let a Boltzmann machine complete pictures, on an emulated board too",
    "classify": "Stream a data set through a classifier on an emulated board",
    "learn": "Train a teacher, a student, a classifier or a Boltzmann machine, or compare players",
    "lab": "Experiments that join rooms, whose figures a script can read",
    "zoo": "List the networks that are shipped, with their scores",
    "bench": "Measure the speed of the emulator on this computer",
    "doctor": "Check that this computer has what tnemu needs",
}
"""Command name (a module of tnemu.cli) -> its line of help."""

GROUPS = ("learn", "lab", "bench")
"""Commands that have commands of their own."""

STATUSES = """Exit status: 0 done; 1 refused or failed, the line on standard error says why and what to do; 2 wrong usage;
130 Ctrl-C; 141 the reader of the output went away; 128 + N ended by signal N.

NO_COLOR=1 turns colours off. --install-completion teaches your shell the commands and their options."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tnemu {tnemu.__version__}")
        raise typer.Exit


app = typer.Typer(
    name="tnemu",
    cls=lazy_group(
        {
            name: (f"tnemu.cli.{name}:{'app' if name in GROUPS else 'command'}", about)
            for name, about in COMMANDS.items()
        }
    ),
    context_settings=HELP,
    epilog=STATUSES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """IBM's TrueNorth boards, emulated on this computer, playing Atari in real time."""


def main() -> None:
    """Run the command that ``sys.argv`` asks for; ends in SystemExit with its status."""
    compiling.on_compile(lambda: typer.echo(compiling.NOTICE, err=True))
    sys.exit(run_to_the_end(lambda: app(prog_name="tnemu")))
