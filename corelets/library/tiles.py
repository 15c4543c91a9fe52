"""How the outputs of a convolution are cut into pieces that a core can hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


def best_tile(
    outputs: Sequence[int],
    k: int,
    stride: int,
    channels: int,
    features: int,
    neurons: int,
    inputs: int,
) -> tuple[int, int]:
    """(rows, columns) of the output tile that needs the fewest cores, then the fewest axons.

    support = ((rows - 1) stride + k) ((columns - 1) stride + k) channels <= inputs;
    rows x columns x features <= neurons, where features beyond it go to further cores. Of equal
    tiles the one with more rows comes last.
    """

    def cost(tile: tuple[int, int]) -> tuple[int, int, int]:
        rows, columns = tile
        parts = -(-features // max(1, neurons // (rows * columns)))
        tiles = -(-outputs[0] // rows) * -(-outputs[1] // columns)
        axons = support(rows, k, stride) * support(columns, k, stride) * channels
        return tiles * parts, tiles * parts * axons, rows

    return min(
        (
            (rows, columns)
            for rows in range(1, outputs[0] + 1)
            for columns in range(1, outputs[1] + 1)
            if support(rows, k, stride) * support(columns, k, stride) * channels <= inputs
            and rows * columns <= neurons
        ),
        key=cost,
    )


def support(outputs: int, k: int, stride: int) -> int:
    """Inputs in a row that ``outputs`` positions in a row see: (outputs - 1) stride + k."""
    return (outputs - 1) * stride + k


def chunks(count: int, size: int) -> list[Indices]:
    """0..count-1 in as few runs of at most ``size`` as possible, of nearly equal length."""
    return np.array_split(np.arange(count), -(-count // size))


def tiles(outputs: Sequence[int], tile: Sequence[int]) -> Iterator[tuple[Indices, Indices]]:
    """(rows, columns) of every tile of ``outputs`` = (rows, columns), those at the ends smaller."""
    for first_row in range(0, outputs[0], tile[0]):
        for first_column in range(0, outputs[1], tile[1]):
            yield (
                np.arange(first_row, min(first_row + tile[0], outputs[0])),
                np.arange(first_column, min(first_column + tile[1], outputs[1])),
            )
