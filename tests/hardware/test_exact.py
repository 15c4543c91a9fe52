"""An array is stored with the values that were given, or refused with the first that cannot be."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tnemu.hardware import RangeError
from tnemu.hardware.exact import exact

TYPES = [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.bool_]
KINDS = arrays.integer_dtypes() | arrays.unsigned_integer_dtypes() | arrays.boolean_dtypes()
KINDS |= arrays.floating_dtypes(endianness="=")


def whole_number(value):
    return value == value and abs(value) != float("inf") and value == int(value)


@given(st.data(), st.sampled_from(TYPES))
def test_every_value_is_kept_or_the_array_is_refused(data, dtype):
    shape = arrays.array_shapes(min_dims=0, max_dims=2, max_side=3)
    values = data.draw(arrays.arrays(data.draw(KINDS), shape))
    low, high = (0, 1) if dtype is np.bool_ else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    # Python's own numbers compare without any cast
    fits = all(whole_number(v) and low <= int(v) <= high for v in values.ravel().tolist())
    if not fits:
        with pytest.raises(RangeError, match="must be a whole number in"):
            exact(values, dtype, "table")
        return
    taken = exact(values, dtype, "table")
    assert taken.dtype == dtype
    assert taken.shape == values.shape
    assert [int(v) for v in taken.ravel()] == [int(v) for v in values.ravel().tolist()]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 300]], "w[0, 1] = 300: must be a whole number in -128..127; correct the value"),
        ([0.7], "w[0] = 0.7: must"),
        ([1, float("nan")], "w[1] = nan: must"),
        (float("inf"), "w = inf: must"),
        (["1"], "w[0] = '1': must"),
        ([1j], "w[0] = 1j: must"),
        ([None], "w[0] = None: must"),
        ([1, 2**70], f"w[1] = {2**70}: must"),
        (None, "w = None: must"),
        ({"a": 1}, "w = {'a': 1}: must"),
        ([[1], [1, 2]], "w = [[1], [1, 2]]: its rows have unequal lengths"),
    ],
)
def test_what_is_no_whole_number_of_the_type_is_named_with_its_place(values, message):
    with pytest.raises(RangeError, match="^" + re.escape(message)):
        exact(values, np.int8, "w")


def test_a_range_can_be_narrower_than_the_type():
    assert exact([True, 3.0, -1], np.int8, "kind", low=-1, high=3).tolist() == [1, 3, -1]
    with pytest.raises(RangeError, match=r"kind\[0\] = 4: must be a whole number in -1\.\.3"):
        exact(np.array([4], np.int8), np.int8, "kind", low=-1, high=3)


def test_objects_are_taken_by_their_values():
    values = np.array([1, 2.0, np.int8(-3), True], object)
    assert exact(values, np.int8, "w").tolist() == [1, 2, -3, 1]


def test_an_array_of_the_type_is_not_copied():
    values = np.arange(3, dtype=np.int32)
    assert exact(values, np.int32, "order") is values
