"""``tnemu zoo``: the students that are shipped, what they take on a board, and how well they play."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def command(
    board: Annotated[str, typer.Option(help="The board whose share is shown.")] = "ns1e",
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the networks that are shipped: game, size on a board, latency, scores, file hash."""
    from tnemu import zoo

    rows = [_facts(name, board) for name in zoo.names()]
    if json:
        import json as encoder

        typer.echo(encoder.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "game", f"cores of {board}", "ticks", "score", "random", "teacher")
    for row in rows:
        share = f"{row['cores']:,} ({row['share']:.1%})"
        scores = [_points(row["scores"].get(who)) for who in ("student", "random", "teacher")]
        table.add_row(row["name"], row["game"], share, str(row["latency_ticks"]), *scores)
    Console(highlight=False).print(table)
    typer.echo("scores: mean of episodes on seeds that chose nothing; see tnemu/zoo/README.md")


def _points(score: dict[str, Any] | None) -> str:
    return "–" if score is None else f"{score['mean']:,.1f}".removesuffix(".0")


def _facts(name: str, board: str) -> dict[str, Any]:
    from corelets import Student
    from tnemu import zoo
    from tnemu.formats.weights import WeightFile
    from tnemu.hardware.board import load_board
    from tnemu.mapping.fit import fit

    weights = WeightFile.load(zoo.find(name))
    spec = load_board(board)
    plan = fit(Student(weights), spec)
    players = weights.provenance.get("evaluation", {}).get("players", {})
    return {
        "name": name,
        "game": weights.game,
        "cores": plan.image.core_count,
        "share": plan.image.core_count / spec.core_count,
        "latency_ticks": plan.latency_ticks,
        "scores": {_role(who): _score(facts) for who, facts in players.items()},
        "spec_sha256": weights.spec_sha256,
        "sha256": weights.sha256,
        "licence": "MIT",
    }


def _role(player: str) -> str:
    """Players are recorded by file: the teacher's, the float control's, and the student's own."""
    return next((role for role in ("teacher", "control", "student") if role in player), player)


def _score(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: facts[key] for key in ("mean", "mean_95", "episodes", "seeds")}
