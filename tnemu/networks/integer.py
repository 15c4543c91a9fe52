"""The layers of a trinary student: what each one computes, in integers.

Every layer but the vote ends in binary neurons::

    y_j = 1 if sum_i w_ji x_i >= threshold_j else 0,      w_ji in {-1, 0, 1}

so that a layer is exact on a chip whose neuron fires at an integer threshold (Esser et al., PNAS
2016; thresholds are batch normalisation folded to integers). Sums are taken in float32, which is
exact because ``check`` bounds every sum below 2**24.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tnemu.networks.errors import NetworkError

EXACT = 1 << 24
"""Integers below this magnitude are exact in float32."""
UNREAD = -1
"""Class of a vote's input that counts for no class."""

Bits = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.int8]
Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Transduction:
    """Grey levels to bits, on the host: y = 1 if sum w (x - background) >= threshold.

    weights [out, in, k, k]; background int16 [in, height, width]; thresholds int32 [out]. Input
    uint8 [n, in, height, width]; output bool [n, out, rows, columns]. One neuron per output bit is
    not on the chip: the transduction layer turns multi-bit pixels into spikes at the board's edge.
    """

    kind: ClassVar[str] = "transduction"
    name: str
    weights: Weights
    thresholds: Integers
    background: npt.NDArray[np.int16]
    stride: int = 1
    _columns: npt.NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrix = self.weights.reshape(len(self.weights), -1).T.astype(np.float32)
        object.__setattr__(self, "_columns", matrix)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(out, rows, columns) for an input (in, height, width): size - k over stride, plus 1."""
        return _conv_shape(self, shape)

    def sums(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """sum w (x - background), exact integers: float32 [n, out, rows, columns]."""
        centred = x.astype(np.float32) - self.background.astype(np.float32)
        patches = _patches(centred, self.weights.shape[-1], self.stride)
        n, rows, columns, _ = patches.shape
        return (patches @ self._columns).reshape(n, rows, columns, -1).transpose(0, 3, 1, 2)

    def forward(self, x: npt.NDArray[Any]) -> Bits:
        """Which sums reach their thresholds: bool [n, out, rows, columns]."""
        return self.sums(x) >= self.thresholds[:, None, None]

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise NetworkError unless the layer fits an input of ``shape`` and stays exact."""
        _check_conv(self, shape, groups=1)
        if self.background.shape != shape:
            raise NetworkError(
                f"layer {self.name!r}: background has shape {self.background.shape}, "
                f"its input has {shape}; export the weight file again"
            )
        largest = 255 + int(np.abs(self.background.astype(np.int64)).max())
        _check_exact(self, fan_in=int(np.prod(self.weights.shape[1:])), largest=largest)


