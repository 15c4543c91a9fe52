"""Whatever the bytes, a reader gives a value or the room's error, in few words and at once."""

from __future__ import annotations

import io
import os
import random
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from tnemu.errors import TnemuError
from tnemu.files import (
    Fields,
    check_safetensors,
    json_text,
    map_npy,
    parse_json,
    parse_safetensors,
    read_json,
    read_npy,
    read_npz,
    text_of,
)


class _Error(TnemuError, ValueError):
    pass


def _npy(*made: Any) -> list[bytes]:
    files = []
    for array in made:
        stream = io.BytesIO()
        np.save(stream, array)
        files.append(stream.getvalue())
    return files


def _npz(**made: Any) -> list[bytes]:
    files = []
    for write in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        write(stream, **made)
        files.append(stream.getvalue())
    return files


RECORDS = np.zeros(2, [("pin", "<i4"), ("taps", "<i2", (2,)), ("on", "?")])
JSON = [
    b'{"class":"SpikeWriter","n":[1,-2,3.5e7,true,null,"a\\u00e9"],"o":{"a":{},"b":[[]]}}',
    b'[{"spike":{"srcTime":0,"destCore":0,"destAxon":1}}]',
]
TOKENS = [
    *(b'"a":1', b"NaN", b"-Infinity", b"1e999", b"9" * 500, b"[" * 70, b'{"a":' * 70, b"{", b"}"),
    *(b"]", b",", b":", b'"', b"\\", b"\\ud800", b"\0", b"\xff", b"\xef\xbb\xbf", b"(", b")", b"'"),
    *(b"True", b"|O", b"<M8", b"'descr'", b"9223372036854775807", b"F8_E8M0", b"[]", b"{}", b"-1"),
    *(b"\xff" * 8, b"PK\5\6", b"PK\1\2", b"PK\3\4", b"PK\6\6", b"PK\6\7", b"\x01\x00" * 4),
]


def _as_json(path: Path) -> None:
    value = read_json(path, error=_Error)
    again = parse_json(json_text(value, "x", error=_Error), "x", error=_Error)
    assert again == value
    with suppress(_Error), Fields(value, "x", error=_Error) as fields:
        fields.wholes("n", 0, 9, [])
        fields.mapping("o", None)
        fields.text("class", "")


def _as_text(path: Path) -> None:
    text_of(path.read_bytes(), "x", error=_Error)


def _as_array(path: Path) -> None:
    with suppress(_Error):
        map_npy(path, error=_Error, copy_below=0).tobytes()
    read_npy(path, error=_Error, any_order=True, finite=True).tolist()


def _as_arrays(path: Path) -> None:
    members: dict[str, Any] = {"a": (np.float32, 2), "header": (str, 0)}
    found = read_npz(path, members, error=_Error, most_bytes=1 << 20)
    assert found["a"].dtype == np.float32 and found["header"].item() is not None


def _as_tensors(path: Path) -> None:
    header = check_safetensors(path, error=_Error)
    assert parse_safetensors(path.read_bytes(), str(path), error=_Error) == header
    assert {name: array.shape for name, array in load(path.read_bytes()).items()} == {
        name: tensor.shape for name, tensor in header.tensors.items()
    }


READERS: dict[str, tuple[Callable[[Path], None], list[bytes]]] = {
    "text": (_as_text, [b"\xef\xbb\xbftext"]),
    "json": (_as_json, JSON),
    "npy": (_as_array, _npy(np.ones((2, 3)), RECORDS, np.array("ab"), np.array([True]))),
    "npz": (_as_arrays, _npz(a=np.ones((2, 3), np.float32), header=np.array('{"tick": 1}'))),
    "safetensors": (
        _as_tensors,
        [save({"w": np.ones((2, 3), np.float32), "v": np.zeros(4, np.uint8)}, {"tnemu": "{}"})],
    ),
}


def _mutated(data: bytes, rng: random.Random) -> bytes:
    bytes_ = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        at = rng.randrange(len(bytes_) + 1)
        match rng.randrange(7):
            case 0 if at < len(bytes_):
                bytes_[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(bytes_):
                bytes_[at] = rng.randrange(256)
            case 2:
                del bytes_[at : at + rng.choice((1, 2, 8, 64))]
            case 3:
                bytes_[at:at] = rng.choice(TOKENS)
            case 4:
                token = rng.choice(TOKENS)
                bytes_[at : at + len(token)] = token
            case 5:
                bytes_[at:at] = bytes_[at : at + rng.choice((1, 4, 46, 200))]
            case 6 if rng.random() < 0.2:
                del bytes_[at:]
    return bytes(bytes_)


def _fuzz(name: str, path: Path, seconds: float, seed: int) -> int:
    read, seeds = READERS[name]
    rng = random.Random(seed)
    for data in seeds:
        path.write_bytes(data)
        read(path)
    tried, stop = 0, time.monotonic() + seconds
    while time.monotonic() < stop:
        data = _mutated(rng.choice(seeds), rng)
        message = ""
        path.write_bytes(data)
        begun = time.monotonic()
        try:
            read(path)
        except _Error as error:
            message = str(error)
        except Exception as error:
            error.add_note(f"input {tried} of seed {seed}: {data!r}")
            raise
        assert len(message) < 700 + 3 * len(str(path)), message[:2000]
        assert "unsafe" not in message
        message.encode()
        assert time.monotonic() - begun < 5, f"input {tried} of seed {seed} took long: {data!r}"
        tried += 1
    return tried


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _fuzz(name, tmp_path / "x", 1.0, seed=1) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_very_many_damaged_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    seconds = float(os.environ.get("TNEMU_FUZZ_SECONDS", "50"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _fuzz(name, tmp_path / "x", seconds, seed=os.getpid()) > 20 * seconds


@pytest.mark.parametrize("name", READERS)
def test_every_cut_is_refused_or_read(name: str, tmp_path: Path) -> None:
    read, seeds = READERS[name]
    for data in seeds:
        for end in range(len(data)):
            (tmp_path / "x").write_bytes(data[:end])
            try:
                read(tmp_path / "x")
            except _Error:
                continue
            assert name == "text"
