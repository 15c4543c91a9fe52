"""Write a folder whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tnemu.files.places import Failure, PathLike, a_path, naming, place
from tnemu.files.scratch import clean, remove, scratch_name

_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE


@contextmanager
def writing_folder(
    path: PathLike,
    *,
    error: Failure,
    what: str = "",
    may_replace: Callable[[Path], bool] | None = None,
) -> Iterator[Path]:
    """An empty folder to fill; it takes its name ``path`` when the block ends without an error.

    Until then it is a hidden folder beside it. An older folder is replaced in one step if
    ``may_replace`` says so of it (an empty one always is), and stays as it was on any exception. A
    link to a folder is followed and stays. Nothing else is left behind. The parent folder must exist.
    Raises ``error`` when something else has that name, or it cannot be written.
    """
    text = a_path(path, error, "write", what)
    with naming(path, what, error, every=True):
        target = os.path.realpath(text)
        exists = os.path.lexists(target)
        parent, name = os.path.split(target)
        if exists and not _replaceable(target, may_replace):
            noun = f"a {what}" if what and not what.startswith(("a ", "an ")) else what
            raise error(
                f"{place(path)} exists and is not {noun or 'an empty folder'}; choose another name"
            )
    clean(parent)
    scratch = os.path.join(parent, scratch_name(name))
    try:
        with naming(path, what, error, every=True):
            os.mkdir(scratch)
        with naming(path, what, error):
            yield Path(scratch)
        with naming(path, what, error, every=True):
            if exists:
                _swap(scratch, target)
            else:
                os.rename(scratch, target)
    finally:
        remove(scratch)


def _replaceable(target: str, may_replace: Callable[[Path], bool] | None) -> bool:
    if not os.path.isdir(target):
        return False
    return not os.listdir(target) or (may_replace is not None and may_replace(Path(target)))


def _swap(scratch: str, target: str) -> None:
    """``target`` is what was ``scratch``, and the other way round, in one step.

    Where the file system cannot do that, in two, undone when the second fails; killed between them,
    a process leaves the old folder as ``SCRATCH-old``, which nobody removes.
    """
    if _exchange(scratch, target):
        return
    old = f"{scratch}-old"
    try:
        os.rename(target, old)
        os.rename(scratch, target)
    except BaseException:
        with suppress(OSError):
            os.rename(old, target)  # cannot replace the new folder, which is not empty
        raise
    remove(old)


def _exchange(scratch: str, target: str) -> bool:
    import ctypes

    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(scratch), os.fsencode(target)
    return int(rename(_HERE, names[0], _HERE, names[1], _EXCHANGE)) == 0
