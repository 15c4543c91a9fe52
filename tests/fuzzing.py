"""Mutated files for every loader: each is read, or refused by a TnemuError, and by nothing else.

    fuzz(load, good, inputs=300, seed=1)

Input k of a seed is always the same. TNEMU_FUZZ_INPUTS and TNEMU_FUZZ_S set how many inputs a slow test
gives a loader, and the seconds after which it stops; ``python tests/fuzz_all.py`` gives a million.
"""

from __future__ import annotations

import os
import random
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tnemu.errors import TnemuError

INPUTS = int(os.environ.get("TNEMU_FUZZ_INPUTS", "5000"))
"""Inputs of a slow test."""
BOX_S = float(os.environ.get("TNEMU_FUZZ_S", "240"))
"""Longest that a slow test goes on."""
LONGEST_MESSAGE = 2000
LONGEST_S = 10.0
"""Processor time that one input may take; they are small files."""
ADVICE = ("unsafe", "allow_pickle", "weights_only", "trust the file", "pydantic.dev")
"""Other libraries' ways out, which a message of ours never hands on."""

Load = Callable[[bytes], object]

NASTY = (
    *(
        b"0",
        b"-1",
        b"1e999",
        b"9" * 25,
        b"9" * 5000,
        b"NaN",
        b"-Infinity",
        b"null",
        b"true",
        b"1.5",
    ),
    *(
        b'""',
        b'"x"',
        b"[]",
        b"{}",
        b"[1]",
        b'{"a":1}',
        b'"\\ux"',
        b'"\\ud800"',
        b"[" * 2000,
        b'{"a":' * 99,
    ),
    *(
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xf0\x9f\x98\x80",
        b"//",
        b"/*",
        b"00",
        b'"',
        b"\n",
        b"'",
    ),
    *(
        b",",
        b":",
        b"[",
        b"]",
        b"{",
        b"}",
        b"(",
        b")",
        b"*a",
        b"&a ",
        b"!!int x",
        b"!!bool maybe",
        b"~",
    ),
    *(
        b"!!timestamp x",
        b"2001-99-99",
        b"0x1F",
        b"1_000",
        b".inf",
        b"- ",
        b"? ",
        b"<<: ",
        b"|O",
        b"<M8",
    ),
    *(
        b"18446744073709551615",
        b"9223372036854775807",
        b"4294967296",
        b"-2147483649",
        b"F8_E8M0",
        b"True",
    ),
    *(
        b"\xff" * 8,
        b"\xff" * 4,
        b"\0" * 8,
        b"\x7f",
        b"\1\0\0\0\0\0\0\0",
        b"PK\5\6",
        b"PK\1\2",
        b"PK\3\4",
    ),
)
"""What readers trip over, put in place of anything."""


@dataclass
class Tally:
    """What became of the inputs that a loader was given."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    """Of every input that was neither: what happened, and how to have it again."""


def fuzz(
    load: Load,
    good: Sequence[bytes],
    inputs: int,
    seed: int,
    box_s: float = float("inf"),
    keep: Path | None = None,
) -> int:
    """Give ``load`` mutations of the ``good`` files; returns how many it was given.

    ``load`` may return or raise TnemuError, in a message of at most 2,000 characters and within ten
    seconds of processor time. Anything else, a warning included, fails with the seed and the number of
    the input, which is also written to the folder ``keep``.
    """
    tally = survey(load, good, inputs, seed, box_s, keep, most_wrong=1)
    assert not tally.wrong, tally.wrong[0]
    return tally.inputs


def survey(
    load: Load,
    good: Sequence[bytes],
    inputs: int,
    seed: int,
    box_s: float = float("inf"),
    keep: Path | None = None,
    most_wrong: int = 20,
    first: int = 0,
) -> Tally:
    """As :func:`fuzz`, from input ``first`` on, and goes on after a failure."""
    tally, end = Tally(), time.monotonic() + box_s
    good = list(good)
    for number in range(first, first + inputs):
        if time.monotonic() > end or len(tally.wrong) >= most_wrong:
            break
        data = mutated(good, seed, number)
        begun = time.process_time()
        problem = problem_of(load, data, tally)
        took = time.process_time() - begun
        tally.inputs += 1
        tally.slowest_s = max(tally.slowest_s, took)
        if took > LONGEST_S:
            problem = f"it took {took:.1f} s"
        if problem:
            problem = problem.encode("ascii", "backslashreplace").decode()
            tally.wrong.append(
                f"input {number} of seed {seed}: {problem}{_kept(data, number, keep)}"
            )
    return tally


def mutated(good: Sequence[bytes], seed: int, number: int) -> bytes:
    """Input ``number`` of ``seed``."""
    rng = random.Random(f"{seed} {number}")
    data = rng.choice(good)
    if rng.random() < 0.05:
        data = _spliced(data, rng.choice(good), rng)
    return mutate(data, rng)


def problem_of(load: Load, data: bytes, tally: Tally) -> str:
    """What is wrong with what ``load`` did, or an empty text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load(data)
    except TnemuError as refused:
        tally.refused += 1
        text = str(refused)
        if len(text) > LONGEST_MESSAGE:
            return f"a message of {len(text):,} characters: {text[:300]}"
        if found := [word for word in ADVICE if word in text]:
            return f"the message hands on {found[0]!r}: {text[:300]}"
    except Exception as wrong:
        where = "".join(traceback.format_tb(wrong.__traceback__)[-2:])
        return f"{type(wrong).__name__}: {str(wrong)[:300]}\n{where}"
    else:
        tally.accepted += 1
    return ""


