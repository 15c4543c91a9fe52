"""The folder of a board image: ``manifest.json`` and one ``.npy`` file per array.

    manifest.json   format, board, connectors (names, widths, numbers, exits), origin, sha256
    NAME.npy        every array of ImageArrays, by its name
    inputK.npy      the taps of the K-th input connector

Whoever has numpy alone can look at each of them. Everything read is typed and limited before any of
it is used, and no file asks for more memory than its size and its board allow.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from tnemu import files
from tnemu.errors import shown
from tnemu.files import Fields
from tnemu.hardware import board_file
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.connectors import (
    HIGHEST_NUMBER,
    LOWEST_NUMBER,
    MOST_PINS,
    TAP_DTYPE,
    InputConnector,
    OutputConnector,
)
from tnemu.hardware.errors import ImageError
from tnemu.hardware.image_arrays import ImageArrays
from tnemu.hardware.neuron import AXONS, NEURON_DTYPE, NEURONS

Image = TypeVar("Image", bound=ImageArrays)

FORMAT = "tnemu-image-2"
MANIFEST = "manifest.json"
MOST_TYPES = 1 << 16
"""Records that the table of neuron types can have: its indices are uint16."""
MOST_TAPS = 1 << 28
"""Taps that one connector can have: as many as four on every axon of 2**18 cores (3.2 GB)."""
MOST_NAME = 200
"""Characters of a connector's name."""
MAP_FROM = files.COPY_BELOW
"""Bytes from which a file of MAPPED is mapped instead of read: 64 MiB."""
MAPPED = ("crossbar", "targets")
"""What stays on the disk if it is large. Whoever writes to such a file changes an image that has been
checked, so the others are read in any case: every bit of a crossbar is legal, and where targets lead is
checked again by whoever follows them."""
_MOST_EXIT = 1 << 20
_NEVER = 1 << 62

