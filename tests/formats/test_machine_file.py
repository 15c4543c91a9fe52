"""Files of Boltzmann machines, and IDX files of pictures."""

from __future__ import annotations

import dataclasses
import gzip
import json

import numpy as np
import pytest
import rbms

from tnemu.formats.boltzmann import FORMAT, read_machine, write_machine
from tnemu.formats.errors import FormatError
from tnemu.formats.idx import read_idx
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors


def test_a_machine_is_read_as_it_was_written(tmp_path):
    machine = rbms.patch_machine(3)
    machine = dataclasses.replace(machine, provenance={"seed": 3})
    path = tmp_path / "new" / "machine.safetensors"
    digest = write_machine(machine, path)
    found = read_machine(path)
    assert (found.sha256, found.name, found.shape) == (digest, "patches3", (8, 8))
    assert found.provenance == {"seed": 3}
    for name in ("weights", "visible_bias", "hidden_bias", "connected"):
        np.testing.assert_array_equal(getattr(found, name), getattr(machine, name))
    assert path.stat().st_size < 4 * machine.connected.sum() + 4000  # absent weights take a bit


def changed(path, manifest=None, **tensors):
    said = json.loads(load_facts(path)["tnemu"]) | (manifest or {})
    arrays = {k: v for k, v in (load_tensors(path) | tensors).items() if v is not None}
    save_tensors(path, arrays, {"tnemu": json.dumps(said)})


@pytest.mark.parametrize(
    ("manifest", "tensors", "message"),
    [
        ({"format": "tnemu-weights-2"}, {}, f"is not that of a Boltzmann machine, '{FORMAT}'; tra"),
        ({"shape": [8]}, {}, r"shape = \[8\]: must be a list of 2 values"),
        ({"shape": [8, 9]}, {}, r"tensor 'connected' is uint8 \(200,\), expected uint8 \(225,\)"),
        ({"labels": 1}, {}, r"expected uint8 \(204,\) for 65 visible and 25 hidden units"),
        ({"hidden": 60000, "shape": [999, 999]}, {}, "could have 59,880,060,000 connections, at m"),
        ({"provenance": 3}, {}, "provenance = 3: must be an object of named values"),
        ({"more": 1}, {}, "unknown key 'more'"),
        ({}, {"weights": np.zeros(3, np.float32)}, "it has 400 connections and 3 weights; train"),
        ({}, {"weights": np.full(400, np.inf, np.float32)}, "weights holds NaN or infinity"),
        ({}, {"hidden_bias": None}, "it holds the tensors .* a machine has"),
        ({}, {"hidden_bias": np.zeros(25)}, r"'hidden_bias' is float64 \(25,\), expected float32"),
    ],
)
def test_a_damaged_machine_is_refused(tmp_path, manifest, tensors, message):
    path = tmp_path / "machine.safetensors"
    write_machine(rbms.patch_machine(3), path)
    changed(path, manifest, **tensors)
    with pytest.raises(FormatError, match=message):
        read_machine(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    save_tensors(tmp_path / "x.safetensors", {"a": np.zeros(3)})
    with pytest.raises(FormatError, match=r"has no 'tnemu' manifest .* Train a machine with tnemu"):
        read_machine(tmp_path / "x.safetensors")


def idx(array):
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_file_is_the_array_it_holds(tmp_path, packed):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    data = gzip.compress(idx(array)) if packed else idx(array)
    (tmp_path / "x").write_bytes(data)
    np.testing.assert_array_equal(read_idx(tmp_path / "x", 3), array)


GOOD = idx(np.zeros((2, 3, 4), np.uint8))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no IDX file of bytes"),
        (b"\0\0\x0d" + GOOD[3:], "is no IDX file of bytes: it does not begin with 00 00 08"),
        (idx(np.zeros(5, np.uint8)) + b"0" * 20, "is an array of 1 axes, expected 3"),
        (GOOD[:-1], "says it holds 2 x 3 x 4 bytes, 23 follow; it is cut off or damaged"),
        (GOOD + b"0", "says it holds 2 x 3 x 4 bytes, 25 follow"),
        (b"\x1f\x8b" + GOOD, "is a damaged gzip file"),
        (
            gzip.compress(GOOD, mtime=0)[:-3],
            "is a gzip file that is cut off, goes on behind its end, or",
        ),
        (
            gzip.compress(GOOD, mtime=0) + b"0",
            "is a gzip file that is cut off, goes on behind its end, or",
        ),
    ],
)
def test_a_damaged_idx_file_is_refused(tmp_path, data, message):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(FormatError, match=message):
        read_idx(tmp_path / "x", 3)
