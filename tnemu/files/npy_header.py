"""The header of numpy's array files, read by a parser of its own: nothing in it is evaluated.

A ``.npy`` file is a magic text, a version, the header's length, the header (a Python dict of three
keys, as text) and the array's bytes. Format: numpy.lib.format, versions 1.0, 2.0 and 3.0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tnemu.errors import TnemuError, shown

if TYPE_CHECKING:
    import numpy as np

Shape = tuple[int | None, ...]
"""A shape of which a size may be None: any."""

_MAGIC = b"\x93NUMPY"
_MOST_HEADER = 10_000  # numpy's own limit
_MOST_RANK = 32
_MOST_NESTING = 8
_MOST_SIZE = (1 << 63) - 1
_KEYS = {"descr", "fortran_order", "shape"}
_TOKEN = re.compile(
    r"""\s*(?:('[^'\\\n]*'|"[^"\\\n]*")|([0-9]{1,19})|(True|False)|([\[\](){},:]))"""
)
_PLAIN = re.compile(r"[<>|=]?(?:[biufc?][0-9]{0,2}|[SUV][0-9]{1,9})")


class _NoHeaderError(Exception):
    """The text is no header; the message says what is wrong."""


@dataclass(frozen=True)
class Header:
    """What an array file says of its array; the bytes begin at ``offset``."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of the array; a Python int, so no shape makes it wrap."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(take: Callable[[int], bytes], refused: Callable[[str], TnemuError]) -> Header:
    """The header at the start of a file; ``take(n)`` gives its next n bytes or raises.

    Raises ``refused`` of what is wrong: no array file, another version, a header that numpy would
    not write, objects, a type that is no plain one.
    """
    start = take(8)
    if start[:6] != _MAGIC:
        raise refused("it is no .npy file; give one that numpy.save wrote")
    if start[6] not in (1, 2, 3) or start[7] != 0:
        raise refused(f"its .npy version {start[6]}.{start[7]} is not known; save it again")
    wide = 2 if start[6] == 1 else 4
    length = int.from_bytes(take(wide), "little")
    if length > _MOST_HEADER:
        raise refused(f"its header has {length:,} bytes, at most {_MOST_HEADER:,} are read")
    data = take(length)
    try:
        text = data.decode("utf-8" if start[6] == 3 else "latin-1")
        found = _Parser(text).whole()
        if not isinstance(found, dict) or set(found) != _KEYS:
            raise _NoHeaderError(f"its keys are not {', '.join(sorted(_KEYS))}")
        fortran, shape = found["fortran_order"], found["shape"]
        if type(fortran) is not bool:
            raise _NoHeaderError("fortran_order is not True or False")
        if not isinstance(shape, tuple) or len(shape) > _MOST_RANK:
            raise _NoHeaderError(f"shape is not a tuple of up to {_MOST_RANK} sizes")
        if not all(type(size) is int and size <= _MOST_SIZE for size in shape):
            raise _NoHeaderError(f"shape {shown(shape)} is not made of sizes")
        return Header(_dtype(found["descr"]), shape, fortran, 8 + wide + length)
    except UnicodeDecodeError:
        problem = "it is not text"
    except _NoHeaderError as wrong:
        problem = str(wrong)
    raise refused(f"its header is damaged: {problem}; save the array again")


def check_header(
    header: Header,
    refused: Callable[[str], TnemuError],
    *,
    dtype: Any = None,
    ndim: int | None = None,
    shape: Shape | None = None,
    any_order: bool = False,
) -> None:
    """Raises ``refused`` where the header is not what is wanted; None wants nothing of it.

    ``str`` and ``bytes`` as ``dtype`` take text of any length.
    """
    import numpy as np

    wanted = None if dtype is None else np.dtype(dtype)
    if wanted is not None:
        any_length = wanted.kind in "SU" and wanted.itemsize == 0
        same = header.dtype.kind == wanted.kind if any_length else header.dtype == wanted
        if not same:
            raise refused(f"it holds {dtype_name(header.dtype)}, must be {dtype_name(wanted)}")
    if ndim is not None and len(header.shape) != ndim:
        raise refused(f"its shape is {shown(header.shape)}, must have {ndim} axes")
    if shape is not None and not fits(header.shape, shape):
        any_size = ", ".join("any" if size is None else str(size) for size in shape)
        raise refused(f"its shape is {shown(header.shape)}, must be ({any_size})")
    if header.fortran and not any_order:
        raise refused(
            "it is in Fortran order, must be in C order; save numpy.ascontiguousarray of it"
        )


def fits(shape: tuple[int, ...], wanted: Shape) -> bool:
    """Whether a shape is the wanted one, None standing for any size."""
    return len(shape) == len(wanted) and all(
        size is None or size == have for have, size in zip(shape, wanted, strict=True)
    )


def dtype_name(dtype: np.dtype[Any]) -> str:
    """A type as a message names it: ``uint8``, or the names of a record's fields."""
    if dtype.names:
        return f"records of {shown(list(dtype.names))}"
    if dtype.kind in "US":
        return "text" if dtype.kind == "U" else "bytes"
    return dtype.str if dtype.byteorder == ">" else dtype.name


