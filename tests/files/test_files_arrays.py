"""Arrays are read by a strict header, checked against the file's size before memory is asked for."""

from __future__ import annotations

import io
import os
import resource
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tnemu.errors import TnemuError
from tnemu.files import (
    check_values,
    map_npy,
    opening,
    read_npy,
    read_npz,
    still_whole,
    write_npy,
    write_npz,
)
from tnemu.files.scratch import is_leftover

RECORD = np.dtype([("pin", "<i4"), ("taps", "<i2", (2, 3)), ("in", [("x", "u1"), ("y", "<f8")])])


class _Error(TnemuError, ValueError):
    pass


def _npy(header: str | bytes, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode("latin-1") if isinstance(header, str) else header
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def _refusal(path: Path, **wanted: Any) -> str:
    with warnings.catch_warnings(), pytest.raises(_Error) as caught:
        warnings.simplefilter("error")
        read_npy(path, error=_Error, **wanted)
    assert len(str(caught.value)) < 500 + len(str(path))
    return str(caught.value)


@settings(deadline=None, max_examples=60)
@given(
    array=arrays.arrays(
        st.sampled_from(["?", "u1", "<i4", ">i8", "<f4", "<c16", "<U3", "S2", RECORD]),
        arrays.array_shapes(min_dims=0, min_side=0, max_side=4),
        fill=st.nothing(),
    )
)
def test_an_array_comes_back_as_it_was(tmp_path_factory: Any, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    np.save(path, array)
    for form in (np.load(path), read_npy(path, error=_Error, any_order=True)):
        assert form.dtype == array.dtype and form.shape == array.shape
        assert form.tobytes() == array.tobytes()
    write_npy(path, array, error=_Error)
    found = read_npy(path, error=_Error, dtype=array.dtype, shape=array.shape)
    assert found.tobytes() == array.tobytes()
    assert found.flags.c_contiguous and found.flags.writeable and found.flags.aligned
    mapped = map_npy(path, error=_Error, copy_below=0)
    assert mapped.tobytes() == array.tobytes() and not mapped.flags.writeable


def test_what_is_wanted_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((5, 3), np.int32))
    read_npy(path, error=_Error, dtype=np.int32, ndim=2)
    read_npy(path, error=_Error, shape=(None, 3))
    assert f"{path}: it holds int32, must be uint8" in _refusal(path, dtype=np.uint8)
    assert "its shape is (5, 3), must have 1 axes" in _refusal(path, ndim=1)
    assert "its shape is (5, 3), must be (any, 4)" in _refusal(path, shape=(None, 4))
    assert "must be (any)" in _refusal(path, shape=(None,))
    assert "the limit is 100" in _refusal(path, most_bytes=100)
    np.save(path, np.zeros(3, ">i4"))
    assert "it holds >i4, must be int32" in _refusal(path, dtype=np.int32)
    np.save(path, np.array("text"))
    assert str(read_npy(path, error=_Error, dtype=str, ndim=0)) == "text"
    assert "it holds text, must be bytes" in _refusal(path, dtype=bytes)
    np.save(path, np.array([1, np.nan]))
    assert "it holds NaN or infinity" in _refusal(path, finite=True)


def test_fortran_order_is_taken_only_when_asked_for(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    np.save(tmp_path / "x.npy", array)
    assert "it is in Fortran order, must be in C order" in _refusal(tmp_path / "x.npy")
    found = read_npy(tmp_path / "x.npy", error=_Error, any_order=True)
    assert (found == array).all() and found.flags.c_contiguous


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "its .npy header is cut off: 0 bytes are left of 8"),
        (b"PK\3\4" + bytes(100), "it is no .npy file"),
        (_npy("{}", version=9), "its .npy version 9.0 is not known"),
        (_npy("{}"), "its keys are not descr, fortran_order, shape"),
        (_npy("x" * 60_000), "its header has 60,000 bytes, at most 10,000"),
        (_npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", bytes(7)), "cut off"),
        (_npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", bytes(9)), "more than"),
        (
            _npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2**62,), }"),
            "header is damaged",
        ),
        (
            _npy("{'descr': '<i8', 'fortran_order': False, 'shape': (9223372036854775807, 32)}"),
            "its array takes 2,361,183,241,434,822,606,592",
        ),
        (
            _npy("{'descr': '<i4', 'fortran_order': False, 'shape': (4294967296, 1073741824)}"),
            "its array takes 18,446,744,073,709,551,616",
        ),
        (
            _npy("{'descr': '<i4', 'fortran_order': False, 'shape': (0, 9223372036854775807)}"),
            "does not fit in memory",
        ),
        (_npy("{'descr': '<i4', 'fortran_order': False, 'shape': 3}"), "shape is not a tuple"),
        (_npy("{'descr': '<i4', 'fortran_order': False, 'shape': ('3',)}"), "not made of sizes"),
        (_npy("{'descr': '<i4', 'fortran_order': False, 'shape': (True,)}"), "not made of sizes"),
        (_npy("{'descr': '<i4', 'fortran_order': 0, 'shape': ()}"), "fortran_order is not True"),
        (_npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}"), "the type '|O' is not read"),
        (_npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': ()}"), "'|O' is not read"),
        (_npy("{'descr': '<M8[s]', 'fortran_order': False, 'shape': ()}"), "is not read"),
        (_npy("{'descr': 'V0', 'fortran_order': False, 'shape': ()}"), "is no type"),
        (_npy("{'descr': '<i9', 'fortran_order': False, 'shape': ()}"), "is no type of numpy"),
        (_npy("{'descr': [], 'fortran_order': False, 'shape': ()}"), "is no type"),
        (
            _npy("{'descr': [('a','u1'),('a','u1')], 'fortran_order': False, 'shape': ()}"),
            "is no type of numpy",
        ),
        (
            _npy("{'descr': [('a','u1',(99999999999,))], 'fortran_order': False, 'shape': ()}"),
            "is too large",
        ),
        (_npy("{'descr': '<i4', 'descr': '<i4'}"), "the key \"'descr'\" is not expected"),
        (_npy("(" * 5000), "nested too deeply"),
        (_npy("[" * 9999), "nested too deeply"),
        (_npy("{'descr': __import__('os')}"), "is not expected"),
        (_npy("-" * 9999), "is not expected"),
        (_npy("{'descr': '<i4', 'fortran_order': False, 'shape': (1if 1else 2,)}"), "not expected"),
        (_npy("{'descr': '<i4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}"), "not"),
        (_npy("{'descr'"), "is not expected"),
        (_npy(b"\xff\xfe", version=3), "it is not text"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff", "at most 10,000 are read"),
        (_npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", b"\2"), "a bool that is"),
        (_npy("{'descr': '<U1', 'fortran_order': False, 'shape': ()}", b"\xff" * 4), "no Unicode"),
        (_npy("{'descr': '>U1', 'fortran_order': False, 'shape': ()}", b"\xff" * 4), "no Unicode"),
    ],
)
def test_a_header_that_is_wrong_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    assert message in _refusal(path)
    assert str(path) in _refusal(path)


def test_a_huge_array_in_a_small_file_takes_no_memory(tmp_path: Path) -> None:
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (1000000000,)}"
    (tmp_path / "x.npy").write_bytes(_npy(header))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "it is cut off: 0 bytes follow the header" in _refusal(tmp_path / "x.npy")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_an_open_file_can_hold_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(3))
    with opening(tmp_path / "x.npy", error=_Error) as source:
        assert read_npy(source, error=_Error).tolist() == [0, 1, 2]


