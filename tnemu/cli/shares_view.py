"""What ``tnemu learn shares`` shows: a row per game, and the picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tnemu.cli.learn_view import points

if TYPE_CHECKING:
    from tnemu.lab.shares import Shares


def print_shares(found: Shares) -> None:
    """Points, share and interval of every label in every game, then the mean over its games."""
    from tnemu.cli.tables import print_table

    heads = ["game"]
    for label in found.of:
        heads += [label, "95 %", f"of {found.reference}", "95 %"]
    rows = []
    for game in found.games:
        cells = [game]
        for shares in found.of.values():
            one = shares.get(game)
            cells += (
                ["-"] * 4 if one is None else [points(one.points), _ends(one.points_95, points)]
            )
            cells += [] if one is None else [f"{one.share:.2f}", _ends(one.share_95)]
        rows.append(cells)
    mean = ["mean"]
    for share, interval in found.mean.values():
        mean += ["", "", f"{share:.2f}", _ends(interval)]
    print_table(heads, [*rows, mean])
    typer.echo("; ".join(found.facts))


def save_share_plot(found: Shares, title: str, path: Path) -> None:
    """Draw the same; raises CommandError when the file cannot be written."""
    from tnemu.cli.errors import CommandError
    from tnemu.files import writing
    from tnemu.measure.share_plots import MEAN, SharePlot, save_shares

    bars = {
        label: {game: (one.share, one.share_95) for game, one in shares.items()}
        | {MEAN: found.mean[label]}
        for label, shares in found.of.items()
    }
    with writing(path, error=CommandError) as out:
        save_shares(
            SharePlot(title, "; ".join(found.facts), found.games, bars, found.reference), out
        )


def _ends(interval: tuple[float, float] | None, text: object = "{:.2f}".format) -> str:
    from tnemu.cli.learn_view import interval as written

    return written(None if interval is None else list(interval), text)
