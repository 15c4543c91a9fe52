"""Connector maps of IBM's tools (*_inpMap.bin, *_outMap.bin): which pin is which axon or neuron.

Records one after the other, little-endian::

    id u32   direction u32 (0 in, 1 out)   n u32   n u32   1 u32   1 u32
    length u32   name, UTF-16, length characters   cores i32 [n]   axons or neurons u16 [n]

Pin k of an input reaches axon ``lines[k]`` of core ``cores[k]``; pin k of an output is the spikes of
neuron ``lines[k]`` of core ``cores[k]``; of a file's first output, the model file sends it to pin
k mod 256 of connector -32 - k div 256. A pin of core -2 and line 65535 is not connected. The second
n, 1, 1 are taken for the connector's dimensions; others are refused.

Source: eight files of IBM's, which are such records to their last byte; their output pins are the
destinations that their model files give to the same neurons, 7,597 of 7,597.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.files import Source, opening
from tnemu.formats.errors import FormatError
from tnemu.formats.model_core import LAST_ID
from tnemu.hardware.neuron import AXONS

MOST_BYTES = 1 << 28
MOST_NAME = 1 << 12
MOST_PINS = 1 << 26
NOWHERE, NO_LINE = -2, 0xFFFF
"""Core and line of a pin that is not connected."""

_HEAD = struct.Struct("<7I")


@dataclass(frozen=True, eq=False)
class ConnectorMap:
    """A connector: ``number`` in its file, ``name``, whether it is an input, and what its pins are.

    cores  int64 [n]  core id of each pin; -2 where it is not connected
    lines  int64 [n]  its axon (of an input) or neuron (of an output) there, 0..255; -1 where not
    """

    number: int
    name: str
    is_input: bool
    cores: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.cores)

    def __repr__(self) -> str:
        kind = "input" if self.is_input else "output"
        return f"<ConnectorMap: {kind} {self.number} {self.name!r}, {len(self):,} pins>"


def read_connectors(path: str | Path) -> list[ConnectorMap]:
    """The connectors of a map, in their order; at least one.

    Raises FormatError: file, offset, value and what is allowed.
    """
    source, found = Path(path).name, list[ConnectorMap]()
    with opening(path, error=FormatError, what="connector map", most_bytes=MOST_BYTES) as file:
        while not found or file.tell() < file.size:
            found.append(_connector(file, source, len(found)))
    return found


def _connector(file: Source, source: str, index: int) -> ConnectorMap:
    at, what = file.tell(), f"connector {index}"
    head = _HEAD.unpack(file.exactly(_HEAD.size, f"{what} at byte {at}"))
    number, direction, count, *shape, length = head
    for name, value, good, allowed, offset in (
        ("direction", direction, direction <= 1, "0 (in) or 1 (out)", 4),
        ("pins", count, 1 <= count <= MOST_PINS, f"1..{MOST_PINS}", 8),
        ("dimensions", tuple(shape), shape == [count, 1, 1], f"({count}, 1, 1)", 12),
        ("length of the name", length, length <= MOST_NAME, f"0..{MOST_NAME}", 24),
    ):
        if not good:
            raise FormatError(
                f"{source}: byte {at + offset}: {name} of {what} = {value} is not known; it must be "
                f"{allowed}"
            )
    try:
        name = file.exactly(2 * length, f"the name of {what}").decode("utf-16-le")
    except UnicodeDecodeError:
        raise FormatError(
            f"{source}: byte {at + _HEAD.size}: the name of {what} is no UTF-16; it is not known how "
            "else names are written"
        ) from None
    at = file.tell()
    cores = _numbers(file, "<i4", count, f"the cores of {what}")
    lines = _numbers(file, "<u2", count, f"the axons or neurons of {what}")
    joined = (cores >= 0) & (cores <= LAST_ID) & (lines < AXONS)
    bad = np.flatnonzero(~joined & ((cores != NOWHERE) | (lines != NO_LINE)))
    if len(bad):
        k = int(bad[0])
        raise FormatError(
            f"{source}: byte {at + 4 * k}: pin {k} of {what} is axon or neuron {int(lines[k])} of core "
            f"{int(cores[k])}; it must be 0..{AXONS - 1} of 0..{LAST_ID}, or {NO_LINE} of {NOWHERE}"
        )
    return ConnectorMap(number, name, direction == 0, cores, np.where(joined, lines, -1))


def _numbers(file: Source, dtype: str, count: int, what: str) -> npt.NDArray[np.int64]:
    size = np.dtype(dtype).itemsize
    return np.frombuffer(file.exactly(size * count, what), dtype).astype(np.int64)
