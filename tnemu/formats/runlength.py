"""Run-length lists: how IBM model files write 256 integers.

An entry is an integer, or one of three texts::

    "AxN"       A, N times                          "-1x56"
    "a:b"       a, a + 1, ..., b                    "0:199"
    "a:step:b"  a, a + step, ..., b, ends included  "18:2:22"

so ``["1x3", "5:7", 9, "18:2:22"]`` is 1 1 1 5 6 7 9 18 20 22. "0x56" is 56 zeros, not a hexadecimal
number. Source: lists in model files written by IBM's Corelet Programming Environment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tnemu.errors import shown

_REPEAT = re.compile(r"(-?[0-9]{1,18})x([0-9]{1,18})")
_RANGE = re.compile(r"(-?[0-9]{1,18}):(?:(-?[0-9]{1,18}):)?(-?[0-9]{1,18})")


class RunLengthError(ValueError):
    """An entry or a length is wrong; ``index`` is the entry in the list, or None for the length."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


def expand(entries: Sequence[Any], count: int = 256) -> list[int]:
    """The integers that ``entries`` stand for, exactly ``count`` of them.

    Raises RunLengthError for an entry of another form, a range that is empty or whose step does not
    end on its last number, and a list of any other length. Stops at ``count``: "1x999999999" is
    refused, not built.
    """
    values: list[int] = []
    for index, entry in enumerate(entries):
        if type(entry) is int:
            values.append(entry)
            continue
        run = _run(entry, index)
        if len(values) + len(run) > count:
            raise RunLengthError(f"has more than {count} entries at {shown(entry)}", index)
        values.extend(run)
    if len(values) != count:
        raise RunLengthError(f"has {len(values)} entries, expected {count}")
    return values


def _run(entry: Any, index: int) -> range | _Repeat:
    if isinstance(entry, str):
        if found := _REPEAT.fullmatch(entry):
            return _Repeat(int(found[1]), int(found[2]))
        if found := _RANGE.fullmatch(entry):
            first, step, last = int(found[1]), int(found[2] or 1), int(found[3])
            if step == 0 or (last - first) % step or (last - first) // step < 0:
                raise RunLengthError(
                    f"has the range {shown(entry)}, which does not go from {first} to {last} "
                    f"in steps of {step}",
                    index,
                )
            return range(first, last + (1 if step > 0 else -1), step)
    raise RunLengthError(
        f'has the entry {shown(entry)}; an entry is an integer, "AxN", "a:b" or "a:step:b"', index
    )


class _Repeat(Sequence[int]):
    """A value n times, without building it."""

    def __init__(self, value: int, times: int) -> None:
        self.value, self.times = value, times

    def __len__(self) -> int:
        return self.times

    def __getitem__(self, index: Any) -> Any:
        if index >= self.times:
            raise IndexError(index)
        return self.value


def compress(values: Sequence[int]) -> list[int | str]:
    """Entries that :func:`expand` turns back into ``values``: the longest run first, left to right.

    Equal neighbours become "AxN", three or more rising by one step become a range. Falling ranges
    are left as integers, because no file written by IBM's tools shows one.
    """
    entries: list[int | str] = []
    numbers = [int(v) for v in values]
    start, end = 0, len(numbers)
    while start < end:
        stop = start + 1
        step = numbers[stop] - numbers[start] if stop < end else 0
        while stop < end and numbers[stop] - numbers[stop - 1] == step:
            stop += 1
        length, first, last = stop - start, numbers[start], numbers[stop - 1]
        if length >= 2 and step == 0:
            entries.append(f"{first}x{length}")
        elif length >= 3 and step > 0:
            entries.append(f"{first}:{last}" if step == 1 else f"{first}:{step}:{last}")
        else:
            entries.append(first)
            stop = start + 1
        start = stop
    return entries
