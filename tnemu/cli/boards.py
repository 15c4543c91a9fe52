"""``tnemu boards``: the boards there are, and what each of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tnemu.hardware.board import BoardSpec, LinkSpec


def command(
    board: Annotated[
        str | None, typer.Argument(help="A board's name or file; none lists them all.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value, as in chip.cores_x=32."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of board files.")
    ] = False,
) -> None:
    """List the boards, or draw one: its chips, links, host, switches and published figures."""
    import json as encoder

    from tnemu.hardware.board import board_names, board_schema, load_board

    if schema:
        typer.echo(encoder.dumps(board_schema(), indent=2))
        return
    if board is None:
        specs = [load_board(name) for name in board_names()]
        specs.sort(key=lambda spec: spec.core_count)
    else:
        specs = [load_board(board)]
    specs = [spec.override(parse_changes(changes or [])) for spec in specs]
    if json:
        facts = [_facts(spec) for spec in specs]
        typer.echo(encoder.dumps(facts if board is None else facts[0], indent=2))
        return

    from rich.console import Console

    console = Console(highlight=False)
    for part in [_table(specs)] if board is None else _drawing(specs[0]):
        console.print(part)


def parse_changes(changes: list[str]) -> dict[str, Any]:
    """``["a.b=1"]`` as ``{"a.b": "1"}`` for :meth:`BoardSpec.override`; usage error without '='."""
    pairs = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key:
            raise typer.BadParameter(
                f"{change!r} is not KEY=VALUE, as in chip.leak_zero_clamp=false"
            )
        pairs[key.strip()] = value
    return pairs


def _facts(spec: BoardSpec) -> dict[str, Any]:
    derived = {
        name: getattr(spec, name) for name in ("width", "height", "chip_count", "core_count")
    }
    return spec.model_dump(mode="json") | {"derived": derived, "sha256": spec.sha256}


def _table(specs: list[BoardSpec]) -> RenderableType:
    from rich import box
    from rich.table import Table

    from tnemu.hardware.neuron import NEURONS

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("board", style="bold")
    for title in ("chips", "cores", "neurons"):
        table.add_column(title, justify="right")
    table.add_column("what it is")
    for spec in specs:
        neurons = spec.core_count * NEURONS
        table.add_row(
            spec.name,
            f"{spec.chip_count:,}",
            f"{spec.core_count:,}",
            f"{neurons:,}",
            spec.description,
        )
    return table


def _drawing(spec: BoardSpec) -> list[RenderableType]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from tnemu.hardware.neuron import AXONS, NEURONS

    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    dead = spec.chip_count * spec.chip.cores_x * spec.chip.cores_y - spec.core_count
    host = spec.host
    details = [
        f"{value:,} {unit}"
        for value, unit in ((host.cores, "cores"), (host.clock_mhz, "MHz"), (host.memory_mb, "MB"))
        if value is not None
    ]
    for name, value in (
        ("cores", f"{spec.core_count:,} of {AXONS} axons x {NEURONS} neurons ({dead:,} dead)"),
        ("mesh", f"{spec.width} x {spec.height} cores" + (" in each unit" * (spec.units > 1))),
        ("tick", f"{spec.tick_us:,} us"),
        *((f"{link.kind} link", _link(link)) for link in spec.links),
        ("host", ", ".join([host.name, *details])),
        ("leak_zero_clamp", str(spec.chip.leak_zero_clamp).lower()),
        ("potential_range", spec.chip.potential_range),
        ("noise", spec.chip.noise),
        ("no_reset_ceiling", spec.chip.no_reset_ceiling),
        ("sha256", spec.sha256[:16]),
    ):
        facts.add_row(name, value)
    parts: list[RenderableType] = [
        Text(f"{spec.name}: {spec.description}", style="bold"),
        Text("\n" + "\n".join(_mesh(spec))),
        Text(f"{spec.units} such units, joined through their hosts\n" if spec.units > 1 else ""),
        facts,
    ]
    if spec.published:
        table = Table(
            box=box.SIMPLE_HEAD, title="published for the real board", title_justify="left"
        )
        table.add_column("what")
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("source", style="dim")
        for item in spec.published:
            table.add_row(item.what, f"{item.value:,.12g} {item.unit}", item.source)
        parts.append(table)
    return parts


def _link(link: LinkSpec) -> str:
    if link.spikes_per_s is None:
        return f"{link.bits} bits a spike, spikes per second not published"
    return f"{link.bits} bits a spike, {link.spikes_per_s:,} spikes/s"


def _mesh(spec: BoardSpec) -> list[str]:
    """One unit as boxes, north up, joined where the board file describes a chip-to-chip link."""
    size = f"{spec.chip.cores_x}x{spec.chip.cores_y}"
    dead = _dead_per_chip(spec)
    across, along = ("═══", "║") if spec.link("merge-split") else ("   ", " ")
    lines: list[str] = []
    for chip_y in reversed(range(spec.chips_y)):
        cells = []
        for chip_x in range(spec.chips_x):
            lost = dead.get((chip_x, chip_y), 0)
            cells.append((f"{chip_x},{chip_y}", size, f"{lost} dead" if lost else ""))
        lines.append("   ".join(["┌────────┐"] * spec.chips_x))
        for row in range(3):
            joint = across if row == 1 else "   "
            lines.append(joint.join(f"│{cell[row]:^8}│" for cell in cells))
        lines.append("   ".join(["└────────┘"] * spec.chips_x))
        if chip_y:
            lines.append("   ".join([f"    {along}     "] * spec.chips_x))
    return lines


def _dead_per_chip(spec: BoardSpec) -> dict[tuple[int, int], int]:
    """Dead cores of every chip of one unit, summed over the units."""
    import numpy as np

    counts = np.zeros((spec.chips_x, spec.chips_y), dtype=np.int64)
    _, x, y = spec.alive_positions().T
    np.add.at(counts, (x // spec.chip.cores_x, y // spec.chip.cores_y), 1)
    full = spec.units * spec.chip.cores_x * spec.chip.cores_y
    lost = {(int(x), int(y)): int(full - count) for (x, y), count in np.ndenumerate(counts)}
    return {place: count for place, count in lost.items() if count}
