"""Strict JSON: every key once, every number finite, nothing nested without end."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from tnemu.errors import TnemuError, shown
from tnemu.files.places import TEXT_MOST, Failure, PathLike, place
from tnemu.files.reading import read_text

MOST_DEPTH = 64
"""Objects and arrays inside one another; a flat value has depth 0, ``[]`` has 1."""

MOST_DIGITS = 400
"""Digits of a whole number."""

_TOKEN = re.compile(
    r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],]|-?\d++(?:\.\d++)?+(?:[eE][+-]?\d++)?+|NaN|-?Infinity',
    re.DOTALL | re.ASCII,
)
_SURROGATE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")


class _RefusedError(Exception):
    """The decoder met something that JSON allows, or Python adds, and we do not."""


def read_json(
    path: PathLike,
    *,
    error: Failure,
    what: str = "",
    most_bytes: int = TEXT_MOST,
    most_depth: int = MOST_DEPTH,
) -> Any:
    """The value in a JSON file, by the rules of :func:`parse_json` and ``read_text``."""
    text = read_text(path, error=error, what=what, most_bytes=most_bytes)
    return parse_json(text, place(path), error=error, most_depth=most_depth)


def parse_json(
    text: str, where: str, *, error: Failure, line: int = 1, most_depth: int = MOST_DEPTH
) -> Any:
    """The value of JSON ``text``: dict, list, str, int, float, bool or None.

    No key twice in an object, no NaN and no infinity (1e999 neither), at most 400 digits in a whole
    number and ``most_depth`` containers inside one another, no half of a surrogate pair. ``where``
    names the text in errors and ``line`` is the number of its first line. Raises ``error``:
    ``WHERE:LINE:COLUMN: what is wrong; what to do``.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as wrong:
        message = f"is not JSON: {wrong.msg[:1].lower()}{wrong.msg[1:]}; correct it there"
        raise error(f"{_position(text, where, line, wrong.pos)}: {message}") from None
    except (_RefusedError, RecursionError):
        raise _refusal(text, where, line, error, most_depth) from None
    except MemoryError:
        raise error(f"{where}: its JSON does not fit in memory; give a smaller one") from None
    if _deeper(value, most_depth):
        raise _refusal(text, where, line, error, most_depth)
    if _SURROGATE.search(text):
        _check_surrogates(value, where, error)
    return value


def bounded_depth(value: Any, most: int, where: str, *, error: Failure) -> Any:
    """``value`` itself; ``error`` where dicts and lists in it are more than ``most`` deep.

    Takes no recursion; a value that holds itself is too deep.
    """
    if _deeper(value, most):
        raise error(f"{where}: {_too_deep(most)}")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedError
    return members


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise _RefusedError
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _RefusedError
    return number


def _constant(_: str) -> NoReturn:
    raise _RefusedError


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_whole, parse_float=_real, parse_constant=_constant
)


def _deeper(value: Any, most: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        # by identity: what is shared is looked at once, or sharing could double every level
        below = {
            id(item): item
            for owner in level
            for item in (owner.values() if isinstance(owner, dict) else owner)
            if isinstance(item, dict | list)
        }
        level = list(below.values())
        if not level:
            return False
    return bool(level)


def _check_surrogates(value: Any, where: str, error: Failure) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and _SURROGATE.search(item) and not encodes(item):
            raise error(
                f"{where}: the text {shown(item)} holds half of a surrogate pair; correct it"
            )


def encodes(text: str) -> bool:
    """Whether UTF-8 can hold a text: it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _position(text: str, where: str, line: int, at: int) -> str:
    return f"{where}:{line + text.count(chr(10), 0, at)}:{at - text.rfind(chr(10), 0, at)}"


def _too_deep(most: int) -> str:
    return f"more than {most} objects and arrays are inside one another; make it flatter"


def _refusal(text: str, where: str, line: int, error: Failure, most_depth: int) -> TnemuError:
    """The error for the first thing in ``text`` that is refused though it is JSON to Python.

    Walks the text in pure Python: only texts that have such a thing come here.
    """
    keys: list[set[str] | None] = []  # of every open object; None for an array
    expect_key = False
    for found in _TOKEN.finditer(text):
        token = found[0]
        problem = ""
        if token in "[{":
            keys.append(set() if token == "{" else None)
            expect_key = token == "{"
            if len(keys) > most_depth:
                problem = _too_deep(most_depth)
        elif token in "]}":
            keys = keys[:-1]
        elif token == ",":
            expect_key = bool(keys) and keys[-1] is not None
        elif token[0] == '"':
            if expect_key and keys and keys[-1] is not None:
                key = json.loads(token)
                if key in keys[-1]:
                    problem = f"key {shown(key)} is repeated; keep one of the two"
                keys[-1].add(key)
            expect_key = False
        else:
            problem = _number_problem(token)
        if problem:
            return error(f"{_position(text, where, line, found.start())}: {problem}")
    return error(f"{where}: {_too_deep(most_depth)}")


def _number_problem(token: str) -> str:
    if token.endswith(("NaN", "Infinity")):
        return f"{token} is not a number in JSON; write a finite number"
    if token.lstrip("-").isdigit():
        if len(token) <= MOST_DIGITS:
            return ""
        return f"a whole number has {len(token):,} digits, at most {MOST_DIGITS} are read; cut it"
    if math.isfinite(float(token)):
        return ""
    return f"{_short(token)} is beyond every number that can be held; write a smaller one"


def _short(token: str) -> str:
    return token if len(token) <= 40 else f"{token[:37]}..."
