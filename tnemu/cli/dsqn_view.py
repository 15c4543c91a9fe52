"""Lines of ``tnemu lab dsqn``: a row of the thesis, and what came of it here."""

from __future__ import annotations

from typing import Any

import typer


def tell_row(facts: dict[str, Any]) -> None:
    """One line: how it was run, here (with the interval over networks), and what was printed."""
    recipe = facts["recipe"]
    how = f"{facts['table']} {facts['task']} {facts['kind']}: T = {recipe['ticks']}"
    if facts["table"] == "codes":
        how += f", {recipe['encoding']}, {recipe['decoding']}"
    if facts["table"] == "normalisations":
        how += f", {facts['normalise']}"
    if facts["target"] != "numpy":
        how += f", {facts['target']}, reset {recipe['reset']}"
    here = f"return {_with(facts['mean_return'], facts['return_95'], 1)}"
    if facts["agreement"] is not None:
        here += f", {_with(facts['agreement'], facts['agreement_95'], 100)} %"
    printed = [f"{facts['printed_return']:g}"] if facts["printed_return"] is not None else []
    if facts["printed_agreement"] is not None:
        printed.append(f"{100 * facts['printed_agreement']:.2f} %")
    number = len(facts["networks"])
    whose = "the thesis's network" if facts["whose"] == "thesis" else f"own, {number} trained"
    typer.echo(f"{how} ({whose}): {here}; printed {', '.join(printed)}")


def tell_trainings(rows: list[dict[str, Any]]) -> None:
    """A line for each kind of training, beside what was printed where there is such a row."""
    from tnemu.lab.hahn import TRAININGS

    printed = {(t.task, t.kind, t.preset): t for t in TRAININGS}
    for row in rows:
        line = (
            f"trainings {row['task']} {row['kind']} {row['preset']}".rstrip()
            + f": {row['solved']} of {row['runs']} solved, best average "
            + _with(row["best_average"], row["best_average_95"], 1)
        )
        there = printed.get((row["task"], row["kind"], row["preset"]))
        if there:
            line += f"; printed {there.solved} of 5, {there.best_average:g}"
        typer.echo(line)


def _with(value: float, ends: list[float] | None, factor: float) -> str:
    text = f"{factor * value:.2f}"
    return text if ends is None else f"{text} [{factor * ends[0]:.2f}, {factor * ends[1]:.2f}]"
