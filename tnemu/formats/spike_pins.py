"""CONNPIN spike files (.sfcp): the pins of an output connector that spiked, tick by tick.

After a header of two objects and the byte 0xFF come blocks of big-endian numbers, and nothing else::

    FE FC FE FC   tick u32   0 u32   0 u32   [ count u32   count pins   count delays, u8 ]

The part in brackets is there where something spiked. A pin has ``bpp`` bits, 8 or 16, as the header's
only connector says, and ``csize`` pins are there. Every tick has a block. The last block has the tick
FFFFFFFF and no spikes. In the board's own numbers

    pin = 256 (-32 - core) + axon

where core is -32, -33, ... as neurons of the model file address it.

Source: two recordings of IBM's run time (118,110 spikes, both with pins of 8 bits). That a pin of 16 bits
has its most significant byte first follows from all other numbers; what the two words after the tick are is
not known: they are 0 in every block at hand, and another value is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.errors import whole
from tnemu.files import Fields, Source, writing
from tnemu.formats.errors import FormatError
from tnemu.formats.spike_header import CLASS, NSCS_VERSION, binary_header
from tnemu.formats.spike_records import LAST_TIME, Spikes, check_records, spikes
from tnemu.hardware.neuron import AXONS, MAX_DELAY
from tnemu.networks.logical import FIRST_CONNECTOR

MARKER = bytes.fromhex("FEFCFEFC")
"""What every block starts with."""
LAST_TICK = 0xFFFFFFFF
"""The tick of the block that ends a file."""
MOST_PINS = 1 << 16
END = MARKER + LAST_TICK.to_bytes(4, "big") + bytes(8)
"""The block that ends a file."""

Array = npt.NDArray[np.integer]

_BLOCK_SPIKES = 1 << 16
_MOST_TEXT = 1 << 12
_WORD = 4


@dataclass(frozen=True)
class PinHeader:
    """What a CONNPIN file says of its connector.

    size      pins that it has, 1..65,536
    name      of the connector
    io_map    the file that holds the connector's map
    build_key IBM's stamp of the run
    most      spikes of a tick at most (IBM's files: 1,024)
    """

    size: int
    name: str = "output"
    io_map: str = ""
    build_key: str = ""
    most: int = 1024

    @property
    def pin_bytes(self) -> int:
        """1 up to 256 pins, 2 above."""
        return 1 if self.size <= AXONS else 2

    def encode(self) -> bytes:
        """The header's bytes, with the 0xFF, laid out as IBM's run time does."""
        whole("csize", self.size, 1, MOST_PINS, error=FormatError, then="use fewer output pins")
        io_map, build_key, name = map(json.dumps, (self.io_map, self.build_key, self.name))
        return (
            f'{{"class":"{CLASS}","encoding":"CONNPIN","nscsVersion":"{NSCS_VERSION}"}}\n'
            f'{{\n   "maxBlockSize" : {self.most},\n   "lastTimeStamp" : 0,\n'
            f'   "monotonicTimeStamp" : 1,\n   "ioMapFile" : {io_map},\n'
            f'   "buildKey64" : {build_key},\n   "defaultDestinationDelay" : 1,\n'
            f'   "connectors" : [\n     {{ "ID" : 0, "name" : {name}, "csize" : {self.size}, '
            f'"bpp" : {8 * self.pin_bytes}, "delayMode" : 1, "defaultDestinationDelay" : 1 }}\n'
            "     ]     }\n"
        ).encode() + b"\xff"


def read_pin_header(file: Source, source: str) -> tuple[PinHeader, int]:
    """The header of an open CONNPIN file, which is left at its first block, and bytes of a pin."""
    found = binary_header(file, source, "CONNPIN")
    with Fields(found, f"{source}:2", error=FormatError) as fields:
        most = fields.whole("maxBlockSize", 1, LAST_TIME)
        fields.whole("lastTimeStamp", 0, LAST_TIME)
        fields.whole("monotonicTimeStamp", 1, 1)
        io_map = fields.text("ioMapFile", most=_MOST_TEXT)
        build_key = fields.text("buildKey64", most=_MOST_TEXT)
        fields.whole("defaultDestinationDelay", 1, MAX_DELAY)
        (connector,) = fields.mappings("connectors", count=1)
        connector.whole("ID", 0, LAST_TIME)
        name = connector.text("name", most=_MOST_TEXT)
        size = connector.whole("csize", 1, MOST_PINS)
        bits = connector.whole("bpp", 8, 16)
        connector.whole("delayMode", 1, 1)
        connector.whole("defaultDestinationDelay", 1, MAX_DELAY)
    if bits not in (8, 16) or size > 1 << bits:
        raise FormatError(
            f"{source}:2: bpp = {bits} for csize = {size} pins is not known; it must be 8 (up to 256 "
            "pins) or 16"
        )
    return PinHeader(size, name, io_map, build_key, most), bits // 8


def iter_pins(file: Source, source: str) -> Iterator[Spikes]:
    """The spikes of an open CONNPIN file in blocks; ``lines`` are numbers of spikes, from 1.

    Raises FormatError: file, offset, value and what is allowed.
    """
    header, pin_bytes = read_pin_header(file, source)
    waiting: list[npt.NDArray[np.void]] = []
    first, held = 1, 0
    for records in _blocks(file, source, header.size, pin_bytes):
        waiting.append(records)
        held += len(records)
        if held >= _BLOCK_SPIKES:
            yield Spikes(np.concatenate(waiting), np.arange(first, first + held), source)
            first, held, waiting = first + held, 0, []
    if held:
        yield Spikes(np.concatenate(waiting), np.arange(first, first + held), source)


def _blocks(file: Source, source: str, size: int, pin_bytes: int) -> Iterator[npt.NDArray[np.void]]:
    """The spikes of every block that has some."""
    last, mark = 0, file.exactly(_WORD, "its first block")
    while True:
        at = file.tell() - _WORD
        rest = file.exactly(len(END) - _WORD, f"the block at byte {at}")
        tick = int.from_bytes(rest[:_WORD], "big")
        if mark != MARKER:
            raise FormatError(
                f"{source}: byte {at}: a block begins with {_hex(mark)}; it must be {_hex(MARKER)}"
            )
        if any(rest[_WORD:]):
            raise FormatError(
                f"{source}: byte {at + 2 * _WORD}: the words after the tick are "
                f"{_hex(rest[_WORD:])}; only zeros are known"
            )
        if tick < last:
            raise FormatError(
                f"{source}: byte {at + _WORD}: the block of tick {tick} comes after that of tick "
                f"{last}; ticks do not fall"
            )
        if tick == LAST_TICK:
            break
        last, mark = tick, file.exactly(_WORD, "its last block, of tick FFFFFFFF,")
        if mark != MARKER:  # a count
            yield _spikes(file, source, tick, int.from_bytes(mark, "big"), size, pin_bytes)
            mark = file.exactly(_WORD, "its last block, of tick FFFFFFFF,")
    if left := file.size - file.tell():
        raise FormatError(
            f"{source}: {left} bytes follow the last block, of tick FFFFFFFF; cut them"
        )


def _hex(data: bytes) -> str:
    return data.hex(" ").upper()


def _spikes(
    file: Source, source: str, tick: int, count: int, size: int, pin_bytes: int
) -> npt.NDArray[np.void]:
    at = file.tell()
    what = f"tick {tick}, which has {count:,} spikes at byte {at},"
    pins = np.frombuffer(file.exactly(count * pin_bytes, what), f">u{pin_bytes}").astype(np.int64)
    delays = np.frombuffer(file.exactly(count, what), np.uint8)
    for values, low, high, key, width, start in (
        (pins, 0, size - 1, "pin", pin_bytes, at),
        (delays, 1, MAX_DELAY, "delay", 1, at + count * pin_bytes),
    ):
        bad = np.flatnonzero((values < low) | (values > high))
        if len(bad):
            raise FormatError(
                f"{source}: byte {start + width * int(bad[0])}: {key} = {int(values[bad[0]])} is not "
                f"allowed; it must be {low}..{high}"
            )
    return spikes(tick, FIRST_CONNECTOR - pins // AXONS, pins % AXONS, delays)


def pin_block(tick: int, pins: Array, delays: Array, header: PinHeader) -> bytes:
    """The block of a tick: ``pins`` [count] that spiked in their order, and their ``delays``, 1..15.

    Raises FormatError for a pin that the connector does not have and a tick of more than 32 bits.
    """
    whole("tick", tick, 0, LAST_TICK - 1, error=FormatError, then="run fewer ticks")
    head = MARKER + tick.to_bytes(_WORD, "big") + bytes(2 * _WORD)
    if not len(pins):
        return head
    for name, values, low, high in (
        ("pin", pins, 0, header.size - 1),
        ("delay", delays, 1, MAX_DELAY),
    ):
        for value in (values.min(), values.max()):
            whole(name, int(value), low, high, error=FormatError)
    body = pins.astype(f">u{header.pin_bytes}").tobytes() + delays.astype(np.uint8).tobytes()
    return head + len(pins).to_bytes(_WORD, "big") + body


def write_pin_spikes(
    path: str | Path, records: npt.NDArray[np.void], header: PinHeader, *, ticks: int
) -> None:
    """Write spikes to connectors, SPIKE_DTYPE in order of ticks 0..ticks - 1, as a CONNPIN file.

    Within a tick they keep their order. The file appears whole or not at all. Raises FormatError for
    spikes out of order or to a core, and a pin that the connector does not have.
    """
    check_records(records)
    time = records["time"]
    if (np.diff(time, prepend=0) < 0).any() or (len(time) and time[-1] >= ticks):
        raise FormatError(
            f"cannot write {path}: its spikes must be in order of ticks, 0..{ticks - 1}"
        )
    if (records["core"] > FIRST_CONNECTOR).any():
        raise FormatError(
            f"cannot write {path}: CONNPIN holds spikes to connectors from {FIRST_CONNECTOR} down; "
            "write a text file"
        )
    pins = AXONS * (FIRST_CONNECTOR - records["core"]) + records["axon"]
    ends = np.searchsorted(time, np.arange(ticks + 1))
    with writing(path, error=FormatError, what="spike file") as file:
        file.write(header.encode())
        for tick in range(ticks):
            mine = slice(ends[tick], ends[tick + 1])
            file.write(pin_block(tick, pins[mine], records["delay"][mine], header))
        file.write(END)
