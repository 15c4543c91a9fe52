"""Weight files: what is written is read back, and what is damaged is refused by name."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import students
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from tnemu.formats.errors import FormatError
from tnemu.formats.weights import pack_trinary, read_weights, unpack_trinary, write_weights
from tnemu.networks.errors import NetworkError
from tnemu.networks.trained import TaskReference


@given(hnp.arrays(np.int8, hnp.array_shapes(max_side=9), elements=st.integers(-1, 1)))
def test_packing_four_trinary_weights_to_a_byte_loses_nothing(weights):
    packed = pack_trinary(weights)
    assert packed.nbytes == -(-weights.size // 4)
    np.testing.assert_array_equal(unpack_trinary(packed, weights.shape), weights)


def test_the_packing_is_as_documented():
    # 0 -> 00, +1 -> 01, -1 -> 11, lowest bits first; a fifth weight starts a byte
    assert pack_trinary(np.array([1, -1, 0, 1, -1], np.int8)).tolist() == [0b01001101, 0b11]


@pytest.mark.parametrize("value", [-1, 0, 1])
@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_packing_at_the_rails(value, count):
    weights = np.full(count, value, np.int8)
    assert unpack_trinary(pack_trinary(weights), (count,)).tolist() == [value] * count


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (np.zeros(2, np.uint8), r"uint8 \(2,\); 4 weights of shape \(4,\) need uint8 \(1,\)"),
        (np.zeros(1, np.int8), r"int8 \(1,\); 4 weights of shape \(4,\) need uint8 \(1,\)"),
        (np.array([0b00100000], np.uint8), "weight 2 has the unused code 10; the file is damaged"),
    ],
)
def test_damaged_packing_is_refused(packed, message):
    with pytest.raises(FormatError, match=message):
        unpack_trinary(packed, (4,))


def test_a_file_is_read_back_as_it_was_written(tmp_path):
    weights = dataclasses.replace(
        students.small(),
        task=TaskReference("atari", "none", {"game": "none"}, "ab"),
        provenance={"score": 1.5},
    )
    sha256 = write_weights(weights, tmp_path / "new" / "small.safetensors")
    again = read_weights(tmp_path / "new" / "small.safetensors")
    assert again.sha256 == sha256
    for name in ("name", "input_shape", "answers", "task", "provenance"):
        assert getattr(again, name) == getattr(weights, name)
    for one, two in zip(weights.layers, again.layers, strict=True):
        assert type(one) is type(two)
        for field in dataclasses.fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))
    x = students.frames(weights, 20)
    for one, two in zip(weights.activations(x), again.activations(x), strict=True):
        np.testing.assert_array_equal(one, two)
    assert write_weights(weights, tmp_path / "b.safetensors") == sha256  # the same bytes every time


def test_votes_are_the_last_activation_and_shapes_are_those_of_the_activations():
    weights = students.small()
    x = students.frames(weights, 5)
    outputs = weights.activations(x)
    assert weights.shapes() == [y.shape[1:] for y in outputs]
    np.testing.assert_array_equal(weights.scores(x), outputs[-1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {"layers": w.layers[1:]}, "expected one transduction, then conv or dense"),
        (lambda w: {"layers": w.layers[:-1]}, "then one vote"),
        (lambda w: {"layers": ()}, "layers are none; expected one transduction"),
        (
            lambda w: {"layers": (w.layers[0], w.layers[-1], w.layers[-1])},
            "layer names repeat: retina, vote, vote",
        ),
        (lambda w: {"answers": ("A", "B")}, "the vote has 3 classes for 2 answers"),
        (lambda w: {"input_shape": (2, 10, 9)}, "layer 'retina': background has shape"),
    ],
)
def test_a_student_whose_layers_do_not_follow_each_other_is_refused(change, message):
    weights = students.small()
    with pytest.raises(NetworkError, match=message):
        dataclasses.replace(weights, **change(weights))


@pytest.fixture
def damage(tmp_path):
    """Rewrites a good file with its manifest and tensors changed; returns the error of loading."""

    def rewrite(edit):
        path = tmp_path / "small.safetensors"
        write_weights(students.small(), path)
        with safe_open(str(path), framework="numpy") as opened:
            manifest = json.loads(opened.metadata()["tnemu"])
        tensors = load_file(path)
        edit(manifest, tensors)
        save_file(tensors, path, metadata={"tnemu": json.dumps(manifest)})
        with pytest.raises(FormatError) as caught:
            read_weights(path)
        assert str(path) in str(caught.value)
        return str(caught.value)

    return rewrite


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "tnemu-weights-9", "format 'tnemu-weights-9' is not known, this version reads"),
        ("colour", "red", "unknown key 'colour'; remove it or update tnemu"),
        ("name", 3, "name = 3: must be text of at most 200 characters; correct"),
        (
            "input_shape",
            [2, "10", 10],
            "input_shape[1] = '10': must be a whole number in 1..2147483647",
        ),
        ("answers", "ABC", "answers = 'ABC': must be a list of 0..65536 values"),
        ("task", "krull", "task = 'krull': must be an object of named values"),
        ("task", {"kind": "atari"}, "key 'task.name' is missing; add it"),
        ("layers", ["conv"], "layers[0] = 'conv': must be an object of named values"),
        ("input_shape", [2, 10], "expected [out, in, k, k] on [channels, height, width]"),
    ],
)
def test_a_manifest_with_a_wrong_value_is_refused(damage, key, value, message):
    assert message in damage(lambda manifest, _: manifest.update({key: value}))


def test_a_manifest_without_a_key_is_refused(damage):
    assert "key 'task' is missing; add it" in damage(lambda manifest, _: manifest.pop("task"))


def test_a_file_of_format_1_means_the_same(tmp_path):
    path, task = (
        tmp_path / "old.safetensors",
        TaskReference("atari", "pong", {"game": "pong"}, "ab"),
    )
    weights = dataclasses.replace(students.small(), task=task)
    write_weights(weights, path)
    with safe_open(str(path), framework="numpy") as opened:
        manifest = json.loads(opened.metadata()["tnemu"])
    assert manifest["format"] == "tnemu-weights-2"
    old = {"format": "tnemu-weights-1", "actions": manifest.pop("answers"), "game": "pong"}
    old |= {"spec": {"game": "pong"}, "spec_sha256": manifest.pop("task")["sha256"]}
    save_file(load_file(path), path, metadata={"tnemu": json.dumps(manifest | old)})
    again = read_weights(path)
    assert (again.task, again.answers, again.name) == (task, weights.answers, "small")
    x = students.frames(weights, 5)
    np.testing.assert_array_equal(again.scores(x), weights.scores(x))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kind", "pool", "layers[1].kind = 'pool': must be one of 'transduction', 'conv', "),
        ("name", None, "layers[1].name = None: must be text of at most 200 characters"),
        ("padding", 1, "unknown key 'layers[1].padding'; remove it"),
        ("stride", 1.5, "layers[1].stride = 1.5: must be a whole number in 1..2147483647"),
        ("stride", True, "layers[1].stride = True: must be a whole number in 1..2147483647"),
        ("groups", 0, "layers[1].groups = 0: must be a whole number in 1..2147483647"),
        (
            "weights_shape",
            [16, 4, 2, 3],
            "packed weights are uint8 (64,); 384 weights of shape (16, 4, 2, 3)",
        ),
        ("weights_shape", [16, 16], "weights_shape = [16, 16]: must be a list of 3..4 values"),
        ("weights_shape", [16, -4, 2, 2], "weights_shape[1] = -4: must be a whole number in 1.."),
        ("weights_shape", "wide", "weights_shape = 'wide': must be a list of 3..4 values"),
    ],
)
def test_a_layer_entry_with_a_wrong_value_is_refused(damage, key, value, message):
    assert message in damage(lambda manifest, _: manifest["layers"][1].update({key: value}))


def test_tensors_that_are_missing_left_over_or_of_another_type_are_refused(damage):
    def drop(_, tensors):
        del tensors["conv1.order"]

    def add(_, tensors):
        tensors["conv9.weights"] = np.zeros(1, np.uint8)

    def retype(_, tensors):
        tensors["conv1.thresholds"] = tensors["conv1.thresholds"].astype(np.float32)

    assert "tensor 'conv1.order' is missing; export the file again" in damage(drop)
    assert "tensors that belong to no layer: conv9.weights" in damage(add)
    assert "tensor 'conv1.thresholds' is float32, expected int32" in damage(retype)


def test_a_file_that_is_no_weight_file_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"cannot read weight file .*: No such file"):
        read_weights(tmp_path / "nothing.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("these are no tensors")
    with pytest.raises(FormatError, match="is not a safetensors file"):
        read_weights(text)
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(1)}, other)
    with pytest.raises(FormatError, match="no 'tnemu' manifest in its metadata"):
        read_weights(other)
    save_file({"a": np.zeros(1)}, other, metadata={"tnemu": "[1]"})
    with pytest.raises(FormatError, match=r": \[1\]: must be an object of named values"):
        read_weights(other)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "small.safetensors"
    write_weights(students.small(), path)
    data = path.read_bytes()
    for keep in (4, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:keep])
        with pytest.raises(FormatError, match="it may be cut short, fetch it again"):
            read_weights(path)


HUGE_CLASS = (1 << 31) - 1


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m, _: m["layers"][1].update(kind=[]), "layers[1].kind = []: must be one of "),
        (lambda m, _: m["layers"][1].update(kind={"a": 1}), "layers[1].kind = {'a': 1}: must be"),
        (lambda m, _: m["layers"][1].update(name=[]), "layers[1].name = []: must be text"),
        (lambda m, _: m.update(format=[]), "format = []: must be text"),
        (lambda m, _: m.update(provenance=[1]), "provenance = [1]: must be an object"),
        (lambda m, _: m.update(answers=[{}]), "answers[0] = {}: must be text"),
        (
            lambda m, _: m["layers"][1].update(weights_shape=[2**31 - 1] * 4),
            "weights of shape (2147483647, 2147483647, 2147483647, 2147483647) need uint8",
        ),
        (lambda m, _: m["layers"][1].update(stride=10**30), "must be a whole number in 1..2147483"),
        (
            lambda _, t: t["vote.classes"].__setitem__(0, HUGE_CLASS),
            "layer 'vote': class 2147483647 is voted for, there are 3 answers; export the file",
        ),
    ],
)
def test_whatever_json_and_tensors_may_hold_is_refused_in_words(damage, edit, message):
    assert message in damage(edit)


def _with_manifest(path, text):
    write_weights(students.small(), path)
    save_file(load_file(path), path, metadata={"tnemu": text})
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "more than 64 objects and arrays are inside one another"),
        ('{"format": ' + "9" * 5000 + "}", "a whole number has 5,000 digits"),
        ('{"format": 1e999}', "1e999 is beyond every number"),
        ('{"format": "x", "format": "y"}', "key 'format' is repeated"),
    ],
)
def test_a_manifest_that_is_deep_or_long_is_refused(tmp_path, text, message):
    with pytest.raises(FormatError) as caught:
        read_weights(_with_manifest(tmp_path / "x", text))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 1000


def _rewritten(path, change):
    """The file with its header's JSON changed; the tensors' bytes stay."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "F8_E8M0"}, "has dtype 'F8_E8M0'; known: BOOL, U8, I8"),
        ({"dtype": []}, "conv1.weights.dtype = []: must be text"),
        # 2**64 + 64 elements: a product in 64 bits is 64, which the bytes would hold
        ({"shape": [64, (1 << 58) + 1]}, "takes 18446744073709551680 bytes"),
    ],
)
def test_a_tensor_of_an_unknown_type_or_a_shape_that_wraps_is_refused(tmp_path, change, message):
    path = tmp_path / "x.safetensors"
    write_weights(students.small(), path)
    _rewritten(path, lambda header: header["conv1.weights"].update(change))
    with pytest.raises(FormatError, match=r"x\.safetensors") as caught:
        read_weights(path)
    assert message in str(caught.value)


