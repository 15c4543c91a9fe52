"""``tnemu export``: a network as an IBM model file, JSON or compiled for a board.

tnemu export ex1.json --to tnbm --out ex1.tnbm
tnemu export ex1.tnbm --to json --out ex1.json
tnemu export krull --to tnbm --out krull.tnbm
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    network: Annotated[
        str,
        typer.Argument(
            help="An IBM model file (.json, .tnbm), the folder of a board image, a weight file, or the "
            "name of a shipped student."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Model file to write.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="json or tnbm; left out, what the file's name ends in."),
    ] = None,
    most_bytes: Annotated[
        int | None,
        typer.Option(min=1, help="Largest model file that is read, instead of 2 GiB."),
    ] = None,
) -> None:
    """Write a network as an IBM model file: JSON, or compiled for a board (.tnbm).

    A student or an image has inputs, for which model files have no place: what their pins reach is
    written beside it, as NAME.inputs.csv.
    """
    from tnemu.lab.export import export

    done = export(network, out, to, most_bytes=most_bytes)
    typer.echo(done)
    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
