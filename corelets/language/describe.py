"""What ``print(corelet)`` shows: ports with codes and latency, neurons, parts, and what it takes."""

from __future__ import annotations

import re
import warnings
from itertools import groupby
from typing import TYPE_CHECKING

from corelets.language.body import Body, body_of
from corelets.language.flatten import flatten
from corelets.language.pins import count
from corelets.language.ports import Input, Output, Port
from tnemu.errors import TnemuError

if TYPE_CHECKING:
    from tnemu.mapping.size import Size

_MOST = 12
"""Parts, or groups of neurons, that are named one by one."""


def brief(body: Body) -> str:
    """``<Adder 'add': x[4], y[4] -> z[5]; 2 parts, 12 neurons>``."""
    name = f" {body.path!r}" if body.path else ""
    ends = [_names(body, kind) or f"no {kind.kind}" for kind in (Input, Output)]
    what = [count(neurons_in(body), "neuron")]
    if body.parts:
        what.insert(0, count(len(body.parts), "part"))
    return f"<{body.kind}{name}: {' -> '.join(ends)}; {', '.join(what)}>"


def full(body: Body) -> str:
    """A line for every port, group of neurons and part, and what it takes on a board."""
    size = _size(body)
    lines = [body.describe()]
    for name, port in body.ports.items():
        code = f", {port.code}" if port.code is not None else ""
        late = "" if isinstance(size, str) or isinstance(port, Input) else _latency(size, name)
        lines.append(f"  {port.kind} {name}: {_shape(port)}{code}{late}")
    own = [f"  core {core.name}: {_axons(core)}" for core in body.cores]
    own += [f"  neurons {g.full_name}: {_times(g.shape)} {g.of!r}" for g in body.groups]
    lines += _cut(own, "  and {} more groups of neurons")
    lines += _cut(_parts(body), "  and {} more kinds of parts")
    if isinstance(size, str):
        return "\n".join([*lines, f"  not complete: {size}"])
    inside = [count(len(body.parts), "part")] if body.parts else []
    inside += [count(neurons_in(body), "neuron"), count(size.cores, "core")]
    inside += [f"latency {count(size.latency_ticks, 'tick')}"]
    return "\n".join([*lines, f"  {', '.join(inside)}"])


def neurons_in(body: Body) -> int:
    """Neurons of a corelet and all its parts."""
    return sum(
        sum(group.width for group in inner.groups) + sum(core.neurons.width for core in inner.cores)
        for inner in body.walk()
    )


def _size(body: Body) -> Size | str:
    """What it takes, or why that cannot be said."""
    from tnemu.mapping.size import size_of

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # build() says them
        try:
            return size_of(flatten(body, {"corelet": body.kind}))
        except TnemuError as error:
            return str(error)


def _latency(size: Size, name: str) -> str:
    ticks = size.pin_ticks[name]
    low, high = int(ticks.min()), int(ticks.max())
    return f", after {count(high, 'tick')}" if low == high else f", after {low} to {high} ticks"


def _names(body: Body, kind: type[Port]) -> str:
    ports = [(n, p) for n, p in body.ports.items() if isinstance(p, kind)]
    return ", ".join(f"{name}[{', '.join(map(str, port.shape))}]" for name, port in ports)


def _shape(port: Port) -> str:
    return count(port.width, "pin") if len(port.shape) == 1 else f"{_times(port.shape)} pins"


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{size:,}" for size in shape)


def _axons(core: object) -> str:
    return repr(core).rpartition(": ")[2]


def _parts(body: Body) -> list[str]:
    """A line for each part; those of one list that are alike share one."""
    lines = []
    named = [
        (re.sub(r"\[\d+\]$", "", name), _kind(body_of(part)), name)
        for name, part in body.parts.items()
    ]
    for (base, kind), group in groupby(named, lambda entry: entry[:2]):
        names = [name for _, _, name in group]
        label = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        if len(names) > 1 and names[0] == base:
            label = ", ".join(names)
        lines.append(f"  part {label}: {kind}")
    return lines


def _kind(body: Body) -> str:
    ends = " -> ".join(_names(body, kind) or "nothing" for kind in (Input, Output))
    return f"{body.kind}, {ends}"


def _cut(lines: list[str], more: str) -> list[str]:
    if len(lines) <= _MOST:
        return lines
    return [*lines[:_MOST], more.format(f"{len(lines) - _MOST:,}")]
