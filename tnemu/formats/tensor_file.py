"""Named arrays and text facts in one safetensors file, whole or not at all. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

from tnemu.files import check_safetensors, read_safetensors, write_bytes
from tnemu.formats.errors import FormatError


def save_tensors(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write ``arrays`` and ``facts``; raises FormatError where the file cannot be written."""
    whole = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    write_bytes(path, save(whole, dict(facts or {})), error=FormatError)


def load_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays by name, writable; raises FormatError for a file that is damaged or another kind's."""
    _, data = read_safetensors(path, error=FormatError)
    return {name: array.copy() for name, array in load(data).items()}


def load_facts(path: str | Path) -> dict[str, str]:
    """The texts beside the arrays, which are not read; raises FormatError as :func:`load_tensors`."""
    return dict(check_safetensors(path, error=FormatError).metadata)
