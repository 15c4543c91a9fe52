"""Snapshot files: an .npz without pickled objects that names the image it was taken of.

``header`` is a JSON text (format, hash of the image, switches of its chip, tick); the other entries are
the arrays of the state. What is read is checked against the image before anything runs on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.emulator import memory, noise
from tnemu.emulator.errors import SnapshotError
from tnemu.errors import shown
from tnemu.files import PathLike
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, POTENTIAL_MAX, POTENTIAL_MIN

LAST_TICK = (1 << 46) - 1
SWITCHES = ("leak_zero_clamp", "potential_range", "noise", "no_reset_ceiling")
"""Switches of the chip: the usual reason why two images are not the same."""

ALONE, LANES = "tnemu-snapshot-2", "tnemu-lanes-2"
"""The format of one board's state, and that of many boards in lockstep."""
_OLDER: dict[str, dict[str, tuple[Any, int]]] = {
    "tnemu-snapshot-1": {
        "header": (str, 0),
        "potentials": (np.int32, 2),
        "slots": (np.uint64, 3),
        "counters": (np.int64, 1),
        "firings": (np.int64, 1),
        "pending": (np.int64, 2),
    },
    "tnemu-lanes-1": {
        "header": (str, 0),
        "potentials": (np.int32, 3),
        "slots": (np.uint64, 4),
        "counters": (np.int64, 1),
        "firings": (np.int64, 1),
        "pending": (np.int64, 2),
        "pending_lanes": (np.uint64, 2),
    },
}
MEMBERS = {
    ALONE: _OLDER["tnemu-snapshot-1"] | {"generators": (np.uint32, 1)},
    LANES: _OLDER["tnemu-lanes-1"] | {"generators": (np.uint32, 2)},
    **_OLDER,  # known by name, and not read
}
"""The arrays of a file: type and number of axes."""
RESTORERS = {ALONE: "Emulator.restore", LANES: "LaneEmulator.restore"}

Arrays = dict[str, npt.NDArray[Any]]


def write(path: PathLike, image: BoardImage, form: str, tick: int, arrays: Arrays) -> None:
    """Write a snapshot, whole or not at all, through links and devices.

    Raises SnapshotError when the file cannot be written (disk full, no such folder); an older file
    then stays as it was.
    """
    chip = image.board.chip
    header = {"format": form, "image": image.sha256(), "tick": tick}
    header |= {name: getattr(chip, name) for name in SWITCHES}
    text = {"header": np.array(json.dumps(header))}
    files.write_npz(path, text | arrays, error=SnapshotError, what="snapshot")


def read(path: PathLike, image: BoardImage, form: str) -> tuple[int, Arrays]:
    """The tick and the arrays of a snapshot of ``image``, not yet checked against it.

    Raises SnapshotError for a file that is no snapshot, of another format, or of another image, and
    for one whose arrays do not fit into the memory that is left.
    """
    most = memory.available_bytes() or 1 << 40
    try:
        arrays = _arrays(path, form, most)
    except SnapshotError:
        for other in MEMBERS.keys() - {form}:
            if _is(path, other, most):
                raise _another(path, other, form) from None
        raise
    where = files.place(path)
    text = str(arrays.pop("header"))
    fields = files.parse_fields(text, f"{where} (header)", error=SnapshotError)
    if (found := fields.text("format", most=100)) != form:
        raise _another(path, found, form)
    taken_of, tick = fields.text("image", most=100), fields.whole("tick", 0, LAST_TICK)
    switches = {name: fields.json(name, None) for name in SWITCHES}
    if taken_of != image.sha256():
        raise SnapshotError(
            f"{where} was taken of image {taken_of}, this image is {image.sha256()}; "
            f"restore it with the image it was taken of{_differing(switches, image)}"
        )
    return tick, arrays


def damaged(path: PathLike, problem: str) -> SnapshotError:
    """The refusal of a file that does not fit its image."""
    return SnapshotError(f"snapshot {files.place(path)} is damaged: {problem}; take a new one")


def _arrays(path: PathLike, form: str, most: int) -> Arrays:
    return files.read_npz(
        path, MEMBERS[form], error=SnapshotError, what="snapshot", most_bytes=most
    )


def _is(path: PathLike, form: str, most: int) -> bool:
    """Whether the file holds the arrays of a format."""
    try:
        _arrays(path, form, most)
    except SnapshotError:
        return False
    return True


def _another(path: PathLike, found: str, form: str) -> SnapshotError:
    then = f"use {RESTORERS[found]}" if found in RESTORERS else "take a new snapshot"
    return SnapshotError(
        f"{files.place(path)} has format {shown(found)}, this reads {form!r}; {then}"
    )


def _differing(switches: Mapping[str, Any], image: BoardImage) -> str:
    """Names the switches of the chip that differ."""
    chip = image.board.chip
    differ = [
        f"{name} was {shown(was)}, is {getattr(chip, name)}"
        for name, was in switches.items()
        if was != getattr(chip, name)
    ]
    return f" ({'; '.join(differ)})" if differ else ""


# What may be wrong with arrays, in words, or None. A hand-made file must not reach outside of memory.


def shape_problem(arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Sizes that do not fit; pending inputs may be any number."""
    for name, wanted in shapes.items():
        shape = arrays[name].shape
        if shape[name.startswith("pending") :] != wanted[name.startswith("pending") :]:
            return f"{name} has shape {shape}"
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


def generator_problem(generators: npt.NDArray[np.uint32], image: BoardImage) -> str | None:
    """Of states [..., n] of the cores' noise."""
    if noise.stuck(generators, image).any():
        return "a generator that is drawn from has the state 0"
    return None


def pending_problem(pending: npt.NDArray[np.int64], tick: int, image: BoardImage) -> str | None:
    """Of inputs (tick, core, axon) to come."""
    limits = [LAST_TICK, image.core_count - 1, AXONS - 1]
    if ((pending < [tick, 0, 0]) | (pending > limits)).any():
        return "a pending input is in the past or on no axon"
    if (np.diff(pending[:, 0]) < 0).any():
        return "pending inputs are not in order"
    return None
