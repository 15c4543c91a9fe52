"""A file appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tnemu.formats.errors import FormatError


@contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file to write in; it takes its name ``path`` when the block ends without an error.

    Until then the bytes are in a scratch file beside it, and an older file of that name is
    untouched. Raises FormatError when the folder cannot be written to.
    """
    path = Path(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        with open(descriptor, "wb") as file:
            yield file
            # mkstemp makes private files; a result gets the rights of any other new file.
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), 0o666 & ~mask)
        try:
            os.replace(name, path)
        except OSError as error:
            raise _cannot_write(path, error) from error
    except BaseException:
        os.unlink(name)
        raise


def _cannot_write(path: Path, error: OSError) -> FormatError:
    return FormatError(
        f"cannot write {path}: {error.strerror or error}; give a name in a folder that exists "
        "and can be written to"
    )
