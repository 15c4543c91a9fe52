"""``tnemu zoo``: the students that are shipped, what they take on a board, and how well they play."""

from __future__ import annotations

from typing import Annotated, Any

import typer

MADE_BY = ("command", "teacher_sha256", "chosen", "versions")
"""What of a file's provenance is listed; the rest is in the file."""


def command(
    board: Annotated[str, typer.Option(help="The board whose share is shown.")] = "ns1e",
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the networks that are shipped: game, size, latency, scores, how they were made, licence."""
    from tnemu import zoo

    rows = [_facts(name, board) for name in zoo.names()]
    if json:
        import json as encoder

        typer.echo(encoder.dumps(rows, indent=2))
        return
    from tnemu.cli.bench_view import print_table

    heads = ["name", "game", f"cores of {board}", "ticks", "score", "random", "teacher"]
    print_table([*heads, "of teacher", "95 %", "licence"], [_cells(row) for row in rows])
    typer.echo("scores: mean of episodes on seeds that chose nothing; see tnemu/zoo/README.md")
    typer.echo("of teacher: (score - random) / (teacher - random)")
    for row in rows:
        made = row["provenance"]
        teacher, command = made.get("teacher_sha256"), made.get("command")
        typer.echo(
            f"{row['name']}: {command or 'made by a command that was not recorded'}"
            + (f", teacher {teacher[:12]}" if teacher else "")
        )


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


def _facts(name: str, board: str) -> dict[str, Any]:
    from corelets import Student
    from tnemu import zoo
    from tnemu.formats.weights import read_weights
    from tnemu.hardware.board import load_board
    from tnemu.mapping.fit import fit

    weights = read_weights(zoo.find(name))
    task = weights.task
    spec = load_board(board)
    plan = fit(Student(weights), spec)
    provenance = dict(weights.provenance)
    evaluation = provenance.pop("evaluation", {})
    return {
        "name": name,
        "game": task.name if task else "",
        "cores": plan.image.core_count,
        "share": plan.image.core_count / spec.core_count,
        "latency_ticks": plan.latency_ticks,
        "scores": _scores(task.name if task else "", evaluation),
        "provenance": {key: provenance[key] for key in MADE_BY if key in provenance},
        "spec_sha256": task.sha256 if task else "",
        "sha256": weights.sha256,
        "licence": "MIT",
    }


def _roles(evaluation: dict[str, Any]) -> dict[str, str]:
    """Student is the player that was recorded, teacher the one that shares are measured against; the
    others keep their names. Files of older versions do not say, there paths tell.
    """
    players = evaluation.get("players", {})
    if "recorded" not in evaluation:
        known = ("teacher", "control", "student")
        return {who: next((role for role in known if role in who), who) for who in players}
    teacher = evaluation["normalised"].get("teacher_share", {}).get("teacher")
    named = {teacher: "teacher", evaluation["recorded"]: "student"}
    return {who: named.get(who, who) for who in players}


def _scores(game: str, evaluation: dict[str, Any]) -> dict[str, Any]:
    """By role: mean, interval and, where episodes are recorded, shares of teacher and person."""
    from tnemu.learn.players.scores import normalise

    named = _roles(evaluation)
    roles = {named[who]: facts for who, facts in evaluation.get("players", {}).items()}
    episodes = {role: facts["scores"] for role, facts in roles.items() if facts.get("scores")}
    references = [role if role in episodes else None for role in ("random", "teacher")]
    shares = normalise(game, episodes, *references)
    return {
        role: {key: facts[key] for key in ("mean", "mean_95", "episodes", "seeds")}
        | shares.get(role, {})
        for role, facts in roles.items()
    }
