"""What ``tnemu bench`` shows: progress, tables, the JSON file, the picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

if TYPE_CHECKING:
    from tnemu.lab.bench.measure import Row
    from tnemu.lab.bench.peers import NotMeasured


class Tell(Protocol):
    """Says what is being done; ``step`` when the one before is done."""

    def __call__(self, what: str, step: bool = False) -> None:
        """Show that ``what`` is being done."""
        ...


@contextmanager
def progress(steps: int = 0) -> Iterator[Tell]:
    """A line on a terminal that says what is being measured; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, step=False: None
        return
    done = 0
    with console.status("starting") as status:

        def tell(what: str, step: bool = False) -> None:
            nonlocal done
            done += step
            status.update(f"{done} of {steps}: {what}" if steps else what)

        yield tell


def check_files(*files: str | Path | None) -> None:
    """Raises BenchError for a file that could not be written once all is measured; ``-`` is none."""
    from tnemu.files import check_writable
    from tnemu.lab.bench.networks import BenchError

    for file in files:
        if file is not None and str(file) != "-":
            check_writable(file, error=BenchError)


def report(rows: Sequence[Row], file: str | None, **more: Any) -> None:
    """Print the rows as a table, then write them as JSON to ``file`` if one is given; for ``-`` print
    the JSON alone.
    """
    from tnemu.files import write_text
    from tnemu.lab.bench.measure import document
    from tnemu.lab.bench.networks import BenchError

    if rows and file != "-":
        _show(rows)
    if file is None:
        return
    facts = {k: [asdict(item) for item in v] for k, v in more.items()}
    text = json.dumps(document(rows, **facts), indent=2, allow_nan=False) + "\n"
    if file == "-":
        typer.echo(text, nl=False)
        return
    write_text(file, text, error=BenchError)


def _show(rows: Sequence[Row]) -> None:
    from tnemu.cli.tables import print_table
    from tnemu.lab.bench.computer import computer

    print_table(*table(rows))
    facts = computer()
    threads = {row.threads for row in rows}
    typer.echo(
        f"{facts['processor']}, {facts['usable_processors']} processors, "
        f"load {facts['load_average']:.2f}"
        + (f", threads {threads.pop()}" if len(threads) == 1 else "")
    )
    if facts["load_average"] > facts["usable_processors"]:
        typer.echo(
            "note: more programs are running than there are processors; times are too long, and "
            "ratios are uncertain",
            err=True,
        )


def note_problems(missing: Sequence[NotMeasured]) -> None:
    """One line for every peer that gave no figure."""
    for item in missing:
        size = f" with {item.cores} cores" if item.cores else ""
        typer.echo(f"note: {item.name}{size} was not measured: {item.problem}", err=True)


HEADS: dict[str, tuple[str, Callable[[Row], str]]] = {
    "network": ("network", lambda r: r.name),
    "cores": ("cores", lambda r: f"{r.cores:,}"),
    "rate": ("Hz", lambda r: f"{r.rate_hz:.1f}"),
    "synapses": ("synapses", lambda r: str(r.synapses)),
    "threads": ("threads", lambda r: str(r.threads)),
    "ms": ("ms/tick", lambda r: _digits(r.ms_per_tick)),
    "realtime": ("real time", lambda r: f"{_digits(r.realtime_factor)}x"),
    "sops": ("SOPS", lambda r: _giga(r.sops)),
    "latency": ("latency", lambda r: _latency(r.more)),
    "frames": ("frames/s", lambda r: _digits(r.more.get("frames_per_s"))),
    "peer_ms": ("peer ms/tick", lambda r: _digits(r.more.get("peer_ms_per_tick"))),
    "ratio": ("", lambda r: "-" if r.ratio is None else f"{_digits(r.ratio)}x"),
    "spikes": ("peer's spikes", lambda r: _spikes(r.more)),
    "rss": ("MB", lambda r: f"{r.rss_mb:,.0f}"),
}
"""Columns: key -> (head, text of a row)."""

RATIO_HEADS = {
    "naive": "vs naive",
    "deterministic": "vs no noise",
    "single_runs": "vs single runs",
    "peer": "vs peer",
}
"""What a row stands beside -> the head of its ratio."""


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Heads and texts of the columns that these rows have something to say in."""
    keys = list(HEADS)
    if not any("frames_per_s" in row.more for row in rows):
        keys = [key for key in keys if key not in ("latency", "frames")]
    if not any("peer_spikes" in row.more for row in rows):
        keys = [key for key in keys if key not in ("peer_ms", "spikes")]
    if len({row.threads for row in rows}) == 1:
        keys.remove("threads")
    beside = {row.beside for row in rows if row.ratio is not None}
    if not beside:
        keys.remove("ratio")
    ratio = " / ".join(RATIO_HEADS[name] for name in RATIO_HEADS if name in beside)
    heads = [ratio if key == "ratio" else HEADS[key][0] for key in keys]
    return heads, [[HEADS[key][1](row) for key in keys] for row in rows]


def _digits(value: float | None) -> str:
    """Three significant digits, without exponents."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"


def _giga(value: float) -> str:
    return f"{_digits(value / 1e9)} G" if value >= 1e8 else f"{_digits(value / 1e6)} M"


def _latency(more: Any) -> str:
    if "latency_ms" not in more:
        return "-"
    return f"{_digits(more['latency_ms'])} ms, {more['latency_ticks']} ticks"


def _spikes(more: Any) -> str:
    if "peer_spikes" not in more:
        return "-"
    ours, theirs = more["spikes"], more["peer_spikes"]
    return "equal" if ours == theirs else f"{100 * (theirs / max(ours, 1) - 1):+.1f} %"