@dataclass(frozen=True, eq=False)
class Conv:
    """Grouped convolution without padding: y[f] = 1 if sum over f's group of w x >= threshold[f].

    weights [out, in / groups, k, k]; thresholds [out]; ``order`` [in] rearranges the input channels
    first (channel c of the convolution is channel order[c] of the input). Input bool
    [n, in, height, width]; output bool [n, out, rows, columns].
    """

    kind: ClassVar[str] = "conv"
    name: str
    weights: Weights
    thresholds: Integers
    order: Integers
    stride: int = 1
    groups: int = 1

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(out, rows, columns) for an input (in, height, width): size - k over stride, plus 1."""
        return _conv_shape(self, shape)

    def sums(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """sum over f's group of w x, exact integers: float32 [n, out, rows, columns]."""
        inputs = x[:, self.order].astype(np.float32)
        each = len(self.order) // self.groups
        outputs = len(self.weights) // self.groups
        parts = []
        for g in range(self.groups):
            patches = _patches(inputs[:, g * each : (g + 1) * each], self.k, self.stride)
            w = self.weights[g * outputs : (g + 1) * outputs].reshape(outputs, -1)
            parts.append((patches @ w.T.astype(np.float32)).transpose(0, 3, 1, 2))
        return np.concatenate(parts, axis=1)

    @property
    def k(self) -> int:
        """Side of the kernel, in positions."""
        return int(self.weights.shape[-1])

    def forward(self, x: npt.NDArray[Any]) -> Bits:
        """Which sums reach their thresholds: bool [n, out, rows, columns]."""
        return self.sums(x) >= self.thresholds[:, None, None]

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise NetworkError unless the layer fits an input of ``shape`` and stays exact."""
        _check_conv(self, shape, groups=self.groups)
        _check_order(self, shape[0])


@dataclass(frozen=True, eq=False)
class Dense:
    """Grouped dense layer: input is flattened, rearranged by ``order`` and cut into equal blocks.

    weights [groups, out / groups, in / groups]; thresholds [out]; order [in]: position k of the
    layer is element order[k] of the flattened (channel-major) input. Output bool [n, out].
    """

    kind: ClassVar[str] = "dense"
    name: str
    weights: Weights
    thresholds: Integers
    order: Integers

    @property
    def groups(self) -> int:
        """Blocks that the input is cut into."""
        return len(self.weights)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(out,) for an input of any shape."""
        return (self.weights.shape[0] * self.weights.shape[1],)

    def sums(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """sum over the block of w x, exact integers: float32 [n, out]."""
        flat = x.reshape(len(x), -1)[:, self.order].astype(np.float32)
        blocks = flat.reshape(len(x), self.groups, -1).transpose(1, 0, 2)
        summed = blocks @ self.weights.transpose(0, 2, 1).astype(np.float32)
        return summed.transpose(1, 0, 2).reshape(len(x), -1)

    def forward(self, x: npt.NDArray[Any]) -> Bits:
        """Which sums reach their thresholds: bool [n, out]."""
        return self.sums(x) >= self.thresholds

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise NetworkError unless the layer fits an input of ``shape`` and stays exact."""
        size = int(np.prod(shape))
        if self.weights.ndim != 3 or self.weights.shape[0] * self.weights.shape[2] != size:
            raise NetworkError(
                f"layer {self.name!r}: weights {self.weights.shape} (groups, out, in) do not match "
                f"{size} inputs; groups x in must equal the inputs"
            )
        _check_thresholds(self, self.weights.shape[0] * self.weights.shape[1])
        _check_order(self, size)


@dataclass(frozen=True, eq=False)
class Vote:
    """Votes per class: v_c = number of ones among the inputs i with classes[i] = c.

    The class with the most votes wins, the lowest index on a tie. classes int32 [in]; an input of
    class -1 is not read (a student of several games has voters that belong to another game). Input
    bool [n, in]; output int32 [n, number of classes]. Host-side: the board's output pins are the
    inputs.
    """

    kind: ClassVar[str] = "vote"
    name: str
    classes: Integers

    @property
    def class_count(self) -> int:
        """Classes that are voted for: the highest label plus 1."""
        return int(self.classes.max()) + 1

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(classes,) for an input of any shape."""
        return (self.class_count,)

    def forward(self, x: npt.NDArray[Any]) -> Integers:
        """v_c = sum of the inputs of class c: int32 [n, classes]; inputs may be bits or counts."""
        onehot = self.classes[:, None] == np.arange(self.class_count)
        return (x.reshape(len(x), -1).astype(np.float32) @ onehot.astype(np.float32)).astype(
            np.int32
        )

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise NetworkError unless the layer fits an input of ``shape`` and stays exact."""
        if self.classes.shape != (int(np.prod(shape)),) or self.classes.min() < UNREAD:
            raise NetworkError(
                f"layer {self.name!r}: {self.classes.size} class labels for {int(np.prod(shape))} "
                f"inputs; every input needs one label of 0 or more, or {UNREAD} if it is not read"
            )
        if self.class_count == 0:
            raise NetworkError(
                f"layer {self.name!r}: all {self.classes.size} inputs have class {UNREAD}, so "
                "nothing is read; give every action at least one input"
            )
        votes = np.bincount(self.classes[self.classes != UNREAD])
        if (votes == 0).any():
            raise NetworkError(
                f"layer {self.name!r}: class {int(np.flatnonzero(votes == 0)[0])} has no voter; "
                "give every class at least one input"
            )


Layer = Transduction | Conv | Dense | Vote
LAYER_KINDS: dict[str, type[Layer]] = {c.kind: c for c in (Transduction, Conv, Dense, Vote)}


def _patches(x: npt.NDArray[Any], k: int, stride: int) -> npt.NDArray[Any]:
    """[n, rows, columns, channels * k * k] windows of [n, channels, height, width]."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(*windows.shape[:3], -1)


def _conv_shape(layer: Transduction | Conv, shape: tuple[int, ...]) -> tuple[int, ...]:
    k = layer.weights.shape[-1]
    return (len(layer.weights), *((size - k) // layer.stride + 1 for size in shape[1:]))


def _check_conv(layer: Transduction | Conv, shape: tuple[int, ...], groups: int) -> None:
    w = layer.weights
    if len(shape) != 3 or w.ndim != 4 or w.shape[2] != w.shape[3] or layer.stride < 1:
        raise NetworkError(
            f"layer {layer.name!r}: weights {w.shape}, stride {layer.stride} on an input of shape "
            f"{shape}; expected [out, in, k, k] on [channels, height, width] and a stride >= 1"
        )
    if groups < 1 or len(w) % groups or shape[0] != w.shape[1] * groups:
        raise NetworkError(
            f"layer {layer.name!r}: {groups} groups of {w.shape[1]} input channels and {len(w)} "
            f"features do not divide {shape[0]} input channels evenly"
        )
    if min(shape[1:]) < w.shape[-1]:
        raise NetworkError(
            f"layer {layer.name!r}: kernel {w.shape[-1]} is larger than its input {shape[1:]}; "
            "use a smaller kernel, there is no padding"
        )
    _check_thresholds(layer, len(w))


def _check_thresholds(layer: Transduction | Conv | Dense, count: int) -> None:
    if layer.thresholds.shape != (count,):
        raise NetworkError(
            f"layer {layer.name!r}: {layer.thresholds.shape} thresholds for {count} neurons; "
            "one integer each"
        )
    if ((layer.weights < -1) | (layer.weights > 1)).any():
        raise NetworkError(
            f"layer {layer.name!r}: weights reach from {layer.weights.min()} to "
            f"{layer.weights.max()}, they must be -1, 0 or 1; quantise them first"
        )
    if layer.kind != "transduction":
        _check_exact(layer, fan_in=int(np.prod(layer.weights.shape[1:])), largest=1)


def _check_exact(layer: Transduction | Conv | Dense, fan_in: int, largest: int) -> None:
    if fan_in * largest >= EXACT:
        raise NetworkError(
            f"layer {layer.name!r}: sums of {fan_in} inputs up to {largest} reach 2**24, "
            "beyond which they are not exact; use a smaller kernel"
        )


def _check_order(layer: Conv | Dense, size: int) -> None:
    if not np.array_equal(np.sort(layer.order), np.arange(size)):
        raise NetworkError(
            f"layer {layer.name!r}: order is not a permutation of its {size} inputs; "
            "every input must be used exactly once"
        )
