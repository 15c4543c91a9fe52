"""The board image of a path: the one in a folder, or that of a network file on a board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tnemu.files import place
from tnemu.hardware.board import BoardSpec, load_board
from tnemu.hardware.errors import ImageError
from tnemu.hardware.image import BoardImage
from tnemu.lab.sources import source_of
from tnemu.mapping.fit import fit
from tnemu.mapping.size import network_of

BOARDS = ("ns1e", "ns16e", "ns16e-4")
"""Boards that a network is tried on, smallest first, unless one is named."""


def board_image(
    path: str | Path,
    board: BoardSpec | str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    most_bytes: int | None = None,
) -> BoardImage:
    """The image in a folder, or that of a network file, on its board with ``changes``.

    ``path`` is the folder of an image, or what :func:`tnemu.lab.sources.source_of` takes: the cores
    of an IBM model file, JSON or compiled, keep their order. ``board`` is left out for a folder, which brings its own;
    for a file it is the smallest of :data:`BOARDS` that holds the network. ``changes`` are those of
    :meth:`BoardSpec.override`. ``most_bytes`` of a model file are read, or else as many as its reader
    takes.
    """
    if Path(path).is_dir():
        if board is not None:
            raise ImageError(
                f"{place(path)} is a board image, which brings its board; leave out --board, "
                "or change single values with --set"
            )
        image = BoardImage.load(path)
        return replace(image, board=image.board.override(changes)) if changes else image
    source = source_of(path, most_bytes=most_bytes)
    network = network_of(source.thing)
    spec = smallest_board(len(network.cores)) if board is None else load_board(board)
    return fit(network, spec.override(changes or {}), keep_order=source.in_order).image


def notes_of(origin: Mapping[str, Any]) -> list[str]:
    """What the reader of a network had to say of it, kept in ``origin`` of its image."""
    notes = origin.get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []


def smallest_board(cores: int) -> BoardSpec:
    """The smallest of :data:`BOARDS` with that many cores, or else the largest."""
    boards = [load_board(name) for name in BOARDS]
    return next((spec for spec in boards if spec.core_count >= cores), boards[-1])
