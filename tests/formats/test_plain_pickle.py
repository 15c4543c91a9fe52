"""Pickles are read as plain data: the same values as Python's unpickler, and nothing is ever called."""

import os
import pickle
import pickletools

import numpy as np
import pytest
from data_files import modern_batch, python2_batch, random_pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from tnemu.formats.errors import FormatError
from tnemu.formats.plain_pickle import read_plain_pickle

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@settings(max_examples=60)
@given(value=PLAIN, protocol=st.sampled_from([0, 2, 3, 4, 5]))
def test_plain_values_come_back_as_they_were(tmp_path_factory, value, protocol):
    path = tmp_path_factory.mktemp("pickle") / "p"
    try:
        nested = _depth(value) > 8
        path.write_bytes(pickle.dumps(value, protocol=protocol))
    except UnicodeEncodeError:
        return
    if nested:
        with pytest.raises(FormatError, match="nested deeper than 8"):
            read_plain_pickle(path)
        return
    assert read_plain_pickle(path) == value


def _depth(value):
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, inner), default=0) if isinstance(value, list | tuple | dict) else 0


@pytest.mark.parametrize("kind", ["u1", "<i4", ">i2", "<f8", "b1"])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_numbers_come_back(tmp_path, kind, protocol, order):
    array = np.asarray(np.arange(24).reshape(2, 3, 4) % 2, dtype=kind, order=order)
    (tmp_path / "p").write_bytes(pickle.dumps({"a": array}, protocol=protocol))
    found = read_plain_pickle(tmp_path / "p")["a"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_what_python_2_wrote_is_read_as_python_reads_it(tmp_path):
    images = random_pictures(3, 3072)
    data = python2_batch(images, [3, 1, 9])
    theirs = pickle.loads(data, encoding="bytes")
    np.testing.assert_array_equal(theirs[b"data"], images)  # our own bytes are a pickle
    (tmp_path / "p").write_bytes(data)
    found = read_plain_pickle(tmp_path / "p")
    np.testing.assert_array_equal(found["data"], images)
    assert found["labels"] == theirs[b"labels"] == [3, 1, 9]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("opened",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_call_something_is_not_opened(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").write_bytes(pickle.dumps({"data": Evil()}, protocol=protocol))
    with pytest.raises(
        FormatError, match=r"names '\w+ mkdir', which is no plain data; it is not opened"
    ):
        read_plain_pickle(tmp_path / "p")
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize(
    "thing", [np.array([Evil()]), np.array(["text"]), np.array([1j]), np.datetime64("2020")]
)
def test_arrays_of_anything_but_numbers_are_refused(tmp_path, thing):
    (tmp_path / "p").write_bytes(pickle.dumps(thing, protocol=2))
    with pytest.raises(FormatError):
        read_plain_pickle(tmp_path / "p")


def test_a_large_place_in_the_memo_takes_no_memory(tmp_path):
    (tmp_path / "p").write_bytes(b"\x80\x02]r\xff\xff\xff\x7f.")
    assert read_plain_pickle(tmp_path / "p") == []


def test_a_cut_pickle_is_said_to_be_damaged(tmp_path):
    data = modern_batch(random_pictures(2, 3072), [1, 2], 4)
    assert sum(1 for _ in pickletools.genops(data)) > 10
    for end in range(0, len(data) - 1, 97):
        (tmp_path / "p").write_bytes(data[:end])
        with pytest.raises(FormatError):
            read_plain_pickle(tmp_path / "p")