def _dtype(descr: Any) -> np.dtype[Any]:
    import numpy as np

    _check_descr(descr, 0)
    try:
        dtype = np.dtype(descr)
    except Exception:  # numpy has no common class for what it refuses here
        raise _NoHeaderError(f"descr {shown(descr)} is no type of numpy") from None
    if dtype.hasobject or not 0 < dtype.itemsize < 1 << 31:
        raise _NoHeaderError(f"descr {shown(descr)} is no type that is read")
    return dtype


def _check_descr(descr: Any, depth: int) -> None:
    """A plain code, or a list of (name, descr) and (name, descr, shape)."""
    if isinstance(descr, str):
        if not _PLAIN.fullmatch(descr):
            raise _NoHeaderError(f"the type {shown(descr)} is not read; numbers and records are")
        return
    if not isinstance(descr, list) or not descr or depth > 3:
        raise _NoHeaderError(f"descr {shown(descr)} is no type")
    for field in descr:
        if not isinstance(field, tuple) or not 2 <= len(field) <= 3 or type(field[0]) is not str:
            raise _NoHeaderError(f"{shown(field)} is no field of a record")
        _check_descr(field[1], depth + 1)
        sizes = field[2] if len(field) == 3 else ()
        if not isinstance(sizes, tuple) or not all(type(size) is int for size in sizes):
            raise _NoHeaderError(f"{shown(field)} is no field of a record")
        if math.prod(sizes) >= 1 << 31:
            raise _NoHeaderError(f"the field {shown(field)} is too large")


class _Parser:
    """Text, whole numbers, True, False, tuples, lists and dicts, as ``repr`` writes them."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def whole(self) -> Any:
        value = self.value(self.next(), 0)
        if self.text[self.at :].strip():
            raise _NoHeaderError("something follows its end")
        return value

    def next(self) -> tuple[str, str]:
        """(kind, text) of the next token; kind is s, n, b, or the bracket or mark itself."""
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise _NoHeaderError(f"{shown(self.text[self.at : self.at + 20])} is not expected")
        self.at = found.end()
        kind = found[found.lastindex or 0]
        return ("s", "n", "b", kind)[(found.lastindex or 1) - 1], kind

    def value(self, token: tuple[str, str], depth: int) -> Any:
        kind, text = token
        if depth > _MOST_NESTING:
            raise _NoHeaderError("it is nested too deeply")
        if kind == "s":
            return text[1:-1]
        if kind == "n":
            return int(text)
        if kind == "b":
            return text == "True"
        if kind == "{":
            return self.mapping(depth)
        if kind in "([":
            return self.items(")" if kind == "(" else "]", depth)
        raise _NoHeaderError(f"{text!r} is not expected")

    def items(self, end: str, depth: int) -> Any:
        values: list[Any] = []
        comma = False
        while (token := self.next())[0] != end:
            values.append(self.value(token, depth + 1))
            mark = self.next()[0]
            comma = mark == ","
            if mark == end:
                break
            if not comma:
                raise _NoHeaderError(f"{mark!r} is not expected in a list")
        if end == ")" and len(values) == 1 and not comma:
            return values[0]
        return tuple(values) if end == ")" else values

    def mapping(self, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while (token := self.next())[0] != "}":
            kind, key = token
            if kind != "s" or key[1:-1] in values:
                raise _NoHeaderError(f"the key {shown(key)} is not expected")
            if self.next()[0] != ":":
                raise _NoHeaderError("a key has no value")
            values[key[1:-1]] = self.value(self.next(), depth + 1)
            mark = self.next()[0]
            if mark == "}":
                break
            if mark != ",":
                raise _NoHeaderError(f"{mark!r} is not expected in a dict")
        return values
