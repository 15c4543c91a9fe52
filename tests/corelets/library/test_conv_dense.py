"""Conv2d and Dense on the board compute what the weight file's layers say, on both engines."""

from __future__ import annotations

import chips
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tnemu
from corelets import Conv2d, CoreletError, Dense, check
from corelets.library.tiles import best_tile
from tnemu.networks import integer as formats

ENGINES = ["reference", "numba"]
seeds = st.integers(0, 2**32 - 1)


def agree(corelet, layer, shape, engine, seed=0, board="ns1e"):
    """Random frames, one a tick, through the corelet and through the integer layer."""
    frames = np.random.default_rng(seed).integers(0, 2, (6, *shape)).astype(bool)
    plan = tnemu.fit(corelet, tnemu.load_board(board))
    # without any weight no core waits for the frame
    assert plan.latency_ticks == (2 if layer.weights.any() else 1)
    answer = chips.pipelined(plan, "input", "output", frames.reshape(6, -1), engine)
    np.testing.assert_array_equal(answer, layer.forward(frames).reshape(6, -1))


@settings(max_examples=25)
@given(
    seeds,
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from(ENGINES),
)
def test_a_convolution_equals_the_integer_layer(seed, k, stride, groups, features, engine):
    rng = np.random.default_rng(seed)
    each = int(rng.integers(1, 4))
    shape = (each * groups, int(rng.integers(k, 9)), int(rng.integers(k, 9)))
    layer = formats.Conv(
        "c",
        rng.integers(-1, 2, (features * groups, each, k, k)).astype(np.int8),
        rng.integers(-3, 5, features * groups).astype(np.int32),
        rng.permutation(shape[0]).astype(np.int32),
        stride,
        groups,
    )
    agree(Conv2d.of(layer, shape), layer, shape, engine, seed)


@settings(max_examples=15)
@given(seeds, st.integers(1, 4), st.integers(1, 128), st.integers(1, 40), st.sampled_from(ENGINES))
def test_a_dense_layer_equals_the_integer_layer(seed, groups, inputs, outputs, engine):
    rng = np.random.default_rng(seed)
    layer = formats.Dense(
        "d",
        rng.integers(-1, 2, (groups, outputs, inputs)).astype(np.int8),
        rng.integers(-5, 6, groups * outputs).astype(np.int32),
        rng.permutation(groups * inputs).astype(np.int32),
    )
    agree(Dense.of(layer), layer, (groups * inputs,), engine, seed)


@pytest.mark.parametrize("engine", ENGINES)
def test_more_outputs_than_a_core_has_neurons_are_split_over_cores(engine):
    rng = np.random.default_rng(1)
    layer = formats.Dense(
        "d",
        rng.integers(-1, 2, (1, 300, 10)).astype(np.int8),
        np.ones(300, np.int32),
        np.arange(10, dtype=np.int32),
    )
    corelet = Dense.of(layer)
    assert [int(core.logical.used.sum()) for core in corelet.cores] == [100, 100, 100]
    agree(corelet, layer, (10,), engine)
    wide = formats.Conv(
        "c",
        rng.integers(-1, 2, (300, 2, 3, 3)).astype(np.int8),
        np.zeros(300, np.int32),
        np.arange(2, dtype=np.int32),
    )
    corelet = Conv2d.of(wide, (2, 3, 3))
    assert len(corelet.cores) == 3
    agree(corelet, wide, (2, 3, 3), engine)


def test_a_core_without_any_weight_still_fires_by_its_thresholds():
    layer = formats.Dense(
        "d", np.zeros((1, 2, 3), np.int8), np.array([0, 1], np.int32), np.arange(3, dtype=np.int32)
    )
    frames = np.ones((3, 3), bool)
    plan = tnemu.fit(Dense.of(layer), tnemu.load_board("tiny"))
    answer = chips.pipelined(plan, "input", "output", frames, "reference")
    np.testing.assert_array_equal(answer, [[True, False]] * 3)


