"""IBM model files: what each key means, in both dialects, and what is refused with which words."""

from __future__ import annotations

import copy
import hashlib
import re
from pathlib import Path
from typing import Any

import ibm_text
import numpy as np
import pytest

from tnemu.formats import model_file, neuron_types, spike_file, spike_records
from tnemu.formats.model_core import LISTS
from tnemu.formats.model_file import parse_model, read_model
from tnemu.hardware.neuron import neuron
from tnemu.networks.logical import LogicalNetwork, LogicalOutput

DATA = Path(__file__).parent / "data"


def read(parts: dict[str, Any]) -> LogicalNetwork:
    return parse_model(ibm_text.text(parts), "m.json")


# --- what IBM's tool wrote -----------------------------------------------------------------------


def test_the_ibm_written_model_reads_as_its_text_says() -> None:
    network = read_model(DATA / "ex1.json")
    (core,) = network.cores
    assert (core.name, core.number, core.seed) == ("example1_corelet", 0, 4294967295)
    assert network.outputs == {"-32": LogicalOutput(width=256, number=-32)}
    assert core.used.tolist() == [True] * 200 + [False] * 56
    expected = neuron(s=[1, 3, 2, 1], epsilon=1, alpha=22, beta=0, gamma=1)
    assert all(record == expected for record in core.neurons[:200])
    wires = network.wires
    assert wires["neuron"].tolist() == wires["pin"].tolist() == list(range(200))
    assert set(wires["target"].tolist()) == {-1}
    assert set(wires["delay"].tolist()) == {1}
    network.validate()


def test_crossbar_rows_are_axons_and_their_first_bit_is_column_0() -> None:
    core = read_model(DATA / "ex1.json").cores[0]
    # The file's first row: {"type":"S1","synapses":"00 00 90 90 11 90 40 04 41 02 1C 00 ..."}
    assert core.axon_types[0] == 1
    assert np.flatnonzero(core.crossbar[0])[:9].tolist() == [16, 19, 24, 27, 35, 39, 40, 43, 49]
    rows = [line for line in (DATA / "ex1.json").read_text().splitlines() if "synapses" in line]
    for axon, row in enumerate(rows):
        bits = bin(int("1" + row.split('"')[7].replace(" ", ""), 16))[3:]
        assert "".join("01"[b] for b in core.crossbar[axon].astype(int)) == bits


def test_the_origin_names_the_file_and_its_hash() -> None:
    data = (DATA / "ex1.json").read_bytes()
    assert read_model(DATA / "ex1.json").origin == {
        "file": "ex1.json",
        "sha256": hashlib.sha256(data).hexdigest(),
    }


# --- what the keys mean --------------------------------------------------------------------------


def test_a_dendrite_is_the_crossbar_column_that_a_neuron_reads() -> None:
    parts = ibm_text.model(1)
    parts["cores"][0]["neurons"]["dendrites"] = ["255:-1:0"]
    crossbar = read(parts).cores[0].crossbar
    assert np.array_equal(crossbar, np.eye(256, dtype=bool)[:, ::-1])


def test_signs_stand_apart_from_magnitudes_and_every_parameter_has_its_field() -> None:
    parts = ibm_text.model(1)
    entry = parts["neuronTypes"][0]
    entry |= {"sigma0": -1, "s0": 255, "s1": 255, "s2": 0, "sigma3": -1, "s3": 7}
    entry |= {"b0": True, "b2": 1, "sigma_lambda": -1, "lambda": 255, "c_lambda": True}
    entry |= {"epsilon": False, "alpha": 262143, "beta": 5, "TM": 18, "gamma": 2, "kappa": True}
    entry |= {"sigma_VR": -1, "VR": 18, "V": -524288}
    expected = neuron(
        s=[-255, 255, 0, -7],
        b=[1, 0, 1, 0],
        leak=-255,
        c=1,
        alpha=262143,
        beta=5,
        TM=18,
        gamma=2,
        kappa=1,
        sigma_VR=-1,
        VR=18,
        V0=-524288,
    )
    assert read(parts).cores[0].neurons[0] == expected


def test_missing_parameters_take_the_values_that_other_readers_use() -> None:
    parts = ibm_text.model(1)
    parts["neuronTypes"] = [{"name": "N00000001", "lambda": 3}]
    record = read(parts).cores[0].neurons[0]
    # alpha 256, VR 1 and sigma_lambda -1 where they are missing; sigma_VR 0 makes R 0.
    assert record == neuron(alpha=256, beta=0, leak=-3)
    parts["neuronTypes"][0]["sigma_VR"] = -1
    assert read(parts).cores[0].neurons[0] == neuron(alpha=256, beta=0, leak=-3, sigma_VR=-1, VR=1)


def test_type_0_is_a_neuron_that_is_not_used_and_sends_nothing() -> None:
    parts = ibm_text.model(1)
    parts["cores"][0]["neurons"] |= {"types": ["0x1", "1x255"], "destDelays": ["0x1", "1x255"]}
    network = read(parts)
    assert network.cores[0].used.tolist() == [False] + [True] * 255
    assert network.wires["neuron"].tolist() == list(range(1, 256))


