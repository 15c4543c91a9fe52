"""The logical network: cores, connectors and wires, before anything has a place on a board.

This is what corelets build and what IBM model files hold. A wire runs from a neuron to an axon of a
core or to a pin of an output connector. In a logical network a neuron may have any number of wires,
and a core any number of axons and neurons; hardware allows one wire, 256 axons and 256 neurons, and
the mapper makes it so.

When a spike arrives is said in one of four ways (columns of WIRE_DTYPE; taps of inputs know the
first three)::

    delay = 0 (BALANCE)          with the wave: the mapper chooses the delay
    delay = 0, after = k         k ticks later than that; k may be any number
    delay = 1..15                exactly so many ticks after it was fired; others wait for it
    delay = 0, loop = k          declared feedback: exactly k ticks after it was fired, any number;
                                 nothing waits for it

What no delay of a packet can do, the mapper does with relay neurons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown, whole
from tnemu.hardware.exact import exact
from tnemu.hardware.neuron import AXON_TYPES, AXONS, MAX_DELAY, NEURON_DTYPE, NEURONS
from tnemu.hardware.places import Places
from tnemu.networks.errors import NetworkError

BALANCE = 0
"""Delay of a wire whose delay the mapper chooses so that a neuron's inputs arrive as one wave."""

MOST_TICKS = 1 << 20
"""Longest ``after`` and ``loop`` of a wire: 17 minutes of 1 ms, and 69,905 relays."""
MOST_ROWS = 1 << 20
"""Most axons and most neurons of one logical core."""

FIRST_CONNECTOR = -32
"""Number of the first output connector in IBM's files; further ones count down from it."""

WIRE_DTYPE = np.dtype(
    [
        ("core", np.int32),
        ("neuron", np.int32),
        ("target", np.int32),
        ("pin", np.int32),
        ("delay", np.int16),
        ("after", np.int32),
        ("loop", np.int32),
    ]
)
"""neuron of core -> axon ``pin`` of core ``target`` (>= 0), or pin ``pin`` of output ``~target``.

``after`` and ``loop`` go with delay BALANCE only, and not with each other; an output has no loop.
"""

LOGICAL_TAP_DTYPE = np.dtype(
    [
        ("pin", np.int32),
        ("core", np.int32),
        ("axon", np.int32),
        ("delay", np.int16),
        ("after", np.int32),
    ]
)
"""One landing place of an input pin, as a wire without source. (An image's taps are TAP_DTYPE.)"""


@dataclass(eq=False, repr=False)
class LogicalCore:
    """One core without a place, of A axons and N neurons (256 each if nothing else is given).

    crossbar [A, N] bool; axon_types [A] in 0..3; neurons [N] records; used [N] bool: neurons that
    are evaluated at all. ``layer`` groups cores in tables and in ``compare``; ``elements`` [N] says
    which element of the layer's flattened output a neuron computes (-1: none); ``number`` is the
    core's id in the file it came from; ``seed`` is that of its noise (IBM's default: 32 ones). The
    mapper puts small cores together and cuts large ones.
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

    @property
    def axon_count(self) -> int:
        """Axons, A."""
        return len(self.axon_types)

    @property
    def neuron_count(self) -> int:
        """Neurons, N, used or not."""
        return len(self.used)

    def validate(self) -> None:
        """Every array has its type and shape, every number its range, or NetworkError."""
        of = f"of core {shown(self.name)}"
        whole(f"number {of}", self.number, -(2**63), 2**63 - 1, error=NetworkError)
        whole(f"seed {of}", self.seed, 0, 2**32 - 1, error=NetworkError)
        _check_array(f"axon_types {of}", self.axon_types, np.dtype(np.uint8), None)
        _check_array(f"used {of}", self.used, np.dtype(np.bool_), None)
        rows, columns = self.axon_count, self.neuron_count
        whole(f"number of axons {of}", rows, 1, MOST_ROWS, error=NetworkError)
        whole(f"number of neurons {of}", columns, 1, MOST_ROWS, error=NetworkError)
        _check_array(f"crossbar {of}", self.crossbar, np.dtype(np.bool_), (rows, columns))
        _check_array(f"neurons {of}", self.neurons, NEURON_DTYPE, (columns,))
        _check_array(f"elements {of}", self.elements, np.dtype(np.int32), (columns,))
        _check_range(f"axon type {of}", self.axon_types, 0, AXON_TYPES - 1)


@dataclass(eq=False, repr=False)
class LogicalInput:
    """``width`` input pins; ``taps`` say which axons each pin reaches, and when.

    :func:`taps_from` makes taps (LOGICAL_TAP_DTYPE) from rows.
    """

    width: int
    taps: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, LOGICAL_TAP_DTYPE))

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
    core or to a pin of an output. ``origin`` says what the network was made from. Where it is known,
    ``line_of`` [wires] says which of ``lines`` (such as "adder.py:12") asked for each wire, -1: none;
    errors about a wire name it. ``names`` finds neurons by the names that the author gave them.
    """

    cores: list[LogicalCore] = field(default_factory=list)
    wires: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, WIRE_DTYPE))
    inputs: dict[str, LogicalInput] = field(default_factory=dict)
    outputs: dict[str, LogicalOutput] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    line_of: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    names: Mapping[Any, Places] = field(default_factory=dict)

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
        """Same cores, wires and connectors, in the same order (neither origin nor lines are compared)."""
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

    def line(self, wire: np.void) -> str:
        """The line that asked for ``wire``, one of ``wires``; empty where that is not known."""
        if len(self.line_of) != len(self.wires):
            return ""
        found = self.line_of[self.wires == wire]
        return self.lines[found[0]] if len(found) and found[0] >= 0 else ""

    def validate(self) -> None:
        """Every wire and tap ends somewhere that exists with a legal delay, or NetworkError.

        Arrays have the types that their classes name: nothing is converted.
        """
        wires, outputs = self.wires, len(self.outputs)
        _check_array("wires", wires, WIRE_DTYPE, None, "make them with wires_from(rows)")
        for name, item in self.inputs.items():
            _check_width(name, item.width)
        for name, output in self.outputs.items():
            _check_width(name, output.width)
        for core in self.cores:
            core.validate()
        n = len(self.cores)
        axons = np.array([core.axon_count for core in self.cores], np.int64)
        neurons = np.array([core.neuron_count for core in self.cores], np.int64)
        _check_range("wire source core", wires["core"], 0, n - 1)
        _check_places("wire source neuron", wires["neuron"], neurons, wires["core"])
        _check_range("wire target core", wires["target"], -outputs, n - 1)
        inner = wires[wires["target"] >= 0]
        _check_places("wire target axon", inner["pin"], axons, inner["target"])
        for index, (name, output) in enumerate(self.outputs.items()):
            pins = wires["pin"][wires["target"] == ~index]
            _check_range(f"pin of output {name!r}", pins, 0, output.width - 1)
        _check_times("wire {}", wires)
        for name, item in self.inputs.items():
            taps, of = item.taps, f"of input {name!r}"
            _check_array(
                f"taps {of}", taps, LOGICAL_TAP_DTYPE, None, "make them with taps_from(rows)"
            )
            _check_range(f"pin {of}", taps["pin"], 0, item.width - 1)
            _check_range(f"core {of}", taps["core"], 0, n - 1)
            _check_places(f"axon {of}", taps["axon"], axons, taps["core"])
            _check_times("{} " + of, taps)
        if len(self.line_of):
            _check_array("line_of", self.line_of, np.dtype(np.int32), (len(wires),))
            _check_range("line_of", self.line_of, -1, len(self.lines) - 1)


