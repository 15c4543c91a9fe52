"""Named arrays and text facts in one safetensors file, whole or not at all. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from tnemu.formats.errors import FormatError
from tnemu.formats.whole_file import whole_file


def save_tensors(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    facts: Mapping[str, str] | None = None,
) -> None:
    whole = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    with whole_file(path) as file:
        file.write(save(whole, dict(facts or {})))


def load_tensors(path: str | Path) -> dict[str, np.ndarray]:
    load_facts(path)  # it says what is wrong with a file that is not one
    return {name: array.copy() for name, array in load(Path(path).read_bytes()).items()}


def load_facts(path: str | Path) -> dict[str, str]:
    try:
        with safe_open(path, "np") as file:
            return dict(file.metadata() or {})
    except OSError as error:
        raise FormatError(
            f"cannot read {path}: {error.strerror or error}; check the path"
        ) from error
    except SafetensorError as error:
        raise FormatError(
            f"{path} is not a safetensors file ({error}); "
            "pass a teacher, a control student or a weight file"
        ) from error
