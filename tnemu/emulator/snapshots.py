"""Snapshot files: an .npz without pickled objects that names the image it was taken of.

``header`` is a JSON text (format, hash of the image, switches of its chip, tick); the other entries are
the arrays of the state. What is read is checked against the image before anything runs on it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.errors import SnapshotError
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, POTENTIAL_MAX, POTENTIAL_MIN

LAST_TICK = (1 << 46) - 1
SWITCHES = ("leak_zero_clamp", "potential_range")
"""Switches of the chip: the usual reason why two images are not the same."""

Arrays = dict[str, npt.NDArray[Any]]


def write(path: Path, image: BoardImage, form: str, tick: int, arrays: Arrays) -> None:
    """Write a snapshot; the file appears whole or not at all.

    Raises SnapshotError when the file cannot be written (disk full, no such folder); an older file
    then stays as it was.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    chip = image.board.chip
    header = {"format": form, "image": image.sha256(), "tick": tick}
    header |= {name: getattr(chip, name) for name in SWITCHES}
    try:
        with open(scratch, "xb") as file:
            np.savez(file, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException as error:
        scratch.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise SnapshotError(
                f"snapshot {path} cannot be written ({error.strerror or error}); "
                "make room or choose another place"
            ) from error
        raise


def read(path: Path, image: BoardImage, form: str) -> tuple[int, Arrays]:
    """The tick and the arrays of a snapshot of ``image``, not yet checked against it.

    Raises SnapshotError for a file that is no snapshot, of another format, or of another image.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            arrays = {k: np.ascontiguousarray(file[k]) for k in file.files if k != "header"}
        version, taken_of, tick = (header[key] for key in ("format", "image", "tick"))
    except Exception as error:  # whatever zipfile, zlib, numpy or json say to a damaged file
        raise SnapshotError(
            f"{path} is not a readable snapshot ({error}); take a new one"
        ) from error
    if version != form:
        raise SnapshotError(
            f"{path} has format {version!r}, this version reads {form!r}; take a new snapshot"
        )
    if taken_of != image.sha256():
        raise SnapshotError(
            f"{path} was taken of image {taken_of}, this image is {image.sha256()}; "
            f"restore it with the image it was taken of{_switches(header, image)}"
        )
    if type(tick) is not int or not 0 <= tick <= LAST_TICK:
        raise damaged(path, f"tick is {tick!r}")
    return tick, arrays


def damaged(path: Path, problem: str) -> SnapshotError:
    """The refusal of a file that does not fit its image."""
    return SnapshotError(f"snapshot {path} is damaged: {problem}; take a new one")


def _switches(header: Mapping[str, Any], image: BoardImage) -> str:
    """Names the switches of the chip that differ."""
    chip = image.board.chip
    differ = [
        f"{name} was {header.get(name)}, is {getattr(chip, name)}"
        for name in SWITCHES
        if header.get(name) != getattr(chip, name)
    ]
    return f" ({'; '.join(differ)})" if differ else ""


# What may be wrong with arrays, in words, or None. A hand-made file must not reach outside of memory.


def shape_problem(arrays: Mapping[str, Any], expected: Mapping[str, Any]) -> str | None:
    """Names, types and shapes; pending inputs may be any number."""
    if arrays.keys() != expected.keys():
        return f"it holds {', '.join(arrays) or 'nothing'}"
    for name, like in expected.items():
        array = arrays[name]
        free = name.startswith("pending") and array.ndim
        shape = (len(array), *like.shape[1:]) if free else like.shape
        if array.dtype != like.dtype or array.shape != shape:
            return f"{name} is {array.dtype} {array.shape}"
    return None


def potential_problem(potentials: npt.NDArray[np.int32], image: BoardImage) -> str | None:
    """Of potentials [..., n, 256]."""
    if ((potentials < POTENTIAL_MIN) | (potentials > POTENTIAL_MAX)).any():
        return f"a potential is outside {POTENTIAL_MIN}..{POTENTIAL_MAX}"
    if potentials[..., image.types == 0].any():
        return "a neuron that is not used has a potential"
    return None


def count_problem(arrays: Mapping[str, Any]) -> str | None:
    """Of counters and firings."""
    if (arrays["counters"] < 0).any() or (arrays["firings"] < 0).any():
        return "a counter is negative"
    return None


def pending_problem(pending: npt.NDArray[np.int64], tick: int, image: BoardImage) -> str | None:
    """Of inputs (tick, core, axon) to come."""
    limits = [LAST_TICK, image.core_count - 1, AXONS - 1]
    if ((pending < [tick, 0, 0]) | (pending > limits)).any():
        return "a pending input is in the past or on no axon"
    if (np.diff(pending[:, 0]) < 0).any():
        return "pending inputs are not in order"
    return None
