"""Mutated files for every loader: each is read, or refused by a TnemuError, and by nothing else.

    fuzz(load, good, inputs=300, seed=1)

A quick test gives a few hundred inputs. The slow one gives a million in all, or as many as a time box
allows: TNEMU_FUZZ_INPUTS and TNEMU_FUZZ_S change both.
"""

from __future__ import annotations

import os
import random
import time
import warnings
from collections.abc import Callable, Sequence

from tnemu.errors import TnemuError

INPUTS = int(os.environ.get("TNEMU_FUZZ_INPUTS", "1000000"))
"""Inputs of a slow test."""
BOX_S = float(os.environ.get("TNEMU_FUZZ_S", "240"))
"""Longest that a slow test goes on."""
LONGEST_MESSAGE = 2000
NASTY = (
    b"0", b"-1", b"1e999", b"9" * 25, b"9" * 5000, b"NaN", b"-Infinity", b"null", b"true", b"[]", b"{}",
    b'""', b'"\\ux"', b'"\\ud800"', b"[" * 2000, b"\0", b"\xff\xfe", b"\xf0\x9f\x98\x80", b"//", b"/*",
    b"18446744073709551615", b"4294967296", b"-2147483649", b"1.5", b"00", b'"', b"\n", b",", b":",
)  # fmt: skip
"""What readers trip over, put in place of anything."""


def fuzz(
    load: Callable[[bytes], object],
    good: Sequence[bytes],
    inputs: int,
    seed: int,
    box_s: float = float("inf"),
) -> int:
    """Give ``load`` mutations of the ``good`` files; returns how many it was given.

    ``load`` may return or raise TnemuError, in a message of at most 2,000 characters. Anything else,
    a warning included, fails with the seed and the number of the input.
    """
    end = time.monotonic() + box_s
    for number in range(inputs):
        if time.monotonic() > end:
            return number
        rng = random.Random(f"{seed} {number}")
        data, words = mutate(rng.choice(list(good)), rng), ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                load(data)
        except TnemuError as refused:
            words = str(refused)
        except BaseException as wrong:
            wrong.add_note(f"input {number} of seed {seed}: {data[:300]!r}")
            raise
        assert len(words) <= LONGEST_MESSAGE, f"input {number} of seed {seed}: {words}"
    return inputs


def mutate(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to four changes; mostly one, so that later checks are reached, too."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(CHANGES)(data, rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) or 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _bit(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) or 1)
    return (
        data[:at] + bytes([b ^ 1 << rng.randrange(8) for b in data[at : at + 1]]) + data[at + 1 :]
    )


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _drop(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 2, 8, 100)) :]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(data) + 1), rng.choice((1, 8, 60, 1000))
    return data[: at + size] + data[at : at + size] + data[at + size :]


def _swap(data: bytes, rng: random.Random) -> bytes:
    """Two pieces between commas change places: values of other types, keys in another order."""
    pieces = data.split(b",", 200)
    if len(pieces) > 1:
        one, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
        pieces[one], pieces[other] = pieces[other], pieces[one]
    return b",".join(pieces)


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(NASTY) + data[at:]


def _value(data: bytes, rng: random.Random) -> bytes:
    """What stands between a colon and the next comma or bracket is another value."""
    colons = [at for at, byte in enumerate(data[:20_000]) if byte == ord(":")]
    if not colons:
        return _insert(data, rng)
    at = rng.choice(colons) + 1
    end = next((k for k in range(at, len(data)) if data[k] in b",]}\n"), len(data))
    return data[:at] + rng.choice(NASTY) + data[end:]


CHANGES = (_flip, _bit, _cut, _drop, _repeat, _swap, _insert, _value, _value)
