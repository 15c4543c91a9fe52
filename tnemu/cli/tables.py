"""Tables for people on a terminal, and aligned text for a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table


def print_table(heads: list[str], rows: list[list[str]]) -> None:
    """A table on a terminal, on its side if it fits only so; aligned columns elsewhere."""
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal:
        names, *facts = zip(heads, *rows, strict=True)
        for way in ((heads, rows), (names, facts)):
            if sum(_widths(*way)) + 2 * len(way[0]) <= console.width:
                console.print(_drawn(*way))
                return
    widths = _widths(heads, rows)
    for row in (heads, *rows):
        cells = [
            text.rjust(width) if index else text.ljust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        typer.echo("  ".join(cells).rstrip())


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(heads, *rows, strict=True)]


def _drawn(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for index, head in enumerate(heads):
        drawn.add_column(head, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        drawn.add_row(*row)
    return drawn
