"""Files of several named arrays (``.npz``, a zip of ``.npy`` members): exactly those asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from tnemu.errors import TnemuError, shown
from tnemu.files.arrays import allocate, bytes_of, check_values
from tnemu.files.npy_header import Header, Shape, check_header, read_header
from tnemu.files.places import BINARY_MOST, Failure, PathLike
from tnemu.files.reading import Source, check_size, opening

if TYPE_CHECKING:
    import zipfile

    import numpy.typing as npt

Member = tuple[Any, int | Shape]
"""(dtype, number of axes or shape) of one array; a size of the shape may be None: any."""

_MOST_DIRECTORY = 1 << 16
_TAIL = 98  # bytes of the three records that can end a zip file without a comment
_MOST_RATIO = 1032  # deflate makes nothing smaller than that


def read_npz(
    path: PathLike,
    members: Mapping[str, Member],
    *,
    optional: Mapping[str, Member] | None = None,
    error: Failure,
    what: str = "",
    finite: bool = False,
    most_bytes: int = BINARY_MOST,
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a ``.npz`` file: all of ``members``, those of ``optional`` that are there, no other.

    Each is C-contiguous, in memory and of its dtype and number of axes (or shape: ``(None, 3)``).
    ``most_bytes`` bounds the file and the arrays together, uncompressed. Sizes and headers of all
    members are checked before memory is asked for, so a small file cannot unpack to a large one
    unnoticed. Objects are never read. ``finite`` refuses NaN and infinity. Raises ``error``.

    >>> read_npz(path, {"q": (np.float32, 2)}, error=FormatError)  # doctest: +SKIP
    """
    import zipfile

    wanted = {**members, **(optional or {})}
    with opening(path, error=error, what=what, most_bytes=most_bytes) as source:
        with _reading(source, "its zip directory"):
            _check_tail(source)
            archive = zipfile.ZipFile(source)
        entries = _entries(archive, source, members, wanted)
        total = sum(entry.file_size for entry in entries.values())
        check_size(total, most_bytes, f"{source.where}, unpacked,", error)
        headers = {}
        for name, entry in entries.items():
            with _member(archive, entry, source, name) as file:
                headers[name] = _header(file, entry, source, name, wanted[name])
        return {
            name: _array(archive, entries[name], source, name, header, finite)
            for name, header in headers.items()
        }


def _check_tail(source: Source) -> None:
    """Bounds the directory that zipfile is going to hold in memory whole.

    Looks where zipfile looks: at the last 22 bytes, and before them for the records of zip64.
    """
    if source.size < 22:
        raise source.refused("it is no .npz file, but too short; make it again")
    source.seek(max(source.size - _TAIL, 0))
    tail = source.read(_TAIL)
    end = tail[-22:]
    if end[:4] != b"PK\5\6" or end[20:] != b"\0\0":
        raise source.refused("it is no whole .npz file: it has no zip directory; make it again")
    size = int.from_bytes(end[12:16], "little")
    if tail[-42:-38] == b"PK\6\7":
        # Some versions of zipfile follow the locator, some look right before it: both to one place.
        at = int.from_bytes(tail[-34:-26], "little")
        if tail[:4] != b"PK\6\6" or at != source.size - _TAIL:
            raise source.refused("its zip directory is damaged; make it again")
        size = int.from_bytes(tail[40:48], "little")
    if size > _MOST_DIRECTORY:
        raise source.refused(
            f"its zip directory has {size:,} bytes, at most {_MOST_DIRECTORY:,} are read; "
            "make it again"
        )
    source.seek(0)


def _entries(
    archive: zipfile.ZipFile,
    source: Source,
    needed: Mapping[str, Member],
    wanted: Mapping[str, Member],
) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        if name not in wanted or name == entry.filename or name in found:
            problem = "twice" if name in found else "too, which is none of its arrays"
            raise source.refused(
                f"it holds {shown(entry.filename)} {problem}; known: {', '.join(wanted)}"
            )
        if entry.flag_bits & 1 or entry.compress_type not in (0, 8):
            raise source.refused(f"{name}: it is encrypted or packed in another way; make it again")
        most = entry.compress_size * (1 if entry.compress_type == 0 else _MOST_RATIO)
        if entry.compress_size > source.size or entry.file_size > most:
            raise source.refused(
                f"{name}: {entry.compress_size:,} bytes cannot unpack to {entry.file_size:,}; "
                "it is damaged, make it again"
            )
        found[name] = entry
    if missing := [name for name in needed if name not in found]:
        raise source.refused(f"it has no array {', '.join(map(repr, missing))}; make it again")
    return found


def _header(
    file: IO[bytes], entry: zipfile.ZipInfo, source: Source, name: str, member: Member
) -> Header:
    def refused(problem: str) -> TnemuError:
        return source.refused(f"{name}: {problem}")

    def take(count: int) -> bytes:
        data = file.read(count)
        if len(data) != count:
            raise refused("its .npy header is cut off; make the file again")
        return data

    dtype, form = member
    header = read_header(take, refused)
    ndim, shape = (form, None) if isinstance(form, int) else (None, form)
    check_header(header, refused, dtype=dtype, ndim=ndim, shape=shape)
    if header.offset + header.nbytes != entry.file_size:
        raise refused(
            f"its array takes {header.nbytes:,} bytes, {entry.file_size - header.offset:,} are "
            "there; make the file again"
        )
    return header


def _array(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    source: Source,
    name: str,
    header: Header,
    finite: bool,
) -> npt.NDArray[Any]:
    where = f"{source.where}: {name}"
    with _member(archive, entry, source, name) as file:
        file.read(header.offset)
        array = allocate(header, where, source.failure)
        view = bytes_of(array)
        at = 0
        while block := file.read(1 << 20):  # to the end, where zipfile compares the checksum
            if at + len(block) > len(view):
                break
            view[at : at + len(block)] = block
            at += len(block)
        if at != len(view) or block:
            raise source.refused(f"{name}: it does not unpack to its size; make the file again")
    check_values(array, where, error=source.failure, finite=finite)
    return array


@contextlib.contextmanager
def _member(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: Source, name: str
) -> Iterator[IO[bytes]]:
    with _reading(source, name), archive.open(entry) as file:
        yield file


@contextlib.contextmanager
def _reading(source: Source, part: str) -> Iterator[None]:
    """Turns whatever zipfile and zlib say into the room's words; their advice is not passed on."""
    import struct
    import zipfile
    import zlib

    # what they raise for damaged files, found by trying
    damaged: tuple[type[Exception], ...] = (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        struct.error,
        EOFError,
        LookupError,
        OSError,
        OverflowError,
        RuntimeError,
        TypeError,
        ValueError,
    )
    try:
        yield
    except TnemuError:
        raise
    except MemoryError:
        raise source.refused(f"{part}: it does not fit in memory") from None
    except damaged:
        raise source.refused(f"{part} is damaged; make the file again") from None
