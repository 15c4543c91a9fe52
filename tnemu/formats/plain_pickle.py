"""Pickles that hold plain data and nothing else, read without Python's unpickler.

The opcodes are taken apart by pickletools, which executes nothing, and walked here. What is understood:
None, booleans, whole numbers, floats, text, bytes, tuples, lists, dicts, and numpy's arrays of plain
numbers as numpy pickles them up to protocol 4. No name is ever looked up: the five that arrays and bytes need
(_reconstruct, ndarray, dtype, _codecs.encode, bytes) are words to this module, and any other is refused.
"""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tnemu import files
from tnemu.errors import shown
from tnemu.formats.errors import FormatError

MOST_BYTES = 1 << 29
MOST_OPCODES = 1 << 24
_NAMES = {
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
    "__builtin__ bytes": "bytes",
}
_MARK = object()
_KINDS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "b1")


@dataclass
class _Word:
    """One of the five names."""

    name: str


@dataclass
class _Dtype:
    code: str
    order: str = "<"


@dataclass
class _Array:
    """An array that is being built; ``value`` when its state has come."""

    value: Any = None


def read_plain_pickle(path: Path) -> Any:
    """What a pickle holds; dict keys that are bytes (of Python 2) become text. Raises FormatError for
    anything but plain data.
    """
    data = files.read_bytes(path, error=FormatError, what="pickle", most_bytes=MOST_BYTES)
    where = files.place(path)
    try:
        return _finished(_walk(data), 0)
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from None
    except Exception as error:  # damaged: a stack that is empty, a key that cannot be one
        raise FormatError(
            f"{where} is a damaged pickle ({type(error).__name__}); get it again"
        ) from None


def _walk(data: bytes) -> Any:
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(io.BytesIO(data))):
        name = opcode.name
        if count > MOST_OPCODES:
            raise FormatError(f"more than {MOST_OPCODES:,} steps; give a smaller file")
        if name == "STOP":
            return stack.pop()
        if name in ("PROTO", "FRAME"):
            continue
        if name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        else:
            _step(name, argument, stack)
    raise FormatError("it has no end; get it again")


_LITERALS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset(
    "BININT BININT1 BININT2 INT LONG LONG1 LONG4 BINFLOAT FLOAT BINUNICODE SHORT_BINUNICODE BINUNICODE8 "
    "UNICODE BINBYTES SHORT_BINBYTES BINBYTES8".split()
)
_TEXTS = frozenset("STRING BINSTRING SHORT_BINSTRING".split())
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _step(name: str, argument: Any, stack: list[Any]) -> None:
    """One opcode on the stack."""
    if name in _LITERALS:
        stack.append(_LITERALS[name])
    elif name in _VALUES:
        stack.append(argument)
    elif name in _TEXTS:  # Python 2's str, of which pickletools makes text
        stack.append(argument.encode("latin-1"))
    elif name == "MARK":
        stack.append(_MARK)
    elif name in ("EMPTY_LIST", "EMPTY_DICT"):
        stack.append([] if name == "EMPTY_LIST" else {})
    elif name in ("LIST", "DICT", "TUPLE"):
        items = _marked(stack)
        stack.append(_pairs(items) if name == "DICT" else items if name == "LIST" else tuple(items))
    elif name in _TUPLES:
        count = _TUPLES[name]
        items = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        stack.append(tuple(items))
    elif name in ("APPEND", "APPENDS"):
        items = _marked(stack) if name == "APPENDS" else [stack.pop()]
        _of(list, stack[-1]).extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        items = _marked(stack) if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
        _of(dict, stack[-1]).update(_pairs(items))
    elif name in ("GLOBAL", "STACK_GLOBAL"):
        if name == "STACK_GLOBAL":
            second, first = stack.pop(), stack.pop()
            argument = f"{first} {second}"
        if argument not in _NAMES:
            raise FormatError(
                f"it names {shown(argument)}, which is no plain data; it is not opened"
            )
        stack.append(_Word(_NAMES[argument]))
    elif name == "REDUCE":
        arguments, called = stack.pop(), stack.pop()
        stack.append(_called(_of(_Word, called).name, _of(tuple, arguments)))
    elif name == "BUILD":
        state = stack.pop()
        _built(stack[-1], _of(tuple, state))
    else:
        raise FormatError(f"it has the step {name}, which plain data needs not; it is not opened")


def _marked(stack: list[Any]) -> list[Any]:
    at = max(k for k, item in enumerate(stack) if item is _MARK)
    items = stack[at + 1 :]
    del stack[at:]
    return items


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return {_of((str, bytes, int), k): v for k, v in zip(items[::2], items[1::2], strict=True)}


def _of(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise FormatError("its steps do not fit together; get it again")
    return value


def _called(name: str, arguments: tuple[Any, ...]) -> Any:
    if name == "reconstruct":
        return _Array()
    if name == "dtype":
        code = arguments[0]
        code = code.decode("ascii") if isinstance(code, bytes) else _of(str, code)
        if code not in _KINDS:
            raise FormatError(f"it holds an array of {shown(code)}, only plain numbers are read")
        return _Dtype(code)
    if name == "bytes" and not arguments:  # how Python 3 writes b"" for Python 2
        return b""
    if name == "encode":  # how Python 3 writes bytes for Python 2
        text, coding = arguments
        if coding not in ("latin1", "latin-1"):
            raise FormatError(f"it holds bytes coded {shown(coding)}; get it again")
        return _of(str, text).encode("latin-1")
    raise FormatError(f"it calls {name}, which plain data needs not; it is not opened")


def _built(thing: Any, state: tuple[Any, ...]) -> None:
    if isinstance(thing, _Dtype):
        order = state[1]
        thing.order = order.decode("ascii") if isinstance(order, bytes) else _of(str, order)
        return
    array = _of(_Array, thing)
    _, shape, dtype, fortran, data = state
    dtype = _of(_Dtype, dtype)
    order = dtype.order if dtype.order in ("<", ">") else "<"
    flat = np.frombuffer(_of(bytes, data), np.dtype(dtype.code).newbyteorder(order))
    if dtype.code == "b1" and flat.size and flat.view(np.uint8).max() > 1:
        raise FormatError("it holds a bool that is not 0 or 1; get it again")
    sizes = tuple(_of(int, size) for size in _of(tuple, shape))
    array.value = flat.reshape(sizes, order="F" if fortran else "C")


def _finished(value: Any, depth: int) -> Any:
    """Arrays in place of their builders; keys as text."""
    if depth > 8:
        raise FormatError("it is nested deeper than 8; data sets are not")
    if isinstance(value, _Array):
        if value.value is None:
            raise FormatError("an array of it has no numbers; get it again")
        return value.value
    if isinstance(value, dict):
        return {
            k.decode("latin-1") if isinstance(k, bytes) else k: _finished(v, depth + 1)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_finished(v, depth + 1) for v in value)
    if isinstance(value, _Word | _Dtype) or value is _MARK:
        raise FormatError("it holds what is no plain data; it is not opened")
    return value
