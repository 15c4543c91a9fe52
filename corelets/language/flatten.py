"""From nested corelets to one flat network: every wire followed from its neuron to its axon.

Connections are rows (source pin, sink pin, time) over all pins of all corelets, numbered in one
sequence. A port or merge only passes spikes on, so a row that begins at one is replaced by one row
for each pin that drives it, until every row begins at a neuron or at an input of the outermost
corelet. All of it is array work: the cost is in pins, not in Python.
"""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy as np

from corelets.language import silent
from corelets.language.body import Body, body_of
from corelets.language.errors import CoreletError
from corelets.language.follow import follow
from corelets.language.names import PinNames
from corelets.language.numbering import FlatCore, Ints, Numbering, Rows
from corelets.language.ports import Input, Output
from tnemu.networks.logical import (
    FIRST_CONNECTOR,
    LOGICAL_TAP_DTYPE,
    WIRE_DTYPE,
    LogicalCore,
    LogicalInput,
    LogicalNetwork,
    LogicalOutput,
)


def flatten(top: Body, origin: dict[str, Any]) -> LogicalNetwork:
    """The network of ``top``: its cores, inputs, outputs, and every wire between them.

    Raises CoreletError for wires that lead nowhere, and warns of what is most likely a mistake.
    """
    numbering = Numbering(top)
    inputs = {n: p for n, p in top.ports.items() if isinstance(p, Input)}
    outputs = {n: p for n, p in top.ports.items() if isinstance(p, Output)}
    _check_inputs(top, numbering)
    source_core, source_neuron = numbering.locate_neurons()
    begins = numbering.mark(inputs.values()) | (source_core >= 0)
    axons = [core.axons for core in numbering.cores]
    ends = numbering.mark([*axons, *outputs.values()])
    rows = follow(numbering, begins, ends)
    sink_core, sink_axon = numbering.locate(axons)
    sink_output, sink_pin = numbering.locate(list(outputs.values()))
    from_core, to_core = source_core[rows["source"]], sink_core[rows["sink"]]
    _check_outputs(top, numbering, rows, outputs, from_core)
    _check_loops(numbering, rows, from_core, to_core)

    wires = np.zeros(len(rows), WIRE_DTYPE)
    wires["core"], wires["neuron"] = from_core, source_neuron[rows["source"]]
    wires["target"] = np.where(to_core >= 0, to_core, ~sink_output[rows["sink"]])
    wires["pin"] = np.where(to_core >= 0, sink_axon[rows["sink"]], sink_pin[rows["sink"]])
    for name in ("delay", "after", "loop"):
        wires[name] = rows[name]
    inner = from_core >= 0
    distinct, first = np.unique(wires[inner], return_index=True)

    network = LogicalNetwork(
        cores=_cores(top, numbering.cores),
        wires=distinct,
        outputs={
            name: LogicalOutput(port.width, FIRST_CONNECTOR - k)
            for k, (name, port) in enumerate(outputs.items())
        },
        origin=origin
        | {
            "layer_kinds": _layer_kinds(top, numbering.cores),
            "part_kinds": {name: body_of(part).kind for name, part in top.parts.items()},
        },
        lines=tuple(map(str, numbering.lines)),
        line_of=rows["by"][inner][first].astype(np.int32),
        names=PinNames(numbering, begins, source_core, source_neuron),
    )
    source_input, source_pin = numbering.locate(list(inputs.values()))
    for number, (name, port) in enumerate(inputs.items()):
        mine = source_input[rows["source"]] == number
        taps = np.zeros(int(mine.sum()), LOGICAL_TAP_DTYPE)
        taps["pin"], taps["delay"] = source_pin[rows["source"][mine]], rows["delay"][mine]
        taps["core"], taps["axon"] = to_core[mine], sink_axon[rows["sink"][mine]]
        taps["after"] = rows["after"][mine]
        network.inputs[name] = LogicalInput(port.width, np.unique(taps))
    network.validate()
    silent.look(top, numbering, network)
    return network


def _check_inputs(top: Body, numbering: Numbering) -> None:
    """Every input of every part is connected, at least in part, or meant to be silent."""
    for body in numbering.bodies:
        for port in body.ports.values():
            if body is top or not isinstance(port, Input):
                continue
            if not numbering.driven[numbering.span(port)].any():
                raise CoreletError(
                    f"{port.describe()} is not connected; connect() something to it in "
                    f"{body.parent.describe() if body.parent else 'its owner'}, or SILENCE >> it"
                )


def _check_outputs(
    top: Body, numbering: Numbering, rows: Rows, outputs: dict[str, Output], from_core: Ints
) -> None:
    """Every pin of every output of the outermost corelet is driven, and by neurons."""
    driven = np.zeros(numbering.count, np.bool_)
    driven[numbering.rows["sink"]] = True
    direct = np.zeros(numbering.count, np.bool_)
    direct[rows["sink"][from_core < 0]] = True
    for port in outputs.values():
        pins = numbering.span(port)
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


def _check_loops(numbering: Numbering, rows: Rows, from_core: Ints, to_core: Ints) -> None:
    """Feedback comes from a neuron and goes to a neuron."""
    back = rows["loop"] > 0
    for wrong, text in (
        (
            back & (from_core < 0),
            "comes from an input of the outermost corelet; say after() instead",
        ),
        (
            back & (to_core < 0),
            "leads to an output, from which nothing comes back; leave loop() out",
        ),
    ):
        if wrong.any():
            row = rows[wrong][0]
            raise CoreletError(
                f"connect() at {numbering.lines[int(row['by'])]}: the feedback loop({row['loop']}) {text}"
            )


def _cores(top: Body, cores: list[FlatCore]) -> list[LogicalCore]:
    """The cores with full names, layers, numbers and seeds; arrays are shared, not copied."""
    named: list[LogicalCore] = []
    chosen = {core.seed for core in cores}
    taken: set[int] = set()
    for number, core in enumerate(cores):
        path = core.owner.path
        name = f"{path}.{core.name}" if path else core.name
        seed = core.seed
        if seed is None:  # from the name, so that it stays when other parts change
            whole_name = name if path else f"{top.kind}.{name}"
            seed = zlib.crc32(whole_name.encode()) or 1
            while seed in taken or seed in chosen:
                seed = seed % 0xFFFFFFFF + 1
        taken.add(seed)
        layer = core.logical.layer or path or top.kind
        named.append(
            dataclasses.replace(core.logical, name=name, layer=layer, number=number, seed=seed)
        )
    return named


def _layer_kinds(top: Body, cores: list[FlatCore]) -> dict[str, str]:
    """Class of the corelet that made each layer: errors about a layer begin with it."""
    return {core.logical.layer or core.owner.path or top.kind: core.owner.kind for core in cores}
