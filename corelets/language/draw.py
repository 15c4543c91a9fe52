"""A picture of a corelet: ports, neurons and parts as boxes, one in the other, and what is wired to what.

Spikes go from left to right; feedback is dashed. A line stands for all wires between two boxes, with the
weights where neurons take it and its time where it has one. Written as SVG by hand: it needs no library.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from corelets.language.body import Body, body_of
from corelets.language.errors import CoreletError
from corelets.language.group import NeuronGroup
from corelets.language.pins import Pins
from corelets.language.times import Time
from corelets.language.weights import Term
from tnemu.errors import whole
from tnemu.files import write_text

LETTER, LINE, PAD, GAP, COLUMN = 6.6, 15.0, 8.0, 14.0, 64.0
"""Pixels: a letter's width, a line's height, within a box, between boxes, between columns."""
INK, DIM, WIRE = "#1d2733", "#6b7785", "#2a6f97"
_FILL = {
    "input": "#eaf3f7",
    "output": "#fbeee9",
    "neurons": "#ffffff",
    "part": "#f6f7f9",
    "merge": "#fff8e6",
}
_MOST_BOXES = 2_000

Point = tuple[float, float]


@dataclass(eq=False)
class _Box:
    """A box with its lines of text, a scene inside it or none, and where wires begin and end."""

    kind: str
    text: list[str]
    scene: _Scene | None = None
    column: int = 0
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    def measure(self) -> None:
        wide = max((len(line) for line in self.text), default=0) * LETTER
        inner = self.scene
        self.width = max(wide, inner.width if inner else 0.0) + 2 * PAD
        self.height = len(self.text) * LINE + PAD + (inner.height + PAD if inner else 0.0)

    def anchor(self, port: str, right: bool) -> Point:
        """Where the wire of a port meets the box, from its corner."""
        y = self.height / 2
        if self.scene and port in self.scene.ports:
            inner = self.scene.ports[port]
            y = len(self.text) * LINE + PAD / 2 + inner.y + inner.height / 2
        return (self.x + (self.width if right else 0.0), self.y + y)


@dataclass(frozen=True)
class _Wire:
    source: _Box
    source_port: str
    sink: _Box
    sink_port: str
    text: str
    back: bool


@dataclass(eq=False)
class _Scene:
    """What a corelet is made of, laid out."""

    boxes: list[_Box] = field(default_factory=list)
    wires: list[_Wire] = field(default_factory=list)
    ports: dict[str, _Box] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def picture(corelet: Any, depth: int = 3) -> str:
    """The picture as SVG text; parts deeper than ``depth`` are closed boxes."""
    body = body_of(corelet)
    inside = whole("draw(): depth", depth, 1, 32, error=CoreletError)
    count = sum(
        len(b.ports) + len(b.groups) + len(b.cores) for b in body.walk() if _depth(b, body) < inside
    )
    if count > _MOST_BOXES:
        raise CoreletError(
            f"draw(): {body.describe()} has {count:,} boxes to depth {inside}, a picture holds "
            f"{_MOST_BOXES:,}; draw it with a smaller depth, or one of its parts"
        )
    top = _Box("part", [f"{body.kind} {body.path}".strip()], _scene(body, inside))
    top.measure()
    top.x = top.y = GAP
    shapes = list(_drawn(top))
    width, height = top.width + 2 * GAP, top.height + 2 * GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="11">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
            f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{WIRE}"/></marker></defs>',
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
            *shapes,
            "</svg>",
            "",
        ]
    )


def draw(corelet: Any, path: str | Path, depth: int = 3) -> Path:
    """Write the picture to ``path``, an .svg file."""
    target = Path(path)
    if target.suffix != ".svg":
        raise CoreletError(
            f"draw({str(path)!r}): pictures of corelets are SVG; name the file x.svg"
        )
    write_text(target, picture(corelet, depth), error=CoreletError)
    return target


def _depth(body: Body, top: Body) -> int:
    depth = 0
    while body is not top and body.parent is not None:
        body, depth = body.parent, depth + 1
    return depth


# -- what there is ---------------------------------------------------------------------------------


def _scene(body: Body, depth: int) -> _Scene:
    scene = _Scene()
    found: dict[object, tuple[_Box, str]] = {}

    def add(thing: object, box: _Box, port: str = "") -> None:
        if box not in scene.boxes:
            scene.boxes.append(box)
        found[thing] = (box, port)

    for name, port in body.ports.items():
        code = [str(port.code)] if port.code is not None else []
        box = _Box(port.kind, [f"{name} {_shape(port)}", *code])
        scene.ports[name] = box
        add(port, box)
    for group in body.groups:
        add(group, _Box("neurons", [f"{group.full_name} {_shape(group)}", repr(group.of)]))
    for core in body.cores:
        box = _Box(
            "neurons",
            [f"core {core.name}", f"{core.axons.width} axons, {core.neurons.width} neurons"],
        )
        add(core.axons, box)
        add(core.neurons, box)
    for merge in body.merges:
        add(merge, _Box("merge", ["or"]))
    for name, part in body.parts.items():
        inner = body_of(part)
        ends = "" if depth > 1 else f" ({', '.join(inner.ports)})"
        box = _Box(
            "part", [f"{name}: {inner.kind}{ends}"], _scene(inner, depth - 1) if depth > 1 else None
        )
        scene.boxes.append(box)
        for port_name, port in inner.ports.items():
            add(port, box, port_name)
    scene.wires = list(dict.fromkeys(_wires(body, found)))
    _lay_out(scene)
    return scene


def _wires(body: Body, found: dict[object, tuple[_Box, str]]) -> Iterable[_Wire]:
    for connection in body.connections:
        for source in connection.source.bundles:
            for sink in connection.sink.bundles:
                if source in found and sink in found:
                    text, back = str(connection.time), connection.time.loop > 0
                    yield _Wire(*found[source], *found[sink], text, back)
    for group in body.groups:
        for term in group.terms:
            for source in term.pins.bundles:
                if source in found:
                    time: Time = term.pins.time
                    text = ", ".join(filter(None, [_weight(term, group), str(time)]))
                    yield _Wire(*found[source], *found[group], text, time.loop > 0)


def _weight(term: Term, group: NeuronGroup) -> str:
    if term.clear:
        return "CLEAR"
    weights = np.unique(term.weight)
    if term.drawn:
        return f"p {(abs(int(weights[0])) + 1) / 256:g}" if len(weights) == 1 else "stochastic"
    if len(weights) == 1:
        return "" if weights[0] == 1 else f"{int(weights[0]):+d}"
    return f"{int(weights.min()):+d}..{int(weights.max()):+d}" if len(weights) else "0"


def _shape(pins: Pins) -> str:
    return f"[{', '.join(f'{size:,}' for size in pins.shape)}]"


# -- where it is -----------------------------------------------------------------------------------


def _lay_out(scene: _Scene) -> None:
    """Columns by the longest way from the inputs, rows by where wires come from."""
    for box in scene.boxes:
        box.measure()
    _columns(scene)
    columns: dict[int, list[_Box]] = {}
    for box in scene.boxes:
        columns.setdefault(box.column, []).append(box)
    x = PAD
    high = max((sum(b.height + GAP for b in column) for column in columns.values()), default=0.0)
    for number in sorted(columns):
        column = columns[number]
        column.sort(key=lambda box: _centre(box, scene.wires))
        y = PAD + (high - sum(box.height + GAP for box in column)) / 2
        wide = max(box.width for box in column)
        for box in column:
            box.x, box.y = x + (wide - box.width) / 2, y
            y += box.height + GAP
        x += wide + COLUMN
    back = 24.0 if any(wire.back for wire in scene.wires) else 0.0
    scene.width, scene.height = max(x - COLUMN, 0.0), high + back


def _columns(scene: _Scene) -> None:
    ahead: dict[_Box, list[_Box]] = {box: [] for box in scene.boxes}
    for wire in scene.wires:
        if not wire.back and wire.source is not wire.sink:
            ahead[wire.source].append(wire.sink)
    for _ in range(len(scene.boxes)):  # as often as a way can be long; a circle stops there
        moved = False
        for box, sinks in ahead.items():
            for sink in sinks:
                if sink.column <= box.column < len(scene.boxes) - 1:
                    sink.column, moved = box.column + 1, True
        if not moved:
            break
    last = max((box.column for box in scene.boxes), default=0)
    inner = max((box.column for box in scene.boxes if box.kind != "output"), default=0)
    for box in scene.boxes:
        if box.kind == "output":
            box.column = max(last, inner + 1)


def _centre(box: _Box, wires: list[_Wire]) -> float:
    before = [
        w.source.y + w.source.height / 2
        for w in wires
        if w.sink is box and w.source.column < box.column
    ]
    return float(np.mean(before)) if before else 0.0


# -- how it looks ----------------------------------------------------------------------------------


def _drawn(box: _Box) -> Iterable[str]:
    round_corner = 10 if box.kind in ("input", "output") else 3
    yield (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="{round_corner}" fill="{_FILL[box.kind]}" stroke="{DIM}"/>'
    )
    for number, line in enumerate(box.text):
        color, y = (INK, DIM)[number > 0], box.y + (number + 1) * LINE
        yield f'<text x="{box.x + PAD:.1f}" y="{y:.1f}" fill="{color}">{escape(line)}</text>'
    if box.scene is None:
        return
    dx, dy = box.x + PAD, box.y + len(box.text) * LINE + PAD / 2
    yield f'<g transform="translate({dx:.1f} {dy:.1f})">'
    for inner in box.scene.boxes:
        yield from _drawn(inner)
    for wire in box.scene.wires:
        yield from _line(wire, box.scene)
    yield "</g>"


def _line(wire: _Wire, scene: _Scene) -> Iterable[str]:
    (x0, y0), (x1, y1) = (
        wire.source.anchor(wire.source_port, True),
        wire.sink.anchor(wire.sink_port, False),
    )
    backwards = wire.back or x1 <= x0
    if backwards:
        low = scene.height - 6
        path = (
            f"M{x0:.1f} {y0:.1f} C{x0 + 40:.1f} {low:.1f} {x1 - 40:.1f} {low:.1f} {x1:.1f} {y1:.1f}"
        )
        at = ((x0 + x1) / 2, 0.25 * (y0 + y1) / 2 + 0.75 * low - 2)
    else:
        bend = max((x1 - x0) / 2, 16.0)
        path = f"M{x0:.1f} {y0:.1f} C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        at = ((x0 + x1) / 2, (y0 + y1) / 2 - 3)
    dash = ' stroke-dasharray="4 3"' if backwards else ""
    yield f'<path d="{path}" fill="none" stroke="{WIRE}"{dash} marker-end="url(#tip)"/>'
    if wire.text:
        yield (
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="middle" fill="{WIRE}" font-size="10" '
            f'stroke="white" stroke-width="3" paint-order="stroke">{escape(wire.text)}</text>'
        )
