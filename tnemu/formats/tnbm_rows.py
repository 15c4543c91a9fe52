"""The rows of a compiled board model (.tnbm): one neuron in 480 bits, and which of them are proven.

A row is 60 bytes; bit k is bit k mod 8 of byte k div 8, numbers have their lowest bit first, s, leak, V0 and
the destination core are two's complement. ``FIELDS`` is the table. The bits of ``ZERO`` are 0 in every
known file and their meaning is not known: a row that sets one is refused.

Derived from three models that IBM's tools compiled and whose source is known too: all 8,448 rows of their
33 cores follow from it. ``unproven`` says what of a network those models do not exercise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import AXON_TYPES, AXONS, NEURON_DTYPE, NEURONS
from tnemu.networks.logical import LogicalNetwork

Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

ROW_BYTES = 60
UNUSED_ALPHA = 10
"""alpha in the row of a neuron that is not used, in which only the destination's core is set besides."""
NOWHERE = -2
"""Destination core of a neuron that sends nothing."""


@dataclass(frozen=True)
class RowField:
    """Where a number stands in a row."""

    bit: int
    width: int
    signed: bool = False

    @property
    def low(self) -> int:
        """Lowest value."""
        return -(1 << self.width - 1) if self.signed else 0

    @property
    def high(self) -> int:
        """Highest value."""
        return (1 << self.width - self.signed) - 1


FIELDS = {
    "negative_R": RowField(0, 1),  # a guess: sigma_VR = -1
    "gamma": RowField(2, 2),
    "kappa": RowField(4, 1),
    "VR": RowField(5, 5),  # a guess
    "TM": RowField(10, 5),
    "beta": RowField(15, 18),
    "alpha": RowField(33, 18),
    "c": RowField(51, 1),
    "leak": RowField(52, 9, signed=True),
    "epsilon": RowField(61, 1),
    **{f"b{g}": RowField(62 + g, 1) for g in range(AXON_TYPES)},
    **{f"s{g}": RowField(93 - 9 * g, 9, signed=True) for g in range(AXON_TYPES)},
    "V0": RowField(358, 20, signed=True),
    "core": RowField(384, 32, signed=True),
    "delay": RowField(418, 4),
    "axon": RowField(422, 8),
}
"""Every field but the synapses."""
SYNAPSES = 102
"""Bit 102 + a is the neuron's synapse with axon a."""
ZERO = np.array([1, *range(378, 384), 416, 417, *range(430, 480)])
"""Bits that no known file sets."""

_PARAMETERS = ("gamma", "kappa", "TM", "beta", "alpha", "c", "leak", "epsilon", "VR", "V0")


def decode(rows: Bits) -> tuple[dict[str, Ints], npt.NDArray[np.bool_], Bits]:
    """(every field, synapses bool [256 axons, 256 neurons], bits [256, 480]) of rows [256, 60]."""
    bits = np.unpackbits(rows, axis=1, bitorder="little")
    found = {}
    for name, field in FIELDS.items():
        part = bits[:, field.bit : field.bit + field.width].astype(np.int64)
        value = part @ (np.int64(1) << np.arange(field.width))
        found[name] = value - (part[:, -1] << field.width) if field.signed else value
    synapses = bits[:, SYNAPSES : SYNAPSES + AXONS].T.astype(np.bool_)
    return found, synapses, bits


def encode(fields: dict[str, Ints], synapses: npt.NDArray[np.bool_]) -> Bits:
    """Rows [256, 60] of values that fit their fields; the reverse of :func:`decode`."""
    bits = np.zeros((NEURONS, 8 * ROW_BYTES), np.uint8)
    for name, values in fields.items():
        field = FIELDS[name]
        width = np.arange(field.width)
        bits[:, field.bit : field.bit + field.width] = values[:, None] >> width & 1
    bits[:, SYNAPSES : SYNAPSES + AXONS] = synapses.T
    return np.packbits(bits, axis=1, bitorder="little")


def to_records(fields: dict[str, Ints]) -> npt.NDArray[np.void]:
    """Neuron records [256] of fields that are in the ranges of a neuron."""
    records = np.zeros(NEURONS, NEURON_DTYPE)
    for name in _PARAMETERS:
        records[name] = fields[name]
    for g in range(AXON_TYPES):
        records["s"][:, g], records["b"][:, g] = fields[f"s{g}"], fields[f"b{g}"]
    records["sigma_VR"] = 1 - 2 * fields["negative_R"]
    return records


def from_records(records: npt.NDArray[np.void]) -> dict[str, Ints]:
    """The fields of neuron records [256], without a destination."""
    fields = {name: records[name].astype(np.int64) for name in _PARAMETERS}
    for g in range(AXON_TYPES):
        fields[f"s{g}"] = records["s"][:, g].astype(np.int64)
        fields[f"b{g}"] = records["b"][:, g].astype(np.int64)
    # The sign of an R of 0 says nothing, and the models at hand have it positive.
    fields["negative_R"] = ((records["sigma_VR"] < 0) & (records["VR"] > 0)).astype(np.int64)
    return fields


def unproven(network: LogicalNetwork) -> list[str]:
    """What the network has whose place in a .tnbm no known file proves, in words."""
    found = dict.fromkeys(_GUESSES, False)
    for core in network.cores:
        records = core.neurons[core.used]
        for name, test in _GUESSES.items():
            found[name] = found[name] or bool(test(records).any())
    found["delays above 1"] = bool((network.wires["delay"] > 1).any())
    found["seeds other than FFFFFFFF"] = any(core.seed != _SEED for core in network.cores)
    return [name for name, is_there in found.items() if is_there]


_SEED = 0xFFFFFFFF
_GUESSES: dict[str, Callable[[npt.NDArray[np.void]], npt.NDArray[np.bool_]]] = {
    "stochastic synapses (b)": lambda r: r["b"] != 0,
    "stochastic leak (c)": lambda r: r["c"] != 0,
    "TM other than 0 and 8": lambda r: (r["TM"] != 0) & (r["TM"] != 8),
    "reset potentials (VR, sigma_VR)": lambda r: r["VR"] != 0,
    "initial potentials (V)": lambda r: r["V0"] != 0,
    "alpha above 62": lambda r: r["alpha"] > 62,
    "beta above 16": lambda r: r["beta"] > 16,
    "leak beyond 100": lambda r: np.abs(r["leak"]) > 100,
    "weights beyond -172..126": lambda r: (r["s"] < -172) | (r["s"] > 126),
}
"""What no known file has -> whether neurons have it: beyond the values of IBM's models."""
