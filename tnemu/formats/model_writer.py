"""Writing IBM model files, as IBM's Corelet Programming Environment lays them out.

What is written reads back (:mod:`tnemu.formats.model_file`) to an equal network. Crossbars and neuron
types that are the same are written once, lists are run-length coded, and neuron j reads column j.
A core's name and layer travel as ``coreletClass`` and ``layerType`` of its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.files import writing
from tnemu.formats import neuron_types
from tnemu.formats.errors import FormatError
from tnemu.formats.model_core import LAST_ID, LISTS
from tnemu.formats.model_file import FIXED
from tnemu.formats.runlength import compress
from tnemu.hardware.neuron import AXONS, NEURONS, validate_neurons
from tnemu.networks.logical import FIRST_CONNECTOR, LogicalCore, LogicalNetwork

_ROW = '\t\t\t\t {{"type":"S{}","synapses":"{}"}}'


def write_model(network: LogicalNetwork, path: str | Path) -> None:
    """Write ``network`` to ``path``, whole or not at all.

    Raises FormatError for what a model file cannot hold: input connectors, several wires from one
    neuron, wires from a neuron that is not used or out of order, a delay left to the mapper, core
    numbers that repeat, and outputs that are not 256 pins named after their number.
    """
    check_model(network)
    with writing(path, error=FormatError, what="model file") as file:
        for piece in _pieces(network):
            file.write(piece.encode())


def format_model(network: LogicalNetwork) -> str:
    """The text that :func:`write_model` writes."""
    check_model(network)
    return "".join(_pieces(network))


def _pieces(network: LogicalNetwork) -> Iterator[str]:
    crossbars = [_packed(core) for core in network.cores]
    names = {key: f"coreProt{i:07d}" for i, key in enumerate(dict.fromkeys(crossbars), start=1)}
    types: dict[bytes, int] = {}
    numbers = [_type_numbers(core, types) for core in network.cores]
    model = {"coreCount": len(network.cores)} | FIXED | {"useCrossbarPrototypes": True}
    members = ",\n".join(f"\t\t{json.dumps(k)}:{json.dumps(v)}" for k, v in model.items())
    yield f'{{\n\t/* General model parameters */\n\t"model":{{\n{members}\n\t}},\n'
    yield '\t/* Crossbar type library */\n\t"crossbarTypes":['
    for i, (key, name) in enumerate(names.items()):
        rows = ",\n".join(
            _ROW.format(key[axon], key[AXONS:][32 * axon : 32 * axon + 32].hex(" ").upper())
            for axon in range(AXONS)
        )
        yield f'{"," if i else ""}\n\t\t{{\n\t\t\t"name":"{name}",\n\t\t\t"crossbar":{{\n'
        yield f'\t\t\t/* Row parameters */\n\t\t\t"rows":[\n{rows}\n\t\t\t]\n\t\t\t}}\n\t\t}}'
    yield '\n\t],\n\t/* Neuron type library */\n\t"neuronTypes":[\n'
    dtype = network.cores[0].neurons.dtype
    yield ",\n".join(
        "\t\t" + _compact(neuron_types.to_entry(number, np.frombuffer(key, dtype)[0]))
        for key, number in types.items()
    )
    yield "\n\t]"
    targets = targets_of(network)
    for index, core in enumerate(network.cores):
        lists = {"dendrite": range(NEURONS), "type": numbers[index]} | {
            field: values[index] for field, values in targets.items()
        }
        yield _core_text(core, index, lists, names[crossbars[index]])
    yield "\n}\n"


def _packed(core: LogicalCore) -> bytes:
    """256 axon types, then 256 rows of 32 bytes."""
    rows = np.packbits(core.crossbar.astype(np.bool_), axis=1)
    return core.axon_types.astype(np.uint8).tobytes() + rows.tobytes()


def _type_numbers(core: LogicalCore, types: dict[bytes, int]) -> list[int]:
    """Type number of each neuron; types seen for the first time are added to ``types``."""
    numbers = [neuron_types.UNUSED] * NEURONS
    for j in np.flatnonzero(core.used).tolist():
        numbers[j] = types.setdefault(core.neurons[j].tobytes(), len(types) + 1)
    return numbers


def targets_of(network: LogicalNetwork, nowhere: int = -1) -> dict[str, npt.NDArray[np.int64]]:
    """destCore (``nowhere`` without a wire), destAxon, destDelay: int64 [cores, 256] each."""
    shape = (len(network.cores), NEURONS)
    found = {
        field: np.full(shape, missing, dtype=np.int64)
        for field, missing in (("destCore", nowhere), ("destAxon", 0), ("destDelay", 1))
    }
    wires = network.wires
    at = wires["core"], wires["neuron"]
    # Outputs count from -1 down, which is from the end of this list backwards.
    outputs = [item.number for item in network.outputs.values()]
    numbers = np.array([core.number for core in network.cores] + outputs[::-1], dtype=np.int64)
    found["destCore"][at] = numbers[wires["target"]]
    found["destAxon"][at] = wires["pin"]
    found["destDelay"][at] = wires["delay"]
    return found


def _core_text(core: LogicalCore, index: int, lists: dict[str, Any], crossbar: str) -> str:
    metadata: dict[str, Any] = {
        "coreletClass": core.name,
        "coreletId": 0,
        "coreNumber": index,
        "parentCoreletId": [-1],
    }
    if core.layer:
        metadata["layerType"] = core.layer
    neurons = ",\n".join(
        f'\t\t\t"{key}":{_compact(compress(lists[field]))}' for field, key in LISTS.items()
    )
    labels = ",\n".join(f'\t\t\t"{key}":{_compact(value)}' for key, value in metadata.items())
    return (
        f',\n\t/* Core parameters */\n\t"core":{{\n\t\t"metadata":{{\n{labels}\n\t\t}},\n'
        f'\t\t"id":{core.number},\n\t\t"timeScaleExponent":0,\n\t\t"rngSeed":{core.seed},\n'
        f'\t\t"neurons":{{\n{neurons}\n\t\t}},\n\t\t"crossbar":{{"name":"{crossbar}"}}\n\t}}'
    )


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def check_model(network: LogicalNetwork, kind: str = "an IBM model file") -> None:
    """The network fits a model file and would come back as it is, or a FormatError says why not.

    ``kind`` is what the error calls the file.
    """
    network.validate()
    if not network.cores:
        refuse(kind, "a network without cores", "add a core")
    for name in network.inputs:
        refuse(
            kind,
            f"the input connector {shown(name)}",
            "remove it and address its axons by core and axon in a spike file",
        )
    seen: dict[int, str] = {}
    for core in network.cores:
        what = f"core {shown(core.name)} with"
        if not 0 <= core.number <= LAST_ID:
            refuse(kind, f"{what} number {core.number}", f"number it in 0..{LAST_ID}")
        if core.number in seen:
            refuse(
                kind,
                f"{what} number {core.number}, which core {shown(seen[core.number])} has too",
                "number every core differently",
            )
        seen[core.number] = core.name
        size = (core.axon_count, core.neuron_count)
        if size != (AXONS, NEURONS):
            refuse(
                kind,
                f"{what} {size[0]} axons and {size[1]} neurons",
                "map it to cores of 256 each first",
            )
        validate_neurons(core.neurons[core.used], f"core {shown(core.name)}")
    _check_wires(network, kind)
    _check_outputs(network, kind)


def _check_wires(network: LogicalNetwork, kind: str) -> None:
    wires = network.wires
    key = wires["core"].astype(np.int64) * NEURONS + wires["neuron"]
    unused = np.array([~core.used for core in network.cores])[wires["core"], wires["neuron"]]
    for bad, what, step in (
        (wires["delay"] == 0, "has a delay of 0, left to the mapper", "balance the delays first"),
        (unused, "has a wire but is not used", "remove the wire or use the neuron"),
        (np.diff(key, prepend=-1) == 0, "has more than one wire", "fan out with splitters first"),
        (
            np.diff(key, prepend=-1) < 0,
            "has its wire after that of a later neuron",
            "sort the wires by core and neuron",
        ),
    ):
        if bad.any():
            wire = wires[np.flatnonzero(bad)[0]]
            name = network.cores[wire["core"]].name
            refuse(kind, f"core {shown(name)} neuron {int(wire['neuron'])}, which {what}", step)


def _check_outputs(network: LogicalNetwork, kind: str) -> None:
    above = FIRST_CONNECTOR + 1
    for index, (name, output) in enumerate(network.outputs.items()):
        what = f"the output {shown(name)} with"
        if not -LAST_ID <= output.number < above:
            refuse(
                kind,
                f"{what} number {output.number}",
                f"number outputs {FIRST_CONNECTOR}, {FIRST_CONNECTOR - 1}, ... in falling order",
            )
        above = output.number
        if name != str(output.number) or output.width != AXONS:
            refuse(
                kind,
                f"{what} number {output.number} and {output.width} pins",
                f"name it '{output.number}' and give it {AXONS} pins",
            )
        if not (network.wires["target"] == ~index).any():
            refuse(kind, f"{what} no wire to it", "remove it or send to it")


def refuse(kind: str, what: str, step: str) -> NoReturn:
    """Raise the FormatError that ``kind`` cannot hold ``what``."""
    raise FormatError(f"{kind} cannot hold {what}; {step}")
