"""How the program ends when the computer, or the person, does not let a command finish.

Ctrl-C is status 130 and no word, whatever it interrupts; a reader of the output that goes away is 141
and no word; a full disk, or a limit of the computer, is one line on standard error and status 1.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from types import FrameType
from typing import Any

LIMITS = {
    errno.EMFILE: "raise the limit of open files: ulimit -n 1024",
    errno.ENFILE: "end programs that hold many files",
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "raise the limit of file sizes: ulimit -f unlimited",
    errno.ENOMEM: "end other programs, or choose less",
    errno.EIO: "look after the disk or the terminal",
}
"""Errors that are the computer's and no mistake of ours, and what a person can do."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

NATIVE = (ExtensionFileLoader.create_module.__code__, ExtensionFileLoader.exec_module.__code__)
"""What runs while compiled code is loaded, which may call Python and bear no exception from it."""
AGAIN_S = 0.005
"""How long an interrupt waits before it tries again."""

INTERRUPTED = 128 + signal.SIGINT
UNREAD = 128 + signal.SIGPIPE


class Interrupts:
    """Turns SIGINT into KeyboardInterrupt, and remembers that there was one.

    While compiled code is being loaded it waits: C++ that is given an exception there aborts.
    """

    def __init__(self) -> None:
        self.seen = False
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._raise)
            signal.signal(signal.SIGALRM, self._raise)
            sys.unraisablehook = self._unraisable

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        if _loads_native(frame):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        else:
            raise KeyboardInterrupt

    def _unraisable(self, what: Any) -> None:
        """Python drops what is raised while it frees an object: Ctrl-C must not be lost with it."""
        if isinstance(what.exc_value, KeyboardInterrupt):
            os._exit(INTERRUPTED)
        sys.__unraisablehook__(what)


def run_to_the_end(run: Callable[[], object]) -> int:
    """The exit status of ``run``, which is a number, or that of the SystemExit it raises."""
    interrupts = Interrupts()
    try:
        try:
            return _status(run())
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # now, while what fails can still be told
    except SystemExit as end:  # typer and rich make one of a reader that is gone
        return UNREAD if isinstance(end.__context__, BrokenPipeError) else _status(end.code)
    except BrokenPipeError:
        _silence(sys.stdout)
        return UNREAD
    except (OSError, MemoryError) as error:
        if interrupts.seen:
            return INTERRUPTED
        if not (message := _said(error)):
            raise
        _silence(sys.stdout)
        print(f"error: {message}", file=sys.stderr)
        return 1
    except BaseException:
        if not interrupts.seen:
            raise
        return INTERRUPTED  # whatever a library made of it


def _loads_native(frame: FrameType | None) -> bool:
    while frame and frame.f_code not in NATIVE:
        frame = frame.f_back
    return frame is not None


def _status(code: object) -> int:
    return code if isinstance(code, int) else int(code is not None)


def _said(error: OSError | MemoryError) -> str:
    """What to tell of an error that is the computer's; nothing of one that may be a bug."""
    if isinstance(error, MemoryError):
        return f"memory is exhausted; {LIMITS[errno.ENOMEM]}"
    if error.errno not in LIMITS:
        return ""
    what = ""
    if error.filename:
        what = f"{error.filename}: "
    elif error.errno in NO_ROOM:  # of other files tnemu.files says it, by name
        what = "standard output cannot be written: "
    return f"{what}{error.strerror}; {LIMITS[error.errno]}"


def _silence(stream: Any) -> None:
    """What is still waiting goes nowhere, or Python would complain when it ends."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
