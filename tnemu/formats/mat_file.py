"""MATLAB files of version 5: their arrays of numbers, packed or not. Everything else is passed over.

    128 bytes of header, the last four: version 0x0100 and "IM" (little endian) or "MI"
    elements: type (4 bytes), size (4 bytes), data, filled up to 8 bytes; small ones in 8 bytes altogether
    type 14, a matrix: elements of flags (class), sizes, name, numbers; type 15: one element, packed by zlib

Source: The MathWorks, MAT-File Format, version 5. Cells, structures, sparse and complex arrays, and
text are not read.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import shown
from tnemu.formats.errors import FormatError

MOST_BYTES = 1 << 31
_MATRIX, _PACKED = 14, 15
_STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_CLASSES = {
    6: "f8",
    7: "f4",
    8: "i1",
    9: "u1",
    10: "i2",
    11: "u2",
    12: "i4",
    13: "u4",
    14: "i8",
    15: "u8",
}

Arrays = dict[str, npt.NDArray[np.generic]]


def read_mat(path: Path) -> Arrays:
    """The arrays of numbers of a file, by name. Raises FormatError for what is no such file, is cut
    off, or unpacks to more than 2 GiB.
    """
    data = files.read_bytes(path, error=FormatError, what="MATLAB file", most_bytes=MOST_BYTES)
    where = files.place(path)
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None or data[124:126] not in (b"\0\1", b"\1\0"):
        raise FormatError(f"{where} is no MATLAB file of version 5; save it with -v7")
    found: Arrays = {}
    at, left = 128, MOST_BYTES
    while at < len(data):
        kind, body, at = _element(memoryview(data), at, order, where)
        if kind == _PACKED:
            unpack = zlib.decompressobj()
            try:
                whole = unpack.decompress(body, left)
            except zlib.error as error:
                raise FormatError(f"{where} is damaged ({error}); get it again") from None
            if not unpack.eof:
                raise FormatError(
                    f"{where} is cut off, or unpacks to more than {MOST_BYTES:,} bytes; get it again"
                )
            left -= len(whole)
            kind, body, _ = _element(memoryview(whole), 0, order, where)
        if kind == _MATRIX:
            _matrix(body, order, where, found)
    return found


def _element(data: memoryview, at: int, order: str, where: str) -> tuple[int, memoryview, int]:
    """(type, data, where the next one begins)."""
    if at + 8 > len(data):
        raise FormatError(f"{where} is cut off at byte {at:,}; get it again")
    first, size = (int(v) for v in np.frombuffer(data[at : at + 8], f"{order}u4"))
    if first >> 16:  # small: the size in the upper half, up to four bytes of data
        kind, size, begin, end = first & 0xFFFF, first >> 16, at + 4, at + 8
        size = min(size, 4)
    else:
        kind, begin = first, at + 8
        end = begin + size + (0 if kind == _PACKED else -size % 8)
    if begin + size > len(data):
        raise FormatError(f"{where} is cut off: {size:,} bytes are said to follow byte {begin:,}")
    return kind, data[begin : begin + size], end


def _matrix(body: memoryview, order: str, where: str, found: Arrays) -> None:
    """One array into ``found``, if it is one of plain real numbers."""
    _, flags, at = _element(body, 0, order, where)
    _, sizes, at = _element(body, at, order, where)
    _, name, at = _element(body, at, order, where)
    if len(flags) < 8:
        raise FormatError(f"{where}: an array has no flags; get it again")
    what = int(np.frombuffer(flags[:4], f"{order}u4")[0])
    complex_numbers, kind = what & 0x800, what & 0xFF
    if complex_numbers or kind not in _CLASSES:
        return
    stored, numbers, _ = _element(body, at, order, where)
    form = _STORED.get(stored, "")
    if not form or len(sizes) % 4 or (form[0] == "f" and _CLASSES[kind][0] != "f"):
        raise FormatError(
            f"{where}: an array is stored in an unknown way ({stored}); save it with -v7"
        )
    shape = [int(n) for n in np.frombuffer(sizes, f"{order}i4")]
    if min(shape, default=0) < 0 or math.prod(shape) * int(form[1]) != len(numbers):
        raise FormatError(
            f"{where}: an array of {shown(shape)} has {len(numbers):,} bytes; get it again"
        )
    values = np.frombuffer(numbers, order + form)
    array = values.reshape(shape, order="F").astype(_CLASSES[kind], copy=False)
    found[bytes(name).decode("latin-1")] = array
