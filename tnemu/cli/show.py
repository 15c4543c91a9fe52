"""``tnemu show``: a run that has ended, again, on a page with a time slider."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from tnemu.cli.page_view import Address, Port, serving
from tnemu.cli.screen import say, screen

Run = Annotated[
    Path, typer.Argument(help="The folder of a run that was played with --web or --video.")
]


def command(run: Run, port: Port = 0, address: Address = "127.0.0.1") -> None:
    """Show a finished run on a page of this computer: game, chip, votes, lateness, with a time slider."""
    from tnemu.web.replay import NAME, Replay, ReplayError

    kept = run / NAME if run.is_dir() else run
    if run.is_dir() and not kept.exists():
        raise ReplayError(
            f"{run} holds no {NAME}: its moments were not kept; play with --web or --video"
        )
    replay = Replay(kept)
    console = screen()
    with serving(replay, port, address, console):
        say(console, "Ctrl-C ends the page")
        threading.Event().wait()
