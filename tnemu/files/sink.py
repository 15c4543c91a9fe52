"""Write a file: whole or not at all, through links and devices, leaving nothing else behind."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, cast

from tnemu.errors import TnemuError
from tnemu.files.places import Failure, PathLike, a_path, cannot_write, naming
from tnemu.files.scratch import clean, remove, scratch_name

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BUFFER = 1 << 18
_CREATE = os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|[0-9]+))/fd/([0-9]+)")
_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


class Sink(io.BufferedIOBase):
    """A binary file to write in. What goes wrong is the room's error, raised where it happens.

    A broken pipe alone is left as BrokenPipeError: whoever reads has what he wanted. Not one of
    Python's own buffered files: numpy would hand those to C, which has no words for a full disk.
    """

    def __init__(self, descriptor: int, path: PathLike, what: str, error: Failure) -> None:
        self._descriptor, self._path, self._what, self._error = descriptor, path, what, error
        self._waiting = bytearray()
        self._seekable = stat.S_ISREG(os.fstat(descriptor).st_mode)

    def writable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Whether it is a regular file."""
        return self._seekable

    def fileno(self) -> int:
        """The descriptor; what is written to it directly comes after a ``flush`` only."""
        return self._descriptor

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of ``data``, 256 KiB at a time on their way; its number of bytes."""
        self._check_open()
        view = memoryview(data).cast("B")
        if len(self._waiting) + len(view) > _BUFFER:
            self.flush()
        if len(view) > _BUFFER:
            self._send(view)
        else:
            self._waiting += view
        return len(view)

    def flush(self) -> None:
        """Hand to the system what still waits here."""
        waiting, self._waiting = self._waiting, bytearray()
        if waiting:
            self._send(memoryview(waiting))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As of any file; io.UnsupportedOperation in a pipe or device."""
        self._check_open()
        if not self._seekable:
            raise io.UnsupportedOperation("seek in a pipe or device")
        self.flush()
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        """Bytes from the start of the file."""
        return self.seek(0, 1)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut or lengthen the file to ``size`` bytes, by default to where it is."""
        size = self.tell() if size is None else size
        self.flush()
        os.ftruncate(self._descriptor, size)
        return size

    def sync(self) -> None:
        """Everything written is on the disk, as far as the disk says so."""
        self.flush()
        try:
            os.fsync(self._descriptor)
        except OSError as problem:
            if problem.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
                raise self._refused(problem) from None

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file is closed")

    def drop(self) -> None:
        """Forget what waits, so that no closing writes it."""
        self._waiting.clear()

    def _send(self, view: memoryview) -> None:
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except BrokenPipeError:
            raise
        except OSError as problem:
            raise self._refused(problem) from None

    def _refused(self, problem: OSError) -> TnemuError:
        return cannot_write(self._path, self._what, problem, self._error)


@contextmanager
def writing(path: PathLike, *, error: Failure, what: str = "") -> Iterator[IO[bytes]]:
    """A binary file to write in; it takes its name ``path`` when the block ends without an error.

    Until then its bytes are in a hidden file beside it and an older file of that name is untouched;
    on any exception, KeyboardInterrupt included, the hidden file is removed. Those of processes that
    were killed are removed by the next write in that folder. A new file has the rights of any other
    new file, a replaced one keeps its own. A link is followed and stays; a device, a pipe and an open
    descriptor (/dev/stdout) are written to as they are. Raises ``error`` when it cannot be written or
    the disk is full, BrokenPipeError when the reader of a pipe has gone.
    """
    text = a_path(path, error, "write", what)
    try:
        through = _open_through(text)
        target, mode = ("", 0) if through is not None else resolved(text)
    except OSError as problem:
        raise cannot_write(path, what, problem, error) from None
    if through is not None:
        with _closing(through, path, what, error) as sink:
            yield cast(IO[bytes], sink)
        return
    folder, name = os.path.split(target)
    clean(folder)
    scratch = os.path.join(folder, scratch_name(name))
    try:
        with naming(path, what, error, every=True):
            rights = 0o600 if mode else 0o666
            descriptor = os.open(scratch, _CREATE | os.O_WRONLY, rights)
            if mode:
                with suppress(OSError):
                    os.fchmod(descriptor, mode)
        with _closing(descriptor, path, what, error) as sink:
            yield cast(IO[bytes], sink)
            sink.sync()
        with naming(path, what, error, every=True):
            os.replace(scratch, target)
    except BaseException:
        remove(scratch)
        raise


def check_writable(path: PathLike, *, error: Failure, what: str = "") -> None:
    """Raises as :func:`writing` would, before the work that is to fill the file; leaves no trace."""
    text = a_path(path, error, "write", what)
    try:
        if _descriptor_of(text) is not None:
            os.close(cast(int, _open_through(text)))
            return
        target, _ = resolved(text, pipes=True)
        if not target:  # to open a pipe would wait for its reader
            if not os.access(text, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        folder, name = os.path.split(target)
        try:
            os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError as problem:
            if problem.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                raise
            scratch = os.path.join(folder, scratch_name(name))
            os.close(os.open(scratch, _CREATE | os.O_WRONLY, 0o600))
            os.unlink(scratch)
    except OSError as problem:
        raise cannot_write(path, what, problem, error) from None


def resolved(text: str, *, pipes: bool = False) -> tuple[str, int]:
    """(where a link leads to, rights of the file there; 0 where there is none).

    Raises OSError for a folder, and for a file that the folder's rights keep from being replaced.
    With ``pipes`` what is no regular file has the place "".
    """
    try:
        found = os.stat(text)
    except FileNotFoundError:
        found = None
    target = os.path.realpath(text)
    if text.endswith("/") or (found and stat.S_ISDIR(found.st_mode)):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if found is None:
        os.stat(os.path.dirname(target))  # no such folder: said before anything is made
        return target, 0
    if pipes and not stat.S_ISREG(found.st_mode):
        return "", 0
    parent = os.stat(os.path.dirname(target))
    if parent.st_mode & stat.S_ISVTX and os.geteuid() not in (0, found.st_uid, parent.st_uid):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    return target, stat.S_IMODE(found.st_mode) & 0o777


def _descriptor_of(text: str) -> int | None:
    """The number in /dev/stdout, /dev/fd/1 and /proc/self/fd/1; a name there is an open file."""
    absolute = os.path.abspath(text)
    found = _DESCRIPTOR.fullmatch(absolute)
    if found is None or (absolute.startswith("/proc/") and not _is_ours(absolute)):
        return _STREAMS.get(absolute)
    return int(found[1])


def _is_ours(absolute: str) -> bool:
    return absolute.split("/")[2] in ("self", "thread-self", str(os.getpid()))


def _open_through(text: str) -> int | None:
    """A descriptor of what is no regular file and must not become one; None for the others."""
    number = _descriptor_of(text)
    if number is not None:
        return os.dup(number)
    try:
        mode = os.stat(text).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return os.open(text, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)


@contextmanager
def _closing(descriptor: int, path: PathLike, what: str, error: Failure) -> Iterator[Sink]:
    """A Sink that is flushed at the end of the block, dropped on an exception, closed in any case."""
    sink = Sink(descriptor, path, what, error)
    try:
        with naming(path, what, error):
            yield sink
            sink.flush()
    finally:
        sink.drop()
        sink.close()
        with naming(path, what, error, every=True):  # a network disk may be full only now
            os.close(descriptor)


def write_bytes(path: PathLike, data: ReadableBuffer, *, error: Failure, what: str = "") -> None:
    """``data`` as a file, whole or not at all; as :func:`writing`."""
    with writing(path, error=error, what=what) as file:
        file.write(cast(Any, data))


def write_text(path: PathLike, text: str, *, error: Failure, what: str = "") -> None:
    """``text`` in UTF-8 as a file, whole or not at all; as :func:`writing`."""
    try:
        data = text.encode()
    except UnicodeEncodeError as wrong:
        raise error(
            f"cannot write {what or 'text'}: character {wrong.start} is half of a surrogate pair; "
            "correct the text"
        ) from None
    write_bytes(path, data, error=error, what=what)
