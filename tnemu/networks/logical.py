"""The logical network: cores, connectors and wires, before anything has a place on a board.

This is what corelets build and what IBM model files hold. A wire runs from a neuron to an axon of a
core or to a pin of an output connector. In a logical network a neuron may have any number of wires;
hardware allows one, and :mod:`tnemu.mapping.fanout` makes it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown, whole
from tnemu.hardware.exact import exact
from tnemu.hardware.image import TAP_DTYPE
from tnemu.hardware.neuron import AXON_TYPES, AXONS, MAX_DELAY, NEURON_DTYPE, NEURONS
from tnemu.networks.errors import NetworkError

BALANCE = 0
"""Delay of a wire whose delay the mapper chooses so that all inputs of a core arrive as one wave."""

FIRST_CONNECTOR = -32
"""Number of the first output connector in IBM's files; further ones count down from it."""

WIRE_DTYPE = np.dtype(
    [
        ("core", np.int32),
        ("neuron", np.int16),
        ("target", np.int32),
        ("pin", np.int32),
        ("delay", np.int16),
    ]
)
"""neuron of core -> axon ``pin`` of core ``target`` (>= 0), or pin ``pin`` of output ``~target``."""


@dataclass(eq=False, repr=False)
class LogicalCore:
    """One core without a place.

    crossbar [256 axons, 256 neurons] bool; axon_types [256] in 0..3; neurons [256] records;
    used [256] bool: neurons that are evaluated at all. ``layer`` groups cores in tables and in
    ``compare``; ``elements`` [256] says which element of the layer's flattened output a neuron
    computes (-1: none); ``number`` is the core's id in the file it came from; ``seed`` is that of its
    noise (IBM's default: 32 ones).
    """

    name: str
    layer: str = ""
    number: int = 0
    seed: int = 0xFFFFFFFF
    axon_types: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(AXONS, np.uint8))
    crossbar: npt.NDArray[np.bool_] = field(
        default_factory=lambda: np.zeros((AXONS, NEURONS), bool)
    )
    neurons: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(NEURONS, NEURON_DTYPE))
    used: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(NEURONS, bool))
    elements: npt.NDArray[np.int32] = field(default_factory=lambda: np.full(NEURONS, -1, np.int32))

    def __repr__(self) -> str:
        return f"<LogicalCore {self.name!r}: {int(np.sum(self.used))} neurons>"

    def validate(self) -> None:
        """Every array has its type and shape, every number its range, or NetworkError."""
        of = f"of core {shown(self.name)}"
        whole(f"number {of}", self.number, -(2**63), 2**63 - 1, error=NetworkError)
        whole(f"seed {of}", self.seed, 0, 2**32 - 1, error=NetworkError)
        for key, (dtype, shape) in _CORE_ARRAYS.items():
            _check_array(f"{key} {of}", getattr(self, key), dtype, shape)
        _check_range(f"axon type {of}", self.axon_types, 0, AXON_TYPES - 1)


_CORE_ARRAYS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "axon_types": (np.dtype(np.uint8), (AXONS,)),
    "crossbar": (np.dtype(np.bool_), (AXONS, NEURONS)),
    "neurons": (NEURON_DTYPE, (NEURONS,)),
    "used": (np.dtype(np.bool_), (NEURONS,)),
    "elements": (np.dtype(np.int32), (NEURONS,)),
}
"""Type and shape of the arrays of a core."""


@dataclass(eq=False, repr=False)
class LogicalInput:
    """``width`` input pins; ``taps`` say which axons each pin reaches, 1..15 ticks later, or BALANCE.

    :func:`taps_from` makes taps (TAP_DTYPE) from rows.
    """

    width: int
    taps: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, TAP_DTYPE))

    def __repr__(self) -> str:
        return f"<LogicalInput: {self.width:,} pins, {len(self.taps):,} taps>"


@dataclass
class LogicalOutput:
    """``width`` output pins; ``number`` is the connector id of IBM files, from FIRST_CONNECTOR."""

    width: int
    number: int


