"""IBM model files: what each key means, in both dialects, and what is refused with which words."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import ibm_text
import numpy as np
import pytest

from tnemu.formats.errors import FormatError
from tnemu.formats.model_file import parse_model, read_model
from tnemu.hardware.neuron import neuron
from tnemu.mapping.network import LogicalNetwork, LogicalOutput

DATA = Path(__file__).parent / "data"
Parts = dict[str, Any]


def read(parts: Parts) -> LogicalNetwork:
    return parse_model(ibm_text.text(parts), "m.json")


def refusal(parts: Parts) -> str:
    with pytest.raises(FormatError) as caught:
        read(parts)
    return str(caught.value)


def in_objects(parts: Parts, core: int = 0) -> list[dict[str, Any]]:
    """Gives a core the other way of writing neurons, and returns its 256 objects."""
    neurons = ibm_text.listed()
    parts["cores"][core]["neurons"] = neurons
    return neurons


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
    parts["neuronTypes"][0] |= {
        **{"sigma0": -1, "s0": 255, "s1": 255, "s2": 0, "sigma3": -1, "s3": 7},
        **{"b0": True, "b2": 1, "sigma_lambda": -1, "lambda": 255, "c_lambda": True},
        **{"epsilon": False, "alpha": 262143, "beta": 5, "TM": 18, "gamma": 2, "kappa": True},
        **{"sigma_VR": -1, "VR": 18, "V": -524288},
    }
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
    assert network.wires.tolist() == [(0, 255, -1, 9, 3)]
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


# --- what is refused -----------------------------------------------------------------------------

LISTS = ("cores", 1, "neurons")


def put(parts: Parts, path: tuple[Any, ...], value: Any) -> None:
    owner: Any = parts
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = value


REFUSED: list[tuple[tuple[Any, ...], Any, str]] = [
    (("extra",), 1, "unknown key 'extra'; known: model, crossbarTypes, neuronTypes, core"),
    (("model", "coreCount"), 3, "coreCount is 3, but the file has 2 cores; write every core once"),
    (("model", "coreCount"), 0, "coreCount = 0 is not allowed; it must be a whole number, 1.."),
    (("model", "colour"), 1, "model has the unknown key 'colour'; known: coreCount, neuronclass"),
    (("model", "crossbarSize"), 128, "crossbarSize = 128 is not known; it must be 256"),
    (
        ("crossbarTypes", 0, "name"),
        7,
        "a crossbar type: name = 7 is not allowed; it must be a text",
    ),
    (("crossbarTypes", 0, "crossbar"), [], "crossbar type 'identity' is a list; it must be an ob"),
    (
        ("crossbarTypes", 0, "crossbar", "rows", 9, "type"),
        "S4",
        "crossbar type 'identity' row 9: type = 'S4' is not allowed; it must be S0, S1, S2 or S3",
    ),
    (
        ("crossbarTypes", 0, "crossbar", "rows", 9, "synapses"),
        "00 11",
        "row 9: synapses = '00 11' is not allowed; it must be 32 hexadecimal bytes",
    ),
    (
        ("crossbarTypes", 0, "crossbar", "rows", 255, "synapses"),
        "0G" * 32,
        "is not allowed; it must be 32 hexadecimal bytes",
    ),
    (("crossbarTypes", 0, "crossbar", "rows"), [], "'identity' has 0 rows; a core has 256 axons"),
    (("neuronTypes", 0, "name"), "N00000000", "is number 0, the unused neuron; renumber"),
    (("neuronTypes", 0, "Alpha"), 3, "a neuron type has the unknown key 'Alpha'; known: name, cl"),
    (("neuronTypes", 0, "class"), "NeuronX", "class = 'NeuronX' is not known; it must be 'Neuron"),
    (
        ("neuronTypes", 0, "alpha"),
        262144,
        "neuron type 'N00000001': alpha = 262144 is not allowed; it must be 0..262143",
    ),
    (("neuronTypes", 0, "s2"), 256, "s2 = 256 is not allowed; it must be 0..255"),
    (("neuronTypes", 0, "sigma2"), 0, "sigma2 = 0 is not allowed; it must be -1 or 1"),
    (("neuronTypes", 0, "VR"), 19, "VR = 19 is not allowed; it must be 0..18"),
    (("neuronTypes", 0, "V"), 524288, "V = 524288 is not allowed; it must be -524288..524287"),
    (("neuronTypes", 0, "beta"), 1.5, "beta = 1.5 is not allowed; it must be a whole number, 0.."),
    (("neuronTypes", 0, "TM"), True, "TM = True is not allowed; it must be a whole number, 0..18"),
    (("neuronTypes", 0, "kappa"), 2, "kappa = 2 is not allowed; it must be 0..1"),
    (("neuronTypes", 0, "kappa"), "yes", "kappa = 'yes' is not allowed; it must be true or false"),
    (("cores", 1, "id"), 0, "core 0 comes twice; every core has an id of its own"),
    (("cores", 1, "id"), -1, "a core: id = -1 is not allowed; it must be a whole number, 0..2147"),
    (("cores", 1, "rngSeed"), 1 << 32, "core 1: rngSeed = 4294967296 is not allowed; it must be"),
    (("cores", 1, "timeScaleExponent"), 1, "timeScaleExponent = 1 is not allowed; it must be 0"),
    (("cores", 1, "metadata"), {"x": 1}, "metadata of core 1 has the unknown key 'x'; known: core"),
    (("cores", 1, "crossbar"), {"name": "none"}, "name = 'none' is not one of the 1 crossbarTypes"),
    (("cores", 1, "crossbar"), {"name": "identity", "rows": []}, "has the unknown key 'rows'"),
    (("cores", 1, "crossbar"), {}, "crossbar of core 1 has no 'rows'; add it"),
    (("cores", 1, "neurons"), 7, "neurons of core 1 is a number; it must be an object"),
    ((*LISTS, "extra"), [], "neurons of core 1 has the unknown key 'extra'; known: dendrites, typ"),
    ((*LISTS, "types"), ["1x255"], "core 1: types has 255 entries, expected 256"),
    ((*LISTS, "types"), ["1x255", "1 x 1"], "core 1: types has the entry '1 x 1'; an entry is an "),
    ((*LISTS, "types"), "1x256", "core 1: types is no list; it must be one"),
    ((*LISTS, "types"), ["2x256"], "core 1 neuron 0: type = 2 is not allowed; use a type of neuro"),
    ((*LISTS, "dendrites"), ["1:256"], "core 1 neuron 255: dendrite = 256 is not allowed; it must"),
    (
        (*LISTS, "dendrites"),
        ["0:254", 3],
        "core 1 neuron 255: dendrite = 3 is not allowed; neuron 3 reads that column; each used",
    ),
    (
        (*LISTS, "destCores"),
        ["0x255", 7],
        "core 1 neuron 255: destCore = 7 is not allowed; no core",
    ),
    (
        (*LISTS, "destCores"),
        ["0x255", -3],
        "neuron 255: destCore = -3 is not allowed; use a core id",
    ),
    ((*LISTS, "destCores"), ["-31x256"], "destCore = -31 is not allowed; use a core id from 0, -1"),
    ((*LISTS, "destCores"), [1 << 31, "0x255"], "destCore = 2147483648 is not allowed; it must be"),
    ((*LISTS, "destAxons"), ["1:256"], "core 1 neuron 255: destAxon = 256 is not allowed; it must"),
    (
        (*LISTS, "destAxons"),
        ["-1x256"],
        "destAxon = -1 is not allowed; a neuron that sends needs 0",
    ),
    ((*LISTS, "destDelays"), ["1x8", "0x248"], "core 1 neuron 8: destDelay = 0 is not allowed; a "),
    ((*LISTS, "destDelays"), ["1x8", "16x248"], "core 1 neuron 8: destDelay = 16 is not allowed; "),
]


@pytest.mark.parametrize(("path", "value", "message"), REFUSED)
def test_what_no_chip_can_hold_is_refused_at_its_line(
    path: tuple[Any, ...], value: Any, message: str
) -> None:
    parts = ibm_text.model(2)
    put(parts, path, value)
    text = refusal(parts)
    assert message in text
    if "coreCount is" not in message:
        # Where the value stands shows by writing a mark of one line in its place.
        put(parts, path, "@@")
        first = ibm_text.line_of(ibm_text.text(parts), '"@@"')
        lines = json.dumps(value, indent=1).count("\n")
        assert first <= int(text.split(":")[1]) <= first + lines


@pytest.mark.parametrize(
    "path",
    [
        ("model",),
        ("neuronTypes",),
        ("model", "coreCount"),
        ("model", "networking"),
        ("crossbarTypes", 0, "crossbar"),
        ("neuronTypes", 0, "name"),
        ("cores", 1, "id"),
        ("cores", 1, "rngSeed"),
        ("cores", 1, "timeScaleExponent"),
        ("cores", 1, "neurons"),
        ("cores", 1, "neurons", "destDelays"),
        ("cores", 1, "crossbar"),
    ],
)
def test_a_key_that_readers_do_not_make_up_must_be_there(path: tuple[Any, ...]) -> None:
    parts = ibm_text.model(2)
    owner: Any = parts
    for step in path[:-1]:
        owner = owner[step]
    del owner[path[-1]]
    expected = {"model": "'core' comes first", "neuronTypes": "type = 1 is not allowed"}
    assert (f"has no {path[-1]!r}; add it" if len(path) > 1 else expected[path[0]]) in refusal(
        parts
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("type", "N00000009", "core 0 neuron 7: type = 'N00000009' is not allowed; use a type"),
        ("type", True, "core 0 neuron 7: type = True is not allowed"),
        ("type", [], "core 0 neuron 7: type = [] is not allowed"),
        ("dendrite", "3", "core 0 neuron 7: dendrite = '3' is not allowed; it must be a whole"),
        ("destCore", -5, "core 0 neuron 7: destCore = -5 is not allowed; use a core id from 0"),
        ("destAxon", 256, "core 0 neuron 7: destAxon = 256 is not allowed; it must be a whole"),
        ("delay", 16, "core 0 neuron 7: destDelay = 16 is not allowed; it must be a whole"),
        ("colour", 1, "core 0 neuron 7 has the unknown key 'colour'; known: dendrite, type"),
    ],
)
def test_a_neuron_object_is_refused_at_its_line(field: str, value: Any, message: str) -> None:
    parts = ibm_text.model(1)
    neurons = in_objects(parts)
    neurons[7][field] = value
    text = refusal(parts)
    neurons[7][field] = "@@"
    line = ibm_text.line_of(ibm_text.text(parts), '"@@"')
    assert text.startswith(f"m.json:{line}: {message}")


def test_every_core_lists_all_its_neurons() -> None:
    parts = ibm_text.model(1)
    in_objects(parts).pop()
    assert "core 0 lists 255 neurons; list all 256" in refusal(parts)


def test_a_magnitude_without_its_sign_is_refused() -> None:
    parts = ibm_text.model(1)
    del parts["neuronTypes"][0]["sigma1"]
    assert "s1 = 1 has no sign; add sigma1, which is -1 or 1" in refusal(parts)


def test_names_and_numbers_of_types_are_used_once() -> None:
    parts = ibm_text.model(1)
    parts["neuronTypes"].append(ibm_text.TYPE)
    assert "neuron type 'N00000001' comes twice; keep one of the two" in refusal(parts)
    parts = ibm_text.model(1)
    parts["crossbarTypes"] *= 2
    assert "crossbar type 'identity' comes twice; keep one of the two" in refusal(parts)


def test_sections_come_in_their_order_and_only_core_is_repeated() -> None:
    text = ibm_text.text(ibm_text.model(1))
    head, tail = text.split('"neuronTypes"')
    with pytest.raises(FormatError, match="'neuronTypes' comes twice; only 'core' is repeated"):
        parse_model(head + '"neuronTypes": [], "neuronTypes"' + tail)
    with pytest.raises(FormatError, match="'model' comes after 'neuronTypes'; the order is model"):
        parse_model('{"neuronTypes": [],\n"model": {}}')


def test_files_that_are_no_text_or_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "image.json").write_bytes(b"\x89PNG\xff")
    with pytest.raises(FormatError, match=r"image\.json is not a text file .* it is no model file"):
        read_model(tmp_path / "image.json")
    with pytest.raises(FormatError, match=r"cannot read model file .*: No such file or directory"):
        read_model(tmp_path / "absent.json")
