"""Damaged image folders: every one is refused in words, at once, whatever is wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tnemu.hardware import (
    BoardImage,
    TnemuError,
)

Build = Callable[[], BoardImage]
ARRAYS = tuple("positions core_ids seeds axon_types crossbar neuron_types types targets".split())


def refusal(action: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(TnemuError) as caught:
        action(*arguments)
    return str(caught.value)


def manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


OUT: dict[str, Any] = {"name": "out", "width": 6, "number": -32, "exits": [[0, 8, 3]]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": []}, "format = []: must be text"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"inputs": {}}, "inputs = {}: must be a list"),
        ({"inputs": [3]}, "inputs[0] = 3: must be an object"),
        ({"inputs": [{"name": [], "width": 1}]}, "inputs[0].name = []: must be text"),
        (
            {"inputs": [{"name": "a", "width": "1"}]},
            "inputs[0].width = '1': must be a whole number",
        ),
        ({"inputs": [{"name": "a", "width": 1 << 40}]}, "must be a whole number in 0..67108864"),
        ({"outputs": [OUT | {"number": {}}]}, "outputs[0].number = {}: must be a whole number"),
        (
            {"outputs": [OUT | {"exits": [[0, 1]]}]},
            "outputs[0].exits[0] = [0, 1]: must be a list of 3",
        ),
        (
            {"outputs": [OUT | {"exits": [[0, 1, None]]}]},
            "exits[0][2] = None: must be a whole number",
        ),
        ({"outputs": [OUT | {"more": 1}]}, "unknown key 'outputs[0].more'"),
        ({"origin": []}, "origin = []: must be an object"),
        ({"sha256": 3}, "sha256 = 3: must be text"),
        ({"board": None}, "its board"),
        ({"board": {"name": []}}, "its board"),
        ({"board": {"x" * 1000: "y" * 10**6}}, "its board"),
    ],
    ids=str,
)
def test_a_manifest_of_other_types_is_refused_by_its_key(
    relay: Build, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    relay().save(tmp_path / "relay")
    manifest(tmp_path / "relay", **changes)
    found = refusal(BoardImage.load, tmp_path / "relay")
    assert message in found
    assert "is not a readable board image (" in found
    assert len(found) < 2000


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a":' * 10**5, "9" * 5000, '{"format": 1e999}'])
def test_a_manifest_that_is_deep_or_long_is_refused(
    relay: Build, tmp_path: Path, text: str
) -> None:
    relay().save(tmp_path / "relay")
    (tmp_path / "relay" / "manifest.json").write_text(text)
    assert len(refusal(BoardImage.load, tmp_path / "relay")) < 1000


def as_npz(file: Path) -> None:
    np.savez(file.with_suffix(""), np.zeros(3))
    file.with_suffix(".npz").rename(file)


def as_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def as_device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def as_sparse(file: Path) -> None:
    os.truncate(file, 40 << 30)


def as_huge_shape(file: Path) -> None:
    """A header of 2**62 cores, and a file as large as the system lets it be."""
    memory = np.lib.format.header_data_from_array_1_0(np.zeros((1, 3), np.int32))
    with open(file, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, memory | {"shape": (1 << 62, 3)})
        stream.truncate(2 << 40)


def rewritten(old: bytes, new: bytes) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        data = file.read_bytes()
        assert old in data
        file.write_bytes(data.replace(old, new, 1))

    return damage


@pytest.mark.parametrize(
    "name", ["manifest.json", *(f"{name}.npy" for name in ARRAYS), "input0.npy"]
)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (as_npz, ""),
        (as_pipe, "it is a pipe, not a regular file"),
        (as_device, "it is a device, not a regular file"),
        (as_sparse, "bytes"),
        (lambda file: np.save(file, np.array(3)), ""),
        (as_huge_shape, ""),
    ],
    ids=["npz", "pipe", "zero", "sparse", "no axes", "huge"],
)
def test_a_file_that_is_something_else_is_refused_at_once(
    relay: Build, tmp_path: Path, name: str, damage: Callable[[Path], None], message: str
) -> None:
    relay().save(tmp_path / "relay")
    file = tmp_path / "relay" / name
    if name == "manifest.json" and damage is not as_pipe:
        file.unlink()
        file = tmp_path / "relay" / "manifest.npy"
        file.touch()
        damage(file)
        file.rename(tmp_path / "relay" / name)
    else:
        damage(file)
    found = refusal(BoardImage.load, tmp_path / "relay")
    assert "relay is not a readable board image (" in found
    assert name in found
    assert message in found
    assert "unsafe" not in found


@pytest.mark.parametrize(
    "damage",
    [
        rewritten(b"'<i4'", b"'<i\0'"),
        rewritten(b"'<i4'", b"'<i8'"),
        rewritten(b"'<i4'", b"'|O8'"),
        rewritten(b"(2, 3)", b"(2, 3("),
        rewritten(b"(2, 3)", b"(3, 2)"),
        rewritten(b"(2, 3)", b"(-1,3)"),
        rewritten(b"(2, 3)", b"(6,  )"),
        rewritten(b"{'descr'", b"{'descR'"),
        rewritten(b"{", b"("),
        rewritten(b"\x93", b"\x92"),
        rewritten(b"NUMPY\x01", b"NUMPY\x09"),
    ],
)
def test_a_damaged_array_header_is_refused_in_words(
    relay: Build, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    relay().save(tmp_path / "relay")
    damage(tmp_path / "relay" / "positions.npy")
    assert "positions.npy: " in refusal(BoardImage.load, tmp_path / "relay")


def test_an_image_of_more_cores_than_its_board_has_is_refused_before_it_is_read(
    relay: Build, tmp_path: Path
) -> None:
    relay().save(tmp_path / "relay")
    np.save(tmp_path / "relay" / "positions.npy", np.zeros((2000, 3), np.int32))
    assert "positions.npy has 24,128 bytes, the limit is " in refusal(
        BoardImage.load, tmp_path / "relay"
    )
