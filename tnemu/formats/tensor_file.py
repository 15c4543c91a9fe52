"""Named arrays and text facts in one safetensors file, whole or not at all. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.files import PathLike
from tnemu.formats.errors import FormatError


def save_tensors(
    path: PathLike,
    arrays: Mapping[str, npt.NDArray[Any]],
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write ``arrays`` (any shape, C order in the file) and ``facts``, its metadata.

    Raises FormatError when the file cannot be written.
    """
    from safetensors.numpy import save

    whole = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    files.write_bytes(path, save(whole, dict(facts or {})), error=FormatError)


def load_tensors(path: PathLike) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file, in memory and writable. Raises FormatError as :func:`load_facts`."""
    from safetensors.numpy import load

    _, data = files.read_safetensors(path, error=FormatError)
    return {name: array.copy() for name, array in load(data).items()}


def load_facts(path: PathLike) -> dict[str, str]:
    """The metadata of a file; its tensors are not read.

    Raises FormatError for what is no safetensors file, is not whole, or has a type of number that
    numpy has not.
    """
    return dict(files.check_safetensors(path, error=FormatError).metadata)
