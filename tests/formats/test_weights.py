"""Weight files: what is written is read back, and what is damaged is refused by name."""

from __future__ import annotations

import dataclasses
import json

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
        (np.zeros(2, np.uint8), r"uint8 \(2,\); 4 weights need uint8 \(1,\)"),
        (np.zeros(1, np.int8), r"int8 \(1,\); 4 weights need uint8 \(1,\)"),
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
        ("format", "tnemu-weights-9", "has format 'tnemu-weights-9', this version reads"),
        ("colour", "red", "manifest keys missing or unknown: colour; export it again"),
        ("name", 3, "manifest key 'name' is 3; export it again"),
        ("input_shape", [2, "10", 10], "manifest key 'input_shape' is [2, '10', 10]"),
        ("answers", "ABC", "manifest key 'answers' is 'ABC'"),
        ("task", "krull", "manifest key 'task' is 'krull'"),
        ("task", {"kind": "atari"}, "task is {'kind': 'atari'}; expected kind, name, spec, sha256"),
        ("layers", ["conv"], "manifest key 'layers' is ['conv']"),
        ("input_shape", [2, 10], "expected [out, in, k, k] on [channels, height, width]"),
    ],
)
def test_a_manifest_with_a_wrong_value_is_refused(damage, key, value, message):
    assert message in damage(lambda manifest, _: manifest.update({key: value}))


def test_a_manifest_without_a_key_is_refused(damage):
    assert "missing or unknown: task" in damage(lambda manifest, _: manifest.pop("task"))


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
        ("kind", "pool", "layer 'conv1' has kind 'pool'; known kinds: transduction, conv, dense"),
        ("name", None, "layer None has kind 'conv'"),
        ("padding", 1, "layer 'conv1': keys missing or unknown: padding"),
        ("stride", 1.5, "layer 'conv1': stride is 1.5, expected an integer"),
        ("stride", True, "layer 'conv1': stride is True, expected an integer"),
        ("groups", 0, "layer 'conv1': 0 groups of 4 input channels"),
        ("weights_shape", [16, 4, 2, 3], "packed weights are uint8 (64,); 384 weights need"),
        ("weights_shape", [16, 16], "expected three or four positive integers"),
        ("weights_shape", [16, -4, 2, 2], "expected three or four positive integers"),
        ("weights_shape", "wide", "weights_shape is 'wide'"),
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
    with pytest.raises(FormatError, match="has format None, this version reads"):
        read_weights(other)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "small.safetensors"
    write_weights(students.small(), path)
    data = path.read_bytes()
    for keep in (4, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:keep])
        with pytest.raises(FormatError, match="is not a safetensors file"):
            read_weights(path)
