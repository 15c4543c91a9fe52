"""Spike files of IBM's tools, read by what their first line says: TEXT, RAWI3, RAWO6, CONNPIN.

This module is the way in, and writes and reads text: .sfti (in), .sfto (out), .sfci (in). The binary
encodings are in :mod:`tnemu.formats.spike_words` (RAWI3 in; RAWO6 out, .sfro) and
:mod:`tnemu.formats.spike_pins` (CONNPIN out, .sfcp). A text file is two header lines and one object
per spike and line::

    {"class":"SpikeWriter","encoding":"TEXT","nscsVersion":"1.4.0"}
    {"version":"sfti1.0", "defaultDestinationDelay" : 1}
    {"spike":{"srcTime":0,"destCore":0,"destAxon":14}}

``srcTime`` is the tick in which the spike was sent; its core sees it ``destDelay`` ticks later, or
``defaultDestinationDelay`` where the spike has none. In output files ``destCore`` is the negative
number of a connector.

Source: files written by IBM's tools and by pytruenorth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.files import Source, opening, writing
from tnemu.formats.errors import FormatError
from tnemu.formats.spike_header import (
    CLASS,
    NSCS_VERSION,
    check_delay,
    class_header,
    encoding_of,
    json_object,
)
from tnemu.formats.spike_pins import iter_pins
from tnemu.formats.spike_records import (
    CORE_LIMIT,
    LAST_TIME,
    LIMITS,
    MOST_BYTES,
    REQUIRED,
    SPIKE_DTYPE,
    Spikes,
    check_field,
    check_records,
    inside,
    spikes,
)
from tnemu.formats.spike_words import iter_rawi3, iter_rawo6, write_raw_spikes
from tnemu.hardware.neuron import AXONS

__all__ = [
    "SPIKE_DTYPE",
    "VERSIONS",
    "Spikes",
    "format_header",
    "format_lines",
    "format_spikes",
    "iter_spikes",
    "read_spikes",
    "spikes",
    "write_raw_spikes",
    "write_spikes",
]

Version = Literal["sfti1.0", "sfto1.0", "sfci1.0"]
VERSIONS = ("sfti1.0", "sfto1.0", "sfci1.0")
"""Versions that the second line of a text file may name."""
MOST_SPIKES = 1 << 25
"""Spikes that :func:`read_spikes` holds at once unless it is told otherwise: 1.1 GB of memory."""
_BLOCK_BYTES = 1 << 18
_BLOCK_SPIKES = 1 << 16
_LINE_BYTES = 1 << 12
_LINE = '{"spike":{"srcTime":%d,"destCore":%d,"destAxon":%d}}\n'
_LINE_WITH_DELAY = '{"spike":{"srcTime":%d,"destCore":%d,"destAxon":%d,"destDelay":%d}}\n'
_SKELETONS = {sign: (_LINE % (1, sign, 1)).replace("1", "").encode() for sign in (1, -1)}
_ABSENT = object()
_LEADING_ZERO = re.compile(rb":0[0-9]")
_DIGITS = b"0123456789"
_ONLY_DIGITS = bytes(c if c in _DIGITS else ord(" ") for c in range(256))


def read_spikes(path: str | Path, *, most_spikes: int = MOST_SPIKES) -> Spikes:
    """All spikes of a file, at most ``most_spikes`` of them, 32 bytes each.

    Raises FormatError, which names file, line, field and what is allowed.
    """
    blocks, count = [], 0
    for block in iter_spikes(path):
        count += len(block)
        if count > most_spikes:
            raise FormatError(
                f"{block.source} has more than {most_spikes:,} spikes, the limit; read it in blocks "
                "(iter_spikes), or give a higher limit (most_spikes)"
            )
        blocks.append(block)
    records, lines = np.empty(count, SPIKE_DTYPE), np.empty(count, np.int64)
    at = count
    while blocks:  # from the end, so that each block is let go of once it is copied
        block = blocks.pop()
        at -= len(block)
        records[at : at + len(block)] = block.records
        lines[at : at + len(block)] = block.lines
    return Spikes(records, lines, Path(path).name)


def iter_spikes(path: str | Path) -> Iterator[Spikes]:
    """The spikes of a file in blocks of some 256 KB, for files that should not be held whole."""
    name = Path(path).name
    with opening(path, error=FormatError, what="spike file", most_bytes=MOST_BYTES) as file:
        encoding = encoding_of(file.read(_LINE_BYTES).partition(b"\n")[0])
        file.seek(0)
        yield from _READERS.get(encoding, _text_blocks)(file, name)


_READERS = {"RAWI3": iter_rawi3, "RAWO6": iter_rawo6, "CONNPIN": iter_pins}


def _text_blocks(file: Source, source: str) -> Iterator[Spikes]:
    class_header(file.readline(_LINE_BYTES), source, "TEXT", 1)
    second = json_object(file.readline(_LINE_BYTES), source, 2)
    if set(second) != {"version", "defaultDestinationDelay"}:
        raise FormatError(
            f"{source}:2: the second header line has the keys {shown(list(second))}; "
            "it has exactly version and defaultDestinationDelay"
        )
    if second["version"] not in VERSIONS:
        raise FormatError(
            f"{source}:2: version = {shown(second['version'])} is not known; "
            f"known: {', '.join(VERSIONS)}"
        )
    delay = check_delay(second, f"{source}:2")
    line = 3
    while block := file.read(_BLOCK_BYTES):
        block += file.readline(_LINE_BYTES)
        if not block.endswith(b"\n"):
            if file.tell() < file.size:
                raise FormatError(
                    f"{source}:{line + block.count(10)}: the line is longer than {_LINE_BYTES:,} "
                    "bytes; a line of a spike file is one spike"
                )
            block += b"\n"
        records = _uniform(block, delay)
        if records is None:
            records = _any_layout(block, delay)
        if records is None:
            yield _line_by_line(block, delay, source, line)
        else:
            yield Spikes(records, np.arange(line, line + len(records)), source)
        line += block.count(b"\n")


def _uniform(block: bytes, delay: int) -> npt.NDArray[np.void] | None:
    """The spikes of lines that are all written as IBM writes them, or None.

    With every digit deleted, such a block is one skeleton repeated, which is compared at once.
    """
    if _LEADING_ZERO.search(block):
        return None
    bare = block.translate(None, _DIGITS)
    for sign, skeleton in _SKELETONS.items():
        count, rest = divmod(len(bare), len(skeleton))
        if rest or bare != skeleton * count:
            continue
        # A number of too many digits comes out as the largest int64, which no field allows.
        numbers = np.fromstring(block.translate(_ONLY_DIGITS).decode(), dtype=np.int64, sep=" ")
        if len(numbers) != 3 * count:
            return None
        time, core, axon = numbers.reshape(-1, 3).T
        if (time > LAST_TIME).any() or (core > CORE_LIMIT).any() or (axon >= AXONS).any():
            return None
        return spikes(time, sign * core, axon, delay)
    return None


def _any_layout(block: bytes, delay: int) -> npt.NDArray[np.void] | None:
    """The spikes of lines that are all right, in whatever order and spacing, or None."""
    lines = block.count(b"\n")
    try:
        entries = json.loads(b"[" + block[:-1].replace(b"\n", b",\n") + b"]")
        found = [entry["spike"] for entry in entries]
        # A colon stands behind every key and nowhere else: a key that is repeated shows.
        keys = lines + sum(map(len, found))
        plain = len(found) == lines and set(map(len, entries)) == {1} and block.count(b":") == keys
        columns = {key: [spike.pop(key, _ABSENT) for spike in found] for key in LIMITS}
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None
    if not plain or any(found):
        return None
    for key, column in columns.items():
        values = [value for value in column if value is not _ABSENT]
        complete = len(values) == lines or key not in REQUIRED
        if not complete or set(map(type, values)) - {int}:
            return None
        if values and not inside(key, min(values), max(values)):
            return None
    delays = [delay if value is _ABSENT else value for value in columns["destDelay"]]
    return spikes(columns["srcTime"], columns["destCore"], columns["destAxon"], delays)


def _line_by_line(block: bytes, delay: int, source: str, first: int) -> Spikes:
    """The spikes of lines of which one is blank or wrong; the wrong one is named and refused."""
    rows, lines = [], []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first):
        if not text.strip():
            continue
        where = f"{source}:{line}"
        entry = json_object(text, source, line)
        spike = entry.get("spike")
        if set(entry) != {"spike"} or not isinstance(spike, dict):
            raise FormatError(
                f'{where}: a line of a spike file is one object {{"spike":{{...}}}}; found '
                f"{shown(text.decode())}"
            )
        for key in REQUIRED:
            if key not in spike:
                raise FormatError(f"{where}: the spike has no {key}; add it")
        for key, value in spike.items():
            if key not in LIMITS:
                raise FormatError(
                    f"{where}: the spike has the unknown key {shown(key)}; "
                    f"known: {', '.join(LIMITS)}"
                )
            check_field(key, value, where)
        rows.append((*(spike[key] for key in REQUIRED), spike.get("destDelay", delay)))
        lines.append(line)
    return Spikes(np.array(rows, dtype=SPIKE_DTYPE), np.array(lines, dtype=np.int64), source)


def write_spikes(
    path: str | Path,
    records: npt.NDArray[np.void],
    *,
    version: Version = "sfto1.0",
    default_delay: int = 1,
) -> None:
    """Write a text spike file, whole or not at all; raises FormatError for a field out of range."""
    with writing(path, error=FormatError, what="spike file") as file:
        for piece in format_spikes(records, version=version, default_delay=default_delay):
            file.write(piece)


def format_spikes(
    records: npt.NDArray[np.void], *, version: Version = "sfto1.0", default_delay: int = 1
) -> Iterator[bytes]:
    """The pieces of a text spike file: its header, then its lines."""
    yield format_header(version, default_delay)
    yield from format_lines(records, default_delay)


def format_header(version: Version = "sfto1.0", default_delay: int = 1) -> bytes:
    """The two lines that a text spike file starts with."""
    check_delay({"defaultDestinationDelay": default_delay}, "spike file")
    return (
        f'{{"class":"{CLASS}","encoding":"TEXT","nscsVersion":"{NSCS_VERSION}"}}\n'
        f'{{"version":"{version}", "defaultDestinationDelay" : {default_delay}}}\n'
    ).encode()


def format_lines(records: npt.NDArray[np.void], default_delay: int = 1) -> Iterator[bytes]:
    """The lines of spikes, some thousand at a time.

    A spike whose delay is not the default carries destDelay. Raises FormatError for a field out of
    range.
    """
    check_records(records)
    for start in range(0, len(records), _BLOCK_SPIKES):
        block = records[start : start + _BLOCK_SPIKES]
        if (block["delay"] == default_delay).all():
            columns = [block[name] for name in ("time", "core", "axon")]
            values = tuple(np.stack(columns, axis=1).astype(np.int64).ravel().tolist())
            yield (_LINE * len(block) % values).encode()
        else:
            yield "".join(
                _LINE % row[:3] if row[3] == default_delay else _LINE_WITH_DELAY % row
                for row in block.tolist()
            ).encode()
