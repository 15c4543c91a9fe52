"""IDX files, plain or packed by gzip: the arrays of bytes that MNIST and its relatives come in.

    00 00 08 n   n sizes, 32 bits each, the highest byte first   the values, one byte each, row by row

Source: LeCun, Cortes and Burges, the page of the MNIST database. Other types than 08 (unsigned bytes)
are not read.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.files import PathLike
from tnemu.formats.errors import FormatError

MOST_BYTES = 1 << 30
_GZIP = b"\x1f\x8b"
_MAGIC = b"\0\0\x08"


def read_idx(path: PathLike, axes: int) -> npt.NDArray[np.uint8]:
    """The array of an IDX file, uint8 with ``axes`` axes.

    At most 1 GiB, unpacked. Raises FormatError for another type or number of axes, and for a file
    that is cut off or goes on behind its array.
    """
    data = files.read_bytes(path, error=FormatError, what="IDX file", most_bytes=MOST_BYTES)
    where = files.place(path)
    if data[:2] == _GZIP:
        data = _unpacked(data, where)
    head = 4 + 4 * axes
    if data[:3] != _MAGIC or len(data) < head:
        raise FormatError(f"{where} is no IDX file of bytes: it does not begin with 00 00 08")
    if data[3] != axes:
        raise FormatError(
            f"{where} is an array of {data[3]} axes, expected {axes}; give another file"
        )
    shape = [int.from_bytes(data[4 * k : 4 * k + 4], "big") for k in range(1, axes + 1)]
    if math.prod(shape) != len(data) - head:
        raise FormatError(
            f"{where} says it holds {' x '.join(f'{n:,}' for n in shape)} bytes, {len(data) - head:,} "
            "follow; it is cut off or damaged, get it again"
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def _unpacked(data: bytes, where: str) -> bytes:
    unpack = zlib.decompressobj(wbits=31)
    try:
        found = unpack.decompress(data, MOST_BYTES)
    except zlib.error as error:
        raise FormatError(f"{where} is a damaged gzip file ({error}); get it again") from error
    if not unpack.eof or unpack.unused_data:
        raise FormatError(
            f"{where} is a gzip file that is cut off, goes on behind its end, or unpacks to more than "
            f"{MOST_BYTES:,} bytes; get it again"
        )
    return found
