"""Whole numbers for the chip: rows, the integer model, quantisation, the codec."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spiking_networks import random_dense

from tnemu.networks.codec import SPIKE_DTYPE
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.quantise import Fit, largest, quantised
from tnemu.networks.spiking.rate import RateLayer, RateNetwork, fired, last_tick
from tnemu.networks.spiking.rate_codec import RateCodec
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.rows import Rows, most_bits
from tnemu.networks.spiking.simulator import simulate

STATES = np.random.default_rng(0).normal(size=(300, 4))
FIT = Fit(largest(STATES), STATES)


def rate(seed: int = 0, *widths: int, fit: Fit = FIT, **recipe: Any) -> RateNetwork:
    network = random_dense(seed, *(widths or (4, 16, 16, 2)), name="net")
    answers = [f"A{k}" for k in range(network.answers)]
    return quantised(network, Recipe(**{"ticks": 50, "order": "textbook", **recipe}), fit, answers)


# -- rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bits", "count"), [(2, 2), (3, 3), (4, 4), (5, 6), (6, 8), (7, 10), (8, 14)]
)
def test_every_weight_of_so_many_bits_is_a_sum_of_rows(bits: int, count: int) -> None:
    rows = Rows.of(bits)
    assert len(rows) == count
    every = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1), dtype=np.int16)
    assert (rows.low, rows.high) == (every[0], every[-1])
    on = rows.crossbar(every[None])
    each = np.array(rows.weights)[list(rows.types)]
    assert np.array_equal((on[:, 0] * each[:, None]).sum(0), every)
    assert max(rows.types) <= 3
    assert max(map(abs, rows.weights)) <= 255


def test_a_core_takes_16_inputs_of_8_bits_or_64_of_4() -> None:
    assert [most_bits(n, 256) for n in (16, 18, 19, 64, 65, 128, 129)] == [8, 8, 7, 4, 3, 2, 0]


@pytest.mark.parametrize("bits", [1, 9, True, 4.0])
def test_bits_of_no_rows_are_refused(bits: Any) -> None:
    with pytest.raises(NetworkError, match=r"bits = .*: must be a whole number in 2..8"):
        Rows.of(bits)


# -- the integer model -----------------------------------------------------------------------------


def scalar(net: RateNetwork, pins: np.ndarray) -> list[list[int]]:
    """One board, tick by tick and neuron by neuron, in Python's own numbers; potentials of a chip that
    holds unreset ones at alpha.
    """
    v = [layer.start.tolist() for layer in net.layers]
    before = [[0] * n for n in (net.pins, *(layer.neurons for layer in net.layers))]
    fired_by_tick = []
    for row in pins:
        now = [row.astype(int).tolist()]
        for k, layer in enumerate(net.layers):
            compared = k == len(net.layers) - 1 and not net.recipe.counts
            fired = []
            for j in range(layer.neurons):
                total = v[k][j] + int(layer.leak[j])
                total += sum(int(layer.weights[i, j]) * x for i, x in enumerate(before[k]))
                total = max(-524288, min(524287, total))
                alpha = int(layer.alpha[j])
                fires = total >= alpha
                if compared:
                    total = min(total, alpha)
                elif fires:
                    total = total - alpha if net.recipe.reset == "subtract" else 0
                elif total < -262143:
                    total = -262143
                v[k][j] = total
                fired.append(int(fires))
            now.append(fired)
        before = now
        fired_by_tick.append(now[-1])
    return fired_by_tick


@pytest.mark.parametrize(
    ("widths", "recipe"),
    [
        ((4, 16, 16, 2), {}),
        ((4, 16, 16, 2), {"order": "thesis"}),
        ((4, 9, 5), {"reset": "zero", "start": 0.5}),
        ((4, 9, 8, 7, 3), {"decoding": "counts-last"}),
        ((4, 3), {"encoding": "equidistant", "decoding": "counts-first"}),
    ],
)
def test_the_model_is_a_chip_that_holds_unreset_potentials_at_alpha(
    widths: tuple[int, ...], recipe: dict[str, Any]
) -> None:
    net = rate(3, *widths, **recipe)
    pins = RateCodec(net).pins(STATES[:4])
    found = net.run(pins)
    for lane in range(4):
        assert found[:, lane].astype(int).tolist() == scalar(net, pins[:, lane])
    assert np.array_equal(net.counts(pins), found[net.window.first :].sum(0))


@given(st.integers(0, 2**32 - 1))
def test_a_comparator_fires_in_the_last_tick_iff_the_sum_is_1_or_more(seed: int) -> None:
    """Whatever the hidden neurons do: the last layer alone, driven by spikes from a seed."""
    rng = np.random.default_rng(seed)
    inputs, ticks = int(rng.integers(1, 9)), int(rng.integers(1, 40))
    network = DenseNetwork((rng.normal(size=(inputs, 3)),), (rng.normal(size=3) * 0.2,))
    net = quantised(network, Recipe(ticks, order="textbook"), Fit(np.ones(inputs), levels=1), "ABC")
    (layer,) = net.layers
    pins = rng.random((net.window.ticks, 5, net.pins)) < rng.random()
    leak = layer.leak.astype(np.int64)
    bias = (
        layer.start - (int(layer.alpha[0]) - 1) + net.window.ticks * leak
    )  # of all ticks together
    sums = bias + (pins[: net.window.last] @ layer.weights.astype(np.int64)).sum(0)
    capped = layer.start == layer.alpha  # decided before it begins
    assert np.array_equal(net.run(pins)[net.window.last] | capped, (sums >= 1) | capped)
    v = layer.start + np.cumsum(_flow(pins) @ layer.weights.astype(np.int64) + leak, axis=0)
    assert (np.diff(v, axis=0) >= 0).all()  # it never falls, so a ceiling at alpha changes nothing


def _flow(pins: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(pins[:1]), pins[:-1]]).astype(np.int64)


def test_scores_count_the_pairs_that_an_answer_wins() -> None:
    net = rate(1, 4, 5, 3)
    assert net.pairs == [(0, 1), (0, 2), (1, 2)]
    counts = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]])
    assert net.scores(counts).tolist() == [[2, 1, 0], [1, 2, 0], [0, 1, 2], [1, 0, 2]]


@pytest.mark.parametrize(
    ("decoding", "answers"), [("counts-first", [0, 1]), ("counts-last", [2, 1])]
)
def test_a_tie_of_counts_goes_where_the_decoding_says(decoding: str, answers: list[int]) -> None:
    net = rate(1, 4, 5, 3, decoding=decoding)
    assert net.scores(np.array([[4, 1, 4], [4, 9, 9]]))[:1].argmax(1).tolist() == answers[:1]
    assert net.scores(np.array([[4, 9, 0]])).argmax(1).tolist() == answers[1:]


def test_when_an_answer_is_read() -> None:
    thesis, textbook = Recipe(100), Recipe(100, order="textbook")
    counts = Recipe(100, decoding="counts-first")
    assert [last_tick(r, 3) for r in (thesis, textbook, counts)] == [97, 102, 96]
    assert (rate(1, ticks=100).window.first, rate(1, ticks=100).window.ticks) == (102, 103)


# -- quantisation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["thesis", "textbook"])
@pytest.mark.parametrize("decoding", ["potentials", "counts-last"])
def test_in_8_bits_the_model_decides_as_the_simulator(order: str, decoding: str) -> None:
    """Weights of whole 64ths up to 40/64 and a threshold of 1: in 8 bits nothing is rounded."""
    network = random_dense(5)
    x = STATES[:200]
    recipe = Recipe(60, "equidistant", decoding, order=order)
    net = quantised(network, recipe, Fit(np.ones(4)), "AB")
    rng = np.random.default_rng(0)
    scores = simulate(network, recipe, x.astype(np.float32), rng)
    found = net.scores(net.counts(RateCodec(net).pins(x.astype(np.float32)))).argmax(1)
    if decoding == "potentials":
        clear = np.abs(scores[:, 0] - scores[:, 1]) > 1
        assert clear.mean() > 0.5
        assert (found == scores.argmax(1))[clear].mean() > 0.98
    else:
        assert (found == 1 - scores[:, ::-1].argmax(1)).mean() > 0.95


def test_levels_make_a_code_that_is_exact_within_one_spike() -> None:
    net = rate(2, ticks=40)
    pins = RateCodec(net).pins(STATES[:50])
    ticks = net.window.ticks
    counts = pins.sum(0).reshape(50, 4, 2, net.levels).sum(3)
    wanted = net.levels * ticks * np.minimum(np.abs(STATES[:50]) / net.ranges, 1)
    assert np.abs(counts.sum(2) - wanted).max() <= 1
    assert (counts[..., 0][STATES[:50] < 0] == 0).all()
    assert (counts[..., 1][STATES[:50] > 0] == 0).all()


def test_a_value_beyond_its_range_is_the_range() -> None:
    net = rate(2)
    codec = RateCodec(net)
    edge = np.array([net.ranges])
    assert np.array_equal(codec.pins(3 * edge), codec.pins(edge))


def test_one_question_is_one_row_of_many() -> None:
    net = rate(4)
    codec = RateCodec(net)
    stimulus = codec.encode(STATES[7])
    pins = np.zeros((net.window.ticks, net.pins), bool)
    pins[stimulus.ticks, stimulus.pins] = True
    assert np.array_equal(pins, codec.pins(STATES[:8])[:, 7])
    fired = net.run(pins[:, None])[:, 0]
    tick, pin = np.nonzero(fired)
    spikes = np.zeros(len(tick), SPIKE_DTYPE)
    spikes["tick"], spikes["pin"] = tick + 1000, pin
    scores = codec.decode(spikes, 1000)
    assert scores.argmax() == codec.decide(STATES[:8])[7]


def test_rescaled_neurons_use_all_of_their_rates() -> None:
    network = random_dense(6)
    small = DenseNetwork((network.weights[0] / 50, *network.weights[1:]), network.biases)
    recipe = Recipe(100, order="textbook", start=0.5)
    plain, scaled = (
        RateCodec(quantised(small, recipe, Fit(largest(STATES), states), "AB")).decide(STATES)
        for states in (None, STATES)
    )
    wanted = small.decide(STATES)
    assert (scaled == wanted).mean() > 0.95
    assert (scaled == wanted).mean() >= (plain == wanted).mean()


def test_no_neuron_fires_before_its_first_wave_comes() -> None:
    network = random_dense(7)
    falling = DenseNetwork(network.weights, tuple(b - 2 for b in network.biases))
    net = quantised(falling, Recipe(50, order="textbook", start=0.9), Fit(np.ones(4)), "AB")
    silent = np.zeros((net.window.ticks, 1, net.pins), bool)
    for k, layer in enumerate(net.layers[:-1]):
        assert (layer.leak < 0).any()
        assert not fired(layer, np.zeros((k + 1, 1, layer.inputs), bool)).any()
    assert net.run(silent).shape == (net.window.ticks, 1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: rate(0, decoding="counts-random"),
            "a board's answer is not drawn; choose counts-f",
        ),
        (
            lambda: rate(0, order="thesis", reset="zero"),
            "loses what arrives in the tick after a spike",
        ),
        (
            lambda: rate(0, order="thesis", ticks=5),
            "ticks = 5: 3 layers in the order of the thesis n",
        ),
        (
            lambda: rate(0, 4, 20, 2, fit=dataclasses.replace(FIT, bits=8)),
            "layer 1 has 20 inputs, of 8",
        ),
        (
            lambda: rate(0, 4, 130, 2),
            "layer 1 has 130 inputs, of 2 bits each takes 2 of a core's 256",
        ),
        (
            lambda: rate(0, fit=dataclasses.replace(FIT, levels=9)),
            "levels = 9: must be a whole number",
        ),
        (
            lambda: rate(0, encoding="poisson", fit=dataclasses.replace(FIT, levels=2)),
            "levels = 2: poisson encoding has one spike a tick at most",
        ),
        (lambda: rate(0, fit=Fit(np.ones(3))), r"net: ranges \[3\] for 4 inputs; give one each"),
    ],
)
def test_what_does_not_fit_the_chip_is_named(call: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        call()


def test_a_bias_that_no_leak_holds_is_named() -> None:
    network = DenseNetwork(
        (np.ones((1, 2)), np.ones((2, 2))), (np.array([0.0, -300.0]), np.zeros(2)), "net"
    )
    message = "net: layer 0, neuron 1: bias -300 is more than 255 thresholds, the most that a leak"
    with pytest.raises(NetworkError, match=message):
        quantised(network, Recipe(9, order="textbook"), Fit(np.ones(1)), "AB")


W, ONES = np.ones((2, 3), np.int16), np.ones(3, np.int32)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": W * 8}, r"weights\[0, 0\] = 8: must be in -8..7 \(4 bits\); quantise the net"),
        ({"weights": W * 1.0}, r"weights are float64 \[2, 3\], int16"),
        ({"leak": (ONES * 256).astype(np.int16)}, r"leak\[0\] = 256: must be in -255..255"),
        ({"alpha": ONES * 0}, r"alpha\[0\] = 0: must be in 1..262143"),
        ({"alpha": ONES[:2]}, r"alpha is int32 \[2\], it must be int32 \[3\]"),
        ({"start": ONES * 600_000}, r"start\[0\] = 600000: must be in -524288..524287"),
    ],
)
def test_numbers_that_a_neuron_cannot_have_are_named(fields: dict[str, Any], message: str) -> None:
    good = {"weights": W, "leak": ONES.astype(np.int16), "alpha": ONES, "start": ONES, "bits": 4}
    RateLayer(**good)
    with pytest.raises(NetworkError, match=message):
        RateLayer(**{**good, **fields})


def test_layers_that_do_not_follow_each_other_are_refused() -> None:
    net = rate(1, 4, 5, 3)
    first = net.layers[0]
    narrow = RateLayer(
        first.weights[:, :3], first.leak[:3], first.alpha[:3], first.start[:3], first.bits
    )
    with pytest.raises(NetworkError, match="layer 1 takes 5 inputs, the one before it gives 3"):
        dataclasses.replace(net, layers=(narrow, net.layers[1]))
    with pytest.raises(
        NetworkError, match="the readout has 3 neurons for 2 answers; potentials need 1"
    ):
        dataclasses.replace(net, answers=("A", "B"))
