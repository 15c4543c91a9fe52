"""HDF5 files as trees of arrays and texts: groups and plain data sets, nothing that leads out of the file.

Refused by name are links that are not hard, data kept in other files, virtual data, filters other than
gzip, shuffle, Fletcher's sum and LZF, types other than numbers and text, and more objects, depth or bytes
than a network has. h5py (extra ``nir``) reads from memory, so no path in a file is ever opened.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tnemu import files
from tnemu.errors import shown
from tnemu.formats.errors import FormatError

MAGIC = b"\x89HDF\r\n\x1a\n"
MOST_BYTES = 1 << 28
"""Bytes of a file."""
MOST_DATA = 1 << 30
"""Bytes of all arrays, unpacked."""
MOST_OBJECTS = 100_000
MOST_DEPTH = 16
MOST_TEXT = 1 << 20
MOST_AXES = 8
MOST_PACKED = 1032
"""Most bytes that a byte of a packed array stands for."""
_HEAP = b"GCOL\1"
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}

Tree = dict[str, Any]


def need(name: str, what: str) -> Any:
    """The library ``name``, or a FormatError that says how to get it."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise FormatError(f"{what} need the library {name}; pip install 'tnemu[nir]'") from None


def is_hdf5(path: str | Path) -> bool:
    """Whether a file begins as HDF5 does, at whatever size; False for one that cannot be read."""
    try:
        with files.opening(path, error=FormatError) as source:
            return source.read(len(MAGIC)) == MAGIC
    except FormatError:
        return False


def read_tree(path: str | Path) -> Tree:
    """The file's groups as dicts, its data sets as arrays, numbers and texts.

    Raises FormatError, with the place in the file, for what is refused and for a damaged file.
    """
    h5py = need("h5py", "HDF5 files")
    data = files.read_bytes(path, error=FormatError, what="HDF5 file", most_bytes=MOST_BYTES)
    where = files.place(path)
    if not data.startswith(MAGIC):
        raise FormatError(f"{where} is no HDF5 file; give one, such as nir.write() makes")
    _check_heaps(data, where)
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return _Reader(h5py, where, data).group(file, "")
    except FormatError:
        raise
    except Exception as problem:  # h5py raises a dozen kinds, by what HDF5 stumbles over
        raise FormatError(f"{where} is damaged ({_brief(problem)}); write it again") from None


def _check_heaps(data: bytes, where: str) -> None:
    """Every heap of texts ends: the library walks damaged ones for ever.

    A collection is "GCOL", version 1, 3 bytes, its size, and objects of index, references (2 bytes
    each), 4 bytes, size, data filled up to 8; index 0 is what is free, its size all of it.
    """
    at = data.find(_HEAP)
    while at >= 0:
        size = int.from_bytes(data[at + 8 : at + 16], "little")
        place, end = at + 16, at + size
        good = 16 <= size <= len(data) - at
        while good and place + 16 <= end:
            length = int.from_bytes(data[place + 8 : place + 16], "little")
            free = data[place : place + 2] == b"\0\0"
            step = length if free else 16 + (length + 7) // 8 * 8
            good = 16 <= step <= end - place
            place += step
        if not good:
            raise FormatError(
                f"{where} is damaged (its heap of texts at byte {at:,}); write it again"
            )
        at = data.find(_HEAP, at + 1)


def _brief(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:120] or type(problem).__name__