@dataclass(eq=False, repr=False)
class LogicalNetwork:
    """Cores, named inputs and outputs, and the wires between them.

    ``wires`` (WIRE_DTYPE, made from rows by :func:`wires_from`) run from a neuron to an axon of a
    core or to a pin of an output. ``origin`` says what the network was made from.
    """

    cores: list[LogicalCore] = field(default_factory=list)
    wires: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, WIRE_DTYPE))
    inputs: dict[str, LogicalInput] = field(default_factory=dict)
    outputs: dict[str, LogicalOutput] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<LogicalNetwork: {len(self.cores):,} cores, {len(self.wires):,} wires>"

    def __str__(self) -> str:
        layers: dict[str, int] = {}
        for core in self.cores:
            layers[core.layer or core.name] = layers.get(core.layer or core.name, 0) + 1
        lines = [
            f"LogicalNetwork: {len(self.cores)} cores, {len(self.wires)} wires",
            *(f"  input  {name}: {item.width} pins" for name, item in self.inputs.items()),
            *(f"  {name}: {count} cores" for name, count in layers.items()),
            *(f"  output {name}: {item.width} pins" for name, item in self.outputs.items()),
        ]
        return "\n".join(lines)

    def __eq__(self, other: object) -> bool:
        """Same cores, wires and connectors, in the same order (origin is not compared)."""
        if not isinstance(other, LogicalNetwork):
            return NotImplemented
        return (
            len(self.cores) == len(other.cores)
            and all(_same_core(a, b) for a, b in zip(self.cores, other.cores, strict=True))
            and np.array_equal(self.wires, other.wires)
            and self.outputs == other.outputs
            and self.inputs.keys() == other.inputs.keys()
            and all(
                a.width == other.inputs[name].width
                and np.array_equal(a.taps, other.inputs[name].taps)
                for name, a in self.inputs.items()
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def validate(self) -> None:
        """Every wire and tap ends somewhere that exists with a legal delay, or NetworkError.

        Arrays have the types that their classes name: nothing is converted.
        """
        n = len(self.cores)
        wires = self.wires
        _check_array("wires", wires, WIRE_DTYPE, None, "make them with wires_from(rows)")
        for name, item in self.inputs.items():
            _check_width(name, item.width)
        for name, output in self.outputs.items():
            _check_width(name, output.width)
        _check_range("wire source core", wires["core"], 0, n - 1)
        _check_range("wire source neuron", wires["neuron"], 0, NEURONS - 1)
        _check_range("wire target core", wires["target"], -len(self.outputs), n - 1)
        _check_range("wire delay", wires["delay"], BALANCE, MAX_DELAY)
        _check_range("wire target axon", wires["pin"][wires["target"] >= 0], 0, AXONS - 1)
        for index, (name, output) in enumerate(self.outputs.items()):
            pins = wires["pin"][wires["target"] == ~index]
            _check_range(f"pin of output {name!r}", pins, 0, output.width - 1)
        for name, item in self.inputs.items():
            taps, of = item.taps, f"of input {name!r}"
            _check_array(f"taps {of}", taps, TAP_DTYPE, None, "make them with taps_from(rows)")
            _check_range(f"pin {of}", taps["pin"], 0, item.width - 1)
            _check_range(f"core {of}", taps["core"], 0, n - 1)
            _check_range(f"axon {of}", taps["axon"], 0, AXONS - 1)
            _check_range(f"delay {of}", taps["delay"], BALANCE, MAX_DELAY)
        for core in self.cores:
            core.validate()


def wires_from(rows: Iterable[Sequence[int]]) -> npt.NDArray[np.void]:
    """Wires (WIRE_DTYPE) from rows (core, neuron, target, pin, delay); NetworkError if no integers."""
    return _records("wires", rows, WIRE_DTYPE)


def taps_from(rows: Iterable[Sequence[int]]) -> npt.NDArray[np.void]:
    """Taps (TAP_DTYPE) from rows (pin, core, axon, delay); NetworkError if they are no integers."""
    return _records("taps", rows, TAP_DTYPE)


def _records(what: str, rows: Iterable[Sequence[int]], dtype: np.dtype) -> npt.NDArray[np.void]:
    names = dtype.names or ()
    table = exact(list(rows), np.int64, what, NetworkError)
    if table.size and table.shape[1:] != (len(names),):
        raise NetworkError(f"{what} have shape {table.shape}; a row is ({', '.join(names)})")
    records = np.zeros(len(table), dtype)
    for column, name in zip(table.T, names, strict=False):
        records[name] = exact(column, dtype[name], f"{what} {name}", NetworkError)
    return records


def _check_array(
    what: str,
    array: Any,
    dtype: np.dtype,
    shape: tuple[int, ...] | None,
    then: str = "convert it, once you know that its values allow that",
) -> None:
    good = isinstance(array, np.ndarray) and array.dtype == dtype
    if not good or (array.ndim != 1 if shape is None else array.shape != shape):
        kind = "records" if dtype.names else str(dtype)
        sizes = "(n,)" if shape is None else str(shape)
        raise NetworkError(f"{what}: {shown(array)} must be {kind} of shape {sizes}; {then}")


def _check_width(name: str, width: int) -> None:
    whole(f"width of {shown(name)}", width, 0, 2**31 - 1, error=NetworkError)


def _check_range(what: str, values: npt.NDArray[Any], low: int, high: int) -> None:
    bad = (values < low) | (values > high)
    if bad.any():
        raise NetworkError(
            f"{what} = {int(values[bad][0])} is outside {low}..{high}; "
            "wire it to something that exists"
        )


def _same_core(a: LogicalCore, b: LogicalCore) -> bool:
    used = a.used
    return (
        (a.name, a.layer, a.number, a.seed) == (b.name, b.layer, b.number, b.seed)
        and np.array_equal(a.axon_types, b.axon_types)
        and np.array_equal(a.crossbar, b.crossbar)
        and np.array_equal(used, b.used)
        and np.array_equal(a.neurons[used], b.neurons[used])
    )
