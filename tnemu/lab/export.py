"""Networks as IBM model files: JSON, or compiled for a board (.tnbm).

    export("ex1.json", "ex1.tnbm")      from one kind of file to the other
    export("krull", "krull.tnbm")       a student, as it is loaded: one wire a neuron, delays set
    export("image/", "back.json")       a board image

A model file has no input connectors and its outputs have 256 pins. So inputs go into a table beside
it, NAME.inputs.csv, of what each pin reaches; pin p of an output is pin p mod 256 of its number
- p div 256, as in the spike files of a run.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError, one_of, shown
from tnemu.files import check_writable, write_text
from tnemu.formats.model_core import connect
from tnemu.formats.model_writer import write_model
from tnemu.formats.tnbm_rows import unproven
from tnemu.formats.tnbm_writer import write_tnbm
from tnemu.hardware import packet
from tnemu.hardware.image import NOT_CONNECTED, BoardImage
from tnemu.hardware.neuron import AXONS
from tnemu.lab.images import notes_of
from tnemu.lab.sources import source_of
from tnemu.mapping.size import network_of, size_of
from tnemu.networks.logical import (
    LOGICAL_TAP_DTYPE,
    WIRE_DTYPE,
    LogicalCore,
    LogicalInput,
    LogicalNetwork,
    LogicalOutput,
)

WRITERS = {"json": write_model, "tnbm": write_tnbm}
"""Kind of model file -> what writes it."""
INPUTS = ".inputs.csv"
"""How the name of a table of inputs ends."""
COLUMNS = ("input", "pin", "core", "axon", "delay")


class ExportError(TnemuError, ValueError):
    """A network cannot be written as the model file that is asked for."""


@dataclass(frozen=True)
class Exported:
    """What was written: a model file and, where the network has inputs, a table of them."""

    path: Path
    cores: int
    wires: int
    inputs: Path | None
    taps: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{self.path}: {self.cores:,} cores, {self.wires:,} neurons that send"
        return text + f"; {self.inputs}: {self.taps:,} axons of inputs" * bool(self.inputs)


def export(
    what: Any, out: str | Path, to: str | None = None, *, most_bytes: int | None = None
) -> Exported:
    """Write ``what`` as the model file ``out``, of the kind ``to``: "json", "tnbm", or as its name ends.

    ``what`` is the folder of a board image, a BoardImage, or what :func:`tnemu.fit` takes; a network
    that is no model file is made legal and balanced first, as for a board. The file appears whole or
    not at all. Raises ExportError for another kind and for outputs that share a connector number,
    and what the readers and writers raise.
    """
    path = Path(out)
    kind = one_of("to", to or path.suffix.lower()[1:], WRITERS, error=ExportError)
    network = _network(what, most_bytes)
    model = model_form(network)
    taps = sum(len(item.taps) for item in network.inputs.values())
    inputs = path.with_suffix(INPUTS) if network.inputs and path.name else None
    if inputs:
        check_writable(inputs, error=ExportError, what="table of inputs")
    WRITERS[kind](model, path)
    if inputs:
        write_text(inputs, _table(network), error=ExportError, what="table of inputs")
    notes = notes_of(network.origin)
    guesses = unproven(model) if kind == "tnbm" else []
    if guesses:
        notes.append(
            f"{path.name} has {', '.join(guesses)}: where a .tnbm keeps them is not proven by any known "
            "file, so a board may read something else"
        )
    return Exported(path, len(model.cores), len(model.wires), inputs, taps, tuple(notes))


def _network(what: Any, most_bytes: int | None) -> LogicalNetwork:
    if isinstance(what, str | Path) and Path(what).is_dir():
        what = BoardImage.load(what)
    if isinstance(what, BoardImage):
        return network_of_image(what)
    source = source_of(what, most_bytes=most_bytes)
    if source.in_order:
        return network_of(source.thing)
    return size_of(source.thing).network


def network_of_image(image: BoardImage) -> LogicalNetwork:
    """The network that a board image holds, without names and places; its cores keep their order."""
    image.validate()
    cores, wires = [], []
    for k in range(image.core_count):
        number = int(image.core_ids[k])
        bits = image.crossbar[k].astype("<u8").view(np.uint8)
        core = LogicalCore(name=f"core {number}", layer="cores", number=number)
        core.seed = int(image.seeds[k])
        core.axon_types = image.axon_types[k].copy()
        core.crossbar = np.unpackbits(bits, axis=1, bitorder="little").astype(np.bool_)
        core.neurons = image.neuron_types[image.types[k]]
        core.used = image.types[k] != 0
        cores.append(core)
        wires.append(_wires(image, k))
    return LogicalNetwork(
        cores=cores,
        wires=np.concatenate(wires),
        inputs={c.name: LogicalInput(c.width, _taps(c.taps)) for c in image.inputs},
        outputs={c.name: LogicalOutput(c.width, c.number) for c in image.outputs},
        origin=dict(image.origin),
    )


def _taps(taps: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Taps of an image as those of a network."""
    made = np.zeros(len(taps), LOGICAL_TAP_DTYPE)
    for name in taps.dtype.names or ():
        made[name] = taps[name]
    return made


def _wires(image: BoardImage, k: int) -> npt.NDArray[np.void]:
    target, row = (part[0] for part in image.destinations(slice(k, k + 1)))
    sends = np.flatnonzero(target != NOT_CONNECTED)
    wires = np.zeros(len(sends), WIRE_DTYPE)
    wires["core"], wires["neuron"], wires["pin"] = k, sends, row[sends]
    # An image counts outputs from -2 down, a network from -1.
    wires["target"] = target[sends] + (target[sends] < NOT_CONNECTED)
    wires["delay"] = packet.decode(image.targets[k])[3][sends]
    return wires


def model_form(network: LogicalNetwork) -> LogicalNetwork:
    """The network as a model file can hold it: no inputs, an output for each 256 pins that are used.

    Raises ExportError for two outputs that use one connector number.
    """
    network.validate()
    owner: dict[int, str] = {}
    for name, output in network.outputs.items():
        for number in range(output.number, output.number - -(-output.width // AXONS), -1):
            if owner.setdefault(number, name) != name:
                raise ExportError(
                    f"outputs {shown(owner[number])} and {shown(name)} both use the connector number "
                    f"{number}; number outputs further apart, one for every 256 pins"
                )
    wires = network.wires[np.lexsort((network.wires["neuron"], network.wires["core"]))]
    target, outside = wires["target"].astype(np.int64), wires["target"] < 0
    numbers = np.array([0, *(output.number for output in network.outputs.values())], np.int64)
    target[outside] = numbers[-target[outside]] - wires["pin"][outside] // AXONS
    wires["pin"][outside] %= AXONS
    index = wires["target"].copy()
    outputs = connect(wires, target, index)
    return replace(network, wires=wires, inputs={}, outputs=outputs)


def _table(network: LogicalNetwork) -> str:
    """The taps of all inputs as lines, with ids of cores."""
    numbers = np.array([core.number for core in network.cores], np.int64)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for name, item in network.inputs.items():
        core = numbers[item.taps["core"]].tolist()
        columns = [item.taps[key].tolist() for key in ("pin", "axon", "delay")]
        lines.writerows(
            (name, pin, at, axon, delay)
            for pin, at, axon, delay in zip(columns[0], core, *columns[1:], strict=True)
        )
    return text.getvalue()
