"""How steps are found, against brute force."""

# ruff: noqa: E402
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from tnemu.learn.precision.quantise import cosine, least_squares, step_by, steps_of_weights
from tnemu.learn.precision.tune import Descent, Order


def missed(values, step, low, high):
    codes = np.clip(np.rint(values / step), low, high)
    return np.square(values - step * codes).sum()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**31),
    st.sampled_from([(-1, 1), (-7, 7), (0, 15), (-127, 127)]),
    st.floats(0.1, 3),
)
def test_least_squares_misses_no_more_than_any_of_a_thousand_steps(seed, codes, heavy):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, 200) * np.exp(heavy * rng.normal(0, 1, 200))
    low, high = codes
    if low == 0:
        values = np.abs(values)
    best = missed(values, least_squares(torch.tensor(values), low, high), low, high)
    steps = np.abs(values).max() / high * np.linspace(1e-3, 1, 1000)
    others = min(missed(values, step, low, high) for step in steps)
    largest = missed(values, steps[-1], low, high)
    assert best <= largest and best <= 1.1 * others + 1e-9


def test_steps_by_hand():
    values = torch.tensor([-4.0, 1, 2, 3])
    assert step_by("largest", values, -2, 2, 50) == 2
    assert step_by("percentile", values, -5, 5, 50) == pytest.approx(0.5)
    assert least_squares(torch.tensor([-2.0, 2, 0, 2]), -1, 1) == 2, "codes that miss nothing"
    assert least_squares(torch.zeros(3), -1, 1) == 1
    one = steps_of_weights(values.view(2, 2), 2, "largest", 100, False)
    each = steps_of_weights(values.view(2, 2), 2, "largest", 100, True)
    assert one.tolist() == [[4.0]] and each.tolist() == [[4.0], [3.0]]


def test_the_cosine_is_taken_in_float64():
    a = torch.full((3,), 1e-30)
    assert cosine(a, a) == pytest.approx(1), "their squares are 0 in float32"
    assert cosine(torch.tensor([1.0, 0]), torch.tensor([0, 2.0])) == 0
    assert cosine(torch.tensor([1.0, 1]), torch.tensor([1.0, 0])) == pytest.approx(math.sqrt(0.5))


def test_rates_fall_to_a_hundredth():
    for schedule in ("exponential", "cosine"):
        how = Descent(1000, 1, 2.0, schedule=schedule)
        rates = [how.rate_at(k) for k in range(1001)]
        assert rates[0] == 2 and rates[-1] == pytest.approx(0.02)
        assert rates == sorted(rates, reverse=True)
    assert Descent(1000, 1, 2.0).rate_at(500) == pytest.approx(0.2), "a tenth half way: exponential"


def test_an_epoch_shows_every_picture_once_in_an_order_of_its_own():
    order = Order(12, 4, 3)
    first, second = (torch.cat([order(3 * e + k) for k in range(3)]).tolist() for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(12)) and first != second
    assert Order(12, 4, 3)(4).tolist() == second[4:8], "whatever was asked before"
    assert sorted(Order(5, 64, 0)(0).tolist()) == [0, 1, 2, 3, 4], "a minibatch is at most all"
