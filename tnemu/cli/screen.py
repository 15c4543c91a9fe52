"""What commands write on: a console for people, words kept whole."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 40
"""Columns below which lines are left to the terminal."""


def screen() -> Console:
    """Standard output; colours only on a terminal, and none with NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def say(console: Console, text: str, hanging: int = 0) -> None:
    """One line, whatever brackets are in it; on a terminal as many as it needs, broken between words.

    ``hanging``: spaces before all lines but the first. A pipe gets the line as it is.
    """
    if console.is_terminal and console.width >= NARROWEST:
        text = textwrap.fill(
            text,
            console.width,
            subsequent_indent=" " * hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
    console.print(text, markup=False)
