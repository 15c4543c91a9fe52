"""What an engine can run: every rule that the content of a board image has to keep."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown, whole
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.connectors import (
    HIGHEST_NUMBER,
    LOWEST_NUMBER,
    MOST_PINS,
    TAP_DTYPE,
    InputConnector,
    OutputConnector,
    check_exits,
)
from tnemu.hardware.errors import ImageError
from tnemu.hardware.frozen import read_only
from tnemu.hardware.image_arrays import ImageArrays
from tnemu.hardware.image_file import MOST_NAME, MOST_TYPES, ROWS
from tnemu.hardware.neuron import AXON_TYPES, AXONS, MAX_DELAY, validate_neurons

_PIECE = 1 << 20  # taps that are looked at together
_FAR = 1 << 20


def normalised(image: ImageArrays) -> ImageArrays:
    """The image in plain types: Python's whole numbers, read-only arrays in C order and aligned.

    Raises ImageError for what is no array, no connector, no board, no whole number.
    """
    if not isinstance(image.board, BoardSpec):
        raise ImageError(f"board = {shown(image.board)}: must be a BoardSpec; use load_board")
    if not isinstance(image.origin, Mapping):
        raise ImageError(f"origin = {shown(image.origin)}: must be a dict; correct the value")
    arrays: dict[str, Any] = {
        name: _array(f"image array {name!r}", getattr(image, name)) for name in ROWS
    }
    return dataclasses.replace(
        image,
        inputs=tuple(_input(c) for c in _listed(image.inputs, "inputs", InputConnector)),
        outputs=tuple(_output(c) for c in _listed(image.outputs, "outputs", OutputConnector)),
        **arrays,
    )


def _listed(connectors: Any, what: str, kind: type[Any]) -> tuple[Any, ...]:
    if not isinstance(connectors, list | tuple) or not all(isinstance(c, kind) for c in connectors):
        raise ImageError(
            f"{what} = {shown(connectors)}: must be a tuple of {kind.__name__}; correct the value"
        )
    return tuple(connectors)


def _input(connector: InputConnector) -> InputConnector:
    name = _name(connector, "input")
    return InputConnector(
        name,
        _whole(f"input {name!r}: width", connector.width, 0, MOST_PINS),
        _array(f"input {name!r}: taps", connector.taps),
    )


def _output(connector: OutputConnector) -> OutputConnector:
    name = _name(connector, "output")
    exits = connector.exits
    if not isinstance(exits, list | tuple) or not all(
        isinstance(e, list | tuple) and len(e) == 3 for e in exits
    ):
        raise ImageError(
            f"output {name!r}: exits = {shown(exits)}: must be a tuple of (unit, x, y); "
            "correct the value"
        )
    places = (tuple(_whole(f"output {name!r}: exit", v, -_FAR, _FAR) for v in e) for e in exits)
    return OutputConnector(
        name,
        _whole(f"output {name!r}: width", connector.width, 0, MOST_PINS),
        _whole(f"output {name!r}: number", connector.number, LOWEST_NUMBER, HIGHEST_NUMBER),
        tuple((unit, x, y) for unit, x, y in places),
    )


def _name(connector: InputConnector | OutputConnector, kind: str) -> str:
    if not isinstance(connector.name, str) or not 0 < len(connector.name) <= MOST_NAME:
        raise ImageError(
            f"{kind} name = {shown(connector.name)}: must be text of 1..{MOST_NAME} characters; "
            "correct the value"
        )
    return connector.name


def _whole(name: str, value: Any, low: int, high: int) -> int:
    return whole(name, value, low, high, error=ImageError, then="correct the value")


def _array(what: str, value: Any) -> npt.NDArray[Any]:
    try:
        return read_only(value)
    except (ValueError, TypeError):
        raise ImageError(f"{what} = {shown(value)}: is no array; rebuild the image") from None


def check(image: ImageArrays) -> None:
    """Raises ImageError, BoardError or RangeError for the first rule that the image breaks.

    Of an image that :func:`normalised` has made.
    """
    _check_shapes(image)
    if (image.axon_types >= AXON_TYPES).any():
        raise ImageError(
            f"axon type {int(image.axon_types.max())} does not exist; a core has types 0..3"
        )
    if int(image.types.max(initial=0)) >= len(image.neuron_types):
        raise ImageError(
            f"neuron type {int(image.types.max())} is not in the table of "
            f"{len(image.neuron_types)} types; rebuild the image"
        )
    validate_neurons(image.neuron_types[1:], "neuron types from 1")
    image.board.check_positions(image.positions)
    for kind, names in (
        ("input", [c.name for c in image.inputs]),
        ("output", [c.name for c in image.outputs]),
    ):
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ImageError(f"two {kind} connectors are named {shown(twice)}; rename one of them")
    for connector in image.inputs:
        _check_taps(connector, image.core_count)
    for cores in image.pieces():
        image.destinations(cores)
    check_exits(image.board, image.outputs)


def _check_shapes(image: ImageArrays) -> None:
    count = image.positions.shape[0] if image.positions.ndim else 0
    for name, (row, dtype) in ROWS.items():
        array = getattr(image, name)
        own = name == "neuron_types" and array.ndim == 1
        shape = (len(array) if own else count, *row)
        if array.shape != shape or array.dtype != dtype:
            raise ImageError(
                f"image array {name!r} is {shown(str(array.dtype))[1:-1]} {array.shape}, "
                f"expected {np.dtype(dtype)} {shape}; rebuild the image"
            )
    if len(image.neuron_types) > MOST_TYPES:
        raise ImageError(
            f"the image has {len(image.neuron_types):,} neuron types, the limit is {MOST_TYPES:,}; "
            "leave out those that no neuron has"
        )


def _check_taps(connector: InputConnector, cores: int) -> None:
    taps = connector.taps
    if taps.dtype != TAP_DTYPE or taps.ndim != 1:
        raise ImageError(
            f"input {connector.name!r} has taps of type {shown(str(taps.dtype))[1:-1]} "
            f"{taps.shape}, expected a list of {TAP_DTYPE.names}; rebuild the image"
        )
    for start in range(0, len(taps), _PIECE):
        piece = taps[start : start + _PIECE]
        for name, low, high in (
            ("core", 0, cores - 1),
            ("axon", 0, AXONS - 1),
            ("pin", 0, connector.width - 1),
            ("delay", 1, MAX_DELAY),
        ):
            bad = (piece[name] < low) | (piece[name] > high)
            if bad.any():
                raise ImageError(
                    f"input {connector.name!r} has a tap with {name} = {int(piece[name][bad][0])}, "
                    f"outside {low}..{high}; rebuild the image"
                )
