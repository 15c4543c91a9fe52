"""Open, check and read a file: regular files only, within a size, whole or refused by name."""

from __future__ import annotations

import codecs
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tnemu.errors import TnemuError
from tnemu.files.places import (
    BINARY_MOST,
    TEXT_MOST,
    Failure,
    PathLike,
    a_path,
    cannot_read,
    kind_of,
    named,
    place,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK = 1 << 18
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class _Raw(io.FileIO):
    """A descriptor whose reading errors are the room's, raised where they happen."""

    def __init__(self, descriptor: int, where: str, error: Failure) -> None:
        super().__init__(descriptor, "rb")
        self.where, self.failure = where, error

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as problem:
            raise cannot_read(self.where, "", problem, self.failure) from None


class Source(io.BufferedReader):
    """A regular file opened by :func:`opening`, as any binary file and with these in addition.

    where    its name for messages
    size     its bytes at opening; a file that has another size at the end is refused
    failure  the room's error class
    """

    def __init__(self, descriptor: int, where: str, error: Failure) -> None:
        super().__init__(_Raw(descriptor, where, error), _BLOCK)
        self.where, self.failure = where, error
        self.size = os.fstat(descriptor).st_size

    def refused(self, problem: str) -> TnemuError:
        """The room's error ``WHERE: problem``, to be raised."""
        return self.failure(f"{self.where}: {problem}")

    def exactly(self, count: int, part: str = "it") -> bytes:
        """The next ``count`` bytes, or the room's error that ``part`` is cut off.

        Memory is asked for only when the file is known to have that many.
        """
        left = self.size - self.tell()
        if not 0 <= count <= left:
            raise self.refused(f"{part} is cut off: {max(left, 0)} bytes are left of {count}")
        try:
            data = self.read(count)
        except MemoryError:
            raise self.refused(f"{part} takes {count:,} bytes of memory; close programs") from None
        if len(data) != count:
            raise self._changed()
        return data

    def fill(self, view: memoryview, part: str = "it") -> None:
        """Fill ``view`` (of bytes) with what comes next, or the room's error that it is cut off."""
        at = 0
        while at < len(view):
            count = self.readinto(view[at : at + (1 << 26)])
            if not count:
                raise self.refused(f"{part} is cut off: {at} bytes are there of {len(view)}")
            at += count

    def still_whole(self) -> None:
        """Raises the room's error when the file has another size than at opening."""
        if os.fstat(self.fileno()).st_size != self.size:
            raise self._changed()

    def _changed(self) -> TnemuError:
        now = os.fstat(self.fileno()).st_size
        return self.refused(
            f"it changed while it was read ({self.size:,} bytes at first, {now:,} now); "
            "read it again when nothing writes to it"
        )


@contextmanager
def opening(
    path: PathLike,
    *,
    error: Failure,
    what: str = "",
    most_bytes: int = BINARY_MOST,
    higher: str = "",
) -> Iterator[Source]:
    """The file ``path`` as a :class:`Source`, for readers that go through it piece by piece.

    A regular file or a link to one, of at most ``most_bytes``. ``what`` names its kind in messages
    ("board file"), ``higher`` how a caller is given a higher limit, if it can be. Nothing else is
    opened: a pipe, a device, a folder or a socket is refused by its kind, so no call waits. At the
    end of the block the file must have the size it had at first. Raises ``error``.
    """
    text = a_path(path, error, "read", what)
    try:
        _check_kind(os.stat(text), path, what, error)  # before it: to open a device can act on it
        descriptor = os.open(text, _FLAGS)
    except OSError as problem:
        if isinstance(problem, TnemuError):
            raise
        raise cannot_read(path, what, problem, error) from None
    try:
        found = os.fstat(descriptor)
        _check_kind(found, path, what, error)
        check_size(found.st_size, most_bytes, named(what, path), error, higher)
    except BaseException:
        os.close(descriptor)
        raise
    with Source(descriptor, place(path), error) as source:
        yield source
        source.still_whole()


def check_size(size: int, most_bytes: int, where: str, error: Failure, higher: str = "") -> None:
    """Raises ``error`` for more bytes than the limit; ``higher`` says how to raise that."""
    if size > most_bytes:
        advice = "give a smaller file" + f", or a higher limit ({higher})" * bool(higher)
        raise error(f"{where} has {size:,} bytes, the limit is {most_bytes:,}; {advice}")


def _check_kind(found: os.stat_result, path: PathLike, what: str, error: Failure) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise error(
            f"cannot read {named(what, path)}: it is a {kind_of(found.st_mode)}, not a regular "
            "file; give the path of a file"
        )


def read_bytes(
    path: PathLike,
    *,
    error: Failure,
    what: str = "",
    most_bytes: int = BINARY_MOST,
    higher: str = "",
) -> bytes:
    """All bytes of a regular file of at most ``most_bytes``. Raises as :func:`opening`."""
    with opening(path, error=error, what=what, most_bytes=most_bytes, higher=higher) as source:
        return source.exactly(source.size)


def read_text(
    path: PathLike,
    *,
    error: Failure,
    what: str = "",
    most_bytes: int = TEXT_MOST,
    higher: str = "",
) -> str:
    """The text of a UTF-8 file of at most ``most_bytes``.

    A byte order mark at its start is dropped; line ends stay as they are. Raises ``error`` as
    :func:`opening` does, and for NUL bytes and what is no UTF-8, with the offset.
    """
    data = read_bytes(path, error=error, what=what, most_bytes=most_bytes, higher=higher)
    return text_of(data, place(path), error=error)


def text_of(data: bytes, where: str, *, error: Failure) -> str:
    """``data`` as text by the rules of :func:`read_text`; ``where`` names it in errors."""
    nul = data.find(b"\0")
    try:
        if nul < 0:
            return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        problem = f"byte {nul} is a NUL"
    except UnicodeDecodeError as wrong:
        offset = wrong.start + len(data) - len(wrong.object)
        problem = f"byte {offset} (0x{data[offset]:02x}) is no UTF-8"
    raise error(f"{where} is not a text file: {problem}; give a text file in UTF-8")


def file_sha256(
    path: PathLike, *, error: Failure, what: str = "", most_bytes: int = BINARY_MOST
) -> str:
    """SHA-256 of a file in hexadecimal, whatever its size takes of memory. Raises ``error``."""
    import hashlib

    digest = hashlib.sha256()
    with opening(path, error=error, what=what, most_bytes=most_bytes) as source:
        while block := source.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def system_text(path: str) -> str:
    """What the system says in a file of /proc or /sys, up to 1 MiB; empty where there is no such.

    Files there have no size, so no other reader takes them.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return ""
    try:
        parts: list[bytes] = []
        while len(parts) < 256 and (block := os.read(descriptor, 4096)):
            parts.append(block)
        return b"".join(parts).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
