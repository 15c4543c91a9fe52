"""The generator of IBM's run time: its known words, and that a jump is so many steps."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tnemu.emulator.xorshift import PERIOD, jump, power, step, times

words32 = st.integers(0, 2**32 - 1)


def test_the_first_states_from_32_ones_are_those_of_the_recording():
    states = [0xFFFFFFFF]
    for _ in range(15):
        states.append(step(states[-1]))
    assert [f"{y:08x}" for y in states[:8]] == (
        "ffffffff 0003e01f fc07fdff 74bb9843 f1cc88da 7a28ee91 98a550ec 65a1ffb0".split()
    )
    assert [f"{y & 255:02x}" for y in states] == (
        "ff 1f ff 43 da 91 ec b0 fb f2 0f ef fc 34 a8 e2".split()
    )


@given(words32, st.integers(0, 300))
def test_a_jump_is_so_many_steps(y, steps):
    expected = y
    for _ in range(steps):
        expected = step(expected)
    assert jump(y, steps) == expected


@given(words32, st.integers(0, 2**64), st.integers(0, 2**64))
def test_jumps_add_up(y, one, other):
    assert jump(jump(y, one), other) == jump(y, one + other)


@given(words32, words32)
def test_a_step_is_linear_in_bits(y, z):
    assert step(y ^ z) == step(y) ^ step(z)
    assert times(power(1), y) == step(y)


def test_every_state_but_0_comes_back_after_the_whole_period_and_not_before():
    """2**32 - 1 is 3 x 5 x 17 x 257 x 65537: no part of it is a period."""
    assert power(PERIOD) == power(0) == tuple(1 << i for i in range(32))
    square = power(1)
    for _ in range(32):  # M**(2**32), squared without reducing the exponent, is M
        square = tuple(times(square, column) for column in square)
    assert square == power(1)
    for prime in (3, 5, 17, 257, 65537):
        assert jump(1, PERIOD // prime) != 1


def test_0_stays_0():
    assert step(0) == jump(0, 12345) == 0


def test_low_bits_are_uniform_from_every_seed_of_one_bit():
    """Chi-square of the low byte over 65,536 draws: 255 degrees of freedom, deviation 22.6."""
    for bit in range(0, 32, 5):
        y, counts = 1 << bit, np.zeros(256, np.int64)
        for _ in range(1 << 16):
            counts[y & 255] += 1
            y = step(y)
        assert abs(((counts - 256) ** 2 / 256).sum() - 255) < 5 * 510**0.5
