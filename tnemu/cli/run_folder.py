"""The folder of a run: what it is called, that it is not used twice, and the scratch folder in it.

The board image goes into a scratch folder of the run's folder. A process that was killed leaves it
behind: the next run in that place removes it.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from tnemu.errors import TnemuError
from tnemu.files import make_folder
from tnemu.files.scratch import clean, scratch_name

KEPT = ("report.json", "run.png", "replay.npz")
"""What a run leaves."""

RUNS = "runs"
"""Where runs go whose folder was not named."""

THEN = "choose another one with --output"


class PlayError(TnemuError, RuntimeError):
    """A run that cannot begin, or that ended before its time."""


def folder_of(output: Path | None, game: str, force: bool) -> Path:
    """The run's folder, absolute: ``output``, or one named after the game and the time.

    Raises PlayError where another run has left something there, unless ``force``.
    """
    from tnemu.runtime.clock import utc_now

    folder = output or Path(RUNS) / f"{game}-{utc_now():%Y%m%dT%H%M%SZ}"
    kept = [name for name in KEPT if (folder / name).exists()]
    if kept and not force:
        raise PlayError(
            f"{folder} holds a run already ({', '.join(kept)}); choose another --output, or "
            "overwrite it with --force"
        )
    try:
        return folder.absolute()
    except OSError as error:  # the folder that this process is in was removed
        raise _unwritable(folder, error) from error


@contextlib.contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """Make the folder and, in it, a scratch folder that is gone afterwards; SIGTERM and SIGQUIT end
    the process in order meanwhile. If that fails, a folder made for the run is removed as well.
    """

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    made = not folder.exists()
    scratch = folder / scratch_name("image")
    # The session has its own answer to them while it runs.
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGQUIT)}
    try:
        make_folder(folder, error=PlayError, then=THEN)
        remove_leftovers(folder)
        try:
            scratch.mkdir()
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield scratch
    except BaseException:
        _remove(scratch, its_folder=made)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _remove(scratch)


def remove_leftovers(folder: Path) -> None:
    """Remove scratch folders whose processes are gone: those in ``folder``, and where we chose its
    name, in its neighbours too, which go with them if nothing else is in there.
    """
    clean(str(folder))
    if folder.parent.name != RUNS:
        return
    for place in folder.parent.iterdir():
        before = set(place.glob(".image.*")) if place.is_dir() and place != folder else set()
        if before:
            clean(str(place))
            with contextlib.suppress(OSError):  # not empty
                place.rmdir()


def _remove(scratch: Path, its_folder: bool = False) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    if its_folder:
        with contextlib.suppress(OSError):
            scratch.parent.rmdir()


def _unwritable(folder: Path, error: OSError) -> PlayError:
    return PlayError(
        f"the run directory {folder} cannot be written: {error.strerror or error}; {THEN}"
    )
