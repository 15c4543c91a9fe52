"""Compiled board models (.tnbm): what IBM's tools made of a model file to load it onto a board.

Little-endian, 32 + 15,472 bytes for each core::

    "TNBM"  6 u32  8 u32  3868 u32  cores u32  12 zero bytes       8, 3868: words of header and core
    then for each core, in order of ids 0, 1, ...:
    "TNCB"  FFFF  32 bytes  6 zero bytes  rngSeed u32  64 bytes    bit p of the 32: neuron 255 - p is unused
    256 rows of 60 bytes, neuron 0 first                           two bits p of the 64: type of axon 255 - p

The rows are in :mod:`tnemu.formats.tnbm_rows`. There are no names, and no places: destinations are
core ids, or connectors from -32 down, or -2. It holds what a model file holds, but for names.

Source: three models of IBM's, derived from which every byte of them is equal; what 6, FFFF and the zeros mean
is not known. ``docs/files.md`` says what is proven, what is a guess, and what is refused.
"""

from __future__ import annotations

import struct
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from tnemu.formats.errors import FormatError
from tnemu.formats.model_core import LAST_ID, connect
from tnemu.formats.tnbm_rows import (
    FIELDS,
    NOWHERE,
    ROW_BYTES,
    UNUSED_ALPHA,
    ZERO,
    Bits,
    Ints,
    decode,
    to_records,
    unproven,
)
from tnemu.hardware.neuron import AXON_TYPES, AXONS, MAX_DELAY, NEURONS
from tnemu.hardware.neuron import FIELDS as PARAMETERS
from tnemu.networks.logical import FIRST_CONNECTOR, WIRE_DTYPE, LogicalCore, LogicalNetwork

MAGIC = b"TNBM"
"""What a file begins with."""
HEAD = struct.Struct("<4s4I12s")
"""Magic, 6, words of this header, words of a core, cores, zeros."""
CORE_HEAD = struct.Struct("<6s32s6sI64s")
"""Magic and FFFF, unused neurons, zeros, seed, axon types."""
CORE_BYTES = CORE_HEAD.size + NEURONS * ROW_BYTES
CORE_MAGIC = b"TNCB\xff\xff"
VERSION, HEAD_WORDS, CORE_WORDS = 6, HEAD.size // 4, CORE_BYTES // 4

Flags = npt.NDArray[np.bool_]


def parse_tnbm(data: bytes, source: str) -> LogicalNetwork:
    """The network in the bytes of a .tnbm; ``source`` names it in errors.

    Cores are named "core 0", "core 1", ..., all of the layer "cores". ``origin["notes"]`` says, where there is something to say,
    what of it rests on a guess. Raises FormatError: file, core, neuron, offset, value, what is allowed.
    """
    count = _core_count(data, source)
    cores, wires = [], []
    dropped = 0
    for number in range(count):
        found = _Core(data, number, count, source)
        cores.append(found.core)
        wires.append(found.wires)
        dropped += found.dropped
    joined = np.concatenate(wires)
    target = joined["target"].astype(np.int64)
    network = LogicalNetwork(cores=cores, wires=joined, outputs=connect(joined, target, target))
    notes = []
    if guesses := unproven(network):
        notes.append(
            f"{source} has {', '.join(guesses)}: that a .tnbm keeps them where they were read is not "
            "proven by any known file"
        )
    if dropped:
        notes.append(f"{source} has {dropped} unused neurons with parameters, which were dropped")
    network.origin = {"notes": notes} if notes else {}
    return network


def _core_count(data: bytes, source: str) -> int:
    if len(data) < HEAD.size:
        raise FormatError(
            f"{source}: the header is cut off: {len(data)} bytes are there of {HEAD.size}"
        )
    magic, *words, zeros = HEAD.unpack_from(data)
    for what, at, found, known in (
        ("magic", 0, magic, MAGIC),
        ("the first word", 4, words[0], VERSION),
        ("words of the header", 8, words[1], HEAD_WORDS),
        ("words of a core", 12, words[2], CORE_WORDS),
        ("the end of the header", 20, zeros, bytes(12)),
    ):
        if found != known:
            raise FormatError(
                f"{source}: byte {at}: {what} = {found!r} is not known; it must be {known!r}"
            )
    count: int = words[3]
    expected = HEAD.size + count * CORE_BYTES
    if not 1 <= count <= LAST_ID or len(data) != expected:
        raise FormatError(
            f"{source}: byte 16: {count:,} cores take {expected:,} bytes, and at least one is needed; "
            f"the file has {len(data):,}"
        )
    return count


