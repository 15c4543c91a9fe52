"""The logical network: cores, connectors and wires, before anything has a place on a board.

This is what corelets build and what IBM model files hold. A wire runs from a neuron to an axon of a
core or to a pin of an output connector. In a logical network a neuron may have any number of wires;
hardware allows one, and :mod:`tnemu.mapping.fanout` makes it so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

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


@dataclass(eq=False)
class LogicalCore:
    """One core without a place.

    crossbar [256 axons, 256 neurons] bool; axon_types [256] in 0..3; neurons [256] records;
    used [256] bool: neurons that are evaluated at all. ``layer`` groups cores in tables and in
    ``compare``; ``elements`` [256] says which element of the layer's flattened output a neuron
    computes (-1: none); ``number`` is the core's id in the file it came from.
    """

    name: str
    layer: str = ""
    number: int = 0
    seed: int = 0
    axon_types: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(AXONS, np.uint8))
    crossbar: npt.NDArray[np.bool_] = field(
        default_factory=lambda: np.zeros((AXONS, NEURONS), bool)
    )
    neurons: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(NEURONS, NEURON_DTYPE))
    used: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(NEURONS, bool))
    elements: npt.NDArray[np.int32] = field(default_factory=lambda: np.full(NEURONS, -1, np.int32))


@dataclass(eq=False)
class LogicalInput:
    """``width`` input pins; ``taps`` (TAP_DTYPE) say which axons each pin reaches, 1..15 ticks later."""

    width: int
    taps: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, TAP_DTYPE))


@dataclass
class LogicalOutput:
    """``width`` output pins; ``number`` is the connector id of IBM files, from FIRST_CONNECTOR."""

    width: int
    number: int


@dataclass(eq=False)
class LogicalNetwork:
    """Cores, named inputs and outputs, and the wires between them."""

    cores: list[LogicalCore] = field(default_factory=list)
    wires: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, WIRE_DTYPE))
    inputs: dict[str, LogicalInput] = field(default_factory=dict)
    outputs: dict[str, LogicalOutput] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

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
        """Every wire and tap ends somewhere that exists with a legal delay, or NetworkError."""
        n = len(self.cores)
        wires = self.wires
        self._check("wire source core", wires["core"], 0, n - 1)
        self._check("wire source neuron", wires["neuron"], 0, NEURONS - 1)
        self._check("wire target core", wires["target"], -len(self.outputs), n - 1)
        self._check("wire delay", wires["delay"], BALANCE, MAX_DELAY)
        self._check("wire target axon", wires["pin"][wires["target"] >= 0], 0, AXONS - 1)
        for index, (name, output) in enumerate(self.outputs.items()):
            pins = wires["pin"][wires["target"] == ~index]
            self._check(f"pin of output {name!r}", pins, 0, output.width - 1)
        for name, item in self.inputs.items():
            self._check(f"pin of input {name!r}", item.taps["pin"], 0, item.width - 1)
            self._check(f"core of input {name!r}", item.taps["core"], 0, n - 1)
            self._check(f"axon of input {name!r}", item.taps["axon"], 0, AXONS - 1)
            self._check(f"delay of input {name!r}", item.taps["delay"], BALANCE, MAX_DELAY)
        for core in self.cores:
            self._check(f"axon type of core {core.name!r}", core.axon_types, 0, AXON_TYPES - 1)

    @staticmethod
    def _check(what: str, values: npt.NDArray[Any], low: int, high: int) -> None:
        bad = (values < low) | (values > high)
        if bad.any():
            raise NetworkError(
                f"{what} = {int(values[bad][0])} is outside {low}..{high}; "
                "wire it to something that exists"
            )


def wires_from(rows: Iterable[tuple[int, int, int, int, int]]) -> npt.NDArray[np.void]:
    """Wires from rows (core, neuron, target, pin, delay)."""
    return np.array(list(rows), dtype=WIRE_DTYPE)


def _same_core(a: LogicalCore, b: LogicalCore) -> bool:
    used = a.used
    return (
        (a.name, a.layer, a.number, a.seed) == (b.name, b.layer, b.number, b.seed)
        and np.array_equal(a.axon_types, b.axon_types)
        and np.array_equal(a.crossbar, b.crossbar)
        and np.array_equal(used, b.used)
        and np.array_equal(a.neurons[used], b.neurons[used])
    )
