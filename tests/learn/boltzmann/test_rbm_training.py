"""Persistent contrastive divergence learns, keeps to its patches, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
import gzip
import sys

import numpy as np
import pytest

from tnemu.errors import TnemuError
from tnemu.formats.boltzmann import read_machine
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_tensors, save_tensors
from tnemu.learn.boltzmann.images import IDX_NAMES, load_images
from tnemu.learn.boltzmann.settings import RbmSettings
from tnemu.learn.boltzmann.training import CHECKPOINT, MACHINE, Run, train_machine
from tnemu.networks.boltzmann.exact import log_partition


def quiet(row):
    pass


@pytest.fixture
def bars(tmp_path):
    """Pictures of 4 x 4 with one bar, upright or lying; the class is which."""
    rng = np.random.default_rng(0)
    kind, at = rng.integers(0, 2, 600), rng.integers(0, 4, 600)
    images = np.zeros((600, 4, 4), np.uint8)
    for picture, upright, k in zip(images, kind, at, strict=True):
        picture[(slice(None), k) if upright else (k, slice(None))] = 200
    path = tmp_path / "bars.npz"
    np.savez(path, images=images, labels=kind.astype(np.uint8))
    return path


def settings(bars, out, **more):
    given = {
        "epochs": 30, "batch": 20, "chains": 20, "patch": 0, "units": 10, "ais_steps": 200,
        "check_every": 10, "learning_rate": 0.1,
    }  # fmt: skip
    return RbmSettings(out=str(out), data=str(bars), **(given | more))


def test_training_raises_the_exact_likelihood(bars, tmp_path):
    run = Run(settings(bars, tmp_path / "run", epochs=150, check_every=50), report=quiet)
    before = run.machine(run.start(), {})
    found = read_machine(run.run())
    exact = [
        float(-m.free_energy(run.test).mean()) - log_partition(m)  # of 8 pictures: -2.08 at best
        for m in (before, found)
    ]
    assert exact[0] < -8 and exact[1] > -4.5
    said = found.provenance["figures"]["log_likelihood_test"]
    assert said == pytest.approx(exact[1], abs=0.3)
    assert found.provenance["command"].startswith("tnemu learn rbm --out")


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(bars, tmp_path):
    whole = train_machine(settings(bars, tmp_path / "whole", patch=3), report=quiet)
    stopped = Run(settings(bars, tmp_path / "stopped", patch=3), report=quiet)
    rows = []

    class Stop(Exception):
        pass

    def stop(row):
        rows.append(row)
        if row["epoch"] == 20:
            raise Stop

    stopped.curve.report = stop
    with pytest.raises(Stop):
        stopped.run()
    resumed = train_machine(settings(bars, tmp_path / "stopped", patch=3), True, rows.append)
    assert [row["epoch"] for row in rows] == [10, 20, 30]
    first, second = read_machine(whole), read_machine(resumed)
    np.testing.assert_array_equal(first.weights, second.weights)
    np.testing.assert_array_equal(first.hidden_bias, second.hidden_bias)
    curves = [(tmp_path / name / "curve.csv").read_text() for name in ("whole", "stopped")]
    assert curves[0] == curves[1]


def test_units_see_their_patch_only_and_labels_are_seen_by_all(bars, tmp_path):
    run = Run(
        settings(bars, tmp_path, patch=2, stride=2, units=3, labels=1, epochs=5), report=quiet
    )
    machine = read_machine(run.run())
    assert (machine.hidden, machine.visible, machine.labels) == (12, 18, 2)
    assert (machine.connected.sum(axis=0) == 4 + 2).all()
    assert machine.connected[16:].all()
    assert not machine.weights[~machine.connected].any()
    assert (run.data[:, 16:].sum(axis=1) == 1).all()


def test_a_folder_of_idx_files_and_one_file_are_read(bars, tmp_path):
    with np.load(bars) as file:
        images, labels = file["images"], file["labels"]
    for k, name in enumerate(IDX_NAMES):
        array = (images, labels)[k % 2][: 300 if k < 2 else 90]
        sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
        data = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
        packed = k == 2
        path = tmp_path / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(data) if packed else data)
    found = load_images(tmp_path)
    np.testing.assert_array_equal(found.test, images[:90])
    assert (len(found.train), found.shape, len(found.test_labels)) == (300, (4, 4), 90)
    alone = load_images(tmp_path / IDX_NAMES[0])
    assert (len(alone.train), len(alone.test), alone.test_labels) == (250, 50, None)


def test_the_digits_of_scikit_learn_are_read():
    pytest.importorskip("sklearn")
    found = load_images("digits")
    assert found.shape == (8, 8) and len(found.train) + len(found.test) == 1797
    assert found.train.max() == 255 and len(np.unique(found.test_labels)) == 10


def test_digits_without_scikit_learn_say_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(TnemuError, match="not installed; run: pip install scikit-learn, or give"):
        load_images("digits")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs = 0: must be 1 or more; choose another --epochs"),
        ({"threshold": 256}, "threshold = 256: must be above 0 and below 256"),
        ({"labels": 2}, "labels = 2: must be above -1 and below 2"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: must be finite and above 0"),
        ({"steps": 1.5}, "steps = 1.5: must be a whole number"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path, change, message):
    with pytest.raises(TnemuError, match=message):
        settings("digits", tmp_path, **change)


def test_data_that_does_not_fit_is_refused(bars, tmp_path):
    for change, message in (
        ({"patch": 5}, "patch size = 5: must be a whole number in 1..4"),
        ({"batch": 501}, "500 training pictures are less than a batch of 501"),
    ):
        with pytest.raises(TnemuError, match=message):
            Run(settings(bars, tmp_path / "run", **change))
    no_labels = tmp_path / "plain.npz"
    np.savez(no_labels, images=np.zeros((60, 4, 4), np.uint8))
    with pytest.raises(TnemuError, match="has no labels for --labels 1; give a set with labels"):
        Run(settings(no_labels, tmp_path / "run", labels=1))
    for arrays, message in (
        ({"pictures": np.zeros((3, 4, 4), np.uint8)}, "it holds 'pictures.npy' too, which is none"),
        (
            {"labels": np.zeros(3, np.uint8)},
            r"has no pictures: it holds \['labels'\], expected one",
        ),
        ({"images": np.zeros((3, 4, 4))}, "images"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "has no training pictures"),
        (
            {"images": np.zeros((12, 4, 4), np.uint8), "labels": np.zeros(3, np.uint8)},
            "has 12 pictures and 3 labels",
        ),
    ):
        np.savez(tmp_path / "bad.npz", **arrays)
        with pytest.raises(FormatError, match=message):
            load_images(tmp_path / "bad.npz")
    assert not (tmp_path / "run").exists()


def test_a_run_does_not_go_on_with_what_is_not_its_own(bars, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(TnemuError, match=r"there is no checkpoint .* to go on from; run without"):
        train_machine(settings(bars, out, epochs=2), True, quiet)
    (out / "settings.json").unlink()
    train_machine(settings(bars, out, epochs=2), report=quiet)
    with pytest.raises(TnemuError, match="holds a run already; go on with it with --resume"):
        train_machine(settings(bars, out, epochs=2), report=quiet)
    with pytest.raises(TnemuError, match=r"was begun with other settings .seed was 1, is 2"):
        train_machine(settings(bars, out, epochs=2, seed=2), True, quiet)
    arrays = load_tensors(out / CHECKPOINT)
    for facts, message in (
        ({"epoch": "2"}, "says nothing usable of its epoch and its draws"),
        ({"epoch": "x", "rng": "{}"}, "says nothing usable of its epoch"),
        ({"epoch": "2", "rng": "{}"}, "says nothing usable of its epoch and its draws"),
    ):
        save_tensors(out / CHECKPOINT, arrays, facts)
        with pytest.raises(FormatError, match=message):
            train_machine(settings(bars, out, epochs=2), True, quiet)
    save_tensors(out / CHECKPOINT, arrays | {"weights": np.zeros((2, 2), np.float32)}, {})
    with pytest.raises(FormatError, match=r"weights is .*, this training has float32 \(16, 10\)"):
        train_machine(settings(bars, out, epochs=2), True, quiet)


def test_a_training_that_diverges_says_so_and_keeps_the_last_checkpoint(bars, tmp_path):
    with np.errstate(all="ignore"), pytest.raises(TnemuError, match="has diverged in epoch 1: its"):
        train_machine(settings(bars, tmp_path, learning_rate=1e38), report=quiet)
    assert not (tmp_path / MACHINE).exists()


def test_the_checkpoint_is_all_that_a_run_needs(bars, tmp_path):
    run = Run(settings(bars, tmp_path, epochs=4, check_every=2), report=quiet)
    run.run()
    state = run.read()
    assert state.epoch == 4
    assert dataclasses.asdict(run.settings)["epochs"] == 4
