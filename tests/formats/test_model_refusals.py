"""What a model file may not say, and the words with which each of them is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import ibm_text
import pytest

from tnemu.formats.errors import FormatError
from tnemu.formats.model_file import parse_model, read_model

Parts = dict[str, Any]


def refusal(parts: Parts) -> str:
    with pytest.raises(FormatError) as caught:
        parse_model(ibm_text.text(parts), "m.json")
    return str(caught.value)


def in_objects(parts: Parts, core: int = 0) -> list[dict[str, Any]]:
    """Gives a core the other way of writing neurons, and returns its 256 objects."""
    neurons = ibm_text.listed()
    parts["cores"][core]["neurons"] = neurons
    return neurons


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
    with pytest.raises(FormatError, match=r"image\.json is not a text file: byte 0 "):
        read_model(tmp_path / "image.json")
    with pytest.raises(FormatError, match=r"cannot read model file .*: No such file or directory"):
        read_model(tmp_path / "absent.json")


# --- files that are no model files -----------------------------------------------------------------


def test_only_a_regular_file_of_a_stated_size_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match=r"model file .*pipe: it is a pipe, not a regular file"):
        read_model(tmp_path / "pipe")
    sparse = tmp_path / "sparse.json"
    sparse.touch()
    os.truncate(sparse, 40 << 30)
    with pytest.raises(
        FormatError, match=r"has 42,949,672,960 bytes, the limit is 2,147,483,648; give a smaller"
    ):
        read_model(sparse)
    with pytest.raises(FormatError, match=r"sparse.json is not a text file: byte 0 is a NUL"):
        read_model(sparse, most_bytes=1 << 40)
    with pytest.raises(FormatError, match=r"the path holds a NUL character; check the path"):
        read_model("a\0b")


def test_a_model_larger_than_its_limit_is_read_with_a_higher_one(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(ibm_text.text(ibm_text.model(1)))
    size = path.stat().st_size
    said = rf"has {size:,} bytes, the limit is {size - 1:,}; .* \(--most-bytes, "
    with pytest.raises(FormatError, match=said):
        read_model(path, most_bytes=size - 1)
    assert len(read_model(path, most_bytes=size).cores) == 1


def test_a_device_is_no_model(tmp_path: Path) -> None:
    if not Path("/dev/zero").is_char_device():
        pytest.skip("/dev/zero is no device here")
    (tmp_path / "link.json").symlink_to("/dev/zero")
    with pytest.raises(FormatError, match="it is a device, not a regular file"):
        read_model(tmp_path / "link.json")


def test_what_is_said_in_both_spellings_is_refused() -> None:
    parts = ibm_text.model(1)
    parts["model"]["neuronClass"] = "NeuronGeneral"
    assert "model has neuronclass and neuronClass; keep one" in refusal(parts)
    parts = ibm_text.model(1)
    in_objects(parts)[9]["destDelay"] = 2
    assert "core 0 neuron 9 has delay and destDelay; keep one" in refusal(parts)


def test_a_number_is_not_taken_for_another_type() -> None:
    parts = ibm_text.model(1)
    parts["model"]["crossbarSize"] = 256.0
    assert "crossbarSize = 256.0 is not known; it must be 256" in refusal(parts)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("neuronTypes", 0, "name"), "n" * 3_000_000),
        (("neuronTypes", 0, "class"), ["x" * 3_000_000]),
        (("model", "networking"), {"a" * 3_000_000: 1}),
        (("cores", 1, "id"), 10**4000),
        (("cores", 1, "crossbar"), {"name": "x" * 3_000_000}),
        (("cores", 1, "neurons", "types"), ["1x255", "y" * 3_000_000]),
        (("cores", 1, "neurons", "types"), [["z" * 100] * 10_000]),
        (("x" * 3_000_000,), 1),
    ],
)
def test_messages_are_short_whatever_a_file_holds(path: tuple[Any, ...], value: Any) -> None:
    parts = ibm_text.model(2)
    put(parts, path, value)
    with pytest.raises(FormatError) as caught:
        parse_model(ibm_text.text(parts), "m.json")
    assert len(str(caught.value)) < 500


def test_half_of_a_character_is_no_text() -> None:
    parts = ibm_text.model(1)
    parts["cores"][0]["metadata"] = {"coreletClass": "\ud800"}
    assert "coreletClass = '\\ud800' holds half of a character; remove it" in refusal(parts)


def test_a_key_with_a_broken_escape_is_refused_at_its_line() -> None:
    with pytest.raises(FormatError, match=r"^m\.json:2: the key .* is no text"):
        parse_model('{\n"\\ux":1}', "m.json")
