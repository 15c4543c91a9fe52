"""``tnemu diff``: where two files of spikes part first.

    tnemu diff ours.sfto theirs.sfto

Order and repetitions do not count. Status 0: equal; 1: different; 2: a file cannot be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tnemu.lab.spike_diff import Spike, SpikeDiff

DIFFERENT, TROUBLE = 1, 2
"""Exit statuses, those of diff(1)."""


def command(
    a: Annotated[Path, typer.Argument(help="A file of spikes.")],
    b: Annotated[Path, typer.Argument(help="Another, of any kind that holds the same.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Compare two files of spikes, and name the first spike that only one of them has.

    IBM's spike files of every encoding, and recordings of --probe spikes, .npz or .csv. Spikes are
    equal in tick, core (or connector), axon (or pin) and delay; their order does not count, nor does
    one that is repeated. Status 0 if the files are equal, 1 if they differ, 2 if one cannot be read.
    """
    from tnemu.errors import TnemuError
    from tnemu.lab.spike_diff import diff_spikes

    try:
        found = diff_spikes(a, b)
    except TnemuError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(TROUBLE) from error
    for name in found.held:
        typer.echo(f"note: {name} is not in the order of ticks; it was held in memory", err=True)
    if json:
        _print_json(found)
    else:
        for line in _lines(found, str(a), str(b)):
            typer.echo(line)
    if not found.equal:
        raise typer.Exit(DIFFERENT)


def _lines(found: SpikeDiff, a: str, b: str) -> list[str]:
    repeated = [
        f"repeated in {name}: {count:,}"
        for name, count in ((a, found.repeated_a), (b, found.repeated_b))
        if count
    ]
    if found.first is None:
        return [f"equal: {found.common:,} spikes", *repeated]
    return [
        f"first difference: {found.first}",
        f"  {a}: {_has(found.first, found.a)}",
        f"  {b}: {_has(found.first, found.b)}",
        f"only in {a}: {found.only_a:,}",
        f"only in {b}: {found.only_b:,}",
        f"in both: {found.common:,}",
        *repeated,
    ]


def _has(first: Spike, next_one: Spike | None) -> str:
    if next_one == first:
        return "has it"
    return f"has not; its next is {next_one}" if next_one else "has not, and none after it"


def _print_json(found: SpikeDiff) -> None:
    import json
    from dataclasses import asdict

    typer.echo(json.dumps({"equal": found.equal, **asdict(found)}, indent=2))
