"""Recordings of firings: what reads back, and what is refused with which words."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tnemu.formats import probe_file
from tnemu.formats.errors import FormatError
from tnemu.formats.probe_file import (
    FIRING_DTYPE,
    iter_firings,
    write_firings,
    write_potentials,
)

ROWS = [(0, 3, 7), (2, 0, 255), (2**32 - 1, 2**31 - 1, 0)]


def read(path: Path) -> list[tuple[int, ...]]:
    return [row for block in iter_firings(path) for row in block.tolist()]


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        read(path)
    assert len(str(caught.value)) < 400
    return str(caught.value)


def npz(**changes: Any) -> bytes:
    file = io.BytesIO()
    whole = {
        "tick": np.array([0, 2]),
        "core": np.array([3, 0]),
        "neuron": np.array([7, 255], np.int16),
        "truncated": np.array(False),
    }
    arrays = {name: array for name, array in (whole | changes).items() if array is not None}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("name", ["a.npz", "a.csv"])
@pytest.mark.parametrize("rows", [[], ROWS])
def test_what_is_written_reads_back_equal(name: str, rows: list[Any], tmp_path: Path) -> None:
    write_firings(tmp_path / name, np.array(rows, FIRING_DTYPE), True)
    assert read(tmp_path / name) == rows


def test_a_long_file_of_lines_is_read_in_blocks(tmp_path: Path) -> None:
    records = np.zeros(100_000, FIRING_DTYPE)
    records["tick"] = np.arange(100_000)
    write_firings(tmp_path / "a.csv", records, False)
    blocks = list(iter_firings(tmp_path / "a.csv"))
    assert len(blocks) > 3
    assert np.array_equal(np.concatenate(blocks), records)


def test_an_npz_opens_in_numpy_and_holds_what_the_page_says(tmp_path: Path) -> None:
    write_firings(tmp_path / "s.npz", np.array(ROWS, FIRING_DTYPE), True)
    with np.load(tmp_path / "s.npz") as found:
        types = {name: (found[name].dtype, found[name].ndim) for name in found.files}
    assert types == {
        "tick": (np.int64, 1), "core": (np.int64, 1), "neuron": (np.int16, 1), "truncated": (bool, 0),
    }  # fmt: skip
    neurons, values = np.array([1, 9], np.int16), np.array([[1, -2], [3, 4]], np.int32)
    ticks = np.array([0, 10])
    write_potentials(tmp_path / "v.npz", ticks, 5, neurons, values)
    write_potentials(tmp_path / "v.csv", ticks, 5, neurons, values)
    with np.load(tmp_path / "v.npz") as found:
        assert found["tick"].tolist() == [0, 10]
        assert (int(found["core"]), found["neuron"].tolist()) == (5, [1, 9])
        assert found["potential"].tolist() == [[1, -2], [3, 4]]
    assert (tmp_path / "v.csv").read_text() == (
        "tick,core,neuron,potential\n0,5,1,1\n0,5,9,-2\n10,5,1,3\n10,5,9,4\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.csv:1: the first line is ''; a recording of firings begins with tick,core,neuron"),
        (
            "tick,core,neuron,potential\n0,1,2,3\n",
            "a.csv:1: the first line is 'tick,core,neuron,po",
        ),
        ("tick,core,neuron\n1,2,3\n1,2\n", "a.csv:3: '1,2' is not allowed; a line is three whole"),
        ("tick,core,neuron\n1,2,-3\n", "a.csv:2: '1,2,-3' is not allowed"),
        ("tick,core,neuron\n1,2,3.5\n", "a.csv:2: '1,2,3.5' is not allowed"),
        ("tick,core,neuron\n1,2,3\n\n1,2,3\n", "a.csv:3: '' is not allowed"),
        (
            "tick,core,neuron\n1,2,256\n",
            "a.csv:2: tick 1, core 2, neuron 256 is not allowed; allowe",
        ),
        ("tick,core,neuron\n4294967296,2,3\n", "a.csv:2: tick 4294967296, core 2, neuron 3 is not"),
        ("tick,core,neuron\n1,2147483648,3\n", "a.csv:2: tick 1, core 2147483648, neuron 3 is not"),
        ("tick,core,neuron\n1,2," + "9" * 5000 + "\n", "a.csv:2: '1,2,999"),
        ("tick,core,neuron\n" + "\0" * 99, "a.csv:2: '\\x00"),
    ],
)
def test_a_wrong_line_is_refused_by_its_number(text: str, message: str, tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.csv", text.encode()).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tick": None}, "it has no array 'tick'"),
        ({"more": np.zeros(1)}, "none of its arrays"),
        ({"tick": np.array([0.0, 1.0])}, "tick"),
        ({"neuron": np.array([7, 255])}, "neuron"),
        ({"core": np.array([[3, 0]])}, "core"),
        ({"core": np.array([3])}, "tick, core and neuron have different lengths; record it again"),
        ({"core": np.array([3, -1])}, "firing 1: tick 2, core -1, neuron 255 is not allowed"),
        ({"neuron": np.array([7, 256], np.int16)}, "neuron 256 is not allowed"),
        ({"tick": np.array([None, 1])}, "tick"),
    ],
)
def test_arrays_of_other_names_types_or_shapes_are_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    assert message in refusal(tmp_path / "a.npz", npz(**changes))


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_file, "MOST_BYTES", 1 << 20)
    data = npz(tick=np.zeros(1 << 18, np.int64))
    assert len(data) < 1 << 14
    assert "the limit is 1,048,576" in refusal(tmp_path / "a.npz", data)


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(FormatError, match="it is a pipe, not a regular file"):
        read(tmp_path / "pipe.csv")
