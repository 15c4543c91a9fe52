"""The on-chip layers of a student: trinary convolution and dense layer.

    y[f] = 1 iff sum over f's group of w x >= threshold[f],    w in {-1, 0, 1}

with the weights, thresholds and input order of :mod:`tnemu.networks.integer`. Pins follow the
flattened, channel-major element order of that module on both sides, so element e of a layer's
output is pin e of ``output``; cores carry that number in ``elements``.
Source: Esser et al., PNAS 2016 ("Convolutional networks for fast, energy-efficient neuromorphic
computing").
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.language.unused import constructs
from corelets.library.entry import Entry
from corelets.library.tiles import Indices, best_tile, chunks, support, tiles
from corelets.library.trinary import signed_axons, threshold_neurons
from tnemu.errors import shown, whole
from tnemu.hardware.exact import exact
from tnemu.hardware.neuron import AXONS, NEURONS
from tnemu.networks import integer

NEURONS_WANTED = 128
"""Neurons of a core before copies; the other half is left for the copies that fan-out needs."""
LONGEST_SIDE = (1 << 31) - 1
"""Shapes, strides and groups are counts of pins, which have 32 bits."""


class _Trinary(Corelet):
    """What both layers share: an integer layer, and a core for each piece of it."""

    input: Input
    output: Output
    kind: ClassVar[type[integer.Conv] | type[integer.Dense]]
    layer: integer.Conv | integer.Dense
    shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    def _hold(self, layer: integer.Conv | integer.Dense, shape: tuple[int, ...]) -> None:
        """The layer on an input of ``shape``: checked, and the ports made."""
        if not isinstance(layer, self.kind):
            raise CoreletError(
                f"{self.describe()}: {shown(layer)} is no {self.kind.__name__} of "
                "tnemu.networks.integer; construct the corelet from arrays instead"
            )
        for name, dtype in (("weights", np.int8), ("thresholds", np.int32), ("order", np.int32)):
            held = getattr(layer, name)
            if not isinstance(held, np.ndarray) or held.dtype != dtype:
                raise CoreletError(
                    f"{self.describe()}: {name} of layer {layer.name!r} are {shown(held)}, expected "
                    f"an array of {np.dtype(dtype).name}; give the layer whole numbers of that type"
                )
        for name in ("stride", "groups"):
            number = getattr(layer, name, 1)
            whole(f"{self.describe()}: {name}", number, 1, LONGEST_SIDE, error=CoreletError)
        layer.check(shape)
        self.layer, self.shape, self.output_shape = layer, shape, layer.output_shape(shape)
        self.input = Input(math.prod(shape))
        self.output = Output(math.prod(self.output_shape))

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

    def model(self, input: Raster) -> Raster:
        """output[t] = the integer layer's answer to input[t]."""
        answer = self.layer.forward(input.reshape(-1, *self.shape))
        return np.asarray(answer).reshape(len(input), self.output.width) > 0


class Dense(_Trinary):
    """Grouped dense layer: output pin g * n + j from the g-th block of the reordered input.

    weights [groups, out / groups, in / groups] of -1, 0, 1; thresholds int32 [out]; order [in]
    (position k of the layer is input pin order[k]; default: as they come). At most 128 inputs a
    group where weights have both signs, 254 where they have one; what counts are axons, one for each
    input and sign. A group takes one core per ``neurons_per_core`` (1..256) outputs. Latency: one tick.

    Raises CoreletError for values that are no whole numbers or out of range and for groups that no
    core can hold, NetworkError for arrays whose shapes do not belong together.
    """

    kind = integer.Dense
    layer: integer.Dense

    def __init__(
        self,
        weights: npt.ArrayLike,
        thresholds: npt.ArrayLike,
        order: npt.ArrayLike | None = None,
        *,
        neurons_per_core: int = NEURONS_WANTED,
    ) -> None:
        w = _weights(self, weights, ("groups", "out", "in"))
        size = w.shape[0] * w.shape[2]
        layer = integer.Dense("dense", w, *_numbers(self, thresholds, order, size))
        self._lay_out(layer, neurons_per_core)

    @classmethod
    def of(cls, layer: integer.Dense, *, neurons_per_core: int = NEURONS_WANTED) -> Self:
        """The corelet of an integer layer, such as a weight file holds."""
        corelet = cls.__new__(cls)
        corelet._lay_out(layer, neurons_per_core)
        return corelet

    @constructs
    def _lay_out(self, layer: integer.Dense, neurons_per_core: int) -> None:
        most = _neurons_per_core(self, neurons_per_core)
        self._hold(layer, (int(np.size(getattr(layer, "order", 0))),))
        groups, outputs, inputs = layer.weights.shape
        for g in range(groups):
            pins = layer.order[g * inputs : (g + 1) * inputs].astype(np.intp)
            most = _with_axons(self, layer.weights[g], most)
            for part, j in enumerate(chunks(outputs, most)):
                elements = g * outputs + j
                self._neurons(
                    f"g{g}" + (f".{part}" if outputs > most else ""),
                    pins,
                    layer.weights[g, j].T,
                    layer.thresholds[elements],
                    elements,
                )