def test_a_mapped_array_says_when_its_file_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(100_000))
    copy = map_npy(path, error=_Error)
    array = map_npy(path, error=_Error, copy_below=0, dtype=np.int64, shape=(None,))
    view = array[5:].reshape(-1, 5)
    for whole in (copy, array, view, np.arange(3)):
        still_whole(whole, "x", error=_Error)
    os.truncate(path, 5000)
    for cut in (array, view, array.view(np.uint8)):
        with pytest.raises(_Error, match=r"x: its file was cut from 800,128 to 5,000 bytes"):
            still_whole(cut, "x", error=_Error)
    still_whole(copy, "x", error=_Error)
    assert int(copy.sum()) == 100_000 * 99_999 // 2
    with pytest.raises(ValueError, match="read-only"):
        copy[0] = 1


def test_a_replaced_file_is_no_danger_to_the_mapped_array(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    write_npy(path, np.arange(10_000), error=_Error)
    array = map_npy(path, error=_Error, copy_below=0)
    write_npy(path, np.zeros(1), error=_Error)
    still_whole(array, "x", error=_Error)
    assert int(array[-1]) == 9999


def test_objects_are_not_written(tmp_path: Path) -> None:
    objects = np.array([{}], dtype=object)
    with pytest.raises(_Error, match="it holds objects; convert it"):
        write_npy(tmp_path / "x", objects, error=_Error)
    with pytest.raises(_Error, match="a holds objects"):
        write_npz(tmp_path / "x", {"a": objects}, error=_Error)
    assert not list(tmp_path.iterdir())


def test_values_are_checked_in_records() -> None:
    array = np.zeros(2, [("x", "<f4"), ("y", "?")])
    check_values(array, "a", error=_Error, finite=True)
    array["x"][1] = np.inf
    with pytest.raises(_Error, match="a: x: it holds NaN or infinity"):
        check_values(array, "a", error=_Error, finite=True)


MEMBERS: dict[str, Any] = {"q": (np.float32, 2), "n": (np.int64, (None, 3)), "facts": (str, 0)}


def _made(path: Path, compressed: bool = False, **more: Any) -> dict[str, np.ndarray]:
    made = {
        "q": np.ones((2, 5), np.float32),
        "n": np.arange(6).reshape(2, 3),
        "facts": np.array('{"tick": 5}'),
    } | more
    made = {name: array for name, array in made.items() if array is not None}
    (np.savez_compressed if compressed else np.savez)(path, **made)
    return made


def _npz_refusal(path: Path, **more: Any) -> str:
    with warnings.catch_warnings(), pytest.raises(_Error) as caught:
        warnings.simplefilter("error")
        read_npz(path, MEMBERS, error=_Error, **more)
    text = str(caught.value)
    assert str(path) in text and len(text) < 500 and "unsafe" not in text
    return text


@pytest.mark.parametrize("compressed", [False, True])
def test_named_arrays_come_back(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "x.npz"
    made = _made(path, compressed)
    for _ in range(2):
        found = read_npz(path, MEMBERS, optional={"z": (np.int8, 1)}, error=_Error)
        assert found.keys() == made.keys()
        assert all((found[name] == array).all() for name, array in made.items())
        write_npz(path, made, error=_Error, compressed=compressed)
    first = path.read_bytes()
    write_npz(path, made, error=_Error, compressed=compressed)
    assert path.read_bytes() == first
    with np.load(path) as file:
        assert sorted(file.files) == sorted(made)
    _made(path, compressed, z=np.zeros(1, np.int8))
    assert "z" in read_npz(path, MEMBERS, optional={"z": (np.int8, 1)}, error=_Error)


def test_other_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    _made(path, odd=np.zeros(1))
    assert "it holds 'odd.npy' too, which is none of its arrays; known: q, n" in _npz_refusal(path)
    _made(path, q=None)
    assert "it has no array 'q'; make it again" in _npz_refusal(path)
    _made(path, q=np.ones((2, 5)))
    assert "q: it holds float64, must be float32" in _npz_refusal(path)
    _made(path, n=np.arange(4).reshape(2, 2))
    assert "n: its shape is (2, 2), must be (any, 3)" in _npz_refusal(path)
    _made(path, q=np.array([[np.nan]], np.float32))
    assert "q: it holds NaN or infinity" in _npz_refusal(path, finite=True)
    np.savez(path, allow_pickle=True, q=np.array([{}], dtype=object))
    with pytest.raises(_Error, match=r"q: .*the type '\|O' is not read"):
        read_npz(path, {"q": (np.float32, 1)}, error=_Error)
    np.save(tmp_path / "y.npy", np.zeros(100))
    assert "it has no zip directory" in _npz_refusal(tmp_path / "y.npy")
    (tmp_path / "z").write_bytes(b"")
    assert "too short" in _npz_refusal(tmp_path / "z")


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    _made(path, True, q=np.zeros((1000, 10_000), np.float32))
    assert path.stat().st_size < 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "unpacked, has 40,0" in _npz_refusal(path, most_bytes=10_000_000)
    members = MEMBERS | {"q": (np.float32, (2, 5))}
    with pytest.raises(_Error, match=r"q: its shape is \(1000, 10000\), must be \(2, 5\)"):
        read_npz(path, members, error=_Error)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_a_directory_of_many_members_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(2000):
            archive.writestr(f"{index}.npy", b"")
    assert "its zip directory has 1" in _npz_refusal(path)


def test_sizes_that_cannot_be_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    _made(stream, True)  # type: ignore[arg-type]
    data = stream.getvalue()
    at = data.rindex(b"PK\1\2", 0, data.rindex(b"facts.npy"))
    damaged = bytearray(data)
    damaged[at + 24 : at + 28] = (1 << 30).to_bytes(4, "little")
    path = tmp_path / "x.npz"
    path.write_bytes(damaged)
    assert "facts: " in _npz_refusal(path)
    assert "cannot unpack to 1,073,741,824" in _npz_refusal(path)


def test_a_changed_byte_of_data_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    made = _made(path)
    data = bytearray(path.read_bytes())
    data[data.index(made["q"].tobytes())] ^= 1
    path.write_bytes(data)
    assert "q is damaged; make the file again" in _npz_refusal(path)
    assert not any(is_leftover(name) for name in os.listdir(tmp_path))
