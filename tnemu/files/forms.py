"""Write values in the forms that the readers take: JSON, rows of a table, arrays."""

from __future__ import annotations

import io
import json
import math
import numbers
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tnemu.errors import shown
from tnemu.files.json_text import MOST_DEPTH, MOST_DIGITS, encodes
from tnemu.files.places import Failure, PathLike, a_path, naming
from tnemu.files.sink import write_text, writing

if TYPE_CHECKING:
    import numpy.typing as npt


def write_json(
    path: PathLike, value: Any, *, error: Failure, what: str = "", indent: int | None = 1
) -> None:
    """``value`` as JSON for people and programs, whole or not at all; as ``writing``.

    Its rules are those of ``parse_json``: what is written can be read again.
    """
    text = json_text(value, what or "JSON", error=error, indent=indent)
    write_text(path, text + "\n", error=error, what=what)


def json_text(
    value: Any, where: str, *, error: Failure, indent: int | None = None, sort_keys: bool = False
) -> str:
    """``value`` as JSON text. numpy's numbers become numbers, paths text, any mapping an object.

    Raises ``error`` that names the value: NaN, infinity, a key that is no text, another type, and
    what ``parse_json`` would refuse (depth, digits, half of a surrogate pair).
    """
    problem = _first_wrong(value)
    try:
        if not problem:
            return json.dumps(
                value, indent=indent, sort_keys=sort_keys, allow_nan=False, default=_plain
            )
    except (ValueError, TypeError, RecursionError):
        problem = "it is no value of JSON"
    raise error(f"cannot write {where} as JSON: {problem}; correct the value")


def _plain(value: Any) -> Any:
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise TypeError


def _first_wrong(value: Any) -> str:
    """What of ``value`` JSON cannot hold, or an empty text."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        name, item, depth = waiting.pop()
        if isinstance(item, Mapping | list | tuple) and depth >= MOST_DEPTH:
            return f"{name[:40]}... is nested more than {MOST_DEPTH} deep"
        if isinstance(item, Mapping):
            for key, inner in item.items():
                if not isinstance(key, str):
                    return f"the key {shown(key)} of {name or 'it'} is not text"
                waiting += [(name, key, depth), (f"{name}.{key}".lstrip("."), inner, depth + 1)]
        elif isinstance(item, list | tuple):
            waiting += [(f"{name}[{i}]", inner, depth + 1) for i, inner in enumerate(item)]
        elif problem := _wrong_alone(item):
            return f"{shown(name)[1:-1] or 'it'} = {shown(item)} {problem}"
    return ""


def _wrong_alone(item: Any) -> str:
    if item is None or isinstance(item, bool):
        return ""
    if isinstance(item, str):
        return "" if item.isascii() or encodes(item) else "holds half of a surrogate pair"
    if not isinstance(item, int | float):
        try:
            item = _plain(item)
        except TypeError:
            return "is no value of JSON"
    if isinstance(item, float):
        return "" if math.isfinite(item) else "is not finite"
    if isinstance(item, int) and abs(item) >= 10 ** (MOST_DIGITS - 1):
        return f"has {MOST_DIGITS} digits or more"
    return ""


def append_row(
    path: PathLike,
    row: Iterable[Any],
    *,
    columns: Iterable[str],
    error: Failure,
    what: str = "",
    then: str = "",
) -> None:
    """Add one row to a CSV file; a file that is new or empty gets ``columns`` as its first row.

    The row is there whole or not at all: half a row, of this or of a process that was killed, is cut
    off. A device or a pipe gets the row as it is. Raises ``error``; ``then`` replaces its next step.
    """
    text = a_path(path, error, "write", what)
    with naming(path, what, error, every=True, then=then):
        try:
            regular = stat.S_ISREG(os.stat(text).st_mode)
        except FileNotFoundError:
            regular = True
        flags = os.O_CREAT | os.O_RDWR | os.O_APPEND if regular else os.O_WRONLY
        descriptor = os.open(text, flags | os.O_CLOEXEC | os.O_NOCTTY, 0o666)
        try:
            size = _whole_rows(descriptor) if regular else 1
            data = (b"" if size else _row(columns)) + _row(row)
            try:
                _write_all(descriptor, data)
            except BaseException:
                if regular:
                    with suppress(OSError):
                        os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)


def _row(values: Iterable[Any]) -> bytes:
    import csv

    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode(errors="backslashreplace")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _whole_rows(descriptor: int) -> int:
    """Cut what follows the last line end; the size that is left."""
    size = os.fstat(descriptor).st_size
    end = size
    while end:
        start = max(end - 4096, 0)
        block = os.pread(descriptor, end - start, start)
        found = block.rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end != size:
        os.ftruncate(descriptor, end)
    return end


def write_npy(path: PathLike, array: npt.NDArray[Any], *, error: Failure, what: str = "") -> None:
    """An array as a ``.npy`` file that ``read_npy`` takes: C order, no objects; as ``writing``."""
    import numpy as np

    if array.dtype.hasobject:
        raise error(f"cannot write {what or 'array'} {shown(array)}: it holds objects; convert it")
    with writing(path, error=error, what=what) as file:
        np.save(file, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)


def write_npz(
    path: PathLike,
    arrays: Mapping[str, npt.NDArray[Any]],
    *,
    error: Failure,
    what: str = "",
    compressed: bool = False,
) -> None:
    """Named arrays as a ``.npz`` file that ``read_npz`` takes; as ``writing``."""
    import zipfile

    import numpy as np

    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise error(f"cannot write {what or name}: {name} holds objects; convert it")
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with writing(path, error=error, what=what) as file, zipfile.ZipFile(file, "w", kind) as archive:
        for name, array in arrays.items():
            # a date of its own would make two files of the same arrays differ
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = kind
            entry.external_attr = 0o600 << 16
            with archive.open(entry, "w", force_zip64=True) as member:
                plain = np.ascontiguousarray(array).reshape(array.shape)
                np.lib.format.write_array(member, plain, allow_pickle=False)
