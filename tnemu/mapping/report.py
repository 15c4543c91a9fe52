"""A plan as a table for people: a row for each part, as deep into the hierarchy as asked.

Layers are named by their way through the parts, as in ``vision.edges[3].relay``. A row of depth d
stands for all layers whose names agree in the first d parts, and a list of parts is one row: at depth 1,
``edges[0].relay`` and ``edges[1]`` are in the row ``edges[0..1]``. Columns add up, but for cores (each
counts once, whoever shares it), the longest hop and the tick, which are those of the last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tnemu.mapping.links import Links

if TYPE_CHECKING:
    from tnemu.mapping.placed import LayerPlan, Placed

HEADINGS = (
    "layer",
    "cores",
    "axons",
    "neurons",
    "copies",
    "splitters",
    "relays",
    "longest hop",
    "tick",
)
ALL = 0
"""The depth of a table with a row for every layer."""
_INDEX = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, eq=False)
class Part:
    """One row: ``layers`` are the indices of the layers that it stands for, in order."""

    name: str
    layers: tuple[int, ...]


def parts_of(names: list[str], depth: int) -> list[Part]:
    """The rows of a table of layers ``names``, in order of their first layers."""
    if depth == ALL:
        return [Part(name, (k,)) for k, name in enumerate(names)]
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        key = _INDEX.sub("[]", ".".join(name.split(".")[:depth]))
        found.setdefault(key, []).append(k)
    return [Part(_name([names[k] for k in mine], depth), tuple(mine)) for mine in found.values()]


def _name(names: list[str], depth: int) -> str:
    """What the names of one row agree in, with the range of each index."""
    heads = [".".join(name.split(".")[:depth]) for name in names]
    spans = [
        (min(index), max(index))
        for index in zip(*([int(k) for k in _INDEX.findall(h)] for h in heads), strict=True)
    ]
    ends = iter(spans)

    def span(_: re.Match[str]) -> str:
        low, high = next(ends)
        return f"[{low}]" if low == high else f"[{low}..{high}]"

    return _INDEX.sub(span, heads[0])


def rows(plan: Placed, depth: int) -> list[tuple[str, ...]]:
    """The table below its headings, as text: a row for each part, and the total."""
    names = ("cores", "axons", "neurons", "copies", "splitters", "relays", "longest_hop")
    table = []
    for part in parts_of([layer.name for layer in plan.layers], depth):
        layers = [plan.layers[k] for k in part.layers]
        cores = _cores(plan, part, layers)
        sums = [sum(getattr(layer, name) for layer in layers) for name in names[1:-1]]
        last = max(layer.longest_hop for layer in layers), max(layer.wave_tick for layer in layers)
        table.append((part.name, cores, *sums, *last))
    total = (plan.resources[name] for name in names)
    table.append(("total", *total, plan.latency_ticks - 1))
    return [(name, *(f"{value:,}" for value in values)) for name, *values in table]


def _cores(plan: Placed, part: Part, layers: list[LayerPlan]) -> int:
    """Cores that hold any of ``layers``; one that several share counts once."""
    if len(layers) == 1:
        return layers[0].cores
    return int(np.isin(plan.size.layer_of, part.layers).any(axis=1).sum())


def text(plan: Placed, depth: int) -> str:
    """Headings, rows and notes."""
    table = [HEADINGS, *rows(plan, depth)]
    widths = [max(len(row[k]) for row in table) for k in range(len(HEADINGS))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
    ]
    lines[1:1] = lines[-1:-1] = ["-" * len(lines[0])]
    return "\n".join([*lines, "", *notes(plan)])


def notes(plan: Placed) -> list[str]:
    """What does not fit into columns, one sentence a line."""
    r, board = plan.resources, plan.image.board
    return [
        f"{r['cores']:,} of {board.core_count:,} cores of {board.name} "
        f"({100 * r['board_share']:.1f} %), {r['chips']} of {board.chip_count} chips",
        f"{plan.latency_ticks} ticks from a frame's source tick to its last output spike, both "
        "included",
        f"{r['input_pins']:,} input pins land on {r['taps']:,} axons: "
        f"{r['host_spikes_per_bit']:.2f} host spikes for each bit that is set",
        f"{r['packets']:,} packets if every neuron fires once: {r['mean_hops']:.1f} hops on "
        f"average, {r['chip_crossings']:,} chip borders (leaving the board is one)",
        *_border(plan.links()),
        *plan.image.origin.get("notes", ()),
    ]


def _border(found: Links) -> list[str]:
    """What the busiest border carries, and what that does to a tick; nothing where none is crossed."""
    if not found.busiest:
        return []
    border, packets, tick = found.borders()[0], f"{found.busiest:,.0f}", found.board.tick_us
    if found.room is None:
        return [
            f"{packets} packets cross the busiest chip border, {border}, if every neuron fires; how "
            "many it carries is not known"
        ]
    carries = (
        f"the busiest chip border, {border}, carries {found.room:,.0f} spikes in a tick of {tick:,} us, "
        f"and {packets} packets cross it if every neuron fires"
    )
    if found.busiest <= found.room:
        return [f"{carries}: no tick is stretched"]
    return [
        f"{carries}: then the tick is {found.tick_us:,.0f} us ({1e6 / found.tick_us:,.0f} Hz); it is not "
        f"stretched while at most {100 * found.room / found.busiest:.1f} % of them fire"
    ]
