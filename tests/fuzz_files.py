"""What makers of tests/loaders.py are made of: a loader of bytes from one of paths, and good files of it.

Where random bytes would not get past a checksum or a length, the good files are parts of one: :func:`parts`.
"""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fuzzing import Load

Made = tuple[Load, list[bytes]]


class MissingError(Exception):
    """What the loader is part of is not installed."""


def module(name: str) -> Any:
    """A module that needs more than numpy, or MissingError."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingError(str(error)) from None


def by_path(path: Path, read: Callable[[Path], object]) -> Load:
    """``read`` of a file with the bytes that are given."""

    def load(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return load


def parts(contents: Mapping[str, bytes], put: Callable[[str, bytes], object]) -> Made:
    """Things made of several parts: the first byte says which of them the rest replaces."""
    names = list(contents)

    def load(data: bytes) -> object:
        return put(names[(data[0] if data else 0) % len(names)], data[1:])

    return load, [bytes([k]) + contents[name] for k, name in enumerate(names)]


def in_zip(path: Path, read: Callable[[Path], object]) -> Made:
    """The zip file at ``path``, its members with the right checksum, and as a whole."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def put(name: str, content: bytes) -> object:
        if not name:
            path.write_bytes(content)
            return read(path)
        with zipfile.ZipFile(path, "w") as archive:
            for each, data in (members | {name: content}).items():
                archive.writestr(each, data)
        return read(path)

    return parts({"": path.read_bytes(), **members}, put)


def in_tensors(path: Path, read: Callable[[Path], object], *texts: str) -> Made:
    """The safetensors file at ``path``: whole, its header with the right length, texts of metadata."""
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    head, body = whole[8:end], whole[end:]
    said = json.loads(head)

    def put(name: str, content: bytes) -> object:
        header = content
        if name in texts:
            metadata = said["__metadata__"] | {name: content.decode("utf-8", "replace")}
            header = json.dumps(said | {"__metadata__": metadata}).encode()
        data = content if not name else len(header).to_bytes(8, "little") + header + body
        path.write_bytes(data)
        return read(path)

    inner = {name: said["__metadata__"][name].encode() for name in texts}
    return parts({"": whole, "header": head, **inner}, put)
