"""Mutated model and spike files: read, or refused in words, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import fuzzing
import ibm_text
import numpy as np
import pytest

from tnemu.formats.model_file import read_model
from tnemu.formats.spike_file import read_spikes, spikes, write_raw_spikes, write_spikes

Load = Callable[[bytes], object]


def models() -> list[bytes]:
    """Both dialects, small: most bytes of a real model are rows of a crossbar."""
    lists = ibm_text.model(2)
    lists["cores"][1]["metadata"] = {"coreletClass": "a", "layerNumber": 1, "layerType": "b"}
    objects = ibm_text.model(1)
    objects["model"]["neuronClass"] = objects["model"].pop("neuronclass")
    objects["cores"][0]["neurons"] = ibm_text.listed()
    head = ibm_text.model(1)
    head["crossbarTypes"] = []
    return [
        ibm_text.text(lists).encode(),
        ibm_text.text(objects).encode(),
        ibm_text.text(lists).replace("{", "/* { */ {").encode(),
        json.dumps(head).encode(),  # stops at its first core, so everything before it is reached
    ]


def spike_files(folder: Path) -> list[bytes]:
    rng = np.random.default_rng(0)
    some = spikes(np.arange(20), rng.integers(0, 4000, 20), rng.integers(0, 256, 20))
    write_spikes(folder / "plain", some)
    delays = spikes([0, 1], [3, -32], [5, 6], [2, 15])
    write_spikes(folder / "delays", delays, version="sfti1.0")
    write_raw_spikes(folder / "raw", some)
    inner = b'{"spike":{"srcTime":0,"srcCore":0,"srcNeuron":4,"destCore":9,"destAxon":1}}\n'
    plain = (folder / "plain").read_bytes()
    return [plain, plain + inner, *((folder / name).read_bytes() for name in ("delays", "raw"))]


def loader(kind: str, folder: Path) -> tuple[Load, list[bytes]]:
    """The reader of a kind of file, given bytes, and good files of that kind."""
    path = folder / "fuzzed"
    read: Callable[[Path], object] = read_model if kind == "model" else read_spikes

    def load(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return load, models() if kind == "model" else spike_files(folder)


@pytest.mark.parametrize(("kind", "inputs"), [("model", 150), ("spikes", 1500)])
def test_a_mutated_file_is_read_or_refused(kind: str, inputs: int, tmp_path: Path) -> None:
    load, good = loader(kind, tmp_path)
    for data in good[:3]:
        load(data)
    assert fuzzing.fuzz(load, good, inputs, seed=1) == inputs


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["model", "spikes"])
def test_a_million_mutated_files_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    load, good = loader(kind, tmp_path)
    assert fuzzing.fuzz(load, good, fuzzing.INPUTS, seed=2, box_s=fuzzing.BOX_S) > 0
