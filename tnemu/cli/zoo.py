"""``tnemu zoo``: the students that are shipped, what they take on a board, and how well they play."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def command(
    board: Annotated[str, typer.Option(help="The board whose share is shown.")] = "ns1e",
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    sizes: Annotated[
        bool,
        typer.Option("--sizes", hidden=True, help="Print tnemu/zoo/sizes.json anew."),
    ] = False,
    classifiers: Annotated[
        bool, typer.Option("--classifiers", help="List those of pictures and sounds alone.")
    ] = False,
) -> None:
    """List the networks that are shipped: game, size, latency, scores, how they were made, licence."""
    import json as encoder

    from tnemu.hardware.board import load_board
    from tnemu.lab.shipped import measured_sizes, shipped, shipped_classifiers

    if sizes:
        typer.echo(encoder.dumps(measured_sizes(), indent=2))
        return
    spec = load_board(board)
    rows = [] if classifiers else shipped(spec)
    others = shipped_classifiers(spec)
    if json:
        typer.echo(encoder.dumps(others if classifiers else rows, indent=2))
        return
    if rows:
        _print_students(rows, spec.name)
    if others:
        _print_classifiers(others, spec.name)


def _print_students(rows: list[dict[str, Any]], board: str) -> None:
    from tnemu.cli.tables import print_table

    heads = ["name", "game", f"cores of {board}", "ticks", "score", "random", "teacher"]
    print_table([*heads, "of teacher", "95 %", "licence"], [_cells(row) for row in rows])
    typer.echo("of teacher: (score - random) / (teacher - random)")
    typer.echo()
    print_table(
        ["name", "player", "mean", "95 %", "episodes", "seeds"],
        [cells for row in rows for cells in _figures(row)],
    )
    typer.echo("seeds chose nothing; 95 %: bootstrap of the mean; made by (tnemu/zoo/README.md):")
    for row in rows:
        made = row["provenance"]
        teacher, command = made.get("teacher_sha256"), made.get("command")
        typer.echo(
            f"{row['name']}: {command or 'made by a command that was not recorded'}"
            + (f", teacher {teacher[:12]}" if teacher else "")
        )


def _print_classifiers(rows: list[dict[str, Any]], board: str) -> None:
    from tnemu.cli.tables import print_table

    def right(share: float | None) -> str:
        return "-" if share is None else f"{share:.2%}"

    heads = [
        "name",
        "data",
        f"cores of {board}",
        "ticks",
        "right",
        "control",
        "licence of the data",
    ]
    cells = [
        [
            row["name"],
            row["dataset"],
            f"{row['cores']:,} ({row['share']:.1%})",
            str(row["latency_ticks"]),
            right(row["accuracy"]),
            right(row["control_accuracy"]),
            row["data_licence"],
        ]
        for row in rows
    ]
    typer.echo()
    print_table(heads, cells)
    typer.echo("right: of the whole test part; control: same wiring and data, full precision")


def _cells(row: dict[str, Any]) -> list[str]:
    from tnemu.cli.learn_view import interval, points

    known = [row["scores"].get(who) for who in ("student", "random", "teacher")]
    scores = [points(score["mean"]) if score else "-" for score in known]
    share = row["scores"].get("student", {}).get("teacher_share") or {}
    return [
        row["name"],
        row["game"],
        f"{row['cores']:,} ({row['share']:.1%})",
        str(row["latency_ticks"]),
        *scores,
        f"{share['mean']:.2f}" if share else "-",
        interval(share.get("mean_95"), "{:.2f}".format),
        row["licence"],
    ]


def _figures(row: dict[str, Any]) -> list[list[str]]:
    """A line for every score of a student's evaluation."""
    from tnemu.cli.learn_view import interval, points

    return [
        [
            row["name"],
            who,
            points(score["mean"]),
            interval(score["mean_95"], points),
            str(score["episodes"]),
            f"{score['seeds'][0]}..{score['seeds'][-1]}",
        ]
        for who, score in row["scores"].items()
    ]
