"""The figures of a command as JSON, to a file or to standard output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer


def write_facts(facts: Mapping[str, Any], file: str | None) -> bool:
    """Write ``facts`` as JSON to ``file``, or print them for ``-``; whether they were printed."""
    from tnemu.cli.errors import CommandError
    from tnemu.files import json_text, write_json

    if file == "-":
        typer.echo(json_text(facts, "the figures", error=CommandError))
        return True
    if file is not None:
        write_json(file, facts, error=CommandError)
    return False
