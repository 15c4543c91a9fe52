"""What ``tnemu play`` shows: live numbers, the summary, the picture and the film of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tnemu.cli.run_folder import PlayError
from tnemu.cli.screen import say
from tnemu.emulator import compiling
from tnemu.files import writing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tnemu.runtime.live import Live
    from tnemu.runtime.record import Record
    from tnemu.runtime.session import Result, Session


@contextlib.contextmanager
def display(session: Session, console: Console) -> Iterator[Callable[[Record], None]]:
    """A function that shows a record: again and again on a terminal, else what begins, once."""
    from rich.live import Live as Display

    from tnemu.runtime.live import Meter
    from tnemu.runtime.report import chips_used

    settings = session.settings
    if not console.is_terminal:
        yield _teller(console)
        return
    meter = Meter(
        settings.rate_hz,
        settings.board.ticks_per_decision,
        session.image.board.tick_us,
        chips_used(session.image),
    )
    with Display(console=console, auto_refresh=False, transient=True) as display:
        yield lambda record: display.update(
            _panel(meter.read(record), bool(record.board["compiling"])), refresh=True
        )


def _teller(console: Console) -> Callable[[Record], None]:
    """Says once that the engine is being compiled, and once that the run has begun."""
    told = set[str]()

    def tell(record: Record) -> None:
        if record.board["compiling"] and "compiling" not in told:
            told.add("compiling")
            typer.echo(compiling.NOTICE, err=True)
        if record.host["decisions"] and "running" not in told:
            told.add("running")
            say(console, "running; Ctrl-C ends the run and keeps its report")

    return tell


def _panel(live: Live, compiles: bool) -> RenderableType:
    """The live numbers as a small table."""
    from rich.table import Table
    from rich.text import Text

    if not live.running:
        what = compiling.NOTICE if compiles else "host and board are starting"
        return Text(f"{what} ...", style="dim")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    before = f"   before: {_scores(live.returns)}" if live.returns else ""
    for row in (
        ("score", f"[bold]{live.score:,g}[/bold]{before}"),
        ("decisions", f"{live.decisions:,} at {live.decisions_per_second:.1f} a second"),
        ("lateness", f"{_percentiles(live.lateness_ms)}   {live.deadline_misses:,} missed"),
        ("spikes", f"{live.spikes_per_tick:,.0f} per tick"),
        ("synapses", f"{live.synaptic_operations_per_s / 1e6:,.1f} M operations/s, chip time"),
        ("power", f"{live.estimated_power_mw:.1f} mW estimated for the chip"),
    ):
        table.add_row(*row)
    return table


def summary(report: dict[str, Any], written: list[str], console: Console) -> None:
    """The run in a few lines."""
    energy, unfinished = report["energy"], report["unfinished_return"]
    scores = _scores(report["episode_returns"]) or "no episode ended"
    if unfinished is not None:
        scores += f" (and {unfinished:,g} in the episode that did not end)"
    pace = f"{report['decisions_per_second'] or 0:.2f} decisions/s"
    if report["mode"] == "realtime":
        pace += (
            f", {report['deadline_misses']:,} of {report['decisions']:,} after their deadline; "
            f"lateness {_percentiles(report['lateness_ms'])}"
        )
    say(console, f"{report['game']} on {report['board']}: {report['message']}")
    for name, value in (
        ("score", scores),
        ("pace", pace),
        ("board", f"{report['ticks_per_decision']} ticks a decision, "
                  f"{report['spikes_per_tick'] or 0:,.0f} spikes per tick, "
                  f"{report['synaptic_operations_per_s'] / 1e6:,.1f} M synaptic operations/s"),
        ("power", f"{report['estimated_power_mw']:.1f} mW estimated at the chip's own tick rate: "
                  f"{energy['assumed_mw']:.1f} static (assumed), {energy['counted_mw']:.2f} counted"),
        ("written", ", ".join(written) or "nothing"),
    ):  # fmt: skip
        say(console, f"  {name:<9}{value}", hanging=11)


def plot(result: Result, report: dict[str, Any], path: Path) -> None:
    """Draw the picture of the run (PNG); the file appears whole or not at all."""
    from tnemu.measure.plots import RunPlot, save_run

    details, spec = result.record.decisions(), result.image.board
    returns, score = report["episode_returns"], report["unfinished_return"]
    points = _scores(returns or [score or 0.0])
    late = f", {report['deadline_misses']:,} late" if report["mode"] == "realtime" else ""
    picture = RunPlot(
        title=f"{report['game']} on {report['board']}: {points} points"[:90],
        subtitle=(
            f"{report['engine']} engine, {report['mode']} at "
            f"{report['decisions_per_second'] or 0:.1f} decisions/s, seed {report['seed']}  ·  "
            f"{report['decisions']:,} decisions{late}  ·  "
            f"{report['spikes_per_tick'] or 0:,.0f} spikes per tick  ·  estimated "
            f"{report['estimated_power_mw']:.1f} mW"
        ),
        score=details["score"],
        over=details["over"],
        lateness_ms=details["lateness_s"] * 1e3,
        response_ms=details["response_s"] * 1e3,
        positions=result.image.positions,
        core_rate=result.record.core_rate(),
        board_shape=(spec.units, spec.width, spec.height),
        chip_shape=(spec.chip.cores_x, spec.chip.cores_y),
        first_decision=report["decisions"] - len(details),
    )
    with writing(path, error=PlayError) as file:
        save_run(picture, file)


def _scores(returns: Any) -> str:
    """The last few returns, with how many there were before them."""
    shown = ", ".join(f"{value:,g}" for value in returns[-5:])
    return f"... {shown}" if len(returns) > 5 else shown


def _percentiles(lateness_ms: dict[str, float | None]) -> str:
    if lateness_ms["p50"] is None:
        return "no deadline"
    return ", ".join(f"{name} {value:.1f}" for name, value in lateness_ms.items()) + " ms"
