"""The header of a safetensors file is checked before any library sees the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from tnemu.errors import TnemuError, shown
from tnemu.files import check_safetensors, parse_safetensors, read_safetensors


class _Error(TnemuError, ValueError):
    pass


def _file(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _one(**changes: Any) -> bytes:
    return _file({"w": {"dtype": "U8", "shape": [2, 2], "data_offsets": [0, 4]} | changes}, b"abcd")


def test_a_whole_file_is_read_once(tmp_path: Path) -> None:
    arrays = {"b": np.zeros((2, 3), np.float32), "a": np.ones(0, bool), "c": np.array(5)}
    (tmp_path / "x").write_bytes(save(arrays, {"tnemu": "{}"}))
    header, data = read_safetensors(tmp_path / "x", error=_Error)
    assert header == check_safetensors(tmp_path / "x", error=_Error)
    assert header.metadata == {"tnemu": "{}"}
    assert set(header.tensors) == set(load(data)) == set(arrays)
    for name, array in arrays.items():
        tensor = header.tensors[name]
        assert tensor.shape == array.shape
        assert data[tensor.begin : tensor.end] == array.tobytes()


def test_every_type_that_is_read_is_one_of_the_library() -> None:
    for dtype in ("bool", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"):
        parse_safetensors(save({"x": np.zeros(3, dtype)}), "x", error=_Error)
    brain = _one(dtype="BF16", shape=[2])
    with pytest.raises(_Error, match="has dtype 'BF16'; known: BOOL, U8"):
        parse_safetensors(brain, "x", error=_Error)
    assert parse_safetensors(brain, "x", error=_Error, dtypes=("BF16",)).tensors["w"].end > 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not a safetensors file (it has 0 bytes); it may be cut short, fetch it again"),
        (b"\xff\xff" + b"\0" * 6, "its header of 65,535 bytes does not fit in 8"),
        (
            b'{"model": 1}',
            "it begins with b'{\"model\"', which is no length of a header; give anoth",
        ),
        (_one()[:-1], "its tensors end at byte"),
        (_one() + b"x", "its tensors end at byte"),
        (_file(b"[]"), "its header is no JSON object"),
        (_file(b"{"), "x (header):1:2: is not JSON"),
        (_file(b'{"a":1,"a":1}'), "key 'a' is repeated"),
        (_file(b"{" + b'"a":{' * 5000), "more than 64 objects"),
        (_file(b"{\xff"), "byte 1 (0xff) is no UTF-8"),
        (_one(dtype="F8_E8M0"), "tensor 'w' has dtype 'F8_E8M0'; known: BOOL"),
        (_one(dtype=[]), "w.dtype = []: must be text"),
        (_one(dtype={}), "w.dtype = {}: must be text"),
        (_one(shape=[4, 4]), "takes 16 bytes, its data_offsets 0..4 span 4"),
        (_one(shape=[1 << 62, 16]), "takes 73786976294838206464 bytes"),
        (_one(shape=[2**62, 2**62] + [4] * 30), "takes 24519928653854221733"),
        (_one(shape=[-1, -4]), "w.shape[0] = -1: must be a whole number"),
        (_one(shape=[2.0, 2]), "w.shape[0] = 2.0: must be a whole number"),
        (_one(shape="ab"), "w.shape = 'ab': must be a list"),
        (_one(data_offsets=[0]), "w.data_offsets = [0]: must be a list of 2"),
        (_one(data_offsets=[4, 0]), "span -4"),
        (_one(data_offsets=[1, 5]), "begins at byte"),
        (_one(extra=1), "unknown key 'w.extra'"),
        (_file({"w": 1}), "w = 1: must be an object"),
        (_file({"__metadata__": {"a": 1}}), "__metadata__.a = 1: must be text"),
        (_file({"w" * 10**6: {"dtype": "F9"}}), "has dtype 'F9'"),
        (_file({"w": {"dtype": "x" * 10**6}}), "w.dtype = 'xxxx"),
        (
            _file({n: {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]} for n in "ab"}, b"ab"),
            "tensor 'b' begins at byte",
        ),
    ],
    ids=shown,
)
def test_what_is_wrong_is_named_in_few_words(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(data)
    for read in (
        lambda: parse_safetensors(data, "x", error=_Error),
        lambda: check_safetensors(tmp_path / "x", error=_Error),
        lambda: read_safetensors(tmp_path / "x", error=_Error),
    ):
        with pytest.raises(_Error) as caught:
            read()
        assert message in str(caught.value)
        assert len(str(caught.value)) < 600


def test_a_header_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "x", "wb") as file:
        file.write((1 << 25).to_bytes(8, "little") + b"{")
        file.truncate(1 << 26)
    with pytest.raises(_Error, match="its header has 33,554,432 bytes, at most 16,777,216 are rea"):
        check_safetensors(tmp_path / "x", error=_Error)