def _kept(data: bytes, number: int, keep: Path | None) -> str:
    if keep is None:
        return f"\n{data[:300]!r}"
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / f"input-{number}"
    path.write_bytes(data)
    return f"\nkept as {path}"


def mutate(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to four changes; mostly one, so that later checks are reached, too."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(CHANGES)(data, rng)
    return data


def _at(data: bytes, rng: random.Random) -> int:
    """A place in ``data``: every third time in its first 512 bytes, where headers are."""
    return rng.randrange((min(len(data), 512) if rng.random() < 0.35 else len(data)) + 1)


def _byte(data: bytes, rng: random.Random) -> bytes:
    at = _at(data, rng)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _bit(data: bytes, rng: random.Random) -> bytes:
    at = _at(data, rng)
    return (
        data[:at] + bytes([b ^ 1 << rng.randrange(8) for b in data[at : at + 1]]) + data[at + 1 :]
    )


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: _at(data, rng)]


def _drop(data: bytes, rng: random.Random) -> bytes:
    at = _at(data, rng)
    return data[:at] + data[at + rng.choice((1, 2, 8, 100)) :]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    at, size = _at(data, rng), rng.choice((1, 8, 60, 1000))
    return data[: at + size] + data[at : at + size] + data[at + size :]


def _swap(data: bytes, rng: random.Random) -> bytes:
    """Two pieces between commas, or two lines, change places: other types, keys in another order."""
    mark = rng.choice((b",", b",", b"\n"))
    pieces = data.split(mark, 200)
    if len(pieces) > 1:
        one, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
        pieces[one], pieces[other] = pieces[other], pieces[one]
    return mark.join(pieces)


def _insert(data: bytes, rng: random.Random) -> bytes:
    at, token = _at(data, rng), rng.choice(NASTY)
    return data[:at] + token + data[at + rng.choice((0, len(token))) :]


def _value(data: bytes, rng: random.Random) -> bytes:
    """What stands between a colon and the next comma, bracket or line is another value."""
    colons = [at for at, byte in enumerate(data[:20_000]) if byte == ord(":")]
    if not colons:
        return _insert(data, rng)
    at = rng.choice(colons) + 1
    end = next((k for k in range(at, len(data)) if data[k] in b",]}\n"), len(data))
    return data[:at] + rng.choice((b"", b" ")) + rng.choice(NASTY) + data[end:]


def _number(data: bytes, rng: random.Random) -> bytes:
    """A number in the text is another one."""
    digits = [at for at, byte in enumerate(data[:20_000]) if 48 <= byte < 58]
    if not digits:
        return _byte(data, rng)
    at = rng.choice(digits)
    end = next((k for k in range(at, len(data)) if not 48 <= data[k] < 58), len(data))
    new = rng.choice(
        (b"%d" % rng.randrange(300), b"-1", b"%d" % (1 << rng.randrange(70)), b"0.5", b"")
    )
    return data[:at] + new + data[end:]


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The head of one file and the tail of another."""
    return data[: _at(data, rng)] + other[_at(other, rng) :]


CHANGES = (_byte, _bit, _cut, _drop, _repeat, _swap, _insert, _value, _value, _number, _number)
