"""The numpy forward pass against loops written from the equations, and what layers refuse."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.networks.errors import NetworkError
from tnemu.networks.integer import EXACT, Conv, Dense, Transduction, Vote


def loop_conv(x, weights, thresholds, stride, groups):
    """y[f, r, c] = 1 if sum over f's channels and the window of w x >= threshold, by loops."""
    features, each, k, _ = weights.shape
    rows, columns = (x.shape[1] - k) // stride + 1, (x.shape[2] - k) // stride + 1
    y = np.zeros((features, rows, columns), bool)
    for f, r, c in itertools.product(range(features), range(rows), range(columns)):
        group = f // (features // groups)
        total = 0
        for i, dy, dx in itertools.product(range(each), range(k), range(k)):
            total += int(weights[f, i, dy, dx]) * int(
                x[group * each + i, r * stride + dy, c * stride + dx]
            )
        y[f, r, c] = total >= thresholds[f]
    return y


def trinary(rng, *shape):
    return rng.integers(-1, 2, shape).astype(np.int8)


seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
def test_transduction_thresholds_the_weighted_screen_minus_its_background(seed, k, stride, depth):
    rng = np.random.default_rng(seed)
    shape = (depth, 5, 6)
    weights = trinary(rng, 3, depth, k, k)
    background = rng.integers(0, 256, shape).astype(np.int16)
    thresholds = rng.integers(-300, 300, 3).astype(np.int32)
    layer = Transduction("t", weights, thresholds, background, stride)
    layer.check(shape)
    x = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
    y = layer.forward(x)
    assert y.shape[1:] == layer.output_shape(shape)
    for frame, bits in zip(x, y, strict=True):
        centred = frame.astype(int) - background
        np.testing.assert_array_equal(bits, loop_conv(centred, weights, thresholds, stride, 1))


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 2, 3]))
def test_conv_sums_over_its_group_of_the_reordered_channels(seed, k, stride, groups):
    rng = np.random.default_rng(seed)
    weights, order = trinary(rng, 2 * groups, 2, k, k), rng.permutation(2 * groups)
    thresholds = rng.integers(-3, 4, 2 * groups).astype(np.int32)
    layer = Conv("c", weights, thresholds, order.astype(np.int32), stride, groups)
    shape = (2 * groups, 5, 4)
    layer.check(shape)
    x = rng.integers(0, 2, (2, *shape)).astype(bool)
    y = layer.forward(x)
    assert y.shape[1:] == layer.output_shape(shape)
    for frame, bits in zip(x, y, strict=True):
        expected = loop_conv(frame[order], weights, thresholds, stride, groups)
        np.testing.assert_array_equal(bits, expected)


@given(seeds, st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_dense_sums_over_its_block_of_the_reordered_elements(seed, groups, inputs, outputs):
    rng = np.random.default_rng(seed)
    order = rng.permutation(groups * inputs)
    weights = trinary(rng, groups, outputs, inputs)
    thresholds = rng.integers(-3, 4, groups * outputs).astype(np.int32)
    layer = Dense("d", weights, thresholds, order.astype(np.int32))
    layer.check((groups * inputs,))
    x = rng.integers(0, 2, (2, groups * inputs)).astype(bool)
    for frame, bits in zip(x, layer.forward(x), strict=True):
        for g, j in itertools.product(range(groups), range(outputs)):
            total = sum(
                int(weights[g, j, i]) * int(frame[order[g * inputs + i]]) for i in range(inputs)
            )
            assert bits[g * outputs + j] == (total >= thresholds[g * outputs + j])


@given(seeds, st.integers(1, 4), st.integers(4, 20))
def test_vote_counts_ones_per_class(seed, classes, inputs):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, inputs - classes)])
    layer = Vote("v", labels.astype(np.int32))
    layer.check((inputs,))
    x = rng.integers(0, 2, (3, inputs)).astype(bool)
    for frame, votes in zip(x, layer.forward(x), strict=True):
        assert votes.tolist() == [
            sum(bool(b) for b, c in zip(frame, labels, strict=True) if c == v)
            for v in range(classes)
        ]


def test_a_vote_of_class_minus_1_counts_for_nobody():
    layer = Vote("v", np.array([1, -1, 0, -1, 1], np.int32))
    layer.check((5,))
    x = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [1, 1, 0, 0, 0]], bool)
    assert layer.output_shape((5,)) == (2,)
    assert layer.forward(x).tolist() == [[1, 2], [0, 0], [0, 1]]