ROWS: dict[str, tuple[tuple[int, ...], Any]] = {
    "positions": ((3,), np.int32),
    "core_ids": ((), np.int64),
    "seeds": ((), np.uint32),
    "axon_types": ((AXONS,), np.uint8),
    "crossbar": ((AXONS, NEURONS // 64), np.uint64),
    "neuron_types": ((), NEURON_DTYPE),
    "types": ((NEURONS,), np.uint16),
    "targets": ((NEURONS,), np.uint32),
}
"""Of every array: (shape of what it holds for one core, or for one neuron type; dtype)."""


def save_image(image: ImageArrays, sha256: str, folder: files.PathLike) -> None:
    """Write a valid image to ``folder``, whole or not at all; as ``BoardImage.save``."""
    text = _path(folder, "write")
    manifest = manifest_of(image) | {"origin": dict(image.origin), "sha256": sha256}
    files.make_folder(os.path.dirname(os.path.abspath(text)), error=ImageError)
    with files.writing_folder(
        text, error=ImageError, what="board image", may_replace=is_image
    ) as scratch:
        files.write_json(scratch / MANIFEST, manifest, error=ImageError, what="manifest")
        for name, array in arrays_of(image).items():
            files.write_npy(scratch / f"{name}.npy", array, error=ImageError)


def load_image(cls: type[Image], folder: files.PathLike) -> tuple[Image, str]:
    """The image of a folder with types and shapes checked, and the hash that its manifest says."""
    text = _path(folder, "read")
    try:
        return _load(cls, Path(text))
    except _AnotherFormatError:
        raise
    except ImageError as error:
        raise ImageError(
            f"{files.place(text)} is not a readable board image ({error}); "
            "rebuild it with 'tnemu fit'"
        ) from error


class _AnotherFormatError(ImageError):
    """The folder is an image, of a version that is not read."""


def _load(cls: type[Image], folder: Path) -> tuple[Image, str]:
    with files.read_fields(folder / MANIFEST, error=ImageError) as manifest:
        found = manifest.text("format")
        if found != FORMAT:
            raise _AnotherFormatError(
                f"{files.place(folder)} has format {shown(found)}, this version reads {FORMAT!r}; "
                "rebuild the image with 'tnemu fit'"
            )
        board = _board(manifest)
        names = [(_name(item), _width(item)) for item in manifest.mappings("inputs")]
        outputs = tuple(_output(item) for item in manifest.mappings("outputs"))
        origin = manifest.json("origin")
        if not isinstance(origin, dict):
            raise manifest.refused("origin", "must be an object of named values")
        digest = manifest.text("sha256", most=64)
    arrays = _arrays(folder, board)
    inputs = tuple(
        InputConnector(name, width, _taps(folder / f"input{index}.npy"))
        for index, (name, width) in enumerate(names)
    )
    image = cls(board=board, inputs=inputs, outputs=outputs, origin=origin, **arrays)
    return image, digest


def _board(manifest: Fields) -> BoardSpec:
    data = manifest.json("board")
    try:
        return BoardSpec.model_validate(data)
    except ValidationError as error:
        problem = board_file.explain(error, BoardSpec, "its board")
        problem = problem if len(problem) <= 1000 else f"{problem[:1000]}..."
        raise ImageError(f"{manifest.where}: {problem}") from None


def _name(item: Fields) -> str:
    return item.text("name", most=MOST_NAME)


def _width(item: Fields) -> int:
    return item.whole("width", 0, MOST_PINS)


def _output(item: Fields) -> OutputConnector:
    number = item.whole("number", LOWEST_NUMBER, HIGHEST_NUMBER)
    exits = item.tables("exits", -1, _MOST_EXIT, width=3)
    return OutputConnector(_name(item), _width(item), number, tuple((u, x, y) for u, x, y in exits))


def _arrays(folder: Path, board: BoardSpec) -> dict[str, npt.NDArray[Any]]:
    """Every array with its dtype and shape; none has more cores than the board."""
    most = board.units * board.width * board.height
    positions = _array(folder, "positions", None, most)
    count = len(positions)
    return {
        name: positions
        if name == "positions"
        else _array(folder, name, count, MOST_TYPES if name == "neuron_types" else count)
        for name in ROWS
    }


def _array(folder: Path, name: str, count: int | None, most: int) -> npt.NDArray[Any]:
    row, dtype = ROWS[name]
    first = None if name == "neuron_types" else count
    size = math.prod(row) * np.dtype(dtype).itemsize
    copy_below = MAP_FROM if name in MAPPED else _NEVER
    return _read(folder / f"{name}.npy", (first, *row), dtype, most * size, copy_below)


def _taps(path: Path) -> npt.NDArray[np.void]:
    return _read(path, (None,), TAP_DTYPE, MOST_TAPS * TAP_DTYPE.itemsize, _NEVER)


def _read(path: Path, shape: Any, dtype: Any, most: int, copy_below: int) -> npt.NDArray[Any]:
    return files.map_npy(
        path,
        error=ImageError,
        dtype=dtype,
        shape=shape,
        any_order=True,
        most_bytes=most + 16_384,  # and its header
        copy_below=copy_below,
    )


def manifest_of(image: ImageArrays) -> dict[str, Any]:
    """What the manifest says of board and connectors; the hash of an image begins with it."""
    return {
        "format": FORMAT,
        "board": image.board.model_dump(mode="json"),
        "inputs": [{"name": c.name, "width": c.width} for c in image.inputs],
        "outputs": [
            {
                "name": c.name,
                "width": c.width,
                "number": c.number,
                "exits": [list(e) for e in c.exits],
            }
            for c in image.outputs
        ],
    }


def arrays_of(image: ImageArrays) -> dict[str, npt.NDArray[Any]]:
    """Every array of an image by the name of its file, taps included."""
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(image, name) for name in ROWS}
    return arrays | {f"input{i}": c.taps for i, c in enumerate(image.inputs)}


def is_image(folder: Path) -> bool:
    """True for a folder whose manifest says that it is a board image of some version."""
    try:
        manifest = files.read_json(folder / MANIFEST, error=ImageError)
    except ImageError:
        return False
    said = manifest.get("format") if isinstance(manifest, dict) else None
    return isinstance(said, str) and said.startswith("tnemu-image-")


def _path(folder: Any, verb: str) -> str:
    """``folder`` as text, or an ImageError for what is no path."""
    text = os.fspath(folder) if isinstance(folder, str | os.PathLike) else None
    if not isinstance(text, str) or "\0" in text or not text:
        raise ImageError(f"cannot {verb} board image {shown(folder)}: it is no path; give a folder")
    return text
