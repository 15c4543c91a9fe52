"""Recordings of what happens inside a board: firings, potentials or counts, as .npz, .csv or .parquet.

An ``.npz`` of firings holds ``tick`` int64, ``core`` int64 (its id) and ``neuron`` int16, all [m], in
the order in which they fired, and ``truncated``: whether there were more than are kept. One of
potentials holds ``tick`` int64 [ticks], ``core``, ``neuron`` int16 [k] and ``potential`` int32
[ticks, k]. A ``.csv`` has the same as lines, below their names::

    tick,core,neuron                tick,core,neuron,potential
    0,3,17                          0,3,17,-4

Counts have ``tick`` int64 [rows], the first of the ticks that a row counts, and an int64 [rows] for each
counter. A ``.parquet`` is the table of the ``.csv`` (it needs pyarrow); it is written and not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.files import Source, opening, read_npz, write_npz, writing
from tnemu.formats.errors import FormatError
from tnemu.formats.spike_records import CORE_LIMIT, LAST_TIME
from tnemu.hardware.neuron import NEURONS

PARQUET = ".parquet"
SUFFIXES = (".npz", ".csv", PARQUET)
"""How the names of recordings end."""
FIRING_DTYPE = np.dtype([("tick", np.int64), ("core", np.int64), ("neuron", np.int16)])
"""A firing: the tick, the id of the core, the neuron in it."""
MOST_BYTES = 1 << 30
"""Bytes of an .npz that is read, and of its arrays."""

_FIRINGS = b"tick,core,neuron"
_POTENTIALS = b"tick,core,neuron,potential"
_LINE = re.compile(rb"[0-9]{1,18},[0-9]{1,18},[0-9]{1,18}\r?")
_BLOCK_LINES = 1 << 16
_BLOCK_BYTES = 1 << 18
_LINE_BYTES = 1 << 12


def suffix_of(path: str | Path, also: tuple[str, ...] = ()) -> str:
    """``.npz``, ``.csv``, ``.parquet`` or one of ``also``; raises FormatError for a name that ends
    otherwise, and for a ``.parquet`` where pyarrow is missing.
    """
    suffix, known = Path(path).suffix.lower(), (*SUFFIXES, *also)
    if suffix not in known:
        raise FormatError(
            f"{shown(str(path))} has no ending that says how to write a recording; "
            f"end it in {', '.join(known[:-1])} or {known[-1]}"
        )
    if suffix == PARQUET and find_spec("pyarrow") is None:
        raise FormatError(
            f"{shown(str(path))} needs the package pyarrow, which is not installed; run: pip install "
            "pyarrow, or end the name in .csv or .npz"
        )
    return suffix


def write_firings(path: str | Path, records: npt.NDArray[np.void], truncated: bool) -> None:
    """Firings, FIRING_DTYPE [m], as a file, whole or not at all; a .csv has no place for ``truncated``.

    Raises FormatError for a name that ends otherwise and for a file that cannot be written.
    """
    columns = {name: records[name] for name in FIRING_DTYPE.names or ()}
    if suffix_of(path) == ".npz":
        _write_npz(path, columns | {"truncated": np.array(truncated)})
        return
    starts = range(0, len(records), _BLOCK_LINES)
    _write_table(
        path,
        FIRING_DTYPE.names or (),
        ([c[at : at + _BLOCK_LINES] for c in columns.values()] for at in starts),
    )


def write_potentials(
    path: str | Path,
    ticks: npt.NDArray[np.int64],
    core: int,
    neurons: npt.NDArray[np.int16],
    potentials: npt.NDArray[np.int32],
) -> None:
    """Potentials int32 [m, k] after ``ticks`` [m], of ``neurons`` [k] of the core with id ``core``.

    As a file, whole or not at all. Raises FormatError as :func:`write_firings` does.
    """
    if suffix_of(path) == ".npz":
        named = {"tick": ticks, "core": np.array(core), "neuron": neurons, "potential": potentials}
        _write_npz(path, named)
        return
    some = max(1, _BLOCK_LINES // len(neurons))

    def blocks() -> Iterator[list[npt.NDArray[Any]]]:
        for at in range(0, len(ticks), some):
            tick, neuron = np.meshgrid(ticks[at : at + some], neurons, indexing="ij")
            yield [tick, np.full_like(tick, core), neuron, potentials[at : at + some]]

    _write_table(path, _POTENTIALS.decode().split(","), blocks())


def write_counts(
    path: str | Path,
    ticks: npt.NDArray[np.int64],
    names: Sequence[str],
    counts: npt.NDArray[np.int64],
) -> None:
    """Counts int64 [m, names] in the ticks from ``ticks`` [m] on, a column for each of ``names``.

    As a file, whole or not at all. Raises FormatError as :func:`write_firings` does.
    """
    columns = {"tick": ticks, **dict(zip(names, counts.T, strict=True))}
    if suffix_of(path) == ".npz":
        _write_npz(path, columns)
        return
    starts = range(0, len(ticks), _BLOCK_LINES)
    _write_table(
        path,
        list(columns),
        ([c[at : at + _BLOCK_LINES] for c in columns.values()] for at in starts),
    )


def iter_firings(path: str | Path) -> Iterator[npt.NDArray[np.void]]:
    """The firings of a recording, FIRING_DTYPE [m], in blocks; an .npz is one block.

    Which of the two it is shows in its first bytes. Raises FormatError.
    """
    with opening(path, error=FormatError, what="recording", most_bytes=1 << 44) as file:
        head = file.readline(_LINE_BYTES)
        if not head.startswith(b"PK"):
            yield from _lines(file, head, Path(path).name)
            return
    yield _arrays(path)


def _arrays(path: str | Path) -> npt.NDArray[np.void]:
    members = {"tick": (np.int64, 1), "core": (np.int64, 1), "neuron": (np.int16, 1)}
    found = read_npz(
        path, {**members, "truncated": (np.bool_, 0)}, error=FormatError, what="recording",
        most_bytes=MOST_BYTES,
    )  # fmt: skip
    lengths = {len(found[name]) for name in members}
    if len(lengths) > 1:
        raise FormatError(
            f"{Path(path).name}: tick, core and neuron have different lengths; record it again"
        )
    records = np.empty(lengths.pop(), FIRING_DTYPE)
    for name in members:
        records[name] = found[name]
    if (bad := _beyond(records)) is not None:
        raise FormatError(f"{Path(path).name}: firing {bad}: {_said(records[bad])}")
    return records


def _lines(file: Source, head: bytes, source: str) -> Iterator[npt.NDArray[np.void]]:
    if head.strip() != _FIRINGS:
        raise FormatError(
            f"{source}:1: the first line is {shown(head.decode(errors='replace').strip())}; a "
            f"recording of firings begins with {_FIRINGS.decode()}"
        )
    line = 2
    while block := file.read(_BLOCK_BYTES):
        lines = (block + file.readline(_LINE_BYTES)).split(b"\n")
        if not lines[-1]:
            lines.pop()
        wrong = next((k for k, text in enumerate(lines) if not _LINE.fullmatch(text)), None)
        if wrong is not None:
            raise FormatError(
                f"{source}:{line + wrong}: {shown(lines[wrong].decode(errors='replace'))} is not "
                "allowed; a line is three whole numbers, tick,core,neuron"
            )
        numbers = np.array(b",".join(lines).split(b","), dtype="S18").astype(np.int64)
        table = numbers.reshape(-1, 3).T
        records = np.empty(len(lines), FIRING_DTYPE)
        # A neuron beyond its type is seen before it is put in its column.
        records["tick"], records["core"] = table[0], table[1]
        records["neuron"] = np.minimum(table[2], NEURONS)
        if (bad := _beyond(records)) is not None:
            raise FormatError(f"{source}:{line + bad}: {_said(table[:, bad])}")
        yield records
        line += len(lines)


def _beyond(records: npt.NDArray[np.void]) -> int | None:
    """The first firing that no board can have."""
    wrong = np.zeros(len(records), np.bool_)
    for name, most in (("tick", LAST_TIME), ("core", CORE_LIMIT), ("neuron", NEURONS - 1)):
        wrong |= (records[name] < 0) | (records[name] > most)
    return int(np.flatnonzero(wrong)[0]) if wrong.any() else None


def _said(values: Any) -> str:
    tick, core, neuron = (int(value) for value in values)
    return (
        f"tick {tick}, core {core}, neuron {neuron} is not allowed; allowed are 0..{LAST_TIME}, "
        f"0..{CORE_LIMIT} and 0..{NEURONS - 1}"
    )


def _write_npz(path: str | Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    write_npz(path, arrays, error=FormatError, what="recording", compressed=True)


def _write_table(
    path: str | Path, names: Sequence[str], blocks: Iterable[list[npt.NDArray[Any]]]
) -> None:
    """Columns, block by block, as .csv or .parquet."""
    with writing(path, error=FormatError, what="recording") as file:
        if suffix_of(path) == PARQUET:
            _write_parquet(file, names, blocks)
            return
        file.write(",".join(names).encode() + b"\n")
        for columns in blocks:
            _write_lines(file, columns)


def _write_parquet(
    file: IO[bytes], names: Sequence[str], blocks: Iterable[list[npt.NDArray[Any]]]
) -> None:
    """A row group a block; every column is int64."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema = pa.schema([(name, pa.int64()) for name in names])
    with ParquetWriter(pa.PythonFile(file, "w"), schema) as writer:
        for columns in blocks:
            whole = [pa.array(column.ravel().astype(np.int64)) for column in columns]
            writer.write_table(pa.Table.from_arrays(whole, schema=schema))


def _write_lines(file: IO[bytes], columns: list[npt.NDArray[Any]]) -> None:
    values = tuple(np.stack([c.ravel() for c in columns], axis=1).astype(np.int64).ravel().tolist())
    line = ",".join(["%d"] * len(columns)) + "\n"
    file.write((line * columns[0].size % values).encode())
