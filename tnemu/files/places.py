"""How a file is named in messages, and what kind of thing a path leads to."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tnemu.errors import TnemuError, shown

PathLike = str | os.PathLike[str]
Failure = type[TnemuError]
"""The error class of the room that reads or writes; every message is raised as one."""

TEXT_MOST = 1 << 26
"""Bytes a text file may have unless its reader says otherwise: 64 MiB."""

BINARY_MOST = 1 << 32
"""Bytes a binary file may have unless its reader says otherwise: 4 GiB."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What the system says of a full or broken disk, whoever wrote to it."""

_LONGEST = 300
_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISSOCK, "socket"),
)


def kind_of(mode: int) -> str:
    """What ``st_mode`` says a path is: "file", or "folder", "pipe", "device", "socket"."""
    if stat.S_ISREG(mode):
        return "file"
    return next((name for test, name in _KINDS if test(mode)), "special file")


def place(path: PathLike) -> str:
    """``path`` as a message names it: one line that any terminal can print, cut in the middle."""
    text = os.fspath(path)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 2 :]}"
    return text or "''"


def named(what: str, path: PathLike) -> str:
    """``board file x.yaml``; without ``what`` the path alone. A leading article is dropped."""
    noun = what.removeprefix("a ").removeprefix("an ").removeprefix("the ")
    return f"{noun} {place(path)}" if noun else place(path)


def a_path(path: PathLike, error: Failure, verb: str, what: str) -> str:
    """``path`` as text the system can take; ``error`` for what is no path or holds a NUL."""
    advice = "give a name" if verb == "write" else "check the path"
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise error(f"cannot {verb} {what or 'file'} {shown(path)}: it is no path; {advice}")
    text = os.fspath(path)
    try:
        bad = "\0" in text or not os.fsencode(text)
    except UnicodeEncodeError:
        raise error(
            f"cannot {verb} {named(what, path)}: the path cannot be encoded; {advice}"
        ) from None
    if bad:
        reason = "the path holds a NUL character" if text else "the path is empty"
        raise error(f"cannot {verb} {named(what, path)}: {reason}; {advice}")
    return text


def reason(error: OSError) -> str:
    """The system's words for an error, without the path."""
    return error.strerror or type(error).__name__


def cannot_read(path: PathLike, what: str, problem: OSError, error: Failure) -> TnemuError:
    """An ``error`` that names the file and the system's reason; returned, not raised."""
    return error(f"cannot read {named(what, path)}: {reason(problem)}; check the path")


def cannot_write(
    path: PathLike, what: str, problem: OSError, error: Failure, then: str = ""
) -> TnemuError:
    """An ``error`` that names the file, the system's reason and what to do; returned, not raised."""
    advice = then or "give a name in a folder that exists, can be written to and has room"
    return error(f"cannot write {named(what, path)}: {reason(problem)}; {advice}")


@contextmanager
def naming(
    path: PathLike, what: str, error: Failure, *, every: bool = False, then: str = ""
) -> Iterator[None]:
    """The room's error for a full or broken disk, whoever reports it; for ``every`` OSError if asked.

    The errors of rooms pass, some of which are OSErrors, and so does a broken pipe.
    """
    try:
        yield
    except OSError as problem:
        if isinstance(problem, TnemuError | BrokenPipeError):
            raise
        if not (every or problem.errno in NO_ROOM):
            raise
        raise cannot_write(path, what, problem, error, then) from problem


def make_folder(path: PathLike, *, error: Failure, what: str = "", then: str = "") -> Path:
    """The folder ``path``, made with its parents where it is not there yet.

    Raises ``error``: a file of that name, no right to make it, no room.
    """
    text = a_path(path, error, "write", what)
    try:
        os.makedirs(text, exist_ok=True)
    except OSError as problem:
        advice = then or "choose another place"
        raise error(f"cannot make the folder {place(path)}: {reason(problem)}; {advice}") from None
    return Path(text)
