"""All compiled code, and nothing else: arrays and constants come in as arguments.

    philox.py   the noise ``counter``, one number at a time
    emit.py     how vector instructions are written
    words.py    instructions on one word: bits, addresses, what threads share
    vector.py   the vector instructions: rows of a crossbar, leak, compare, reset of 256 neurons
    narrow.py   the same where 16 bits are enough
    keyed.py    those of the noise ``counter``
    sequence.py  the noise ``xorshift32``: jumps, words in the order in which they are drawn
    ordered.py  the same where synapses are random
    arrays.py   the arrays they work on, and what their numbers mean
    addresses.py  where those arrays lie
    delivery.py where spikes go: slots, the calendar, outboxes of other threads, outputs
    evaluate.py  one core's tick, by its flags
    tick.py     the tick loop of one board: scan, evaluate, deliver; threads
    sliced.py   neurons for 64 boards or ticks at once, one bit each
    lists.py    the synapses of cores without memory as lists
    waves.py    many ticks of cores without memory at once, one core after the other
    lanes.py    the tick loop of up to 64 boards of one image
    naive.py    the loop one writes first, kept to be compared with

Nothing of ours is imported from outside this folder. Compiled code is kept on disk in a folder named
after a hash of these files and numba's version, because numba itself notices a change only in the
file of the function it compiles, not in the files that function calls into.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import numba

_HERE = Path(__file__).parent


def _cache_folder() -> Path:
    """In numba's own folder if one is set, else TNEMU_CACHE_DIR, the user's cache, a temporary folder.

    In each, a folder named after the hash: also in numba's, which would serve stale code.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(_HERE.glob("*.py")):
        digest.update(file.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    own = os.environ.get("TNEMU_CACHE_DIR")
    for base in (numba.config.CACHE_DIR, own, Path(user) / "tnemu"):
        try:
            if base:
                folder = Path(base) / name
                folder.mkdir(parents=True, exist_ok=True)
                if os.access(folder, os.W_OK):
                    return folder
        except OSError:
            continue
    return Path(tempfile.gettempdir()) / f"tnemu-{os.getuid()}" / name


CACHE = _cache_folder()
"""The folder of compiled code."""

# numba reads the setting where a function is decorated, so it is ours only while ours are imported.
_before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(CACHE)
try:
    from tnemu.emulator.engines.compiled.kernels import lanes, lists, naive, sequence, tick, waves
    from tnemu.emulator.engines.compiled.kernels.philox import (
        LEAK,
        SYNAPSE,
        THRESHOLD,
        noise,
        philox,
    )
finally:
    numba.config.CACHE_DIR = _before

__all__ = [
    "CACHE",
    "LEAK",
    "SYNAPSE",
    "THRESHOLD",
    "lanes",
    "lists",
    "naive",
    "noise",
    "philox",
    "sequence",
    "tick",
    "waves",
]