def test_the_wrapped_shape_that_was_found_is_refused():
    """A file whose product of a shape is right in 64 bits and wrong in whole numbers."""
    path = Path(__file__).parents[3] / "shared/data/faults/wrapped_shape.safetensors"
    if not path.exists():
        pytest.skip("no ../shared")
    with pytest.raises(FormatError):
        read_weights(path)


def test_what_is_no_regular_file_is_refused_by_its_kind(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(40 << 30)
    for name, message in (
        ("pipe", "it is a pipe, not a regular file"),
        ("zero", "it is a device, not a regular file"),
        ("sparse", "has 42,949,672,960 bytes, the limit is 4,294,967,296"),
        ("nul\0", "the path holds a NUL character"),
        (".", "it is a folder, not a regular file"),
    ):
        with pytest.raises(FormatError) as caught:
            read_weights(f"{tmp_path}/{name}")
        assert message in str(caught.value)


def test_provenance_that_json_cannot_hold_is_refused_and_nothing_is_written(tmp_path):
    deep: dict = {}
    for _ in range(100):
        deep = {"a": deep}
    for value, message in ((float("nan"), "nan is not finite"), (deep, "nested more than 64 deep")):
        network = dataclasses.replace(students.small(), provenance={"a": value})
        with pytest.raises(FormatError, match=message):
            write_weights(network, tmp_path / "x")
    assert not list(tmp_path.iterdir())
