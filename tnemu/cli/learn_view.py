"""What ``tnemu learn`` shows: the table and the picture of scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer


def print_scores(result: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """One row per player; ``given`` has the names that the person typed, by player."""
    from tnemu.cli.tables import print_table

    heads = ["player", "mean", "95 %", "median", "sd"]
    shares = {"teacher_share": "of teacher", "human_share": "of human"}
    rows = [[name] for name in short_names(result, given)]
    for cells, row in zip(rows, result["players"].values(), strict=True):
        cells += [points(row["mean"]), interval(row["mean_95"], points), points(row["median"])]
        cells += [points(row["sd"])]
    for key, head in shares.items():
        if any(key in row for row in result["players"].values()):
            heads += [head, "95 %"]
            for cells, row in zip(rows, result["players"].values(), strict=True):
                share = row.get(key)
                cells += [f"{share['mean']:.2f}", interval(share["mean_95"], "{:.2f}".format)]
    print_table(heads, rows)
    typer.echo(_footnote(result))


def save_score_plot(result: Mapping[str, Any], given: Mapping[str, str], path: Path) -> None:
    """Draw the same; raises CommandError when the file cannot be written."""
    import numpy as np

    from tnemu.cli.errors import CommandError
    from tnemu.files import writing
    from tnemu.measure.score_plots import ScorePlot, ScoreRow, save_scores

    names = short_names(result, given)
    rows = [
        ScoreRow(
            name,
            np.array(row["scores"], float),
            row["mean"],
            tuple(row["mean_95"]),
            row.get("teacher_share", {}).get("mean"),
        )
        for name, row in zip(names, result["players"].values(), strict=True)
    ]
    title = f"{result['game']}: scores of whole episodes"
    with writing(path, error=CommandError) as out:
        save_scores(ScorePlot(title, _footnote(result), rows), out)


def short_names(result: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    """The names as typed; of files their own name alone, where that tells them apart."""
    players = list(result["players"])
    teacher = result["normalised"].get("teacher_share", {}).get("teacher")
    typed = [given.get(player, player) for player in players]
    pairs = zip(typed, players, strict=True)
    short = [Path(name).name if name == player else name for name, player in pairs]
    names = short if len(set(short)) == len(short) else typed
    marked = zip(names, players, strict=True)
    return [f"{name} (teacher)" if player == teacher else name for name, player in marked]


def _footnote(result: Mapping[str, Any]) -> str:
    first = next(iter(result["players"].values()))
    low, high = first["seeds"]
    own = {row["own_sticky"] for row in result["players"].values()} - {result["sticky"]}
    trained = f" (trained under {', '.join(f'{x:g}' for x in sorted(own))})" if own else ""
    return (
        f"{result['game']}, episodes: {first['episodes']}, seeds {low}-{high}, sticky "
        f"{result['sticky']:g}{trained}, random actions {result['epsilon']:g}"
    )


def interval(ends: list[float] | None, text: Any) -> str:
    """Both ends as ``text`` writes them; a dash where there is no interval."""
    return "-" if ends is None else f"{text(ends[0])}..{text(ends[1])}"


def points(value: float) -> str:
    """Four digits at least, none that say nothing."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}".rstrip("0").rstrip(".")
