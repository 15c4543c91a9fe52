"""The noise source: known answers, one definition for both engines, uniform and independent."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from tnemu.emulator.engines.compiled import kernels
from tnemu.emulator.noise import LEAK, SYNAPSE, THRESHOLD, draw, philox

words32 = st.integers(0, 2**32 - 1)
bytes8 = st.integers(0, 255)
KINDS = (SYNAPSE, LEAK, THRESHOLD)


@njit
def _grid(seeds, ticks, neurons, kinds, axons):  # type: ignore[no-untyped-def]
    out = np.empty(len(seeds), np.int64)
    for i in range(len(seeds)):
        out[i] = kernels.noise(seeds[i], ticks[i], neurons[i], kinds[i], axons[i])
    return out


def draws(seeds=(12345,), ticks=(77,), neurons=(5,), kinds=(SYNAPSE,), axons=(9,)) -> np.ndarray:
    """Words of every combination of the keys, by the compiled function, in order of the arguments."""
    keys = np.meshgrid(seeds, ticks, neurons, kinds, axons, indexing="ij")
    return _grid(*(key.ravel().astype(np.int64) for key in keys))


@pytest.mark.parametrize(
    ("counter", "key", "word"),
    [
        ((0x00000000, 0x00000000), 0x00000000, 0xFF1DAE59),
        ((0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFF, 0x2C3F628B),
        ((0x243F6A88, 0x85A308D3), 0x13198A2E, 0xDD7CE038),
    ],
)
def test_known_answers_of_philox2x32_10(counter, key, word):
    """The generator's published test vectors."""
    assert philox(key, *counter)[0] == word
    assert kernels.philox.py_func(key, *counter)[0] == word
    assert kernels.philox(key, *counter)[0] == word


def test_eight_neurons_share_an_evaluation_and_take_a_byte_each():
    """rho of neuron j is byte j mod 8 of words(j div 8); eta is word j mod 2 of words(j div 2)."""
    seed, tick, axon = 9, 5 << 32 | 77, 200
    for neuron in range(256):
        above = axon << 10 | 5 << 18
        word, other = kernels.philox.py_func(seed, 77, neuron >> 3 | SYNAPSE << 8 | above)
        rho = (word | other << 32) >> 8 * (neuron % 8) & 255
        assert draw(seed, tick, neuron, SYNAPSE, axon) & 255 == rho
        words = kernels.philox.py_func(seed, 77, neuron >> 1 | THRESHOLD << 8 | 5 << 18)
        assert draw(seed, tick, neuron, THRESHOLD, 0) == words[neuron % 2]


@settings(max_examples=300)
@given(words32, words32, words32)
def test_philox_in_plain_python_is_the_compiled_one(key, low, high):
    assert philox(key, low, high) == kernels.philox(key, low, high)


@settings(max_examples=1000)
@given(words32, st.integers(0, 2**46 - 1), bytes8, st.sampled_from(KINDS), bytes8)
def test_both_engines_draw_the_same_word(seed, tick, neuron, kind, axon):
    word = draw(seed, tick, neuron, kind, axon)
    assert 0 <= word < 2**32
    assert kernels.noise(seed, tick, neuron, kind, axon) == word


@pytest.mark.parametrize("tick", [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40 + 3, 2**46 - 1])
def test_ticks_beyond_32_bits_draw_on(tick):
    assert kernels.noise(1, tick, 2, LEAK, 0) == draw(1, tick, 2, LEAK, 0)
    assert draw(1, tick, 2, LEAK, 0) != draw(1, tick & 0x7FFFFFFF, 2, LEAK, 0) or tick < 2**31


DIMENSIONS = {
    "seeds": np.arange(1 << 16),
    "seeds-far-apart": np.arange(1 << 16) * 65537 % 2**32,
    "ticks": np.arange(1 << 16),
    "ticks-beyond-32-bits": np.arange(1 << 14) << 32,
    "neurons": np.arange(256),
    "axons": np.arange(256),
}


