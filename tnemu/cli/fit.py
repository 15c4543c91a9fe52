"""``tnemu fit``: a network on a board, and the table of what it takes there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from tnemu.mapping.fit import Plan


def command(
    network: Annotated[
        str,
        typer.Argument(
            help="A weight file, the name of a shipped student, or an IBM model file (.json, .tnbm)."
        ),
    ],
    board: Annotated[str, typer.Option(help="A board's name or file.")] = "ns1e",
    seed: Annotated[int, typer.Option(help="Chooses among placements; changes no spike.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Write the board image to this folder.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Map a network onto a board, or say by how much it does not fit."""
    from tnemu.hardware.board import load_board
    from tnemu.lab.sources import source_of
    from tnemu.mapping.fit import fit

    spec = load_board(board)
    source = source_of(network)
    plan = fit(source.thing, spec, seed, keep_order=source.in_order)
    if output is not None:
        plan.image.save(output)
    if json:
        import json as encoder

        typer.echo(encoder.dumps(facts(plan), indent=2))
        return

    from rich.console import Console

    console = Console(highlight=False)
    title = f"{source.name} on {spec.name}"
    if console.is_terminal:
        console.print(table(plan, title))
        console.print("\n".join(plan.notes()), soft_wrap=True)
    else:
        typer.echo(f"{title}\n\n{plan}")
    if output is not None:
        typer.echo(f"image written to {output}")


def facts(plan: Plan) -> dict[str, Any]:
    """The plan for programs: what it is made from, layers, totals."""
    from dataclasses import asdict

    return {
        "board": plan.image.board.name,
        "board_sha256": plan.image.board.sha256,
        "image_sha256": plan.image.sha256(),
        "origin": dict(plan.image.origin),
        "latency_ticks": plan.latency_ticks,
        "layers": [asdict(layer) for layer in plan.layers],
        "resources": dict(plan.resources),
    }


def table(plan: Plan, title: str) -> Table:
    """The plan as a rich table."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in plan.HEADINGS:
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    *layers, total = plan.rows()
    for row in layers:
        table.add_row(*row)
    table.add_section()
    table.add_row(*total, style="bold")
    return table
