"""Serving a page from a command: its options, its address, and the warning it may need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from tnemu.cli.screen import say

if TYPE_CHECKING:
    from rich.console import Console

    from tnemu.web.server import Page, Source

Port = Annotated[int, typer.Option(help="Port of the page.", show_default="one that is free")]
Address = Annotated[
    str, typer.Option(help="Address of the page; others than 127.0.0.1 let other computers in.")
]


@contextlib.contextmanager
def serving(source: Source, port: int, address: str, console: Console) -> Iterator[Page]:
    """The page, served meanwhile; its address is printed."""
    from tnemu.web.server import LOOPBACK, Page

    with Page(source, port, address) as page:
        if address not in (LOOPBACK, "localhost"):
            typer.echo(
                f"warning: {address} lets other computers see this run and set its pace; whoever "
                "has the address may, and what travels is not encrypted",
                err=True,
            )
        say(console, f"page: {page.url}")
        yield page
