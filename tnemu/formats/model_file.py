"""Reading IBM model files: the networks that IBM's tools compiled for TrueNorth.

A model file is JSON with comments and a key ``core`` repeated for every core, in this order::

    {"model": {"coreCount": 2, ...},
     "crossbarTypes": [{"name": "coreProt0000001", "crossbar": {"rows": [256 rows]}}, ...],
     "neuronTypes": [{"name": "N00000001", "alpha": 22, ...}, ...],
     "core": {"id": 0, "rngSeed": 4294967295, "neurons": {...}, "crossbar": {"name": ...}},
     "core": {"id": 1, ...}}

A row belongs to an axon: its type "S0".."S3" and 32 hexadecimal bytes, whose first bit (the most
significant of the first byte) is crossbar column 0. ``neurons`` is either a table of five lists of
256 integers (:mod:`tnemu.formats.runlength`) or, as pytruenorth writes it, a list of 256 objects.
Neuron j reads column ``dendrites[j]`` and sends to axon ``destAxons[j]`` of core ``destCores[j]``,
``destDelays[j]`` ticks later; -1 and -2 send nowhere, -32, -33, ... are output connectors.

``docs/files.md`` lists every key. :mod:`tnemu.formats.model_writer` writes these files. What IBM's tools
compile them to, :mod:`tnemu.formats.tnbm_file`, is read here too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.files import opening, text_of
from tnemu.formats import neuron_types
from tnemu.formats.errors import FormatError
from tnemu.formats.loose_json import Scanner
from tnemu.formats.loose_part import Part
from tnemu.formats.model_core import (
    LAST_ID,
    Crossbar,
    connect,
    neuron_path,
    read_neurons,
    read_rows,
    unpack,
)
from tnemu.formats.tnbm_file import MAGIC, parse_tnbm
from tnemu.hardware.neuron import NEURON_DTYPE, NEURONS
from tnemu.networks.logical import WIRE_DTYPE, LogicalCore, LogicalNetwork

MOST_BYTES = 1 << 31
"""Bytes of a model file unless its reader allows more; a full NS16e as IBM writes it has 1.6 GB."""
_HEAD_BYTES = 1 << 12
LAST_SEED = (1 << 32) - 1
"""Highest rngSeed: 32 bits."""
SECTIONS = ("model", "crossbarTypes", "neuronTypes", "core")
"""The keys of a model file, in the order in which they come."""
FIXED = {
    "neuronclass": "NeuronGeneral",
    "crossbarSize": NEURONS,
    "crossbarclass": "CrossbarBinary",
    "networking": "INTRA",
}
"""Keys of ``model`` whose only known value says that this is a TrueNorth network."""
CORE_KEYS = ("id", "timeScaleExponent", "rngSeed", "neurons", "crossbar")
"""Keys that every core has."""
METADATA_KEYS = (
    "coreletClass",
    "coreletId",
    "coreNumber",
    "parentCoreletId",
    "layerNumber",
    "layerType",
)
"""Keys that the metadata of a core may have."""


def read_model(path: str | Path, *, most_bytes: int = MOST_BYTES) -> LogicalNetwork:
    """The network in a model file, JSON or compiled (.tnbm), of at most ``most_bytes``.

    Reading takes some three times that. Which of the two it is shows in its first bytes. Cores keep their order; ``number`` is the id, ``seed`` the rngSeed, ``name`` the corelet's class.
    Each connector that a neuron sends to becomes an output of 256 pins named after its number
    ("-32"). ``origin`` holds the file's name and SHA-256, and ``notes`` on what a compiled model does not
    prove. Raises FormatError: file, line, core,
    field, value and what is allowed.
    """
    name = Path(path).name
    with opening(
        path,
        error=FormatError,
        what="model file",
        most_bytes=most_bytes,
        higher="--most-bytes, most_bytes=",
    ) as file:
        head = file.read(_HEAD_BYTES)
        compiled = head.startswith(MAGIC)
        if b"\0" in head and not compiled:  # a sparse file, whatever its size: no text
            text_of(head, name, error=FormatError)
        file.seek(0)
        data = file.exactly(file.size)
    digest = hashlib.sha256(data).hexdigest()
    if compiled:
        network = parse_tnbm(data, name)
    else:
        text = text_of(data, name, error=FormatError)
        del data
        network = parse_model(text, name)
    network.origin = {"file": name, "sha256": digest, **network.origin}
    return network


def parse_model(text: str, source: str = "model") -> LogicalNetwork:
    """The network in the text of a model file; ``source`` names it in errors (FormatError)."""
    return _Reader(Scanner(text, source)).network()


class _Reader:
    """One pass over the sections; every value becomes arrays as soon as it is read."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.core_count = 0
        self.prototypes: dict[str, Crossbar] = {}
        self.records = [np.zeros(1, dtype=NEURON_DTYPE)]
        self.table = self.records[0]
        self.types: dict[int | str, int] = {neuron_types.UNUSED: 0}
        self.cores: list[LogicalCore] = []
        self.parts: dict[int, Part] = {}
        self.wires: list[npt.NDArray[np.void]] = []

    def network(self) -> LogicalNetwork:
        readers: dict[str, Callable[[Part, Any], None]] = {
            "model": self._model,
            "crossbarTypes": self._crossbar_type,
            "neuronTypes": self._neuron_type,
            "core": self._core,
        }
        last = ""
        for key in self.scanner.members():
            part = Part(self.scanner, self.scanner.at)
            if key not in SECTIONS:
                part.refuse(f"unknown key {shown(key)}; known: {', '.join(SECTIONS)}")
            if last and SECTIONS.index(key) < SECTIONS.index(last):
                part.refuse(
                    f"{shown(key)} comes after {last!r}; the order is {', '.join(SECTIONS)}"
                )
            if key == last != "core":
                part.refuse(f"{shown(key)} comes twice; only 'core' is repeated")
            if key == "core" != last:
                self._begin_cores(part)
            if key.endswith("Types"):
                for _ in self.scanner.items():
                    part = Part(self.scanner, self.scanner.at)
                    readers[key](part, self.scanner.value())
            else:
                readers[key](part, self.scanner.value())
            last = key
        self.scanner.end()
        if len(self.cores) != self.core_count or not self.cores:
            raise FormatError(
                f"{self.scanner.source}: coreCount is {self.core_count}, but the file has "
                f"{len(self.cores)} cores; write every core once, and at least one"
            )
        return self._join()

    def _model(self, part: Part, model: Any) -> None:
        if isinstance(model, dict) and "neuronClass" in model:  # pytruenorth's spelling
            if "neuronclass" in model:
                part.refuse("model has neuronclass and neuronClass; keep one", ("neuronClass",))
            model["neuronclass"] = model.pop("neuronClass")
        optional = ("buildKey64", "useCrossbarPrototypes")
        part.keys(model, ("coreCount", *FIXED), optional, "model")
        for key, known in FIXED.items():
            if type(model[key]) is not type(known) or model[key] != known:
                part.refuse(
                    f"{key} = {shown(model[key])} is not known; it must be {known!r}", (key,)
                )
        self.core_count = part.whole(model, ("coreCount",), 1, LAST_ID, "model")

    def _crossbar_type(self, part: Part, entry: Any) -> None:
        part.keys(entry, ("name", "crossbar"), (), "a crossbar type")
        name = part.text(entry, ("name",), "a crossbar type")
        if name in self.prototypes:
            part.refuse(f"crossbar type {shown(name)} comes twice; keep one of the two", ("name",))
        what = f"crossbar type {shown(name)}"
        part.keys(entry["crossbar"], ("rows",), (), what, ("crossbar",))
        self.prototypes[name] = read_rows(
            part, entry["crossbar"]["rows"], ("crossbar", "rows"), what
        )

    def _neuron_type(self, part: Part, entry: Any) -> None:
        part.keys(entry, ("name",), ("class", *neuron_types.PARAMETERS), "a neuron type")
        name = part.text(entry, ("name",), "a neuron type")
        number = neuron_types.type_number(name)
        if number == neuron_types.UNUSED:
            part.refuse(
                f"neuron type {shown(name)} is number 0, the unused neuron; renumber", ("name",)
            )
        if name in self.types or number in self.types:
            part.refuse(f"neuron type {shown(name)} comes twice; keep one of the two", ("name",))
        if entry.get("class", FIXED["neuronclass"]) != FIXED["neuronclass"]:
            part.refuse(
                f"neuron type {shown(name)}: class = {shown(entry['class'])} is not known; "
                f"it must be {FIXED['neuronclass']!r}",
                ("class",),
            )
        try:
            record = neuron_types.to_record(entry)
        except neuron_types.ParameterError as error:
            part.refuse(f"neuron type {shown(name)}: {error}", (error.key,))
        self.types[name] = len(self.records)
        if number is not None:
            self.types[number] = len(self.records)
        self.records.append(record)

    def _begin_cores(self, part: Part) -> None:
        """Every section that cores refer to has been read."""
        if not self.core_count:
            part.refuse("'core' comes first; the order is " + ", ".join(SECTIONS))
        self.table = np.concatenate(self.records)

    def _core(self, part: Part, core: Any) -> None:
        part.keys(core, CORE_KEYS, ("metadata",), "a core")
        number = part.whole(core, ("id",), 0, LAST_ID, "a core")
        what = f"core {number}"
        if number in self.parts:
            part.refuse(f"{what} comes twice; every core has an id of its own", ("id",))
        seed = part.whole(core, ("rngSeed",), 0, LAST_SEED, what)
        # The meaning of another exponent is not public; every known file has 0.
        part.whole(core, ("timeScaleExponent",), 0, 0, what)
        name, layer = self._metadata(part, core, what)
        neurons = read_neurons(part, core["neurons"], self.types, what)
        axon_types, packed = self._crossbar(part, core["crossbar"], what)
        wires = np.zeros(int(neurons.sends.sum()), dtype=WIRE_DTYPE)
        wires["core"] = len(self.cores)
        wires["neuron"] = np.flatnonzero(neurons.sends)
        wires["target"] = neurons.cores[neurons.sends]  # an id; _join makes it an index
        wires["pin"] = neurons.axons[neurons.sends]
        wires["delay"] = neurons.delays[neurons.sends]
        self.wires.append(wires)
        self.parts[number] = part
        self.cores.append(
            LogicalCore(
                name=name,
                layer=layer,
                number=number,
                seed=seed,
                axon_types=axon_types.copy(),
                crossbar=np.take(unpack(packed), neurons.dendrites, axis=1),
                neurons=self.table[neurons.types],
                used=neurons.types != 0,
            )
        )

    def _metadata(self, part: Part, core: dict[str, Any], what: str) -> tuple[str, str]:
        """(name, layer): the corelet's class; the layer's number and type, where it has them."""
        metadata = core.get("metadata", {})
        part.keys(metadata, (), METADATA_KEYS, f"metadata of {what}", ("metadata",))
        labels = {"coreletClass": what, "layerType": ""} | metadata
        name = part.text(labels, ("metadata", "coreletClass"), what)
        layer = part.text(labels, ("metadata", "layerType"), what)
        if "layerNumber" in metadata:
            number = part.whole(metadata, ("metadata", "layerNumber"), 0, LAST_ID, what)
            layer = f"{number} {layer}".rstrip()
        return name, layer

    def _crossbar(self, part: Part, crossbar: Any, what: str) -> Crossbar:
        path, what = ("crossbar",), f"crossbar of {what}"
        if not isinstance(crossbar, dict) or "name" not in crossbar:
            part.keys(crossbar, ("rows",), (), what, path)
            return read_rows(part, crossbar["rows"], (*path, "rows"), what)
        part.keys(crossbar, ("name",), (), what, path)
        name = part.text(crossbar, (*path, "name"), what)
        if name not in self.prototypes:
            part.refuse(
                f"{what}: name = {shown(name)} is not one of the {len(self.prototypes)} crossbarTypes; "
                "name one of them or write its rows",
                (*path, "name"),
            )
        return self.prototypes[name]

    def _join(self) -> LogicalNetwork:
        """All cores in one network; core ids in wires become indices, connectors outputs."""
        wires = np.concatenate(self.wires)
        target = wires["target"].astype(np.int64)
        ids = np.array(list(self.parts), dtype=np.int64)
        order = np.argsort(ids)
        index = order[np.minimum(np.searchsorted(ids[order], target), len(ids) - 1)]
        lost = np.flatnonzero((target >= 0) & (ids[index] != target))
        if len(lost):
            source, j = self.cores[wires["core"][lost[0]]].number, int(wires["neuron"][lost[0]])
            part = self.parts[source]
            part.refuse(
                f"core {source} neuron {j}: destCore = {int(target[lost[0]])} is not allowed; "
                "no core of this file has that id",
                neuron_path(part.value()["neurons"], "destCore", j),
            )
        outputs = connect(wires, target, index)
        return LogicalNetwork(cores=self.cores, wires=wires, outputs=outputs)
