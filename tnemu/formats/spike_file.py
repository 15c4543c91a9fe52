"""Spike files of IBM's tools: .sfti (in), .sfto (out), .sfci as text, and binary RAWI3 (in).

A text file is two header lines and one object per spike and line::

    {"class":"SpikeWriter","encoding":"TEXT","nscsVersion":"1.4.0"}
    {"version":"sfti1.0", "defaultDestinationDelay" : 1}
    {"spike":{"srcTime":0,"destCore":0,"destAxon":14}}

``srcTime`` is the tick in which the spike was sent; its core sees it ``destDelay`` ticks later, or
``defaultDestinationDelay`` where the spike has none. In output files ``destCore`` is the negative
number of a connector. A RAWI3 file is one header object, the byte 0xFF, and big-endian unsigned
32-bit triples (srcTime, destCore, destAxon).

Source: files written by IBM's tools and by pytruenorth. The six words of RAWO6 output files are
only known in part, so they are neither read nor written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from tnemu.formats.errors import FormatError
from tnemu.formats.whole_file import whole_file
from tnemu.hardware.neuron import AXONS, MAX_DELAY

SPIKE_DTYPE = np.dtype(
    [("time", np.int64), ("core", np.int64), ("axon", np.int32), ("delay", np.int32)]
)
"""A spike: source tick, core id or connector number, axon or pin, ticks until it is seen."""
LAST_TIME = (1 << 32) - 1
"""Highest srcTime: RAWI3 has 32 bits for it."""
CORE_LIMIT = (1 << 31) - 1
"""Core ids and connector numbers lie in -CORE_LIMIT..CORE_LIMIT."""
Version = Literal["sfti1.0", "sfto1.0", "sfci1.0"]
VERSIONS = ("sfti1.0", "sfto1.0", "sfci1.0")

_BLOCK_BYTES = 1 << 18
_BLOCK_SPIKES = 1 << 16
_HEADER_BYTES = 1 << 12
_CLASS = "SpikeWriter"
_LIMITS = {
    "srcTime": (0, LAST_TIME),
    "destCore": (-CORE_LIMIT, CORE_LIMIT),
    "destAxon": (0, AXONS - 1),
    "destDelay": (1, MAX_DELAY),
    "srcCore": (-CORE_LIMIT, CORE_LIMIT),
    "srcNeuron": (-1, 255),
}
_REQUIRED = ("srcTime", "destCore", "destAxon")
_LINE = '{"spike":{"srcTime":%d,"destCore":%d,"destAxon":%d}}\n'
_LINE_WITH_DELAY = '{"spike":{"srcTime":%d,"destCore":%d,"destAxon":%d,"destDelay":%d}}\n'
_SKELETONS = {sign: (_LINE % (1, sign, 1)).replace("1", "").encode() for sign in (1, -1)}
_ABSENT = object()
_DIGITS = b"0123456789"
_ONLY_DIGITS = bytes(c if c in _DIGITS else ord(" ") for c in range(256))


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes of a file in their order: ``records`` has dtype SPIKE_DTYPE.

    ``lines`` is the line of each (int64), for a binary file the number of the triple from 1.
    """

    records: npt.NDArray[np.void]
    lines: npt.NDArray[np.int64]
    source: str

    def where(self, index: int) -> str:
        """File and line of a spike, as errors name it."""
        return f"{self.source}:{int(self.lines[index])}"

    def __len__(self) -> int:
        return len(self.records)


def spikes(
    time: npt.ArrayLike, core: npt.ArrayLike, axon: npt.ArrayLike, delay: npt.ArrayLike = 1
) -> npt.NDArray[np.void]:
    """SPIKE_DTYPE records of arrays that broadcast.

    >>> spikes([0, 1], 7, 3)["time"].tolist()
    [0, 1]
    """
    columns = np.broadcast_arrays(*(np.asarray(v) for v in (time, core, axon, delay)))
    records = np.empty(columns[0].size, dtype=SPIKE_DTYPE)
    for name, column in zip(SPIKE_DTYPE.names or (), columns, strict=True):
        records[name] = column.ravel()
    return records


