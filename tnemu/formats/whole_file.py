"""A file appears whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tnemu.formats.errors import FormatError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file to write in; it takes its name ``path`` when the block ends without an error.

    Until then the bytes are in a scratch file beside it, and an older file of that name is
    untouched. A link is followed; a device or a pipe is written to as it is. Raises FormatError when
    ``path`` cannot be written.
    """
    given, path = path, Path(path).resolve()
    try:
        if path.exists() and not path.is_file():
            with open(path, "wb") as file:
                yield file
            return
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _cannot_write(given, error) from error
    try:
        with open(descriptor, "wb") as file:
            yield file
            # mkstemp makes private files; a result gets the rights of any other new file.
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), 0o666 & ~mask)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise _cannot_write(given, error) from error
        raise


def check_writable(path: str | Path) -> None:
    """Raises as :func:`whole_file` would, before the work that is to fill the file; leaves no trace."""
    target = Path(path).resolve()
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not target.exists() or target.is_file():
            tempfile.TemporaryFile(dir=target.parent).close()
        elif not os.access(target, os.W_OK):  # to open a pipe would wait for its reader
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_json(path: str | Path, value: Any) -> None:
    """``value`` as JSON for people and programs, whole or not at all; raises as :func:`whole_file`."""
    with whole_file(path) as file:
        file.write((json.dumps(value, indent=1) + "\n").encode())


def _cannot_write(path: str | Path, error: OSError) -> FormatError:
    return FormatError(
        f"cannot write {path}: {error.strerror or error}; give a name in a folder that exists, "
        "can be written to and has room"
    )
