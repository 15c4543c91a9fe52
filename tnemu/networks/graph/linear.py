"""Linear nodes as maps: what they make of what comes in, exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tnemu.networks.graph.maps import MOST_SYNAPSES, Map, whole_parts
from tnemu.networks.graph.nodes import MOST_PINS, Affine, Conv2d, Flatten, Shape, SumPool2d, sizes
from tnemu.networks.graph.value import PathError, Value

Ints = npt.NDArray[np.int64]


def affine(node: Affine, value: Value) -> Value:
    """W x + b."""
    shape = (node.weight.shape[0],)
    return _biased(value.through(Map.dense(node.weight), shape), node.bias)


def _biased(value: Value, bias: npt.NDArray[np.generic] | None) -> Value:
    if bias is None or not bias.any():
        return value
    return value.plus(Value(value.shape, {}, Map.dense(bias.reshape(-1, 1))))


def _image(value: Value) -> tuple[Value, int, tuple[int, int]]:
    """What comes in as an image, without a batch axis of 1; its channels; its rows and columns."""
    if len(value.shape) == 4 and value.shape[0] == 1:
        value = replace(value, shape=value.shape[1:])
    if len(value.shape) != 3:
        raise PathError(
            f"takes [channels, rows, columns], an array of shape {value.shape} comes in"
        )
    channels, rows, columns = value.shape
    return value, channels, (rows, columns)


def conv(node: Conv2d, value: Value) -> Value:
    """The image correlated with every kernel of its group, plus the biases."""
    value, channels, space = _image(value)
    outputs, each, *kernel = node.weight.shape
    if channels != each * node.groups or outputs % node.groups:
        raise PathError(
            f"has {node.groups} groups of {each} channels and {outputs} features for {channels} channels; "
            "they do not divide evenly"
        )
    if node.input_shape is not None and space != node.input_shape:
        raise PathError(f"takes images of {node.input_shape}, {space} comes in")
    padding = node.padding
    if padding == "same":
        if node.stride != (1, 1):
            raise PathError('has padding "same" with a stride; give the padding in numbers')
        spans = [d * (k - 1) for d, k in zip(node.dilation, kernel, strict=True)]
        if any(span % 2 for span in spans):
            raise PathError('has padding "same" around an even kernel; give the padding in numbers')
        padding = (spans[0] // 2, spans[1] // 2)
    elif isinstance(padding, str):
        padding = (0, 0)
    entry, row, column, shape = _slide(space, kernel, node.stride, padding, node.dilation)
    positions, pixels = sizes(shape), sizes(space)
    weights = node.weight.reshape(outputs, each, -1)
    f, c, k = np.nonzero(weights)
    values, exponent = whole_parts(weights[f, c, k])
    # for each weight, all positions at which its place of the kernel is inside the image
    begins = np.searchsorted(entry, np.arange(sizes(tuple(kernel)) + 1))
    many = np.diff(begins)[k]
    _check_synapses(int(many.sum()))
    which = np.repeat(np.arange(len(k)), many)
    at = np.arange(len(which)) - np.repeat(np.cumsum(many) - many, many)
    at += np.repeat(begins[k], many)
    channel = f // (outputs // node.groups) * each + c
    step = Map.of(
        f[which] * positions + row[at],
        channel[which] * pixels + column[at],
        values[which],
        (outputs * positions, channels * pixels),
        exponent,
    )
    made = value.through(step, (outputs, *shape))
    return _biased(made, np.repeat(node.bias, positions))


def pool(node: SumPool2d, value: Value) -> Value:
    """Sums of windows, channel by channel."""
    value, channels, space = _image(value)
    _, row, column, shape = _slide(space, node.size, node.stride, node.padding, (1, 1))
    positions, pixels = sizes(shape), sizes(space)
    _check_synapses(channels * len(row))
    every = np.arange(channels)[:, None]
    rows, columns = (every * positions + row).ravel(), (every * pixels + column).ravel()
    ones = np.ones(len(rows), np.int64)
    step = Map.of(rows, columns, ones, (channels * positions, channels * pixels), 0)
    return value.through(step, (channels, *shape))


def _slide(
    space: Iterable[int],
    kernel: Iterable[int],
    stride: Iterable[int],
    padding: Iterable[int],
    dilation: Iterable[int],
) -> tuple[Ints, Ints, Ints, Shape]:
    """(place of the kernel, output position, input pixel) where it is inside, by place; output's shape."""
    axes = []
    for size, k, s, p, d in zip(space, kernel, stride, padding, dilation, strict=True):
        count = (size + 2 * p - d * (k - 1) - 1) // s + 1
        if count < 1:
            raise PathError(
                f"has windows of {d * (k - 1) + 1} on {size + 2 * p} pixels; they do not fit"
            )
        if count > MOST_PINS or k > MOST_PINS:
            raise PathError(f"has {max(count, k):,} positions, the limit is {MOST_PINS:,}")
        axes.append((count, k, s, p, d, size))
    (rows, kr, *_), (columns, kc, *_) = axes
    _check_synapses(rows * columns * kr * kc)
    index = []
    for count, k, s, p, d, size in axes:
        at = np.arange(count) * s - p + np.arange(k)[:, None] * d
        index.append((at, (at >= 0) & (at < size)))
    (y, y_in), (x, x_in) = index
    inside = y_in[:, None, :, None] & x_in[None, :, None, :]
    pixel = y[:, None, :, None] * axes[1][5] + x[None, :, None, :]
    flat = inside.reshape(kr * kc, -1)
    place, position = np.nonzero(flat)
    return place, position, pixel.reshape(flat.shape)[place, position], (rows, columns)


def flatten(node: Flatten, value: Value) -> Value:
    """The same numbers with some axes made one."""
    n = len(value.shape)
    start, end = (k + n if k < 0 else k for k in (node.start, node.end))
    if not 0 <= start <= end < n:
        raise PathError(
            f"flattens the axes {node.start}..{node.end} of an array of shape {value.shape}, which has {n}"
        )
    shape = value.shape
    return replace(value, shape=(*shape[:start], sizes(shape[start : end + 1]), *shape[end + 1 :]))


def _check_synapses(count: int) -> None:
    if count > MOST_SYNAPSES:
        raise PathError(f"takes {count:,} synapses, the limit is {MOST_SYNAPSES:,}")
