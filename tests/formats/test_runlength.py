"""Run-length lists: what an entry stands for, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.formats.runlength import RunLengthError, compress, expand


def test_entries_are_integers_repeats_ranges_and_stepped_ranges() -> None:
    entries = ["1x3", "5:7", 9, "18:2:22"]
    assert expand(entries, 10) == [1, 1, 1, 5, 6, 7, 9, 18, 20, 22]


def test_a_repeat_of_zero_is_not_hexadecimal() -> None:
    assert expand(["0x56"], 56) == [0] * 56


def test_negative_values_repeat_and_count() -> None:
    assert expand(["-32x2", "-3:-1", "4:-2:0"], 8) == [-32, -32, -3, -2, -1, 4, 2, 0]


def test_lists_are_written_as_ibm_writes_them() -> None:
    assert compress([*range(200), *[0] * 56]) == ["0:199", "0x56"]
    assert compress([25, 28, 23, 18, 20, 22, 30]) == [25, 28, 23, "18:2:22", 30]


def test_falling_runs_and_pairs_stay_integers() -> None:
    assert compress([5, 4, 3, 7, 8]) == [5, 4, 3, 7, 8]


@given(st.lists(st.integers(-40, 4) | st.integers(-(2**31), 2**31), max_size=60))
def test_compress_and_expand_are_inverse(values: list[int]) -> None:
    assert expand(compress(values), len(values)) == values


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 9)), min_size=1, max_size=9))
def test_repeats_shorten_to_one_entry_each(runs: list[tuple[int, int]]) -> None:
    values = [value for value, times in runs for _ in range(times)]
    assert len(compress(values)) <= len(runs)


@pytest.mark.parametrize(
    ("entries", "index", "message"),
    [
        ([0, "1 x 3"], 1, 'has the entry \'1 x 3\'; an entry is an integer, "AxN", "a:b" or'),
        ([True, 0], 0, "has the entry True"),
        ([1.0], 0, "has the entry 1.0"),
        (["5:3"], 0, "has the range '5:3', which does not go from 5 to 3 in steps of 1"),
        (["0:2:5"], 0, "has the range '0:2:5', which does not go from 0 to 5 in steps of 2"),
        (["0:0:5"], 0, "in steps of 0"),
        (["0:255", "0x1"], 1, "has more than 256 entries at '0x1'"),
        (["1x999999999999999999"], 0, "has more than 256 entries at '1x999999999999999999'"),
        (["0:254"], None, "has 255 entries, expected 256"),
        ([0] * 257, None, "has 257 entries, expected 256"),
    ],
)
def test_other_entries_and_lengths_are_refused(
    entries: list[Any], index: int | None, message: str
) -> None:
    with pytest.raises(RunLengthError) as caught:
        expand(entries)
    assert caught.value.index == index
    assert message in str(caught.value)
