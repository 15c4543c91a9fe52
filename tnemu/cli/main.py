"""The ``tnemu`` command: one file per command, each imported only when it is called.

A command lives in ``tnemu/cli/<name>.py`` as a function ``command`` whose annotations are typer's and
whose docstring is its help, or, with sub-commands, as a typer application ``app``. It raises TnemuError for what a user can act on; status 1. Usage errors
are 2, Ctrl-C is 130, and a reader that closes the pipe ends the command quietly.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

import tnemu
from tnemu.errors import TnemuError

COMMANDS = {
    "play": "Play an Atari game on an emulated board in real time, with a report",
    "boards": "List the boards, or draw one: chips, links, host, published figures",
    "fit": "Map a network onto a board, or say by how much it does not fit",
    "run": "Run an IBM model file, or a board image, on a spike file",
    "diff": "Compare two files of spikes; find the first that only one has",
    "compare": "Compare a student with the emulator; find the first neuron that differs",
    "learn": "Train a teacher, distil a student, or compare players by their scores",
    "zoo": "List the networks that are shipped, with their scores",
    "bench": "Measure the speed of the emulator on this computer",
    "doctor": "Check that this computer has what tnemu needs",
}
"""Command name (a module of tnemu.cli; one that is not there is not offered) -> its line of help."""


def _lazy(name: str) -> Callable[[typer.Context], None]:
    def call(context: typer.Context) -> None:
        try:
            module = import_module(f"tnemu.cli.{name}")
            inner = getattr(module, "app", None)
            if inner is None:
                inner = typer.Typer(add_completion=False)
                inner.command()(module.command)
            status = inner(args=context.args, prog_name=f"tnemu {name}", standalone_mode=False)
        except TnemuError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            if package in ("tnemu", "corelets"):  # a bug of ours; its traceback says where
                raise
            extra = "tnemu[learn]" if package == "torch" else package
            typer.echo(
                f"error: 'tnemu {name}' needs the package {package!r}, which is not installed; "
                f"run: pip install '{extra}'",
                err=True,
            )
            raise typer.Exit(1) from error
        except (KeyboardInterrupt, typer.Abort) as error:
            raise typer.Exit(130) from error
        if isinstance(status, int) and status:
            raise typer.Exit(status)

    return call


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tnemu {tnemu.__version__}")
        raise typer.Exit


app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """IBM's TrueNorth boards, emulated on this computer, playing Atari in real time."""


for _name, _help in COMMANDS.items():
    if find_spec(f"tnemu.cli.{_name}") is not None:
        # The arguments are handed on untouched: only the command's own module can read them.
        app.command(
            _name,
            help=_help,
            add_help_option=False,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(_lazy(_name))


def main() -> None:
    """The console script."""
    app()
