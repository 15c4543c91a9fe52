"""Reading JSON-like text with comments, repeated keys and line numbers, at the speed of C.

IBM model files are JSON with ``/* */`` and ``//`` comments and with one key, ``core``, repeated once
for every core. A :class:`Scanner` blanks the comments without moving anything, then walks the outer
objects itself, member by member, and hands each inner value to the standard library's C decoder.
Repetition is visible where it walks, memory stays at one core, and every value has a position.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from tnemu.errors import shown
from tnemu.formats.errors import FormatError

_SPACE = re.compile(r"[ \t\r\n]+")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_NEWLINE = re.compile(r"[^\n]")
_MARK = re.compile(rf"{_STRING.pattern}|[{{}}\[\],]", re.DOTALL)
Steps = tuple[str | int, ...]
"""A path to a value: text steps name members of objects, numbers count entries of arrays."""


class _RepeatedKeyError(Exception):
    """Two members of one object have the same key."""


class _NoNumberError(Exception):
    """NaN or an infinity, which Python takes for numbers and JSON does not."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RepeatedKeyError
    return members


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _no_constant(name: str) -> NoReturn:
    raise _NoNumberError(f"{name} is not a number that a model file can hold")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_constant)


class Scanner:
    """A cursor over JSON-like ``text``; ``source`` names the text in errors.

    ``members`` and ``items`` are walked with the cursor standing on the value of each member in
    turn; the walker must read or walk that value before it asks for the next.

    >>> scanner = Scanner('{"a": 1, /* again */ "a": [2]}')
    >>> [(key, scanner.value()) for key in scanner.members()]
    [('a', 1), ('a', [2])]
    """

    def __init__(self, text: str, source: str = "text") -> None:
        self.source = source
        self.text = text
        self.text = self._without_comments(text)
        self.at = 0
        self._skip()

    def line(self, position: int) -> int:
        """Line of a position, counted from 1."""
        return self.text.count("\n", 0, position) + 1

    def error(self, position: int, message: str) -> FormatError:
        """A FormatError that starts with the source and the line of ``position``."""
        return FormatError(f"{self.source}:{self.line(position)}: {message}")

    def members(self) -> Iterator[str]:
        """Walk the object at the cursor: each key in turn, repeated keys included."""
        self._open("{", "an object")
        while not self._close("}"):
            found = _STRING.match(self.text, self.at)
            if found is None:
                raise self._expected('a key in quotes or "}"')
            key = self._text(found[0])
            self.at = found.end()
            self._skip()
            if self.text[self.at : self.at + 1] != ":":
                raise self._expected('":"')
            self.at += 1
            self._skip()
            yield key
            self._separate("}")

    def items(self) -> Iterator[int]:
        """Walk the array at the cursor: the index of each entry in turn."""
        self._open("[", "an array")
        index = 0
        while not self._close("]"):
            yield index
            index += 1
            self._separate("]")

    def value(self) -> Any:
        """Read the value at the cursor whole; a key repeated inside it is an error."""
        try:
            value, self.at = _DECODER.raw_decode(self.text, self.at)
        except json.JSONDecodeError as error:
            raise self.error(error.pos, _lowered(error.msg)) from None
        except _RepeatedKeyError:
            self._find_repeated()
        except RecursionError:
            raise self.error(self.at, "nested too deeply") from None
        except _NoNumberError as error:
            raise self.error(self.at, str(error)) from None
        except ValueError:  # the least number of digits that Python does not turn into a number
            raise self.error(self.at, "a number has thousands of digits; correct it") from None
        self._skip()
        return value

    def end(self) -> None:
        """Nothing but space is left, or a FormatError."""
        if self.at != len(self.text):
            raise self._expected("the end of the file")

    def find(self, start: int, path: Steps) -> int:
        """Position of the value at ``path`` inside the value at ``start``, or of its nearest owner."""
        self.at = start
        self._skip()
        opening = self.text[self.at : self.at + 1]
        if path and opening in ("{", "["):
            for step in self.members() if opening == "{" else self.items():
                if step == path[0]:
                    return self.find(self.at, path[1:])
                self.value()
        return start

    def _find_repeated(self) -> NoReturn:
        """Raise the error for the first repeated key in the value at the cursor.

        The decoder has read the value, so its brackets match; it may be nested as deep as it likes.
        """
        owners: list[set[str] | None] = []  # the keys of every open object; None for an array
        before = ""
        for found in _MARK.finditer(self.text, self.at):
            mark = found[0]
            if mark in "{[":
                owners.append(set() if mark == "{" else None)
            elif mark in "}]":
                owners.pop()
            elif mark != "," and before in ("{", ",") and (seen := owners[-1]) is not None:
                key = self._text(mark)
                if key in seen:
                    what = f"key {shown(key)} is repeated; keep one of the two"
                    raise self.error(found.end(), what)
                seen.add(key)
            before = mark
        raise self.error(self.at, "a key is repeated; keep one of the two")

    def _text(self, quoted: str) -> str:
        """The text in quotes that the cursor stands on or before; its escapes are JSON's."""
        try:
            text = json.loads(quoted, strict=False)
        except json.JSONDecodeError as error:
            raise self.error(
                self.at, f"the key {shown(quoted)} is no text: {_lowered(error.msg)}; correct it"
            ) from None
        return str(text)

    def _skip(self) -> None:
        if found := _SPACE.match(self.text, self.at):
            self.at = found.end()

    def _open(self, bracket: str, what: str) -> None:
        if self.text[self.at : self.at + 1] != bracket:
            raise self._expected(what)
        self.at += 1
        self._skip()

    def _close(self, bracket: str) -> bool:
        if self.text[self.at : self.at + 1] != bracket:
            return False
        self.at += 1
        self._skip()
        return True

    def _separate(self, bracket: str) -> None:
        """A comma and another entry, or the closing bracket (left for ``_close``)."""
        mark = self.text[self.at : self.at + 1]
        if mark == ",":
            self.at += 1
            self._skip()
            if self.text[self.at : self.at + 1] == bracket:
                raise self._expected("another entry after the comma")
        elif mark != bracket:
            raise self._expected(f'"," or "{bracket}"')

    def _expected(self, what: str) -> FormatError:
        found = self.text[self.at : self.at + 20].split("\n")[0]
        return self.error(self.at, f"expected {what}, found {found or 'the end of the file'!r}")

    def _without_comments(self, text: str) -> str:
        """``text`` with every comment turned into spaces; line breaks stay, nothing moves.

        A slash inside a string is no comment. No string spans a line (JSON forbids it), so whether
        a slash is inside one shows by reading its own line from the start.
        """
        pieces: list[str] = []
        done = 0
        outside = 0
        slash = text.find("/")
        while slash >= 0:
            outside = max(outside, text.rfind("\n", outside, slash) + 1)
            while (quote := text.find('"', outside, slash)) >= 0:
                found = _STRING.match(text, quote)
                outside = found.end() if found else len(text)
            if outside > slash:
                slash = text.find("/", outside)
                continue
            kind = text[slash : slash + 2]
            if kind == "/*":
                stop = text.find("*/", slash + 2) + 2
                if stop < 2:
                    raise self.error(slash, "a comment opens with /* and is never closed")
            elif kind == "//":
                stop = text.find("\n", slash)
                stop = len(text) if stop < 0 else stop
            else:
                raise self.error(slash, "a single / is neither a comment nor part of a text")
            pieces += (text[done:slash], _NOT_NEWLINE.sub(" ", text[slash:stop]))
            done = outside = stop
            slash = text.find("/", stop)
        return "".join((*pieces, text[done:])) if pieces else text