def wires_from(rows: Iterable[Sequence[int]]) -> npt.NDArray[np.void]:
    """Wires (WIRE_DTYPE) from rows (core, neuron, target, pin, delay[, after[, loop]]).

    Raises NetworkError if they are no integers.
    """
    return _records("wires", rows, WIRE_DTYPE, 5)


def taps_from(rows: Iterable[Sequence[int]]) -> npt.NDArray[np.void]:
    """Taps (LOGICAL_TAP_DTYPE) from rows (pin, core, axon, delay[, after]).

    Raises NetworkError if they are no integers.
    """
    return _records("taps", rows, LOGICAL_TAP_DTYPE, 4)


def _records(
    what: str, rows: Iterable[Sequence[int]], dtype: np.dtype, least: int
) -> npt.NDArray[np.void]:
    """Records of ``dtype`` from rows of at least ``least`` columns; further ones are 0 if left out."""
    names = dtype.names or ()
    table = exact(list(rows), np.int64, what, NetworkError)
    if table.size and not (table.ndim == 2 and least <= table.shape[1] <= len(names)):
        optional = "".join(f"[, {name}" for name in names[least:]) + "]" * (len(names) - least)
        raise NetworkError(
            f"{what} have shape {table.shape}; a row is ({', '.join(names[:least])}{optional})"
        )
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


def _check_places(
    what: str,
    values: npt.NDArray[Any],
    counts: npt.NDArray[np.int64],
    cores: npt.NDArray[np.int32],
) -> None:
    """Each value is a row or column of its core, which has ``counts[core]`` of them."""
    bad = (values < 0) | (values >= counts[cores])
    if bad.any():
        first = int(bad.argmax())
        _check_range(what, values[first : first + 1], 0, int(counts[cores[first]]) - 1)


def _check_times(what: str, rows: npt.NDArray[np.void]) -> None:
    """delay, after and loop are in range, and at most one is set; ``what`` has a place for its name."""
    _check_range(what.format("delay"), rows["delay"], BALANCE, MAX_DELAY)
    _check_range(what.format("after"), rows["after"], 0, MOST_TICKS)
    loop = np.zeros_like(rows["after"])
    if "loop" in (rows.dtype.names or ()):
        loop = rows["loop"]
        _check_range(what.format("loop"), loop, 0, MOST_TICKS)
        lost = (loop > 0) & (rows["target"] < 0)
        if lost.any():
            raise NetworkError(
                f"{what.format('loop')} = {int(loop[lost][0])} leads to an output, from which nothing comes "
                "back; leave loop out"
            )
    both = (rows["delay"] != BALANCE).astype(int) + (rows["after"] > 0) + (loop > 0) > 1
    if both.any():
        row = rows[both][0]
        raise NetworkError(
            f"{what.format('delay')} = {row['delay']}, after = {row['after']}, loop = {loop[both][0]}: "
            "a spike arrives in one of these ways only; keep one of them"
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
