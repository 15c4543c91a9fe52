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
    host_spikes: Annotated[
        int | None,
        typer.Option(
            help="Most spikes from the host for one bit of an input; splitters do the rest. [default: any]",
            show_default=False,
        ),
    ] = None,
    depth: Annotated[
        int, typer.Option(help="How deep into the parts rows go; 0: a row for every layer.")
    ] = 1,
    output: Annotated[
        Path | None, typer.Option(help="Write the board image to this folder.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the board, cores coloured by part, to this PNG file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Map a network onto a board, or say by how much it does not fit."""
    from tnemu.cli.bench_view import progress
    from tnemu.files import check_writable
    from tnemu.hardware.board import load_board
    from tnemu.lab.sources import source_of
    from tnemu.mapping.errors import FitError
    from tnemu.mapping.fit import check_depth, fit

    spec = load_board(board)
    check_depth(depth)
    if plot is not None:
        check_writable(plot, error=FitError)
    source = source_of(network)
    with progress() as tell:
        plan = fit(
            source.thing, spec, seed, keep_order=source.in_order, host_spikes=host_spikes, told=tell
        )
    if output is not None:
        plan.image.save(output)
    if plot is not None:
        plan.draw(plot, depth)
    if json:
        import json as encoder

        typer.echo(encoder.dumps(facts(plan), indent=2))
        return
    _show(plan, f"{source.name} on {spec.name}", depth)
    if output is not None:
        typer.echo(f"image written to {output}")
    if plot is not None:
        typer.echo(f"picture written to {plot}")


def _show(plan: Plan, title: str, depth: int) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table(plan, title, depth))
        console.print("\n".join(plan.notes()), soft_wrap=True, markup=False)
    else:
        typer.echo(f"{title}\n\n{plan.table(depth)}")


def facts(plan: Plan) -> dict[str, Any]:
    """The plan for programs: what it is made from, layers, totals, when pins answer, borders."""
    from dataclasses import asdict

    return {
        "board": plan.image.board.name,
        "board_sha256": plan.image.board.sha256,
        "image_sha256": plan.image.sha256(),
        "origin": dict(plan.image.origin),
        "latency_ticks": plan.latency_ticks,
        "layers": [asdict(layer) for layer in plan.layers],
        "resources": dict(plan.resources),
        "pin_ticks": {name: ticks.tolist() for name, ticks in plan.size.pin_ticks.items()},
        "borders": [asdict(border) for border in plan.links().borders()],
    }


def table(plan: Plan, title: str, depth: int = 1) -> Table:
    """The plan as a rich table."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
    for heading in plan.HEADINGS:
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    *layers, total = plan.rows(depth)
    for row in layers:
        table.add_row(*map(escape, row))
    table.add_section()
    table.add_row(*total, style="bold")
    return table