class _Reader:
    """What was read so far, against the limits."""

    def __init__(self, h5py: Any, where: str, data: bytes) -> None:
        self.h5py, self.where, self.data, self.size = h5py, where, data, len(data)
        self.objects = self.bytes = 0

    def refuse(self, place: str, problem: str) -> FormatError:
        return FormatError(f"{self.where}: {shown(place or '/')} {problem}")

    def group(self, group: Any, place: str) -> Tree:
        if place.count("/") >= MOST_DEPTH:
            raise self.refuse(place, f"is deeper than {MOST_DEPTH} groups; write it flatter")
        if self.objects + len(group) > MOST_OBJECTS:
            raise self.refuse(place, f"makes it more than {MOST_OBJECTS:,} objects; split the file")
        found: Tree = {}
        for name in list(group):
            here = f"{place}/{name}"
            self.objects += 1
            if self.objects > MOST_OBJECTS:
                raise self.refuse(
                    here, f"is object {self.objects:,}; the limit is {MOST_OBJECTS:,}"
                )
            link = group.get(name, getlink=True)
            if type(link) is not self.h5py.HardLink:
                raise self.refuse(
                    here,
                    f"is a {type(link).__name__} to elsewhere; copy what it means into the file",
                )
            item = group[name]
            if isinstance(item, self.h5py.Group):
                found[name] = self.group(item, here)
            elif isinstance(item, self.h5py.Dataset):
                found[name] = self.values(item, here)
            else:
                raise self.refuse(here, "is neither a group nor data; take it out")
        return found

    def values(self, item: Any, place: str) -> Any:
        plist = item.id.get_create_plist()
        if item.external or item.is_virtual:
            raise self.refuse(place, "keeps its data in other files; copy them into this one")
        for k in range(plist.get_nfilters()):
            code = plist.get_filter(k)[0]
            if code not in _FILTERS:
                raise self.refuse(
                    place, f"is packed by filter {code}; known are {', '.join(_FILTERS.values())}"
                )
        text = self.h5py.check_string_dtype(item.dtype)
        if text is None and not (item.dtype.kind in "biuf" and item.dtype.itemsize <= 8):
            raise self.refuse(place, f"has the type {item.dtype}; numbers and text are read")
        if item.shape is None:
            raise self.refuse(place, "is empty; give it a value")
        if len(item.shape) > MOST_AXES:
            raise self.refuse(place, f"has {len(item.shape)} axes; at most {MOST_AXES} are read")
        count = math.prod(item.shape)
        chunk = math.prod(item.chunks or ()) * item.dtype.itemsize
        self.bytes += count * item.dtype.itemsize
        # gzip packs 1,032 bytes into one at best, and every text has a place of its own
        most = min(MOST_DATA, self.size if text else self.size * MOST_PACKED)
        if max(self.bytes, chunk) > MOST_DATA or max(count, 0 if text else chunk) > most:
            raise self.refuse(
                place, f"makes it more than {min(MOST_DATA, most):,} bytes unpacked; split the file"
            )
        if text is not None and text.length is None:
            self.check_texts(item, count, place)
        value = item[()]
        if text is None:
            return value
        flat = [self.text(one, place) for one in np.ravel(np.asarray(value, object))]
        return flat[0] if item.shape == () else np.array(flat, object).reshape(item.shape)

    def check_texts(self, item: Any, count: int, place: str) -> None:
        """No text claims more bytes than the file has: the library would ask for that memory.

        Each is length (4 bytes), place of its heap (8), index (4), one after the other.
        """
        first = item.id.get_offset() if item.chunks is None else None
        if first is None or not 0 <= first <= self.size - 16 * count:
            raise self.refuse(
                place, "keeps its texts in pieces; write them in one, as nir.write() does"
            )
        raw = np.frombuffer(self.data, np.uint8, 16 * count, first).reshape(count, 16)
        longest = int(raw[:, :4].copy().view("<u4").max(initial=0))
        if longest > min(self.size, MOST_TEXT):
            raise self.refuse(place, f"claims a text of {longest:,} bytes; write it again")

    def text(self, value: Any, place: str) -> str:
        raw = value if isinstance(value, bytes) else str(value).encode()
        if len(raw) > MOST_TEXT:
            raise self.refuse(place, f"is a text of {len(raw):,} bytes; the limit is {MOST_TEXT:,}")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise self.refuse(place, "is a text that is no UTF-8; write it in UTF-8") from None


def tree_bytes(tree: Mapping[str, Any]) -> bytes:
    """An HDF5 file of ``tree``, as :func:`read_tree` reads it: texts, arrays (packed by gzip), dicts."""
    h5py = need("h5py", "HDF5 files")
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        _write(h5py, file, tree)
    return made.getvalue()


def _write(h5py: Any, group: Any, tree: Mapping[str, Any]) -> None:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            _write(h5py, group.create_group(name), value)
        elif isinstance(value, str):
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.size > 1:
            group.create_dataset(name, data=value, compression="gzip")
        else:
            group.create_dataset(name, data=value)