class Conv2d(_Trinary):
    """Grouped convolution without padding on ``shape`` = (channels, height, width).

    weights [out, in / groups, k, k] of -1, 0, 1; thresholds int32 [out]; order [in] (channel c of
    the layer is input channel order[c]). Output shape (out, (height - k) // stride + 1, ...). A
    core computes a tile of output positions for one group; ``tile`` = (rows, columns) is chosen so
    that its support is at most 128 inputs, its outputs at most ``neurons_per_core`` (1..256), and
    cores are fewest. A group of more features than ``neurons_per_core`` is split over cores.
    Latency: one tick.

    Raises CoreletError for values that are no whole numbers or out of range and for kernels and
    tiles that no core can hold, NetworkError for shapes that do not belong together.
    """

    kind = integer.Conv
    layer: integer.Conv

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
        w = _weights(self, weights, ("out", "in / groups", "k", "k"))
        shape = _counts(self, "shape", shape, ("channels", "height", "width"))
        layer = integer.Conv(
            "conv",
            w,
            *_numbers(self, thresholds, order, shape[0]),
            stride,
            groups,
        )
        self._lay_out(layer, shape, tile, neurons_per_core)

    @classmethod
    def of(
        cls,
        layer: integer.Conv,
        shape: Sequence[int],
        *,
        tile: tuple[int, int] | None = None,
        neurons_per_core: int = NEURONS_WANTED,
    ) -> Self:
        """The corelet of an integer layer, such as a weight file holds, on an input of ``shape``."""
        corelet = cls.__new__(cls)
        corelet._lay_out(layer, shape, tile, neurons_per_core)
        return corelet

    @constructs
    def _lay_out(
        self,
        layer: integer.Conv,
        shape: Sequence[int],
        tile: tuple[int, int] | None,
        neurons_per_core: int,
    ) -> None:
        most = _neurons_per_core(self, neurons_per_core)
        self._hold(layer, _counts(self, "shape", shape, ("channels", "height", "width")))
        k, stride, channels = layer.k, layer.stride, layer.weights.shape[1]
        signs = 1 + bool((layer.weights > 0).any() and (layer.weights < 0).any())
        inputs = AXONS // signs
        _check_fan_in(self, channels * k * k, inputs, f"{channels} channels x {k} x {k} inputs")
        features = len(layer.weights) // layer.groups
        self.tile: tuple[int, ...]
        if tile is None:
            self.tile = best_tile(
                self.output_shape[1:], k, stride, channels, features, most, inputs
            )
        else:
            self.tile = _counts(self, "tile", tile, ("rows", "columns"))
        self._check_tile(k, stride, channels, inputs)
        many = max(1, most // (self.tile[0] * self.tile[1]))
        for rows, columns in tiles(self.output_shape[1:], self.tile):
            for g in range(layer.groups):
                for part, f in enumerate(chunks(features, many)):
                    self._tile(
                        layer,
                        f"r{rows[0]}c{columns[0]}g{g}" + (f".{part}" if features > many else ""),
                        rows,
                        columns,
                        layer.order[g * channels : (g + 1) * channels],
                        g * features + f,
                    )

    def _tile(
        self,
        layer: integer.Conv,
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

    def _check_tile(self, k: int, stride: int, channels: int, inputs: int) -> None:
        rows, columns = self.tile
        seen = support(rows, k, stride) * support(columns, k, stride) * channels
        if seen > inputs or rows * columns > NEURONS:
            raise CoreletError(
                f"{self.describe()}: a tile of {rows} x {columns} outputs sees {seen} inputs, a "
                f"core takes {inputs} {_signed(inputs)}inputs and {NEURONS} neurons; choose a smaller "
                "tile, or none to have it chosen"
            )


def _weights(
    corelet: Corelet, weights: npt.ArrayLike, axes: tuple[str, ...]
) -> npt.NDArray[np.int8]:
    w = exact(
        weights,
        np.int8,
        f"{corelet.describe()}: weights",
        CoreletError,
        low=-1,
        high=1,
        then="quantise them first",
    )
    if w.ndim != len(axes) or not w.size:
        raise CoreletError(
            f"{corelet.describe()}: weights have shape {w.shape}, expected ({', '.join(axes)}), none "
            "of them 0"
        )
    return w


def _numbers(
    corelet: Corelet, thresholds: npt.ArrayLike, order: npt.ArrayLike | None, size: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    chosen = np.arange(size, dtype=np.int32) if order is None else order
    what = corelet.describe()
    return (
        exact(
            thresholds,
            np.int32,
            f"{what}: thresholds",
            CoreletError,
            then="a sum is whole, so take the whole number above",
        ),
        exact(chosen, np.int32, f"{what}: order", CoreletError, low=0, high=size - 1),
    )


def _counts(
    corelet: Corelet, what: str, values: Sequence[int], names: tuple[str, ...]
) -> tuple[int, ...]:
    """As many whole numbers from 1 as there are names."""
    sizes = list(values) if isinstance(values, Sequence | np.ndarray) else []
    if len(sizes) != len(names):
        raise CoreletError(
            f"{corelet.describe()}: {what} = {shown(values)}, expected ({', '.join(names)})"
        )
    return tuple(
        whole(f"{corelet.describe()}: {name} of {what}", size, 1, LONGEST_SIDE, error=CoreletError)
        for name, size in zip(names, sizes, strict=True)
    )


def _with_axons(corelet: Corelet, weights: npt.NDArray[np.int8], most: int) -> int:
    """``most``, or fewer, outputs of one core, so that weights [outputs, inputs] find axons there."""
    while True:
        parts = chunks(len(weights), most)
        axons = max(len(signed_axons(weights[j].T)[0]) for j in parts)
        if axons <= AXONS:
            return most
        if most == 1:
            seen = weights.shape[1]
            raise CoreletError(
                f"{corelet.describe()}: a neuron sees {seen} inputs in a group = {axons} axons, a core has "
                f"{AXONS}; use more groups"
            )
        most = -(-most // 2)


def _check_fan_in(corelet: Corelet, count: int, most: int, what: str) -> None:
    if count > most:
        axons = f" ({AXONS} axons, two for each)" if most < AXONS else ""
        raise CoreletError(
            f"{corelet.describe()}: a neuron sees {what} = {count}, a core takes {most} "
            f"{_signed(most)}inputs{axons}; use more groups or a smaller kernel"
        )


def _signed(inputs: int) -> str:
    return "signed " if inputs < AXONS else ""


def _neurons_per_core(corelet: Corelet, count: int) -> int:
    what = f"{corelet.describe()}: neurons_per_core"
    return whole(what, count, 1, NEURONS, error=CoreletError)


def _latency(corelet: _Trinary) -> int:
    # without any weight no core waits for the frame
    return 2 if corelet.layer.weights.any() else 1


def _drawn(seed: int, *shape: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32]]:
    """Weights of ``shape`` and thresholds for as many outputs, from a seed."""
    rng = np.random.default_rng(seed)
    outputs = shape[0] * shape[1] if len(shape) == 3 else shape[0]
    weights = rng.integers(-1, 2, shape).astype(np.int8)
    return weights, rng.integers(-3, 5, outputs).astype(np.int32)


_EEDN = "Esser et al., PNAS 2016, Methods (trinary weights, binary neurons, grouped layers)"

ENTRIES = (
    Entry(
        Dense,
        source=_EEDN,
        latency_ticks=_latency,
        examples=(
            lambda: Dense(*_drawn(1, 1, 6, 10)),
            lambda: Dense(*_drawn(2, 3, 20, 40), np.random.default_rng(2).permutation(120)),
            lambda: Dense(*_drawn(3, 1, 300, 10)),
            lambda: Dense(np.zeros((1, 2, 3)), [0, 1]),
        ),
    ),
    Entry(
        Conv2d,
        source=_EEDN,
        latency_ticks=_latency,
        examples=(
            lambda: Conv2d(*_drawn(1, 4, 2, 3, 3), (2, 6, 7)),
            lambda: Conv2d(
                *_drawn(2, 6, 2, 2, 2), (4, 7, 5), stride=2, groups=2, order=[3, 0, 2, 1]
            ),
            lambda: Conv2d(*_drawn(3, 300, 2, 1, 1), (2, 1, 1)),
        ),
    ),
)
