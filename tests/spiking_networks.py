"""Small rectifier networks from a seed, and where the thesis's stored weights lie, for several tests."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tnemu.formats.dense_file import read_dense, write_dense
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.quantise import Fit, quantised
from tnemu.networks.spiking.rate import RateNetwork
from tnemu.networks.spiking.recipe import Recipe

DSQN = Path(__file__).parents[2] / "shared/data/dsqn"


def random_dense(seed: int = 0, *widths: int, name: str = "network") -> DenseNetwork:
    """Weights and biases in whole 64ths, so that sums are exact in float32, in whatever order."""
    widths = widths or (4, 16, 16, 2)
    rng = np.random.default_rng(seed)
    weights, biases = [], []
    for n, m in itertools.pairwise(widths):
        weights.append((rng.integers(-40, 41, (n, m)) / 64).astype(np.float32))
        biases.append((rng.integers(-20, 21, m) / 64).astype(np.float32))
    return DenseNetwork(tuple(weights), tuple(biases), name)


def thesis_file(name: str) -> Path:
    """The file of a network or of observations stored with the thesis; skips where there is none."""
    path = DSQN / f"{name}.npz"
    if not path.exists():
        pytest.skip("no ../shared/data/dsqn")
    return path


def thesis_network(name: str) -> DenseNetwork:
    return read_dense(thesis_file(name))


def random_rate(seed: int = 0, *widths: int, **recipe: Any) -> RateNetwork:
    """A small network for the chip, for inputs of about 1, with a name and answers A0, A1, ..."""
    network = random_dense(seed, *(widths or (4, 16, 16, 2)), name="net")
    answers = [f"A{k}" for k in range(network.answers)]
    chosen = Recipe(**{"ticks": 50, "order": "textbook", "start": 0.5, **recipe})
    return quantised(network, chosen, Fit(np.full(network.inputs, 2.0)), answers, name="net")


def finished_run(folder: Path, seed: int, command: str = "dqn", **settings: Any) -> None:
    """A finished run as a training leaves it."""
    folder.mkdir(parents=True)
    write_dense(random_dense(seed), folder / "best.npz")
    said = f"tnemu learn {command} cartpole --out {folder}"
    result = {"task": "cartpole", "command": said, "best_average": 100.0 + seed}
    result["solved_episode"] = 70 if seed == 12 else None
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "settings.json").write_text(json.dumps(settings))