@pytest.mark.parametrize("threshold", [-(2**31), -1, 0, 1, 2**24 + 1, 2**31 - 1])
def test_a_threshold_may_be_any_32_bit_integer(threshold):
    one = np.ones((1, 1, 1), np.int8)
    layer = Dense("d", one, np.array([threshold], np.int32), np.array([0], np.int32))
    fires = layer.forward(np.array([[False], [True]])).ravel().tolist()
    assert fires == [threshold <= 0, threshold <= 1]


def conv_layer(**changes):
    plain = Conv(
        "c",
        np.ones((4, 2, 2, 2), np.int8),
        np.zeros(4, np.int32),
        np.arange(4, dtype=np.int32),
        stride=1,
        groups=2,
    )
    return dataclasses.replace(plain, **changes)


def dense_layer(**changes):
    plain = Dense(
        "d", np.ones((2, 3, 4), np.int8), np.zeros(6, np.int32), np.arange(8, dtype=np.int32)
    )
    return dataclasses.replace(plain, **changes)


def retina(**changes):
    plain = Transduction(
        "t", np.ones((2, 1, 2, 2), np.int8), np.zeros(2, np.int32), np.zeros((1, 3, 3), np.int16)
    )
    return dataclasses.replace(plain, **changes)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (conv_layer(), (4, 2), "expected [out, in, k, k] on [channels, height, width]"),
        (conv_layer(stride=0), (4, 5, 5), "stride 0 on an input of shape (4, 5, 5)"),
        (conv_layer(groups=3), (4, 5, 5), "3 groups of 2 input channels and 4 features do not"),
        (conv_layer(), (6, 5, 5), "do not divide 6 input channels evenly"),
        (conv_layer(), (4, 5, 1), "kernel 2 is larger than its input (5, 1); use a smaller kernel"),
        (conv_layer(thresholds=np.zeros(3, np.int32)), (4, 5, 5), "(3,) thresholds for 4 neurons"),
        (
            conv_layer(weights=np.full((4, 2, 2, 2), -128, np.int8)),
            (4, 5, 5),
            "weights reach from -128 to -128, they must be -1, 0 or 1; quantise them first",
        ),
        (
            conv_layer(order=np.array([0, 1, 1, 2], np.int32)),
            (4, 5, 5),
            "order is not a permutation of its 4 inputs; every input must be used exactly once",
        ),
        (dense_layer(), (9,), "weights (2, 3, 4) (groups, out, in) do not match 9 inputs"),
        (dense_layer(thresholds=np.zeros((2, 3), np.int32)), (8,), "(2, 3) thresholds for 6"),
        (dense_layer(order=np.arange(1, 9, dtype=np.int32)), (8,), "order is not a permutation"),
        (retina(), (1, 4, 4), "background has shape (1, 3, 3), its input has (1, 4, 4)"),
        (Vote("v", np.zeros(3, np.int32)), (4,), "3 class labels for 4 inputs"),
        (
            Vote("v", np.array([0, -2], np.int32)),
            (2,),
            "every input needs one label of 0 or more, or -1 if it is not read",
        ),
        (Vote("v", np.array([-1, -1], np.int32)), (2,), "all 2 inputs have class -1, so nothing"),
        (Vote("v", np.array([-1, 1], np.int32)), (2,), "class 0 has no voter; give every class"),
        (Vote("v", np.array([0, 2], np.int32)), (2,), "class 1 has no voter; give every class"),
    ],
)
def test_a_layer_refuses_what_it_cannot_compute(layer, shape, message):
    with pytest.raises(NetworkError) as caught:
        layer.check(shape)
    assert f"layer {layer.name!r}: " in str(caught.value)
    assert message in str(caught.value)


def test_sums_that_float32_cannot_hold_are_refused_and_the_largest_that_it_can_are_exact():
    k = 181  # 181 x 181 x 512 is just below 2**24
    shape = (1, k, k)
    assert k * k * 511 < EXACT < k * k * 513
    weights, thresholds = np.ones((1, 1, k, k), np.int8), np.zeros(1, np.int32)
    allowed = Transduction("t", weights, thresholds, np.full(shape, -256, np.int16))
    allowed.check(shape)
    x = np.full((1, *shape), 255, np.uint8)
    assert int(allowed.sums(x)[0, 0, 0, 0]) == k * k * 511
    refused = dataclasses.replace(allowed, background=np.full(shape, -258, np.int16))
    with pytest.raises(NetworkError, match=r"sums of 32761 inputs up to 513 reach 2\*\*24"):
        refused.check(shape)