def read_spikes(path: str | Path) -> Spikes:
    """All spikes of a text or RAWI3 file; FormatError names file, line, field and what is allowed."""
    blocks = list(iter_spikes(path))
    empty = np.zeros(0, dtype=SPIKE_DTYPE), np.zeros(0, dtype=np.int64)
    return Spikes(
        np.concatenate([empty[0], *(block.records for block in blocks)]),
        np.concatenate([empty[1], *(block.lines for block in blocks)]),
        Path(path).name,
    )


def iter_spikes(path: str | Path) -> Iterator[Spikes]:
    """The spikes of a file in blocks of some 256 KB, for files that should not be held whole."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.read(_HEADER_BYTES)
            file.seek(0)
            if b"RAWI3" in head.partition(b"\n")[0]:
                yield from _binary_blocks(file, head, path.name)
            else:
                yield from _text_blocks(file, path.name)
    except OSError as error:
        raise FormatError(
            f"cannot read spike file {path}: {error.strerror or error}; check the path"
        ) from error


def _text_blocks(file: IO[bytes], source: str) -> Iterator[Spikes]:
    _class_header(file.readline(_HEADER_BYTES), f"{source}:1", "TEXT")
    second = _object(file.readline(_HEADER_BYTES), f"{source}:2")
    if set(second) != {"version", "defaultDestinationDelay"}:
        raise FormatError(
            f"{source}:2: the second header line has the keys {', '.join(second) or 'none'}; "
            "it has exactly version and defaultDestinationDelay"
        )
    if second["version"] not in VERSIONS:
        raise FormatError(
            f"{source}:2: version = {second['version']!r} is not known; "
            f"known: {', '.join(VERSIONS)}"
        )
    delay = _default_delay(second, f"{source}:2")
    line = 3
    while block := file.read(_BLOCK_BYTES):
        block += file.readline()
        if not block.endswith(b"\n"):
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
        plain = len(found) == lines and set(map(len, entries)) == {1}
        columns = {key: [spike.pop(key, _ABSENT) for spike in found] for key in _LIMITS}
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None
    if not plain or any(found):
        return None
    for key, column in columns.items():
        values = [value for value in column if value is not _ABSENT]
        complete = len(values) == lines or key not in _REQUIRED
        if not complete or set(map(type, values)) - {int}:
            return None
        if values and not _inside(key, min(values), max(values)):
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
        entry = _object(text, where)
        spike = entry.get("spike")
        if set(entry) != {"spike"} or not isinstance(spike, dict):
            raise FormatError(
                f'{where}: a line of a spike file is one object {{"spike":{{...}}}}; found '
                f"{text.decode(errors='replace')[:60]!r}"
            )
        for key in _REQUIRED:
            if key not in spike:
                raise FormatError(f"{where}: the spike has no {key}; add it")
        for key, value in spike.items():
            if key not in _LIMITS:
                raise FormatError(
                    f"{where}: the spike has the unknown key {key!r}; known: {', '.join(_LIMITS)}"
                )
            _whole(key, value, where)
        rows.append((*(spike[key] for key in _REQUIRED), spike.get("destDelay", delay)))
        lines.append(line)
    return Spikes(np.array(rows, dtype=SPIKE_DTYPE), np.array(lines, dtype=np.int64), source)


def _binary_blocks(file: IO[bytes], head: bytes, source: str) -> Iterator[Spikes]:
    header, mark, _ = head.partition(b"\xff")
    if not mark:
        raise FormatError(f"{source}: no byte 0xFF ends the header; the file is cut off")
    delay = _default_delay(_class_header(header, source, "RAWI3"), source)
    file.seek(len(header) + 1)
    first = 1
    while block := file.read(12 * _BLOCK_SPIKES):
        if len(block) % 12:
            raise FormatError(
                f"{source}: {len(block) % 12} bytes follow the last whole spike of 12 bytes; "
                "the file is cut off"
            )
        time, core, axon = np.frombuffer(block, dtype=">u4").astype(np.int64).reshape(-1, 3).T
        numbers = np.arange(first, first + len(time), dtype=np.int64)
        for key, values in (("destCore", core), ("destAxon", axon)):
            bad = np.flatnonzero(values > _LIMITS[key][1])
            if len(bad):
                _whole(key, int(values[bad[0]]), f"{source}:{int(numbers[bad[0]])}")
        yield Spikes(spikes(time, core, axon, delay), numbers, source)
        first += len(time)


def _class_header(text: bytes, where: str, encoding: str) -> dict[str, Any]:
    header = _object(text, where)
    known = {"class", "encoding", "nscsVersion"}
    known |= {"defaultDestinationDelay"} if encoding != "TEXT" else set()
    if header.get("class") != _CLASS or header.get("encoding") != encoding or set(header) != known:
        raise FormatError(
            f"{where}: the header is {text.decode(errors='replace').strip()[:100]!r}; a spike file "
            f'starts with {{"class":"{_CLASS}","encoding":"{encoding}",...}} and the keys '
            f"{', '.join(sorted(known))} (encodings read: TEXT, RAWI3)"
        )
    return header


def _default_delay(header: dict[str, Any], where: str) -> int:
    delay = header["defaultDestinationDelay"]
    if type(delay) is not int or not 1 <= delay <= MAX_DELAY:
        raise FormatError(
            f"{where}: defaultDestinationDelay = {delay!r} is not allowed; "
            f"it must be a whole number, 1..{MAX_DELAY}"
        )
    return delay


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{where}: this is no JSON object ({error.msg}, column {error.colno})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where}: this is no JSON object ({error})") from error
    if not isinstance(value, dict):
        raise FormatError(f"{where}: this is no JSON object, but {str(value)[:60]!r}")
    return value


def _inside(key: str, low: int, high: int) -> bool:
    return _LIMITS[key][0] <= low and high <= _LIMITS[key][1]


def _whole(key: str, value: Any, where: str) -> None:
    low, high = _LIMITS[key]
    if type(value) is not int or not low <= value <= high:
        raise FormatError(
            f"{where}: {key} = {value!r} is not allowed; it must be a whole number, {low}..{high}"
        )


def write_spikes(
    path: str | Path,
    records: npt.NDArray[np.void],
    *,
    version: Version = "sfto1.0",
    default_delay: int = 1,
) -> None:
    """Write a text spike file, whole or not at all; raises FormatError for a field out of range."""
    with whole_file(path) as file:
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
    _default_delay({"defaultDestinationDelay": default_delay}, "spike file")
    return (
        f'{{"class":"{_CLASS}","encoding":"TEXT","nscsVersion":"1.4.0"}}\n'
        f'{{"version":"{version}", "defaultDestinationDelay" : {default_delay}}}\n'
    ).encode()


def format_lines(records: npt.NDArray[np.void], default_delay: int = 1) -> Iterator[bytes]:
    """The lines of spikes, some thousand at a time.

    A spike whose delay is not the default carries destDelay. Raises FormatError for a field out of
    range.
    """
    _check(records)
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


def write_raw_spikes(
    path: str | Path, records: npt.NDArray[np.void], *, default_delay: int = 1
) -> None:
    """Write a binary RAWI3 file, whole or not at all.

    Raises FormatError for a field out of range, a connector number, and a delay that is not the
    default, for which RAWI3 has no room.
    """
    _check(records)
    if (records["core"] < 0).any() or (records["delay"] != default_delay).any():
        raise FormatError(
            f"cannot write {path}: RAWI3 holds core ids from 0 and the delay {default_delay} only; "
            "write a text file"
        )
    header = {
        "class": _CLASS,
        "nscsVersion": "1.4.0",
        "encoding": "RAWI3",
        "defaultDestinationDelay": default_delay,
    }
    _default_delay(header, "spike file")
    columns = [records[name] for name in ("time", "core", "axon")]
    with whole_file(path) as file:
        file.write(json.dumps(header, separators=(",", ":")).encode() + b"\xff")
        file.write(np.stack(columns, axis=1).astype(">u4").tobytes())


def _check(records: npt.NDArray[np.void]) -> None:
    keys = (*_REQUIRED, "destDelay")
    for name, key in zip(SPIKE_DTYPE.names or (), keys, strict=True):
        low, high = _LIMITS[key]
        bad = np.flatnonzero((records[name] < low) | (records[name] > high))
        if len(bad):
            _whole(key, int(records[name][bad[0]]), f"spike {int(bad[0])}")