def test_the_hexadecimal_number_of_a_type_is_what_lists_refer_to() -> None:
    parts = ibm_text.model(1)
    parts["neuronTypes"] = [
        ibm_text.TYPE | {"name": "N0000002D", "alpha": 45},
        ibm_text.TYPE | {"name": "N00000002", "alpha": 2},
    ]
    parts["cores"][0]["neurons"]["types"] = ["2x100", "45x156"]
    assert read(parts).cores[0].neurons["alpha"].tolist() == [2] * 100 + [45] * 156


@pytest.mark.parametrize("nowhere", [-1, -2])
def test_destinations_minus_1_and_minus_2_are_nowhere(nowhere: int) -> None:
    parts = ibm_text.model(1)
    parts["cores"][0]["neurons"] |= {
        "destCores": [f"{nowhere}x255", -32],
        "destAxons": ["-1x255", 9],
        "destDelays": ["0x255", 3],
    }
    network = read(parts)
    assert network.wires.tolist() == [(0, 255, -1, 9, 3, 0, 0)]
    assert network.cores[0].used.all()


def test_connectors_become_outputs_in_falling_order_of_their_numbers() -> None:
    parts = ibm_text.model(2)
    parts["cores"][0]["neurons"]["destCores"] = ["-40x1", "-33x1", "1x254"]
    network = read(parts)
    assert network.outputs == {
        "-32": LogicalOutput(256, -32),
        "-33": LogicalOutput(256, -33),
        "-40": LogicalOutput(256, -40),
    }
    assert list(network.outputs) == ["-32", "-33", "-40"]
    assert network.wires["target"][[0, 1, 2, 256]].tolist() == [~2, ~1, 1, ~0]


def test_cores_keep_their_order_whatever_their_ids_and_wires_follow_the_ids() -> None:
    parts = ibm_text.model(2)
    parts["cores"][0] |= {"id": 900}
    parts["cores"][1] |= {"id": 5}
    parts["cores"][0]["neurons"]["destCores"] = ["5x128", "900x128"]
    network = read(parts)
    assert [core.number for core in network.cores] == [900, 5]
    assert network.wires["target"][:256].tolist() == [1] * 128 + [0] * 128


def test_metadata_names_the_core_and_its_layer() -> None:
    parts = ibm_text.model(3)
    metadata = {"coreletClass": "conv", "coreletId": 2, "coreNumber": 4, "parentCoreletId": [3, 0]}
    parts["cores"][0]["metadata"] = metadata
    parts["cores"][1]["metadata"] = metadata | {"layerNumber": 2, "layerType": "pool"}
    named = [(core.name, core.layer) for core in read(parts).cores]
    assert named == [("conv", ""), ("conv", "2 pool"), ("core 2", "")]


def test_a_crossbar_is_a_prototype_by_name_or_rows_of_its_own() -> None:
    parts = ibm_text.model(2)
    rows = ibm_text.empty_rows()
    rows[3] = {"type": "S2", "synapses": "0f" + "00" * 31}  # small letters, no gaps: still 32 bytes
    parts["cores"][1]["crossbar"] = {"rows": rows}
    first, second = read(parts).cores
    assert np.array_equal(first.crossbar, np.eye(256, dtype=bool))
    assert np.argwhere(second.crossbar).tolist() == [[3, 4], [3, 5], [3, 6], [3, 7]]
    assert second.axon_types[:5].tolist() == [0, 0, 0, 2, 0]


@pytest.mark.parametrize("delay", ["delay", "destDelay"])
def test_pytruenorths_dialect_says_the_same(delay: str) -> None:
    lists = ibm_text.model(2)
    del lists["cores"][0]["crossbar"]
    objects = copy.deepcopy(lists)
    objects["model"]["neuronClass"] = objects["model"].pop("neuronclass")
    del objects["crossbarTypes"]
    objects["neuronTypes"][0]["name"] = "-6148914691236517206"
    for index, core in enumerate(objects["cores"]):
        core["crossbar"] = {"rows": ibm_text.identity_rows()}
        core["neurons"] = ibm_text.listed(delay)
        for j, entry in enumerate(core["neurons"]):
            entry |= {"type": "-6148914691236517206", "destCore": (1, -32)[index], "destAxon": j}
    lists["cores"][0]["crossbar"] = {"name": "identity"}
    assert read(objects) == read(lists)


def test_comments_and_repeated_cores_are_part_of_the_format() -> None:
    text = ibm_text.text(ibm_text.model(2)).replace(
        '"core": {', '/* "core": { */ "core": { // id\n'
    )
    assert parse_model(text) == read(ibm_text.model(2))


def test_the_page_about_files_names_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
    grouped = {f"{key}{g}" for key in ("sigma", "s", "b") for g in (1, 2)}
    keys = {*model_file.SECTIONS, *model_file.FIXED, *model_file.CORE_KEYS}
    keys |= {*model_file.METADATA_KEYS, *neuron_types.PARAMETERS, *LISTS, *LISTS.values()}
    keys |= {*spike_records.LIMITS, *spike_file.VERSIONS}
    missing = sorted(key for key in keys - grouped if not re.search(rf"[`\"]{key}[`\"]", page))
    assert missing == []
