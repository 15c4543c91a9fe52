"""The folder of a run: what it is called, that it is not used twice, and the scratch folder in it.

The board image goes into a scratch folder of the run's folder, locked as long as its process lives. A
process that was killed leaves it behind, unlocked: the next run in that place removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tnemu.errors import TnemuError

KEPT = ("report.json", "run.png", "run.gif")
"""What a run leaves."""

RUNS = "runs"
"""Where runs go whose folder was not named."""

SCRATCH = ".image-"


class PlayError(TnemuError, RuntimeError):
    """A run that cannot begin, or that ended before its time."""


def folder_of(output: Path | None, game: str, force: bool) -> Path:
    """The run's folder, absolute: ``output``, or one named after the game and the time.

    Raises PlayError where another run has left something there, unless ``force``.
    """
    from tnemu.runtime.clock import utc_now

    folder = output or Path(RUNS) / f"{game}-{utc_now():%Y%m%dT%H%M%SZ}"
    try:
        folder = folder.absolute()
    except OSError as error:  # the folder this process is in was removed
        raise _unwritable(folder, error) from error
    there = [name for name in KEPT if (folder / name).exists()]
    if there and not force:
        raise PlayError(
            f"{output} holds a run already ({', '.join(there)}); choose another --output, or "
            "overwrite it with --force"
        )
    return folder


@contextlib.contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """Make the folder and, in it, a scratch folder that is gone afterwards; SIGTERM and SIGQUIT end
    the process in order meanwhile. If that fails, a folder made for the run is removed as well.
    """

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        scratch, lock = _scratch(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    # The session has its own answer to them while it runs.
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGQUIT)}
    try:
        yield scratch
    except BaseException:
        _remove(scratch, made)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _remove(scratch, False)
        os.close(lock)


def remove_leftovers(folder: Path) -> None:
    """Remove scratch folders whose processes are gone: in ``folder``, and where it has a name of our
    choice in its neighbours too, whose own folders go with them if nothing else is in there.
    """
    places = folder.parent.iterdir() if folder.parent.name == RUNS else [folder]
    for place in places:
        for scratch in place.glob(f"{SCRATCH}*"):
            with contextlib.suppress(OSError):  # locked: it lives
                lock = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(scratch, place != folder)
                finally:
                    os.close(lock)


def _scratch(folder: Path) -> tuple[Path, int]:
    """A new scratch folder, and the descriptor that locks it."""
    while True:
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=folder))
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
            with contextlib.suppress(OSError):  # not every file system has locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            if scratch.exists():  # and was not taken for a leftover before it was locked
                return scratch, lock
            os.close(lock)


def _remove(scratch: Path, its_folder: bool) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    if its_folder:
        with contextlib.suppress(OSError):
            scratch.parent.rmdir()


def _unwritable(folder: Path, error: OSError) -> PlayError:
    return PlayError(
        f"the run directory {folder} cannot be written: {error.strerror or error}; "
        "choose another one with --output"
    )
