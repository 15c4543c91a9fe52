"""The inner parts of a model file: one core's neurons, and the rows of one crossbar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.formats.loose_json import Steps
from tnemu.formats.loose_part import Part
from tnemu.formats.runlength import RunLengthError, expand
from tnemu.hardware.neuron import AXONS, MAX_DELAY, NEURONS
from tnemu.networks.logical import FIRST_CONNECTOR, LogicalOutput

NOWHERE = (-1, -2)
"""Destination cores of a neuron that sends nothing."""
LAST_ID = (1 << 31) - 1
"""Highest core id (and, negated, the farthest connector number) that this reader holds."""

LISTS = {
    "dendrite": "dendrites",
    "type": "types",
    "destCore": "destCores",
    "destAxon": "destAxons",
    "destDelay": "destDelays",
}
"""A neuron's fields, and the names of the lists that hold one of them for all 256 neurons."""
_LIMITS = {
    "dendrite": (0, NEURONS - 1),
    "destCore": (-LAST_ID, LAST_ID),
    "destAxon": (-1, AXONS - 1),
    "destDelay": (0, MAX_DELAY),
}
_AXON_TYPES = {"S0": 0, "S1": 1, "S2": 2, "S3": 3}
_BYTES = NEURONS // 8
_ROW_TEXT = 3 * _BYTES - 1  # two digits a byte, a space between each two bytes
_ROW_GAPS = " " * (AXONS * _BYTES - 1)

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Crossbar = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""Axon types [256] and packed rows [256, 32]: what a file keeps of a crossbar."""


@dataclass(frozen=True, eq=False)
class Neurons:
    """The 256 neurons of a core, checked: int64 [256] each, bool [256] for ``sends``.

    ``types`` are indices of neuron types (0: not used), ``sends`` is True for a used neuron with a
    destination; its core is an id or a connector's number, its axon 0..255, its delay 1..15.
    """

    dendrites: Ints
    types: Ints
    cores: Ints
    axons: Ints
    delays: Ints
    sends: Flags


def read_neurons(part: Part, neurons: Any, types: Mapping[int | str, int], what: str) -> Neurons:
    """Neurons written as five lists or as 256 objects; ``types`` numbers the types there are.

    Raises FormatError at the line of the field, naming core, neuron, value and what is allowed.
    """
    if isinstance(neurons, list):
        columns = _from_objects(part, neurons, what)
    else:
        columns = _from_lists(part, neurons, what)
    return _Checker(part, neurons, what).neurons(columns, types)


def neuron_path(neurons: Any, field: str, j: int) -> Steps:
    """The path from a core to ``field`` of neuron j, whichever way its neurons are written."""
    if isinstance(neurons, dict):
        return ("neurons", LISTS[field])
    if field == "destDelay" and "destDelay" not in neurons[j]:
        field = "delay"
    return ("neurons", j, field)


def _from_lists(part: Part, neurons: Any, what: str) -> dict[str, list[Any]]:
    part.keys(neurons, LISTS.values(), (), f"neurons of {what}", ("neurons",))
    columns: dict[str, list[Any]] = {}
    for field, key in LISTS.items():
        if not isinstance(neurons[key], list):
            part.refuse(f"{what}: {key} is no list; it must be one", ("neurons", key))
        try:
            columns[field] = list(expand(neurons[key], NEURONS))
        except RunLengthError as error:
            index = () if error.index is None else (error.index,)
            part.refuse(f"{what}: {key} {error}", ("neurons", key, *index))
    return columns


def _from_objects(part: Part, neurons: list[Any], what: str) -> dict[str, list[Any]]:
    if len(neurons) != NEURONS:
        part.refuse(f"{what} lists {len(neurons)} neurons; list all {NEURONS}", ("neurons",))
    columns: dict[str, list[Any]] = {field: [] for field in LISTS}
    for j, neuron in enumerate(neurons):
        spelt = dict(neuron) if isinstance(neuron, dict) else neuron
        if isinstance(spelt, dict) and "delay" in spelt:
            if "destDelay" in spelt:
                part.refuse(
                    f"{what} neuron {j} has delay and destDelay; keep one", ("neurons", j, "delay")
                )
            spelt["destDelay"] = spelt.pop("delay")
        part.keys(spelt, LISTS, (), f"{what} neuron {j}", ("neurons", j))
        for field in LISTS:
            columns[field].append(spelt[field])
    return columns


@dataclass(frozen=True)
class _Checker:
    part: Part
    source: Any
    what: str

    def neurons(self, columns: dict[str, list[Any]], types: Mapping[int | str, int]) -> Neurons:
        index = self._types(columns["type"], types)
        dendrites, cores, axons, delays = (
            self._bounded(field, columns[field], *limits) for field, limits in _LIMITS.items()
        )
        used = index != 0
        self._own_columns(dendrites, used)
        to_core_or_connector = (cores >= 0) | (cores <= FIRST_CONNECTOR)
        sends = used & to_core_or_connector
        self._none(
            ~to_core_or_connector & ~np.isin(cores, NOWHERE),
            "destCore",
            cores,
            f"use a core id from 0, -1 for nowhere, or a connector from {FIRST_CONNECTOR} down",
        )
        self._none(sends & (axons < 0), "destAxon", axons, "a neuron that sends needs 0..255")
        self._none(
            sends & (delays < 1),
            "destDelay",
            delays,
            f"a neuron that sends needs 1..{MAX_DELAY}, because a delay of 0 would land in the "
            "slot being read",
        )
        return Neurons(dendrites, index, cores, axons, delays, sends)

    def _types(self, values: list[Any], types: Mapping[int | str, int]) -> Ints:
        for j, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, int | str) or value not in types:
                self._refuse(
                    "type", j, value, "use a type of neuronTypes, or 0 for an unused neuron"
                )
        return np.array([types[value] for value in values], dtype=np.int64)

    def _bounded(self, field: str, values: list[Any], low: int, high: int) -> Ints:
        for j, value in enumerate(values):
            if type(value) is not int or not low <= value <= high:
                self._refuse(field, j, value, f"it must be a whole number, {low}..{high}")
        return np.array(values, dtype=np.int64)

    def _own_columns(self, dendrites: Ints, used: Flags) -> None:
        reader: dict[int, int] = {}
        for j in np.flatnonzero(used).tolist():
            first = reader.setdefault(int(dendrites[j]), j)
            if first != j:
                self._refuse(
                    "dendrite",
                    j,
                    int(dendrites[j]),
                    f"neuron {first} reads that column; each used neuron has a column of its own",
                )

    def _none(self, bad: Flags, field: str, values: Ints, allowed: str) -> None:
        if bad.any():
            j = int(np.flatnonzero(bad)[0])
            self._refuse(field, j, int(values[j]), allowed)

    def _refuse(self, field: str, j: int, value: Any, allowed: str) -> None:
        self.part.refuse(
            f"{self.what} neuron {j}: {field} = {shown(value)} is not allowed; {allowed}",
            neuron_path(self.source, field, j),
        )


def read_rows(part: Part, rows: Any, path: Steps, what: str) -> Crossbar:
    """The axon types and packed bits of a list of 256 rows, one row per axon."""
    if not isinstance(rows, list) or len(rows) != AXONS:
        count = len(rows) if isinstance(rows, list) else "no list of"
        part.refuse(f"{what} has {count} rows; a core has {AXONS} axons", path)
    try:
        types = [_AXON_TYPES[row["type"]] for row in rows]
        texts = [row["synapses"] for row in rows]
        joined = " ".join(texts)
        if (
            set(map(len, rows)) != {2}
            or set(map(len, texts)) != {_ROW_TEXT}
            or joined[2::3] != _ROW_GAPS
        ):
            raise ValueError
        data = bytes.fromhex(joined)
    except (KeyError, TypeError, ValueError):
        # Something is unusual. Row by row, it is either named and refused or read after all.
        pairs = [_row(part, row, (*path, i), f"{what} row {i}") for i, row in enumerate(rows)]
        types, data = [kind for kind, _ in pairs], b"".join(row for _, row in pairs)
    packed = np.frombuffer(data, dtype=np.uint8).reshape(AXONS, _BYTES)
    return np.array(types, dtype=np.uint8), packed


def unpack(packed: npt.NDArray[np.uint8]) -> Flags:
    """Crossbar bool [256 axons, 256 columns]: the first bit of a row is its highest."""
    return np.unpackbits(packed, axis=1).view(np.bool_)


def _row(part: Part, row: Any, path: Steps, what: str) -> tuple[int, bytes]:
    part.keys(row, ("type", "synapses"), (), what, path)
    kind = part.text(row, (*path, "type"), what)
    if kind not in _AXON_TYPES:
        part.refuse(
            f"{what}: type = {shown(kind)} is not allowed; it must be S0, S1, S2 or S3",
            (*path, "type"),
        )
    text = part.text(row, (*path, "synapses"), what)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != _BYTES:
        part.refuse(
            f"{what}: synapses = {shown(text)} is not allowed; it must be {_BYTES} hexadecimal bytes",
            (*path, "synapses"),
        )
    return _AXON_TYPES[kind], data


def connect(
    wires: npt.NDArray[np.void], target: Ints, index: npt.NDArray[np.integer]
) -> dict[str, LogicalOutput]:
    """Point ``wires`` at cores by ``index``, and at an output of 256 pins for every connector.

    ``target`` [n] are core ids, or below 0 connectors, whose outputs are named after them ("-32") and
    numbered in falling order. Returns the outputs.
    """
    outside = target < 0
    connectors, output = np.unique(-target[outside], return_inverse=True)
    wires["target"] = index
    wires["target"][outside] = ~output
    return {str(-n): LogicalOutput(width=AXONS, number=-n) for n in connectors.tolist()}