@pytest.mark.parametrize(
    ("sizes", "tile", "cores"),
    [
        # the student's layers: the support of one position fills a core
        (((5, 5), 4, 2, 8, 32, 128), (1, 1), 25),
        (((5, 5), 1, 1, 128, 128, 128), (1, 1), 25),
        # small supports: as many positions as 128 inputs or 128 neurons allow
        (((8, 8), 1, 1, 1, 2, 128), (8, 8), 1),
        (((8, 8), 1, 1, 2, 2, 128), (8, 8), 1),
        (((8, 8), 3, 1, 2, 1, 128), (4, 8), 2),
    ],
)
def test_the_tile_needs_the_fewest_cores(sizes, tile, cores):
    (outputs, k, stride, channels, features, neurons) = sizes
    chosen = best_tile(*sizes, 128)
    assert chosen == tile

    def count(rows, columns):
        support = ((rows - 1) * stride + k) * ((columns - 1) * stride + k) * channels
        if support > 128 or rows * columns > neurons:
            return None
        tiles = -(-outputs[0] // rows) * -(-outputs[1] // columns)
        return tiles * -(-features // (neurons // (rows * columns)))

    every = [count(r, c) for r in range(1, outputs[0] + 1) for c in range(1, outputs[1] + 1)]
    assert cores == count(*chosen) == min(n for n in every if n is not None)


def test_elements_name_the_flattened_output_of_every_neuron():
    conv = Conv2d(np.ones((4, 2, 2, 2), np.int8), [1] * 4, (4, 4, 5), groups=2)
    elements = np.concatenate([core.logical.elements[core.logical.used] for core in conv.cores])
    assert sorted(elements.tolist()) == list(range(4 * 3 * 4))
    network = conv.build()
    by_pin = {
        int(w["pin"]): int(network.cores[w["core"]].elements[w["neuron"]]) for w in network.wires
    }
    assert by_pin == {e: e for e in range(48)}


def both_signs(*shape):
    weights = np.ones(shape, np.int8)
    weights.flat[0] = -1
    return weights


def test_axons_are_counted_and_not_inputs():
    # 200 inputs of one sign take 200 axons, in one core
    dense = Dense(np.ones((1, 3, 200), np.int8), [1, 100, 200])
    assert len(dense.build().cores) == 1
    check(dense, runs=2, ticks=8)
    # each output sees 160 inputs of either sign: two outputs that share none need a core each
    weights = np.ones((1, 2, 160), np.int8)
    weights[0, 1] = -1
    assert len(Dense(weights, [1, 1]).build().cores) == 2
    assert len(Conv2d(np.ones((1, 9, 5, 5), np.int8), [100], (9, 5, 5)).build().cores) == 1


@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Conv2d(both_signs(2, 16, 3, 3), [1, 1], (16, 5, 5)),
            r"Conv2d \(.*\): a neuron sees 16 channels x 3 x 3 inputs = 144, a core takes 128 "
            r"signed inputs \(256 axons, two for each\); use more groups or a smaller kernel",
        ),
        (
            lambda: Dense(np.ones((1, 2, 257), np.int8), [1, 1]),
            r"Dense \(.*\): a neuron sees 257 inputs in a group = 257 axons, a core has 256; use more",
        ),
        (
            lambda: Dense(np.ones((1, 2, 8), np.int8), [1, 1], neurons_per_core=257),
            r"neurons_per_core = 257: must be a whole number in 1\.\.256",
        ),
        (
            lambda: Conv2d(both_signs(2, 8, 2, 2), [1, 1], (8, 8, 8), tile=(4, 4)),
            r"a tile of 4 x 4 outputs sees 200 inputs, a core takes 128 signed inputs and 256",
        ),
    ],
)
def test_layers_that_no_core_can_hold_are_refused(make, message):
    with pytest.raises(CoreletError, match=message):
        make()
