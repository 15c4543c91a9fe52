"""Rate networks in files: they come back as they were, and what is none is refused by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from spiking_networks import random_dense, random_rate

from tnemu.formats.errors import FormatError
from tnemu.formats.rate_file import is_rate, read_rate, write_rate
from tnemu.formats.weights import write_weights
from tnemu.networks.spiking.rate import RateNetwork
from tnemu.tasks.control.spec import ControlSpec
from tnemu.tasks.task import reference_to, spec_of


def network() -> RateNetwork:
    spec = ControlSpec("cartpole")
    net = random_rate(3)
    return dataclasses.replace(
        net, answers=spec.actions, task=reference_to(spec), provenance={"seed": 3}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_rate(network(), tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def changed(path: Path, arrays: dict[str, Any] | None = None, **manifest: Any) -> Path:
    """The file with other arrays (None: left out) and other entries of the manifest."""
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        said = json.loads(file.metadata()["tnemu"])
    tensors = {k: v for k, v in (load_file(path) | (arrays or {})).items() if v is not None}
    save_file(tensors, path, {"tnemu": json.dumps(said | manifest)})
    return path


def test_a_network_comes_back_as_it_was_written(path: Path) -> None:
    before, after = network(), read_rate(path)
    for name in ("name", "recipe", "levels", "answers", "task", "provenance"):
        assert getattr(after, name) == getattr(before, name)
    assert np.array_equal(after.ranges, before.ranges)
    for a, b in zip(after.layers, before.layers, strict=True):
        assert a.bits == b.bits
        for key in ("weights", "leak", "alpha", "start"):
            assert np.array_equal(getattr(a, key), getattr(b, key))
    assert after.sha256 == write_rate(before, path)
    assert spec_of(after) == ControlSpec("cartpole")
    assert is_rate(path)


def test_a_network_of_no_task_may_be_kept(tmp_path: Path) -> None:
    write_rate(random_rate(1), tmp_path / "net.safetensors")
    assert read_rate(tmp_path / "net.safetensors").task is None


def test_a_weight_file_is_no_rate_network(tmp_path: Path) -> None:
    import students

    write_weights(students.full_size(), tmp_path / "student.safetensors")
    assert not is_rate(tmp_path / "student.safetensors")
    with pytest.raises(
        FormatError, match="format 'tnemu-weights-2' is not known, this version reads"
    ):
        read_rate(tmp_path / "student.safetensors")


@pytest.mark.parametrize(
    ("arrays", "manifest", "message"),
    [
        ({"ranges": None}, {}, "tensor 'ranges' is missing; make the file again"),
        ({"ranges": np.ones(4, np.float32)}, {}, "tensor 'ranges' is float32, expected float64"),
        ({"ranges": np.zeros(4)}, {}, r"ranges must be float64 \[in\], finite and above 0"),
        ({"odd": np.ones(4)}, {}, "tensors that belong to no layer: odd"),
        (
            {"layers.0.leak": np.full(16, 256, np.int16)},
            {},
            r"layer 0: leak\[0\] = 256: must be in",
        ),
        (
            {"layers.1.weights": np.ones((3, 16), np.int16)},
            {},
            "layer 1 takes 3 inputs, the one befor",
        ),
        ({}, {"bits": [8, 8]}, "tensors that belong to no layer: layers.2.alpha, layers.2.leak"),
        (
            {},
            {"bits": [2, 2, 2]},
            r"layer 0: weights\[0, \d+\] = -?\d+: must be in -2..1 \(2 bits\)",
        ),
        ({}, {"levels": 0}, "levels = 0: must be a whole number in 1..256"),
        ({}, {"answers": ["A"]}, "the readout has 1 neurons for 1 answers"),
        ({}, {"more": 1}, "more"),
        ({}, {"format": "tnemu-rate-9"}, "format 'tnemu-rate-9' is not known"),
        ({}, {"recipe": {"ticks": 0}}, "ticks = 0: must be a whole number in 1..1000000"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(
    path: Path, arrays: dict[str, Any], manifest: dict[str, Any], message: str
) -> None:
    with pytest.raises(FormatError, match=message) as refusal:
        read_rate(changed(path, arrays, **manifest))
    assert str(refusal.value).count("net.safetensors") == 1


def test_other_safetensors_have_no_manifest(tmp_path: Path) -> None:
    save_file({"a": random_dense().weights[0]}, tmp_path / "a.safetensors")
    with pytest.raises(FormatError, match="has no 'tnemu' manifest in its metadata"):
        read_rate(tmp_path / "a.safetensors")
