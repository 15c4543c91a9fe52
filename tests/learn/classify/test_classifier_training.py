# ruff: noqa: E402
"""Presets keep the rule of cores; a stopped training ends in the same weights; what is stored is what
was trained."""

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from corelets import Student as OnChip
from tnemu.errors import TnemuError
from tnemu.formats.weights import read_weights
from tnemu.hardware.neuron import SIGNED_INPUTS
from tnemu.learn.classify import training as module
from tnemu.learn.classify.augment import augmented
from tnemu.learn.classify.classify import train_classifier
from tnemu.learn.classify.settings import ClassifySettings
from tnemu.learn.classify.training import rate_at
from tnemu.learn.distil.checkpoint import StageCheckpoint
from tnemu.learn.eedn.classifier import Classifier
from tnemu.learn.eedn.fold import fold
from tnemu.learn.eedn.presets import PRESETS, Row, voting, wirings
from tnemu.learn.eedn.student import add_hysteresis
from tnemu.mapping.size import size_of
from tnemu.tasks.classify.catalogue import load
from tnemu.tasks.classify.spec import ClassifySpec
from tnemu.tasks.task import spec_of

DIGITS = ClassifySpec("digits", tuple("0123456789"), (1, 8, 8))


@pytest.fixture(autouse=True)
def one_thread():
    """Several would wait for each other where tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def few(monkeypatch):
    """The first digits alone: what a training does with them is the same."""
    known = load("digits", None)
    train, test = known.train.take(np.arange(200)), known.test.take(np.arange(40))
    data = dataclasses.replace(known, train=train, test=test)
    monkeypatch.setattr("tnemu.learn.classify.classify.load", lambda *a, **k: data)
    return data


def quiet(row):
    pass


def settings(out, **more):
    few = {"iterations": 12, "batch": 16, "calibration": 50, "check_every": 6, "log_every": 4}
    return ClassifySettings("digits", str(out), device="cpu", **(few | more))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("classes", [2, 10, 43, 100])
def test_every_layer_on_the_chip_fits_a_core_and_classes_share_voters(preset, classes):
    shape = (1, 8, 8) if preset == "tiny" else (3, 32, 32)
    layers = wirings(preset, shape, classes)
    for layer in layers[1:]:
        assert layer.fan_in <= SIGNED_INPUTS
        assert layer.features % layer.groups == 0
        assert sorted(layer.order) == list(range(layer.inputs))
    votes = np.bincount(voting(layers, shape, classes), minlength=classes)
    assert votes.min() == votes.max() >= 8


def test_the_papers_opening_rows():
    def opening(preset, count):
        return [(row.kernel, row.features, row.groups) for row in PRESETS[preset][:count]]

    assert opening("half", 2) == [(3, 12, 1), (4, 128, 4)]
    assert opening("one", 3) == [(3, 16, 1), (4, 252, 2), (1, 256, 2)]
    assert opening("two", 3) == [(3, 32, 1), (3, 128, 4), (1, 128, 1)]
    assert opening("four", 3) == [(3, 64, 1), (3, 256, 8), (1, 256, 2)]
    assert Row(3, 1, 256, 16) in PRESETS["half"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "chips"), [("tiny", 1), ("small", 1), ("half", 0.5), ("one", 1)]
)
def test_presets_fit_the_chips_they_are_named_after(preset, chips):
    shape = (1, 8, 8) if preset == "tiny" else (3, 32, 32)
    spec = ClassifySpec("cifar10", tuple("0123456789"), shape)
    net = Classifier(shape, 10, preset)
    net.recalibrate(torch.randint(0, 256, (20, *shape), dtype=torch.uint8))
    assert size_of(OnChip(fold(net, spec, {}))).cores <= 4096 * chips


def test_pictures_that_are_too_small_for_a_preset_are_refused():
    with pytest.raises(
        TnemuError, match=r"preset 'small': layer 2 has a kernel.*choose a smaller --preset"
    ):
        wirings("small", (1, 8, 8), 10)
    with pytest.raises(TnemuError, match="preset = 'big': must be one of 'tiny', 'small'"):
        wirings("big", (1, 8, 8), 10)


def test_the_folded_network_votes_as_the_trained_one():
    data = load("digits", None)
    net = Classifier((1, 8, 8), 10, "tiny")
    net.background.copy_(torch.from_numpy(np.rint(data.train.images.mean(0))))
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(
            net(torch.from_numpy(data.train.images[:16])), torch.from_numpy(data.train.labels[:16])
        )
        loss.backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.5 * p.grad
                p.grad = None
        net.clip()
    net.recalibrate(torch.from_numpy(data.train.images[:60]))
    net.eval()
    test = data.test.images[:20]
    with torch.no_grad():
        votes = net.count(torch.from_numpy(test)).numpy()
    network = fold(net, DIGITS, {})
    np.testing.assert_array_equal(network.scores(test), votes)
    assert spec_of(network) == DIGITS


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stage", ["trinary", "control"])
def test_a_stopped_training_ends_in_the_same_weights(tmp_path, few, monkeypatch, stage):
    more = {"dropout": 0.1, "hysteresis": 0.1, "sparsity": 1e-4, "checkpoint_minutes": 0.0}
    whole = train_classifier(settings(tmp_path / "whole", **more), report=quiet)
    saved, save = 0, StageCheckpoint.save

    def stop_after_seven(self, *arguments):
        nonlocal saved
        save(self, *arguments)
        saved += self.path.name.startswith(stage)
        if saved == 7:
            raise Stopped

    monkeypatch.setattr(StageCheckpoint, "save", stop_after_seven)
    with pytest.raises(Stopped):
        train_classifier(settings(tmp_path / "two", **more), report=quiet)
    monkeypatch.setattr(StageCheckpoint, "save", save)
    resumed = train_classifier(settings(tmp_path / "two", **more), resume=True, report=quiet)
    for name in ("trinary.hidden.safetensors", "control.hidden.safetensors", "curve.csv"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (
        read_weights(whole).provenance["accuracy"] == read_weights(resumed).provenance["accuracy"]
    )


def test_a_finished_network_is_read_back_and_only_its_control_is_trained(tmp_path, few):
    train_classifier(settings(tmp_path, control_iterations=0), report=quiet)
    before = (tmp_path / "trinary.hidden.safetensors").read_bytes()
    rows = []
    train_classifier(settings(tmp_path), resume=True, report=rows.append)
    assert {row["stage"] for row in rows} == {"control"}
    assert (tmp_path / "trinary.hidden.safetensors").read_bytes() == before
    made = read_weights(tmp_path / "classifier.safetensors").provenance
    assert set(made["accuracy"]) == {"trinary", "control"}
    with pytest.raises(TnemuError, match="batch was 16, is 32"):
        train_classifier(settings(tmp_path, batch=32), resume=True, report=quiet)


def test_a_network_that_no_board_holds_is_refused_before_anything_is_written(tmp_path, few):
    def refuse(network):
        raise TnemuError(f"{network.name} is too large")

    with pytest.raises(TnemuError, match="digits is too large"):
        train_classifier(settings(tmp_path / "run"), report=quiet, check=refuse)
    assert not list((tmp_path / "run").glob("*.json"))


def test_the_test_part_changes_no_weight(tmp_path, few, monkeypatch):
    first = train_classifier(settings(tmp_path / "a", control_iterations=0), report=quiet)
    part = dataclasses.replace(few.test, labels=(few.test.labels + 1) % 10)
    other = dataclasses.replace(few, test=part)
    monkeypatch.setattr("tnemu.learn.classify.classify.load", lambda *a, **k: other)
    second = train_classifier(settings(tmp_path / "b", control_iterations=0), report=quiet)
    one, two = read_weights(first), read_weights(second)
    assert all(
        np.array_equal(a.weights, b.weights) and np.array_equal(a.thresholds, b.thresholds)
        for a, b in zip(one.layers[:-1], two.layers[:-1], strict=True)
    )
    assert one.provenance["accuracy"] != two.provenance["accuracy"]


@pytest.mark.slow
def test_five_hundred_minibatches_learn_digits(tmp_path):
    path = train_classifier(
        settings(tmp_path, iterations=500, batch=64, control_iterations=0), report=quiet
    )
    facts = json.loads((tmp_path / "trinary.json").read_text())
    assert facts["test_right"] > 0.8
    test = load("digits", None).test
    right = read_weights(path).scores(test.images).argmax(1) == test.labels
    assert right.mean() == pytest.approx(facts["test_right"])


def test_learning_rates_fall_as_they_are_told():
    assert [rate_at(k, 100, 1.0, "steps") for k in (0, 59, 60, 84, 85, 99)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    assert rate_at(0, 100, 2.0, "cosine") == 2
    assert rate_at(100, 100, 2.0, "cosine") == pytest.approx(0.02)


def test_hysteresis_keeps_its_weights_in_the_state():
    net = Classifier((1, 8, 8), 10, "tiny")
    add_hysteresis(net, 0.1)
    assert sum(name.endswith(".kept") for name in net.state_dict()) == len(net.layers)
    assert module.adam_of(net, 0.1).param_groups[1]["share"] == 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dataset": "digit"}, "did you mean 'digits'"),
        ({"preset": "tini"}, "did you mean 'tiny'"),
        ({"schedule": "linear"}, "must be one of 'cosine', 'steps'"),
        ({"dropout": 1.5}, "dropout = 1.5: must be between 0 and 1"),
        ({"unseen": "theo"}, "digits has no speakers"),
        ({"hold_out": 1}, "hold_out = 1: must be 2 or more"),
        ({"shift": -1}, "shift = -1: must be 0 or more"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(change, words):
    with pytest.raises(TnemuError, match=words):
        ClassifySettings(**({"dataset": "digits", "out": "x"} | change))


def one_dot():
    picture = torch.zeros(200, 1, 16, 16, dtype=torch.uint8)
    picture[:, 0, 8, 4] = 255
    return picture


def test_moved_pictures_are_moved_by_whole_pixels_and_never_further():
    s = settings("x", shift=2, turn=0.0, zoom=0.0, flip=0)
    seen = augmented(one_dot(), s, torch.Generator().manual_seed(0))
    where = {tuple(np.argwhere(p.numpy()[0])[0] - (8, 4)) for p in seen}
    assert where == {(y, x) for y in range(-2, 3) for x in range(-2, 3)}


@pytest.mark.parametrize(("turn", "zoom"), [(0.0, 0.0), (1e-6, 0.0)])
def test_half_of_the_pictures_are_mirrored(turn, zoom):
    s = settings("x", shift=0, turn=turn, zoom=zoom, flip=1)
    seen = augmented(one_dot(), s, torch.Generator().manual_seed(0)).float()
    left, right = seen[:, 0, 8, 4].gt(128).sum(), seen[:, 0, 8, 11].gt(128).sum()
    assert left + right == 200
    assert 70 < left < 130


def test_turned_pictures_stay_within_the_angle():
    s = settings("x", shift=0, turn=20.0, zoom=0.0, flip=0)
    seen = augmented(one_dot(), s, torch.Generator().manual_seed(0)).float()[:, 0]
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    total = seen.sum((1, 2))
    y, x = ((seen * grid).sum((1, 2)) / total - 7.5 for grid in (rows, columns))
    angle = torch.rad2deg(torch.atan2(y, -x)) - np.degrees(np.arctan2(0.5, 3.5))
    assert angle.abs().max() < 24
    assert angle.std() > 8