class _Core:
    """One core of a file: its neurons, and where they send."""

    def __init__(self, data: bytes, number: int, count: int, source: str) -> None:
        self.number, self.count, self.source = number, count, source
        self.at = HEAD.size + number * CORE_BYTES
        magic, unused, zeros, seed, types = CORE_HEAD.unpack_from(data, self.at)
        if magic != CORE_MAGIC or any(zeros):
            raise FormatError(
                f"{source}: core {number}: its header at byte {self.at} is {magic!r} and, from byte "
                f"{self.at + 38}, {zeros!r}; it must be {CORE_MAGIC!r} and zeros"
            )
        self.used = ~_bits(unused)[::-1].astype(np.bool_)
        rows = np.frombuffer(data, np.uint8, NEURONS * ROW_BYTES, self.at + CORE_HEAD.size)
        rows = rows.reshape(NEURONS, ROW_BYTES)
        self.fields, synapses, bits = decode(rows)
        self._check_zeros(bits)
        self._check_ranges()
        self.sends = self._check_targets()
        self.dropped = int((~self.used & (rows != unused_row(number)).any(axis=1)).sum())
        pairs = _bits(types).reshape(AXONS, 2)[::-1]
        self.core = LogicalCore(
            name=f"core {number}",
            layer="cores",
            number=number,
            seed=seed,
            axon_types=(pairs[:, 0] + 2 * pairs[:, 1]).astype(np.uint8),
            crossbar=synapses & self.used,
            neurons=np.where(self.used, to_records(self.fields), to_records(_NONE)),
            used=self.used,
        )

    @property
    def wires(self) -> npt.NDArray[np.void]:
        """The wires of the core, whose targets are ids and connector numbers."""
        wires = np.zeros(int(self.sends.sum()), dtype=WIRE_DTYPE)
        wires["core"], wires["neuron"] = self.number, np.flatnonzero(self.sends)
        for name, field in (("target", "core"), ("pin", "axon"), ("delay", "delay")):
            wires[name] = self.fields[field][self.sends]
        return wires

    def _check_zeros(self, bits: Bits) -> None:
        found = np.argwhere(bits[:, ZERO])
        if len(found):
            j, bit = int(found[0][0]), int(ZERO[found[0][1]])
            self._refuse(
                j, bit, f"bit {bit} is set; no known file sets it, so what it says is not known"
            )

    def _check_ranges(self) -> None:
        for name in FIELDS:
            known = PARAMETERS.get("s" if name in _WEIGHTS else name)
            if known:
                self._bounded(name, self.used, known.low, known.high)

    def _check_targets(self) -> Flags:
        core = self.fields["core"]
        sends = self.used & (core != NOWHERE)
        strange = sends & ((core >= self.count) | (core < 0) & (core > FIRST_CONNECTOR))
        if strange.any():
            j = int(np.flatnonzero(strange)[0])
            self._refuse(
                j,
                FIELDS["core"].bit,
                f"destination core {int(core[j])} is not allowed; it must be 0..{self.count - 1}, a "
                f"connector from {FIRST_CONNECTOR} down, or {NOWHERE} for nowhere",
            )
        self._bounded("core", sends, -LAST_ID, LAST_ID)
        self._bounded("delay", sends, 1, MAX_DELAY)
        return sends

    def _bounded(self, name: str, where: Flags, low: int, high: int) -> None:
        values = self.fields[name]
        bad = np.flatnonzero(where & ((values < low) | (values > high)))
        if len(bad):
            j = int(bad[0])
            self._refuse(
                j,
                FIELDS[name].bit,
                f"{name} = {int(values[j])} is not allowed; it must be {low}..{high}",
            )

    def _refuse(self, j: int, bit: int, message: str) -> NoReturn:
        at = self.at + CORE_HEAD.size + j * ROW_BYTES + bit // 8
        raise FormatError(f"{self.source}: core {self.number} neuron {j} (byte {at}): {message}")


_WEIGHTS = tuple(f"s{g}" for g in range(AXON_TYPES))
_NONE: dict[str, Ints] = {name: np.zeros(NEURONS, np.int64) for name in FIELDS}


def _bits(data: bytes) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")


def unused_row(number: int) -> Bits:
    """The row of a neuron of core ``number`` that is not used, uint8 [60]: alpha 10, its own core."""
    row = UNUSED_ALPHA << FIELDS["alpha"].bit | number << FIELDS["core"].bit
    return np.frombuffer(row.to_bytes(ROW_BYTES, "little"), np.uint8)