def along(name: str) -> np.ndarray:
    """Words along one key; neurons and axons, of which there are only 256, for 256 ticks each."""
    key = name.split("-")[0]
    values = DIMENSIONS[name]
    if key in ("neurons", "axons"):
        return draws(ticks=np.arange(256), **{key: values})
    return draws(**{key: values})


@pytest.mark.parametrize("shift", [0, 8, 16, 24])
@pytest.mark.parametrize("name", DIMENSIONS)
def test_bytes_are_uniform_along_every_key(name, shift):
    """Chi-square of 256 cells, 255 degrees of freedom: mean 255, deviation sqrt(510) = 22.6."""
    values = along(name) >> shift & 255
    expected = len(values) / 256
    chi2 = ((np.bincount(values, minlength=256) - expected) ** 2 / expected).sum()
    assert abs(chi2 - 255) < 4.5 * 510**0.5


@pytest.mark.parametrize("mask", [1, 3, 255, 2**18 - 1])
def test_threshold_noise_has_the_mean_of_its_mask(mask):
    eta = draws(ticks=np.arange(1 << 16), kinds=[THRESHOLD], axons=[0]) & mask
    deviation = (((mask + 1) ** 2 - 1) / 12 / len(eta)) ** 0.5
    assert abs(eta.mean() - mask / 2) < 4 * deviation


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"seeds": [1]}, {"seeds": [2]}),
        ({"seeds": [0]}, {"seeds": [2**32 - 1]}),
        ({"neurons": [0]}, {"neurons": [1]}),
        ({"neurons": [0]}, {"neurons": [128]}),
        ({"axons": [0]}, {"axons": [1]}),
        ({"kinds": [SYNAPSE]}, {"kinds": [LEAK]}),
        ({"kinds": [LEAK]}, {"kinds": [THRESHOLD]}),
        ({"neurons": [1], "axons": [0]}, {"neurons": [0], "axons": [1]}),
        ({"ticks": np.arange(1 << 16)}, {"ticks": np.arange(1 << 16) + 1}),
        ({"ticks": np.arange(1 << 16)}, {"ticks": np.arange(1 << 16) + (1 << 32)}),
    ],
)
def test_streams_that_differ_in_one_key_are_independent(one, other):
    """Of 65,536 pairs of words each of the 32 bits agrees in half, within 5 deviations."""
    ticks = {"ticks": np.arange(1 << 16)}
    differing = draws(**(ticks | one)) ^ draws(**(ticks | other))
    for bit in range(32):
        agree = int((differing >> bit & 1).sum())
        assert abs(agree - (1 << 15)) < 5 * (1 << 14) ** 0.5, f"bit {bit}"


@pytest.mark.parametrize("bit", range(0, 46, 5))
def test_one_bit_of_the_tick_turns_half_of_the_word(bit):
    """Avalanche: over 4,096 ticks the mean number of changed bits is 16, within 5 deviations."""
    ticks = np.arange(4096) * 2**34 // 7 % 2**46
    changed = np.bitwise_count(draws(ticks=ticks) ^ draws(ticks=ticks ^ (1 << bit)))
    assert abs(changed.mean() - 16) < 5 * (8 / 4096) ** 0.5


def test_no_two_draws_of_a_tick_share_their_input():
    """All keys of one core's tick give as many distinct counters (checked by counting collisions).

    131,072 words of 32 bits are expected to collide about 2 times; shared inputs would show as
    thousands.
    """
    every = draws(neurons=np.arange(256), kinds=[SYNAPSE, LEAK], axons=np.arange(256))
    assert len(every) - len(np.unique(every)) < 20


def test_cores_with_the_same_seed_draw_alike_and_others_do_not():
    grid = draws(seeds=[7, 7, 8], ticks=np.arange(100)).reshape(3, 100)
    assert np.array_equal(grid[0], grid[1])
    assert not np.array_equal(grid[0], grid[2])


def test_a_word_depends_on_every_key():
    base = (1, 2, 3, SYNAPSE, 5)
    words = {draw(*base)}
    for position, value in product(range(5), (6, 7)):
        changed = list(base)
        changed[position] = value if position != 3 else value - 5
        words.add(draw(*changed))
    assert len(words) == 11
