"""One weight file with a head for each of several tasks: one chip, the rest is the host's affair."""

import dataclasses
import json

import numpy as np
import pytest
import students
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import corelets
import tnemu
from tnemu.formats.errors import FormatError
from tnemu.formats.weights import FORMAT, FORMAT_3, read_heads, read_weights, write_weights
from tnemu.networks.integer import Vote
from tnemu.networks.trained import TaskReference, TrainedNetwork

TASKS = {"pong": ("UP", "DOWN"), "krull": ("NOOP", "FIRE", "LEFT", "RIGHT")}


def heads() -> list[TrainedNetwork]:
    """Two heads of the small student: 12 voters for two answers, 8 for four, 4 that nobody reads."""
    shared, made = students.small(), []
    for k, (task, answers) in enumerate(TASKS.items()):
        classes = np.full(24, -1, np.int32)
        mine = np.arange(0, 12) if k == 0 else np.arange(14, 22)
        classes[mine] = np.arange(len(mine)) % len(answers)
        background = shared.transduction.background + 7 * k
        retina = dataclasses.replace(shared.transduction, background=background)
        layers = (retina, *shared.layers[1:-1], Vote("vote", classes))
        reference = TaskReference("atari", task, {"game": task}, "ab")
        made.append(
            TrainedNetwork(
                "both", shared.input_shape, answers, layers, reference, {"seeds": [1, 2]}
            )
        )
    return made


@pytest.fixture
def path(tmp_path):
    write_weights(heads(), tmp_path / "both.safetensors")
    return tmp_path / "both.safetensors"


def test_every_head_is_read_back_as_it_was_written(path):
    before, after = heads(), read_heads(path)
    x = students.frames(before[0], 20)
    for one, two in zip(before, after, strict=True):
        for name in ("name", "input_shape", "answers", "task", "provenance"):
            assert getattr(one, name) == getattr(two, name)
        np.testing.assert_array_equal(one.transduction.background, two.transduction.background)
        np.testing.assert_array_equal(one.vote.classes, two.vote.classes)
        np.testing.assert_array_equal(one.scores(x), two.scores(x))
        assert read_weights(path, one.task.name).task == one.task
    assert after[0].sha256 == after[1].sha256 == write_weights(after, path)


def test_what_heads_share_is_stored_and_read_once(path, tmp_path):
    one, two = read_heads(path)
    for a, b in zip(one.layers[1:-1], two.layers[1:-1], strict=True):
        assert a is b
    write_weights(heads()[0], tmp_path / "one.safetensors")
    both, single = load_file(path), load_file(tmp_path / "one.safetensors")
    assert both.keys() == single.keys()
    for name, array in single.items():
        if name == "retina.background":
            assert both[name].shape == (2, *array.shape)
        else:
            assert both[name].shape == array.shape
    assert both["vote.classes"].max() == 5, "answers of the second head follow those of the first"


def test_all_heads_have_one_board_image(path):
    images = [tnemu.fit(head).image for head in read_heads(path)]
    images.append(tnemu.fit(path).image)
    images.append(tnemu.fit(corelets.load(path)).image)
    assert len({image.sha256() for image in images}) == 1


def test_a_network_alone_stays_a_file_of_format_2(path, tmp_path):
    write_weights(heads()[:1], tmp_path / "list.safetensors")
    write_weights(heads()[0], tmp_path / "one.safetensors")
    data = (tmp_path / "one.safetensors").read_bytes()
    assert (tmp_path / "list.safetensors").read_bytes() == data
    found = []
    for file in (tmp_path / "one.safetensors", path):
        with safe_open(file, "numpy") as stored:
            found.append(json.loads(stored.metadata()["tnemu"])["format"])
    assert found == [FORMAT, FORMAT_3]
    (alone,) = read_heads(tmp_path / "one.safetensors")
    assert alone.task == read_weights(tmp_path / "one.safetensors", "pong").task


