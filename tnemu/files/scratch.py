"""The hidden names that unfinished files and folders have, and what dead processes left of them."""

from __future__ import annotations

import os
import re
import stat
import zlib
from contextlib import suppress

_NAME = re.compile(r"\..+\.tnemu-([0-9a-f]{8})-([0-9]{1,9})-[0-9a-f]{8}", re.DOTALL)
_LONGEST = 200  # bytes of a name that are kept, so that with the rest it is still a name


def scratch_name(name: str) -> str:
    """A hidden name that nobody has: ``.NAME.tnemu-HOST-PID-RANDOM``."""
    head = os.fsdecode(os.fsencode(name)[:_LONGEST])
    return f".{head}.tnemu-{_host()}-{os.getpid()}-{os.urandom(4).hex()}"


def is_leftover(name: str) -> bool:
    """Whether a name is a scratch name of a process of this host that is no more."""
    found = _NAME.fullmatch(name)
    return found is not None and found[1] == _host() and not _lives(int(found[2]))


def clean(folder: str) -> None:
    """Remove from ``folder`` what processes of this host and user left there that are no more.

    A process that was killed (SIGKILL, SIGQUIT, no power) leaves its scratch file. Nothing else has
    such a name. Whatever cannot be looked at or removed stays.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and is_leftover(entry.name):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                        remove(entry.path)


def remove(path: str) -> None:
    """Remove a scratch file or folder as far as it can be; what is gone already is no error."""
    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            import shutil

            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def _host() -> str:
    """Tells computers and containers apart: a folder may be shared, process numbers are not."""
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        space = 0
    return f"{zlib.crc32(f'{os.uname().nodename} {space}'.encode()):08x}"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
