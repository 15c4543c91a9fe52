"""From nested corelets to one flat network: every wire followed from its neuron to its axon.

Connections are rows (source pin, sink pin, delay) over all pins of all corelets, numbered in one
sequence. A port only passes spikes on, so a row that begins at a port is replaced by one row for
each pin that drives the port, until every row begins at a neuron or at an input of the outermost
corelet. All of it is array work: the cost is in pins, not in Python.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from corelets.language.core import Core
from corelets.language.errors import CoreletError
from corelets.language.pins import Bundle, Connection, Input, Output, Owner, Pins
from tnemu.networks.logical import (
    BALANCE,
    FIRST_CONNECTOR,
    LOGICAL_TAP_DTYPE,
    WIRE_DTYPE,
    LogicalCore,
    LogicalInput,
    LogicalNetwork,
    LogicalOutput,
)

Rows = npt.NDArray[np.void]

_ROW = np.dtype([("source", np.int64), ("sink", np.int64), ("delay", np.int16), ("by", np.int32)])
"""``by`` is the index of the connect() call, for errors."""


class Tree(Owner, Protocol):
    """What this module knows of a corelet."""

    @property
    def ports(self) -> Mapping[str, Input | Output]:
        """Its ports by name."""

    @property
    def cores(self) -> Sequence[Core]:
        """Its own cores, without those of its parts."""

    @property
    def connections(self) -> Sequence[Connection]:
        """Its own connections."""

    def walk(self) -> Iterator[Tree]:
        """It and everything inside it, outermost first."""

    def origin(self) -> dict[str, Any]:
        """What the network is made from."""


class _Numbering:
    """All bundles of a corelet tree, each with a range of pin numbers."""

    def __init__(self, top: Tree) -> None:
        self.cores: list[Core] = []
        self.bundles: list[Bundle] = []
        self.connections: list[Connection] = []
        for corelet in top.walk():
            self.cores += corelet.cores
            self.bundles += corelet.ports.values()
            self.bundles += [b for core in corelet.cores for b in (core.axons, core.neurons)]
            self.connections += corelet.connections
        ends = np.cumsum([0, *(bundle.width for bundle in self.bundles)])
        self.first = dict(zip(self.bundles, ends[:-1].tolist(), strict=True))
        self.count = int(ends[-1])

    def numbers(self, pins: Pins, by: Connection) -> npt.NDArray[np.int64]:
        for bundle in pins.bundles:
            if bundle not in self.first:
                raise CoreletError(
                    f"connect() at {by.location}: {bundle.describe()} is not a part of what is "
                    "built; assign it to an attribute of the corelet that connects it"
                )
        first = np.array([self.first[bundle] for bundle in pins.bundles], dtype=np.int64)
        return first[pins.which] + pins.index

    def rows(self) -> Rows:
        parts = []
        for by, connection in enumerate(self.connections):
            rows = np.zeros(connection.source.width, _ROW)
            rows["source"] = self.numbers(connection.source, connection)
            rows["sink"] = self.numbers(connection.sink, connection)
            rows["delay"], rows["by"] = connection.delay, by
            parts.append(rows)
        return np.concatenate([np.zeros(0, _ROW), *parts])

    def mark(self, bundles: Iterable[Bundle]) -> npt.NDArray[np.bool_]:
        """bool [pins]: the pins of these bundles."""
        marks = np.zeros(self.count, np.bool_)
        for bundle in bundles:
            marks[self.first[bundle] : self.first[bundle] + bundle.width] = True
        return marks

    def locate(self, bundles: list[Bundle]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """int32 [pins] each: which of ``bundles`` a pin belongs to (-1: none), and its place there."""
        owner, place = np.full(self.count, -1, np.int32), np.zeros(self.count, np.int32)
        for number, bundle in enumerate(bundles):
            pins = slice(self.first[bundle], self.first[bundle] + bundle.width)
            owner[pins], place[pins] = number, np.arange(bundle.width)
        return owner, place


def flatten(top: Tree) -> LogicalNetwork:
    """The network of ``top``: its cores, inputs, outputs, and every wire between them."""
    numbering = _Numbering(top)
    inputs = {n: p for n, p in top.ports.items() if isinstance(p, Input)}
    outputs = {n: p for n, p in top.ports.items() if isinstance(p, Output)}
    rows = numbering.rows()
    _check_inputs(top, numbering, rows)
    neurons = [core.neurons for core in numbering.cores]
    axons = [core.axons for core in numbering.cores]
    begins = numbering.mark([*neurons, *inputs.values()])
    ends = numbering.mark([*axons, *outputs.values()])
    rows = _follow(rows, begins, ends, numbering)

    source_core, source_neuron = numbering.locate(list(neurons))
    sink_core, sink_axon = numbering.locate(list(axons))
    sink_output, sink_pin = numbering.locate(list(outputs.values()))
    from_core, to_core = source_core[rows["source"]], sink_core[rows["sink"]]
    _check_outputs(top, numbering, rows, outputs, from_core)

    wires = np.zeros(len(rows), WIRE_DTYPE)
    wires["core"], wires["neuron"] = from_core, source_neuron[rows["source"]]
    wires["target"] = np.where(to_core >= 0, to_core, ~sink_output[rows["sink"]])
    wires["pin"] = np.where(to_core >= 0, sink_axon[rows["sink"]], sink_pin[rows["sink"]])
    wires["delay"] = rows["delay"]

    network = LogicalNetwork(
        cores=_cores(top, numbering.cores),
        wires=np.unique(wires[from_core >= 0]),
        outputs={
            name: LogicalOutput(port.width, FIRST_CONNECTOR - k)
            for k, (name, port) in enumerate(outputs.items())
        },
        origin=top.origin()
        | {
            "layer_kinds": _layer_kinds(top, numbering.cores),
            "part_kinds": {part.path: type(part).__name__ for part in top.walk() if _outer(part)},
        },
    )
    source_input, source_pin = numbering.locate(list(inputs.values()))
    for number, (name, port) in enumerate(inputs.items()):
        mine = source_input[rows["source"]] == number
        taps = np.zeros(int(mine.sum()), LOGICAL_TAP_DTYPE)
        taps["pin"], taps["delay"] = source_pin[rows["source"][mine]], rows["delay"][mine]
        taps["core"], taps["axon"] = to_core[mine], sink_axon[rows["sink"][mine]]
        network.inputs[name] = LogicalInput(port.width, np.unique(taps))
    network.validate()
    return network


def _follow(
    rows: Rows,
    begins: npt.NDArray[np.bool_],
    ends: npt.NDArray[np.bool_],
    numbering: _Numbering,
) -> Rows:
    """Rows from a beginning to an end; rows through a port that nothing drives disappear."""
    by_sink = rows[np.argsort(rows["sink"], kind="stable")]
    open_rows, done = by_sink[ends[by_sink["sink"]]], []
    # A chain passes every pin of a port at most once, so more rounds than pins means a circle.
    for _ in range(numbering.count + 1):
        finished = begins[open_rows["source"]]
        done.append(open_rows[finished])
        open_rows = open_rows[~finished]
        if not len(open_rows):
            return np.concatenate(done)
        low = np.searchsorted(by_sink["sink"], open_rows["source"], side="left")
        high = np.searchsorted(by_sink["sink"], open_rows["source"], side="right")
        count = high - low
        behind = np.repeat(open_rows, count)
        skip = np.repeat(low - (np.cumsum(count) - count), count)
        ahead = by_sink[skip + np.arange(len(skip))]
        both = (behind["delay"] != BALANCE) & (ahead["delay"] != BALANCE)
        if both.any():
            one, two = (numbering.connections[r["by"][both][0]] for r in (ahead, behind))
            raise CoreletError(
                f"connect() at {one.location} and connect() at {two.location} give two delays "
                f"({one.delay} and {two.delay}) to one wire; keep one of them, a port has no delay"
            )
        behind["source"] = ahead["source"]
        behind["by"] = np.where(ahead["delay"] != BALANCE, ahead["by"], behind["by"])
        behind["delay"] += ahead["delay"]
        open_rows = behind
    where = numbering.connections[int(open_rows["by"][0])].location
    raise CoreletError(
        f"connect() at {where}: the ports run in a circle without a neuron in it; put a Relay there"
    )


def _check_inputs(top: Tree, numbering: _Numbering, rows: Rows) -> None:
    """Every input of every part is connected, at least in part."""
    driven = np.zeros(numbering.count, np.bool_)
    driven[rows["sink"]] = True
    for corelet in top.walk():
        for port in corelet.ports.values():
            first = numbering.first[port]
            if corelet is top or not isinstance(port, Input):
                continue
            if not driven[first : first + port.width].any():
                raise CoreletError(
                    f"{port.describe()} is not connected; connect() something to it in "
                    f"{corelet.parent.describe() if corelet.parent else 'its owner'}"
                )


def _check_outputs(
    top: Tree,
    numbering: _Numbering,
    rows: Rows,
    outputs: dict[str, Output],
    from_core: npt.NDArray[np.int32],
) -> None:
    """Every pin of every output of the outermost corelet is driven, and by neurons."""
    driven = np.zeros(numbering.count, np.bool_)
    driven[rows["sink"]] = True
    direct = np.zeros(numbering.count, np.bool_)
    direct[rows["sink"][from_core < 0]] = True
    for port in outputs.values():
        pins = slice(numbering.first[port], numbering.first[port] + port.width)
        if not driven[pins].all():
            raise CoreletError(
                f"{port!r} is driven by nothing at pin {int(np.argmin(driven[pins]))}; connect() "
                "neurons or the output of a part to every pin"
            )
        if direct[pins].any():
            raise CoreletError(
                f"{port!r} gets pin {int(np.argmax(direct[pins]))} straight from an input of "
                f"{top.describe()}; only neurons send spikes off the board, put a Relay between"
            )


def _cores(top: Tree, cores: list[Core]) -> list[LogicalCore]:
    """The cores with full names, layers, numbers and seeds; arrays are shared, not copied."""
    named = []
    for number, core in enumerate(cores):
        path = core.owner.path
        name = f"{path}.{core.name}" if path else core.name
        seed = zlib.crc32(name.encode()) if core.seed is None else core.seed
        layer = core.logical.layer or path or type(top).__name__
        named.append(
            dataclasses.replace(core.logical, name=name, layer=layer, number=number, seed=seed)
        )
    return named


def _outer(part: Tree) -> bool:
    """Whether it is a part of the outermost corelet, and of no other."""
    return bool(part.path) and "." not in part.path


def _layer_kinds(top: Tree, cores: list[Core]) -> dict[str, str]:
    """Class of the corelet that made each layer: errors about a layer begin with it."""
    return {
        core.logical.layer or core.owner.path or type(top).__name__: type(core.owner).__name__
        for core in cores
    }