def test_of_several_heads_one_must_be_named(path, tmp_path):
    with pytest.raises(FormatError) as caught:
        read_weights(path)
    assert str(caught.value) == f"{path} was trained for pong, krull; say for which"
    with pytest.raises(FormatError) as caught:
        read_weights(path, "krul")
    assert str(caught.value) == (
        f"{path} was trained for pong, krull, not for 'krul'; did you mean 'krull'?"
    )
    write_weights(students.small(), tmp_path / "small.safetensors")
    with pytest.raises(FormatError, match=r"was trained for nothing, not for 'pong'; choose its"):
        read_weights(tmp_path / "small.safetensors", "pong")


def changed(second, **layer):
    """The second head with something else in its layer of that name."""
    ((name, values),) = layer.items()
    layers = [
        dataclasses.replace(each, **values) if each.name == name else each for each in second.layers
    ]
    return dataclasses.replace(second, layers=tuple(layers))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda h: changed(h, conv1={"thresholds": h.layers[1].thresholds + 1}),
            "networks for 'pong' and 'krull' differ in thresholds of layer 'conv1'; heads share all "
            "but background and vote: write each to a file of its own",
        ),
        (
            lambda h: changed(h, retina={"weights": -h.layers[0].weights}),
            "weights of layer 'retina'",
        ),
        (lambda h: dataclasses.replace(h, provenance={}), "differ in provenance"),
        (lambda h: dataclasses.replace(h, name="other"), "differ in name"),
        (
            lambda h: dataclasses.replace(h, task=heads()[0].task),
            "networks: its heads are for ['pong', 'pong']; each needs a task, and another one",
        ),
        (lambda h: dataclasses.replace(h, task=None), "its heads are for ['pong', None]"),
        (
            lambda h: changed(
                h,
                vote={"classes": np.where(np.arange(24) == 3, 0, h.vote.classes).astype(np.int32)},
            ),
            "voter 3 is read by two heads, the second 'krull'",
        ),
    ],
)
def test_networks_that_are_not_one_are_not_written(tmp_path, change, message):
    one, two = heads()
    with pytest.raises(FormatError) as caught:
        write_weights([one, change(two)], tmp_path / "x.safetensors")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_no_network_at_all_is_not_written(tmp_path):
    with pytest.raises(FormatError, match="networks: it has no heads; give it one for each task"):
        write_weights([], tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m, t: m.update(heads=[]), "it has no heads"),
        (lambda m, t: m["heads"].pop(), "class 5 is voted for, there are 2 answers"),
        (lambda m, t: m["heads"][1].update(task=m["heads"][0]["task"]), "each needs a task, and"),
        (lambda m, t: m["heads"][0].update(more=1), "unknown key"),
        (lambda m, t: m.update(answers=["A"]), "unknown key"),
        (
            lambda m, t: m["heads"][1]["answers"].append("UP"),
            "the vote has 4 classes for 5 answers",
        ),
        (
            lambda m, t: m["heads"][1]["answers"].pop(),
            "class 5 is voted for, there are 5 answers",
        ),
        (
            lambda m, t: t.update({"retina.background": t["retina.background"][0]}),
            "layer 'retina': background has shape (10, 10), its input has (2, 10, 10)",
        ),
        (
            lambda m, t: t.update({"retina.background": t["retina.background"][:1]}),
            "backgrounds have shape (1, 2, 10, 10) for 2 heads",
        ),
        (
            lambda m, t: t.update({"retina.background": np.int16(3)}),
            "backgrounds have shape () for 2 heads",
        ),
        (lambda m, t: m["layers"].pop(), "tensors that belong to no layer: vote.classes"),
    ],
)
def test_a_damaged_file_is_refused(path, edit, message):
    with safe_open(path, "numpy") as stored:
        manifest = json.loads(stored.metadata()["tnemu"])
    tensors = load_file(path)
    edit(manifest, tensors)
    tensors = {name: np.array(array) for name, array in tensors.items()}
    save_file(tensors, path, metadata={"tnemu": json.dumps(manifest)})
    with pytest.raises(FormatError) as caught:
        read_heads(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value).replace('"', "'")
