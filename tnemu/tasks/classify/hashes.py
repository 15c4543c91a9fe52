"""Files whose publisher, or everybody's loader, names their MD5."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tnemu import files
from tnemu.tasks.classify.data import DataError


def check_md5(path: Path, published: str) -> None:
    """Raises DataError where ``path`` is not the published file."""
    digest = hashlib.md5(usedforsecurity=False)
    with files.opening(path, error=DataError, what="data file") as source:
        while block := source.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != published:
        raise DataError(
            f"{files.place(path)} has MD5 {digest.hexdigest()}, the published file {published}; it is "
            "damaged or another one, get it again, or give your data as an .npz file"
        )
