"""The on-chip layers of a student: trinary convolution and dense layer.

    y[f] = 1 iff sum over f's group of w x >= threshold[f],    w in {-1, 0, 1}

with the weights, thresholds and input order of :mod:`tnemu.networks.integer`. Pins follow the
flattened, channel-major element order of that module on both sides, so element e of a layer's
output is pin e of ``output``; cores carry that number in ``elements``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Input, Output
from corelets.library.trinary import signed_axons, threshold_neurons
from tnemu.hardware.neuron import NEURONS, SIGNED_INPUTS
from tnemu.networks import integer as formats

NEURONS_WANTED = 128
"""Neurons of a core before copies; the other half is left for the copies that fan-out needs."""

Indices = npt.NDArray[np.intp]


class _Trinary(Corelet):
    """What both layers share: neurons over groups of inputs, a core for each piece."""

    input: Input
    output: Output

    def _neurons(
        self,
        name: str,
        pins: Indices,
        weights: npt.NDArray[np.int8],
        thresholds: npt.NDArray[np.int32],
        elements: Indices,
    ) -> None:
        """One core: neuron j computes output ``elements[j]`` from input ``pins`` [inputs]."""
        which, types, rows = signed_axons(weights)
        records = threshold_neurons(
            thresholds, (weights > 0).sum(axis=0), (weights < 0).sum(axis=0)
        )
        axons = [(self.input[pins[which]], types)] if len(which) else []
        core = self.core(axons, records, rows, name=name, elements=elements)
        self.connect(core.neurons, self.output[elements])


class Dense(_Trinary):
    """Grouped dense layer: output pin g * n + j from the g-th block of the reordered input.

    weights int8 [groups, out / groups, in / groups]; thresholds int [out]; order [in] (position k
    of the layer is input pin order[k]; default: as they come). At most 128 inputs per group. A
    group takes one core per ``neurons_per_core`` outputs. Latency: one tick.
    """

    def __init__(
        self,
        weights: npt.ArrayLike,
        thresholds: npt.ArrayLike,
        order: npt.ArrayLike | None = None,
        *,
        neurons_per_core: int = NEURONS_WANTED,
    ) -> None:
        w = np.asarray(weights, np.int8)
        size = w.shape[0] * w.shape[-1]
        layer = formats.Dense("dense", w, *_numbers(thresholds, order, size))
        layer.check((size,))
        groups, outputs, inputs = w.shape
        _check_fan_in(self, inputs, f"{inputs} inputs in a group")
        _check_neurons(self, neurons_per_core)
        self.input, self.output = Input(size), Output(groups * outputs)
        for g in range(groups):
            pins = layer.order[g * inputs : (g + 1) * inputs].astype(np.intp)
            for part, j in enumerate(_chunks(outputs, neurons_per_core)):
                elements = g * outputs + j
                self._neurons(
                    f"g{g}" + (f".{part}" if outputs > neurons_per_core else ""),
                    pins,
                    w[g, j].T,
                    layer.thresholds[elements],
                    elements,
                )

    @classmethod
    def of(cls, layer: formats.Dense) -> Self:
        """The corelet of a weight file's layer."""
        return cls(layer.weights, layer.thresholds, layer.order)


