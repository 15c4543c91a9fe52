"""The header of safetensors files, checked before any library sees the file.

A file is the header's length (8 bytes, little-endian), the header (JSON: name to dtype, shape and
data_offsets, and ``__metadata__`` with texts), then the tensors' bytes without gaps.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tnemu.errors import did_you_mean, shown
from tnemu.files.fields import Fields, parse_fields
from tnemu.files.places import BINARY_MOST, Failure, PathLike, place
from tnemu.files.reading import opening, read_bytes, text_of

BYTES_OF = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
}
"""Bytes of one value of each type that can be read. The others (F8_E8M0, F4, ...) are refused."""

NUMPY_DTYPES = tuple(name for name in BYTES_OF if name != "BF16")
"""Types that numpy has."""

MOST_HEADER = 1 << 24
_MOST_SIZE = (1 << 63) - 1
_AGAIN = "export it again"


@dataclass(frozen=True)
class Tensor:
    """One entry: its type by safetensors' name, its shape, its bytes at ``begin..end`` of the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class TensorHeader:
    """The tensors by name, in the order of their bytes, and the metadata's texts."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_safetensors(
    path: PathLike,
    *,
    error: Failure,
    what: str = "",
    dtypes: Collection[str] = NUMPY_DTYPES,
    most_bytes: int = BINARY_MOST,
) -> tuple[TensorHeader, bytes]:
    """The header and all bytes of a file, read once: what is checked is what a library then loads.

    The header is checked as :func:`check_safetensors` does, before the rest is read.
    """
    header = check_safetensors(path, error=error, what=what, dtypes=dtypes, most_bytes=most_bytes)
    data = read_bytes(path, error=error, what=what, most_bytes=most_bytes)
    if parse_safetensors(data, place(path), error=error, dtypes=dtypes) != header:
        raise error(f"{place(path)}: it changed while it was read; read it again")
    return header, data


def check_safetensors(
    path: PathLike,
    *,
    error: Failure,
    what: str = "",
    dtypes: Collection[str] = NUMPY_DTYPES,
    most_bytes: int = BINARY_MOST,
) -> TensorHeader:
    """The header of a safetensors file that is whole; the tensors are not read.

    The header has at most 16 MiB, is strict JSON and its keys are known; types are among ``dtypes``;
    the product of every shape is the span of its bytes; the spans fill the file without gap or
    overlap; metadata are texts. Raises ``error`` naming the file, the tensor and what is wrong.
    """
    with opening(path, error=error, what=what, most_bytes=most_bytes) as source:
        where = source.where
        if source.size < 8:
            raise _no_file(where, f"it has {source.size} bytes", error)
        length = _header_length(source.exactly(8), source.size, where, error)
        return _header(source.exactly(length), source.size, where, error, dtypes)


def parse_safetensors(
    data: bytes, where: str, *, error: Failure, dtypes: Collection[str] = NUMPY_DTYPES
) -> TensorHeader:
    """The header of a file's bytes, by the rules of :func:`check_safetensors`."""
    if len(data) < 8:
        raise _no_file(where, f"it has {len(data)} bytes", error)
    length = _header_length(data[:8], len(data), where, error)
    return _header(data[8 : 8 + length], len(data), where, error, dtypes)


def _header_length(first: bytes, size: int, where: str, error: Failure) -> int:
    length = int.from_bytes(first, "little")
    if length > _MOST_SIZE >> 8:  # no file is so long: these bytes are something else, such as text
        raise error(
            f"{where} is not a safetensors file: it begins with {shown(first)}, which is no length of a "
            "header; give another file"
        )
    if length > size - 8:
        raise _no_file(where, f"its header of {length:,} bytes does not fit in {size:,}", error)
    if length > MOST_HEADER:
        raise error(
            f"{where}: its header has {length:,} bytes, at most {MOST_HEADER:,} are read; {_AGAIN}"
        )
    return length


def _no_file(where: str, problem: str, error: Failure) -> Exception:
    return error(
        f"{where} is not a safetensors file ({problem}); it may be cut short, fetch it again"
    )


def _header(
    data: bytes, size: int, where: str, error: Failure, dtypes: Collection[str]
) -> TensorHeader:
    if data[:1] != b"{":
        raise _no_file(where, "its header is no JSON object", error)
    at = f"{where} (header)"
    fields = parse_fields(text_of(data, at, error=error), at, error=error)
    first = 8 + len(data)
    metadata: dict[str, str] = {}
    tensors: dict[str, Tensor] = {}
    for name in fields:
        entry = fields.mapping(name)
        if name == "__metadata__":
            metadata = {key: entry.text(key, most=MOST_HEADER) for key in entry}
        else:
            tensors[name] = _tensor(name, entry, first, where, error, dtypes)
    fields.done()
    tensors = dict(sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)))
    end = first
    for name, tensor in tensors.items():
        if tensor.begin != end:
            raise error(
                f"{where}: tensor {shown(name)} begins at byte {tensor.begin}, the one before it ends "
                f"at {end}; {_AGAIN}"
            )
        end = tensor.end
    if end != size:
        raise error(
            f"{where}: its tensors end at byte {end:,} of {size:,}; it may be cut short, fetch it "
            "again"
        )
    return TensorHeader(tensors, metadata)


def _tensor(
    name: str, entry: Fields, first: int, where: str, error: Failure, dtypes: Collection[str]
) -> Tensor:
    dtype = entry.text("dtype", most=1000)
    if dtype not in dtypes or dtype not in BYTES_OF:
        near = did_you_mean(dtype, dtypes) or _AGAIN
        raise error(
            f"{where}: tensor {shown(name)} has dtype {shown(dtype)}; known: {', '.join(dtypes)}; "
            f"{near}"
        )
    shape = tuple(entry.wholes("shape", 0, _MOST_SIZE, most=32))
    begin, end = entry.wholes("data_offsets", 0, _MOST_SIZE, count=2)
    need = math.prod(shape) * BYTES_OF[dtype]
    if end - begin != need:
        raise error(
            f"{where}: tensor {shown(name)}, {dtype} of shape {shown(shape)}, takes "
            f"{shown(need)} bytes, its data_offsets {begin}..{end} span {end - begin}; {_AGAIN}"
        )
    return Tensor(dtype, shape, first + begin, first + end)
