"""What the host and the board process have in common: how they begin, obey, and end.

Each child has a control socket whose other end only the supervisor holds. One byte on it means
"stop"; its end means that the supervisor is gone, and the child ends at once, whatever it is doing. On
the way back it carries the text of the error that ended the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from tnemu.errors import TnemuError
from tnemu.runtime.link import PeerGoneError

STOP = b"s"
DONE, FAILED, PEER_GONE, ORPHANED = 0, 1, 3, 4
"""Exit statuses of a child; a negative one is the signal that killed it."""

SLICE_S = 0.25
"""Longest wait before a waiting child shows that it is alive and looks whether it should stop."""

LONGEST_ERROR = 10_000

KEYBOARD = frozenset({signal.SIGINT, signal.SIGQUIT})
"""Signals that a terminal sends to the whole group; only the supervisor answers them."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that the kernel sends to this process when its parent ends."""

LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC})
"""Errors of a computer at its limits: no traceback says more than their name."""


class StopFlag:
    """True once the supervisor has asked this child to stop."""

    def __init__(self) -> None:
        self._set = False

    def __call__(self) -> bool:
        """Whether to stop."""
        return self._set

    def set(self) -> None:
        """From now on it is."""
        self._set = True


def run_child(control: socket.socket, body: Callable[[StopFlag], None]) -> NoReturn:
    """Run ``body`` as the whole life of this process; its return or error decides the exit status."""
    for number in KEYBOARD:
        signal.signal(number, signal.SIG_IGN)
    end_with_parent()
    stop = StopFlag()
    threading.Thread(target=_watch, args=(control, stop), daemon=True).start()
    try:
        body(stop)
        status = DONE
    except PeerGoneError:
        status = PEER_GONE  # the supervisor knows how the other one ended
    except TnemuError as error:
        _tell(control, str(error))
        status = FAILED
    except Exception as error:
        if getattr(error, "errno", None) not in LIMITS:
            traceback.print_exc()
        _tell(control, f"{type(error).__name__}: {error}")
        status = FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    # Nothing is left that a slow interpreter shutdown would do: memory and sockets go with the process.
    os._exit(status)


def end_with_parent() -> None:
    """From now on the kernel kills this process when its parent has ended, even one that is stopped.

    A stopped process reads nothing from its control socket. Where there is no prctl (it is Linux's),
    the socket alone has to do. Ends the process at once if the parent is gone already.
    """
    parent = multiprocessing.parent_process()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if parent is not None and os.getppid() != parent.pid:  # it ended before the kernel was asked
        os._exit(ORPHANED)


def settle_memory() -> None:
    """Take everything built so far out of the garbage collector's rounds: they cost milliseconds."""
    gc.collect()
    gc.freeze()


def read_error(control: socket.socket) -> str:
    """The supervisor's side: the error text of a child that has ended, or an empty string."""
    control.setblocking(False)
    found = b""
    with contextlib.suppress(OSError):
        while piece := control.recv(1 << 16):
            found += piece
    try:
        return str(json.loads(found)["error"])
    except (ValueError, KeyError):
        return ""


def _tell(control: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):
        control.sendall(json.dumps({"error": text[:LONGEST_ERROR]}).encode())


def _watch(control: socket.socket, stop: StopFlag) -> None:
    """Wait for the supervisor's word, or for its end."""
    while True:
        try:
            word = control.recv(1)
        except OSError:
            word = b""
        if word != STOP:
            os._exit(ORPHANED)
        stop.set()
