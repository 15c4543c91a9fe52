"""Binary spike files of 32-bit words, most significant byte first: RAWI3 (in) and RAWO6 (out).

    RAWI3   srcTime, destCore, destAxon                                   12 bytes a spike
    RAWO6   srcTime, srcCore, srcNeuron, destCore, destAxon, destDelay    24 bytes a spike

follow the header and its byte 0xFF. In RAWO6 a negative destCore is a connector's number, and
srcCore and srcNeuron say who sent the spike: it is what IBM's simulator writes of the neurons that it
was told to monitor, in order of tick, core and neuron.

Source: pytruenorth (RAWI3); a recording of IBM's run time in which the targets and delays of all 10,278
records are those of its model file (RAWO6).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.files import Source, opening, writing
from tnemu.formats.errors import FormatError
from tnemu.formats.spike_header import (
    CLASS,
    NSCS_VERSION,
    binary_header,
    check_delay,
    only_delay,
)
from tnemu.formats.spike_records import (
    LIMITS,
    MOST_BYTES,
    SENT_DTYPE,
    SENT_KEYS,
    SPIKE_DTYPE,
    Spikes,
    check_field,
    check_records,
    spikes,
)

Records = npt.NDArray[np.void]
BLOCK_SPIKES = 1 << 16


def iter_rawi3(file: Source, source: str) -> Iterator[Spikes]:
    """The spikes of an open RAWI3 file in blocks; ``lines`` are numbers of triples, from 1."""
    delay = only_delay(binary_header(file, source, "RAWI3"), source)
    for first, words in _blocks(file, source, 3):
        time, core, axon = words.T
        numbers = np.arange(first, first + len(time), dtype=np.int64)
        for key, values in (("destCore", core), ("destAxon", axon)):
            bad = np.flatnonzero(values > LIMITS[key][1])
            if len(bad):
                check_field(key, int(values[bad[0]]), f"{source}:{int(numbers[bad[0]])}")
        yield Spikes(spikes(time, core, axon, delay), numbers, source)


def iter_rawo6(file: Source, source: str) -> Iterator[Spikes]:
    """The spikes of an open RAWO6 file in blocks, without their senders."""
    first = 1
    for sent in _sent_blocks(file, source):
        records = np.empty(len(sent), SPIKE_DTYPE)
        for name in SPIKE_DTYPE.names or ():
            records[name] = sent[name]
        yield Spikes(records, np.arange(first, first + len(sent), dtype=np.int64), source)
        first += len(sent)


def iter_sent(path: str | Path) -> Iterator[Records]:
    """The spikes of a RAWO6 file with their senders, SENT_DTYPE [m], in blocks.

    Raises FormatError: file, offset, field, value and what is allowed.
    """
    with opening(path, error=FormatError, what="spike file", most_bytes=MOST_BYTES) as file:
        yield from _sent_blocks(file, Path(path).name)


def _sent_blocks(file: Source, source: str) -> Iterator[Records]:
    only_delay(binary_header(file, source, "RAWO6"), source)
    start = file.tell()
    for first, words in _blocks(file, source, 6):
        # Ticks are counted from 0 to 2^32 - 1; all else may be negative.
        words[:, 1:] = words[:, 1:].astype(np.uint32).view(np.int32)
        for column, key in enumerate(SENT_KEYS):
            low, high = LIMITS[key]
            bad = np.flatnonzero((words[:, column] < low) | (words[:, column] > high))
            if len(bad):
                at = start + 24 * (first - 1 + int(bad[0])) + 4 * column
                check_field(key, int(words[bad[0], column]), f"{source}: byte {at}")
        records = np.empty(len(words), SENT_DTYPE)
        for column, name in enumerate(SENT_DTYPE.names or ()):
            records[name] = words[:, column]
        yield records


def _blocks(file: Source, source: str, words: int) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """(number of the first, int64 [m, words]) of the records of an open file, from 1."""
    first, size = 1, 4 * words
    while block := file.read(size * BLOCK_SPIKES):
        if rest := len(block) % size:
            raise FormatError(
                f"{source}: {rest} bytes follow the last whole spike of {size} bytes; "
                "the file is cut off"
            )
        yield first, np.frombuffer(block, dtype=">u4").astype(np.int64).reshape(-1, words)
        first += len(block) // size


def write_raw_spikes(path: str | Path, records: Records, *, default_delay: int = 1) -> None:
    """Write a binary RAWI3 file, whole or not at all; every spike has the delay ``default_delay``.

    Raises FormatError for a field out of range, a connector number, and another delay, for which
    RAWI3 has no room.
    """
    check_records(records)
    if (records["core"] < 0).any() or (records["delay"] != default_delay).any():
        raise FormatError(
            f"cannot write {path}: RAWI3 holds core ids from 0 and the delay {default_delay} only; "
            "write a text file"
        )
    header = {
        "class": CLASS,
        "nscsVersion": NSCS_VERSION,
        "encoding": "RAWI3",
        "defaultDestinationDelay": default_delay,
    }
    check_delay(header, "spike file")
    with writing(path, error=FormatError, what="spike file") as file:
        file.write(json.dumps(header, separators=(",", ":")).encode() + b"\xff")
        for start in range(0, len(records), BLOCK_SPIKES):
            block = records[start : start + BLOCK_SPIKES]
            columns = [block[name] for name in ("time", "core", "axon")]
            file.write(np.stack(columns, axis=1).astype(">u4").tobytes())


def write_sent_spikes(path: str | Path, records: Records) -> None:
    """Write a binary RAWO6 file of SENT_DTYPE records, whole or not at all.

    Raises FormatError for a field out of range.
    """
    with writing(path, error=FormatError, what="spike file") as file:
        file.write(SENT_HEADER)
        for start in range(0, len(records), BLOCK_SPIKES):
            file.write(sent_words(records[start : start + BLOCK_SPIKES]))


SENT_HEADER = (
    f'{{"class":"{CLASS}","encoding":"RAWO6","nscsVersion":"{NSCS_VERSION}"}}\n'
    '{ "defaultDestinationDelay" : 1 }'
).encode() + b"\xff"
"""What a RAWO6 file starts with, as IBM's run time writes it."""


def sent_words(records: Records) -> bytes:
    """The bytes of SENT_DTYPE records in a RAWO6 file; FormatError for a field out of range."""
    check_records(records)
    columns = [records[name].astype(np.int64) for name in SENT_DTYPE.names or ()]
    return np.stack(columns, axis=1).astype(np.uint32).astype(">u4").tobytes()
