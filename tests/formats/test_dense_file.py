"""Networks and observations in archives of numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spiking_networks import random_dense

from tnemu.formats.dense_file import read_dense, read_observations, write_dense, write_observations
from tnemu.formats.errors import FormatError

W, B = np.ones((2, 3), np.float32), np.zeros(3, np.float32)


def test_a_network_comes_back_as_it_was_written(tmp_path: Path) -> None:
    network = random_dense(1, 4, 7, 2)
    write_dense(network, tmp_path / "net.npz")
    found = read_dense(tmp_path / "net.npz")
    for name in ("weights", "biases"):
        pairs = zip(getattr(found, name), getattr(network, name), strict=True)
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def test_without_biases_the_last_input_is_a_constant(tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", W0=W, W1=np.ones((3, 2), np.float32))
    network = read_dense(tmp_path / "net.npz")
    assert network.inputs == 1
    assert network.biases[0].tolist() == [1, 1, 1]
    assert network.biases[1].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"W1": W}, "it has no array 'W0'"),
        ({"W0": W, "b0": B, "W2": W}, r"layers 0..1 need W0, W1, b0, b1; W1 is missing, give W"),
        ({"W0": W, "b0": B, "W1": W.T.copy()}, "need W0, W1, b0, b1; b1 is missing, give W and b"),
        ({"W0": W, "b0": B, "b1": B}, "need W0, b0; b1 is odd, give W and b of every layer"),
        ({"W0": W, "b0": B, "h0": B}, "it holds 'h0.npy' too, which is none of its arrays"),
        ({"W0": W.astype(int), "b0": B}, "layer 0: W0 is .*; it must be float32 or float64"),
        ({"W0": W, "b0": B + np.nan}, r"layer 0: b0\[0\] = nan; a network with NaN"),
        ({"W0": W, "b0": B[:2]}, r"layer 0: W0 \[2, 3\] and b0 \[2\]"),
    ],
)
def test_a_file_of_another_form_is_refused(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(FormatError, match=message) as refusal:
        read_dense(tmp_path / "net.npz")
    assert "net.npz" in str(refusal.value)


def test_observations_come_back(tmp_path: Path) -> None:
    states = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    write_observations(states, tmp_path / "states.npz")
    assert np.array_equal(read_observations(tmp_path / "states.npz", 4), states)
    with pytest.raises(FormatError, match=r"its shape is \(7, 4\), must be \(any, 3\)"):
        read_observations(tmp_path / "states.npz", 3)


@pytest.mark.parametrize("states", [np.zeros((0, 4)), np.zeros((2, 4), int)])
def test_no_observations_are_refused(tmp_path: Path, states: Any) -> None:
    np.savez(tmp_path / "states.npz", states)
    with pytest.raises(FormatError, match=r"it must hold floats \[n, 4\], n of 1 or more"):
        read_observations(tmp_path / "states.npz", 4)