class Conv2d(_Trinary):
    """Grouped convolution without padding on ``shape`` = (channels, height, width).

    weights int8 [out, in / groups, k, k]; thresholds int [out]; order [in] (channel c of the layer
    is input channel order[c]). Output shape (out, (height - k) // stride + 1, ...). A core computes
    a tile of output positions for one group; ``tile`` = (rows, columns) is chosen so that its
    support is at most 128 inputs, its outputs at most ``neurons_per_core``, and cores are fewest.
    A group of more features than ``neurons_per_core`` is split over cores. Latency: one tick.
    """

    def __init__(
        self,
        weights: npt.ArrayLike,
        thresholds: npt.ArrayLike,
        shape: Sequence[int],
        *,
        stride: int = 1,
        groups: int = 1,
        order: npt.ArrayLike | None = None,
        tile: tuple[int, int] | None = None,
        neurons_per_core: int = NEURONS_WANTED,
    ) -> None:
        w = np.asarray(weights, np.int8)
        shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        layer = formats.Conv("conv", w, *_numbers(thresholds, order, shape[0]), stride, groups)
        layer.check(shape)
        _check_neurons(self, neurons_per_core)
        k, channels = layer.k, w.shape[1]
        _check_fan_in(self, channels * k * k, f"{channels} channels x {k} x {k} inputs")
        self.shape, self.output_shape = shape, layer.output_shape(shape)
        self.input, self.output = (
            Input(int(np.prod(shape))),
            Output(int(np.prod(self.output_shape))),
        )
        features = len(w) // groups
        self.tile = tile or best_tile(
            self.output_shape[1:], k, stride, channels, features, neurons_per_core
        )
        self._check_tile(k, stride, channels)
        many = max(1, neurons_per_core // (self.tile[0] * self.tile[1]))
        for rows, columns in _tiles(self.output_shape[1:], self.tile):
            for g in range(groups):
                for part, f in enumerate(_chunks(features, many)):
                    self._tile(
                        layer,
                        f"r{rows[0]}c{columns[0]}g{g}" + (f".{part}" if features > many else ""),
                        rows,
                        columns,
                        layer.order[g * channels : (g + 1) * channels],
                        g * features + f,
                    )

    @classmethod
    def of(cls, layer: formats.Conv, shape: Sequence[int]) -> Self:
        """The corelet of a weight file's layer on an input of ``shape``."""
        return cls(
            layer.weights,
            layer.thresholds,
            shape,
            stride=layer.stride,
            groups=layer.groups,
            order=layer.order,
        )

    def _tile(
        self,
        layer: formats.Conv,
        name: str,
        rows: Indices,
        columns: Indices,
        channels: npt.NDArray[np.int32],
        features: Indices,
    ) -> None:
        """One core: outputs (features x rows x columns), inputs (channels x support)."""
        k, stride = layer.k, layer.stride
        y0, x0 = rows[0] * stride, columns[0] * stride
        high = (len(rows) - 1) * stride + k
        wide = (len(columns) - 1) * stride + k
        # weights of the tile: [channel, y, x of the support] x [feature, row, column]
        w = np.zeros((len(channels), high, wide, len(features), len(rows), len(columns)), np.int8)
        kernel = layer.weights[features].transpose(1, 2, 3, 0)
        for r, c in itertools.product(range(len(rows)), range(len(columns))):
            y, x = r * stride, c * stride
            w[:, y : y + k, x : x + k, :, r, c] = kernel
        pins = np.ravel_multi_index(
            np.ix_(channels, np.arange(y0, y0 + high), np.arange(x0, x0 + wide)), self.shape
        )
        elements = np.ravel_multi_index(np.ix_(features, rows, columns), self.output_shape)
        self._neurons(
            name,
            pins.ravel(),
            w.reshape(pins.size, elements.size),
            np.repeat(layer.thresholds[features], len(rows) * len(columns)),
            elements.ravel(),
        )

    def _check_tile(self, k: int, stride: int, channels: int) -> None:
        rows, columns = self.tile
        support = _support(rows, k, stride) * _support(columns, k, stride) * channels
        if min(self.tile) < 1 or support > SIGNED_INPUTS or rows * columns > NEURONS:
            raise CoreletError(
                f"{self.describe()}: a tile of {rows} x {columns} outputs sees {support} inputs, a "
                f"core takes {SIGNED_INPUTS} signed inputs and {NEURONS} neurons; choose a smaller "
                "tile, or none to have it chosen"
            )


def best_tile(
    outputs: Sequence[int], k: int, stride: int, channels: int, features: int, neurons: int
) -> tuple[int, int]:
    """(rows, columns) of the output tile that needs the fewest cores, then the fewest axons.

    support = ((rows - 1) stride + k) ((columns - 1) stride + k) channels <= 128 signed inputs;
    rows x columns x features <= neurons, where features beyond it go to further cores. Of equal
    tiles the one with more rows comes last.
    """

    def cost(tile: tuple[int, int]) -> tuple[int, int, int]:
        rows, columns = tile
        parts = -(-features // max(1, neurons // (rows * columns)))
        tiles = -(-outputs[0] // rows) * -(-outputs[1] // columns)
        axons = _support(rows, k, stride) * _support(columns, k, stride) * channels
        return tiles * parts, tiles * parts * axons, rows

    return min(
        (
            (rows, columns)
            for rows in range(1, outputs[0] + 1)
            for columns in range(1, outputs[1] + 1)
            if _support(rows, k, stride) * _support(columns, k, stride) * channels <= SIGNED_INPUTS
            and rows * columns <= neurons
        ),
        key=cost,
    )


def _support(outputs: int, k: int, stride: int) -> int:
    return (outputs - 1) * stride + k


def _chunks(count: int, size: int) -> list[Indices]:
    """0..count-1 in as few runs of at most ``size`` as possible, of nearly equal length."""
    return np.array_split(np.arange(count), -(-count // size))


def _tiles(outputs: Sequence[int], tile: tuple[int, int]) -> Iterator[tuple[Indices, Indices]]:
    for first_row in range(0, outputs[0], tile[0]):
        for first_column in range(0, outputs[1], tile[1]):
            yield (
                np.arange(first_row, min(first_row + tile[0], outputs[0])),
                np.arange(first_column, min(first_column + tile[1], outputs[1])),
            )


def _numbers(
    thresholds: npt.ArrayLike, order: npt.ArrayLike | None, size: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    chosen = np.arange(size) if order is None else order
    return np.asarray(thresholds, np.int32), np.asarray(chosen, np.int32)


def _check_fan_in(corelet: Corelet, count: int, what: str) -> None:
    if count > SIGNED_INPUTS:
        raise CoreletError(
            f"{corelet.describe()}: a neuron sees {what} = {count}, a core takes {SIGNED_INPUTS} "
            "signed inputs (256 axons, two for each); use more groups or a smaller kernel"
        )


def _check_neurons(corelet: Corelet, count: int) -> None:
    if not 1 <= count <= NEURONS:
        raise CoreletError(
            f"{corelet.describe()}: neurons_per_core = {count}, a core has {NEURONS}; choose "
            f"1..{NEURONS}"
        )
