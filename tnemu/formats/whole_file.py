"""tnemu.files with the error of this room, for those who have not gone over to it yet."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import IO, Any

from tnemu import files
from tnemu.formats.errors import FormatError


def whole_file(path: files.PathLike) -> AbstractContextManager[IO[bytes]]:
    """``files.writing`` that raises FormatError."""
    return files.writing(path, error=FormatError)


def check_writable(path: files.PathLike) -> None:
    """``files.check_writable`` that raises FormatError."""
    files.check_writable(path, error=FormatError)


def write_json(path: files.PathLike, value: Any) -> None:
    """``files.write_json`` that raises FormatError."""
    files.write_json(path, value, error=FormatError)
