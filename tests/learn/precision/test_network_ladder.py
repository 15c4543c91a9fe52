# ruff: noqa: E402
import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_networks import everything, pictures

from tnemu.errors import TnemuError
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_tensors, save_tensors
from tnemu.learn.precision.network_files import load_network
from tnemu.learn.precision.network_ladder import NetworkLadder, main, quantise
from tnemu.learn.precision.network_settings import QuantiseSettings


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Five kinds of pictures that can be told apart."""
    path = tmp_path_factory.mktemp("data") / "five.npz"
    labels = np.arange(200) % 5
    images = pictures(200).numpy().transpose(0, 2, 3, 1) // 2
    images[np.arange(200), labels * 2] += 120
    np.savez(
        path, train_x=images[:160], train_y=labels[:160], test_x=images[160:], test_y=labels[160:]
    )
    return path


@pytest.fixture
def made(data, tmp_path):
    """Settings of seconds."""
    return QuantiseSettings(
        "small_networks:everything", str(tmp_path / "run"), dataset="pictures", data=str(data),
        adapt_iterations=6, epochs=0.5, batch=16, range_images=20, hold_out=8, check_every=4,
        log_every=2, checkpoint_minutes=0.0, noise_batches=2, flip=0, shift=0,
    )  # fmt: skip


def quiet(row):
    """No report."""


@pytest.mark.slow
def test_every_rung_is_judged_on_the_same_pictures_and_a_stopped_ladder_goes_on(made, tmp_path):
    path = quantise(made, report=quiet)
    whole = json.loads(path.read_text())
    rungs = {row["rung"]: row for row in whole["rungs"]}
    assert list(rungs) == ["fp32", "fp32 tuned", "8 bit", "4 bit"]
    assert whole["pictures"] == {"training": 140, "validation": 20, "test": 40}
    assert whole["iterations"] == round(0.5 * 140 / 16)
    for name in ("8 bit", "4 bit"):
        row = rungs[name]
        assert row["before"].keys() == {"val_loss", "val_right"}
        assert 0.9 < row["cosine_to_fp32"]["all"] <= 1 and row["equal_in_numpy"] == 40
        network = load_network(row["file"])
        with np.load(made.data) as found:
            images, labels = found["test_x"].transpose(0, 3, 1, 2), found["test_y"]
        right = (network(images).argmax(1) == labels).mean()
        assert right == pytest.approx(row["test_right"])
    assert rungs["fp32"]["agrees_with_fp32"] == 1
    assert rungs["8 bit"]["weights_bytes"] > rungs["4 bit"]["weights_bytes"]
    assert {(r["bits"], r["batch"]) for r in whole["noise"]} == {
        (bits, batch) for bits in (32, 8, 4) for batch in (16, 64)
    }

    before = load_tensors(tmp_path / "run/4bit.safetensors")
    (tmp_path / "run/4bit.safetensors").unlink()
    quantise(made, resume=True, report=quiet)
    after = load_tensors(tmp_path / "run/4bit.safetensors")
    assert all(np.array_equal(before[name], after[name]) for name in before)
    other = dataclasses.replace(made, learning_rate=1e-4)
    with pytest.raises(TnemuError, match="leave out --resume to make it again"):
        quantise(other, resume=True, report=quiet)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.slow
def test_a_stopped_training_ends_in_the_weights_of_one_that_never_stopped(
    made, optimiser, tmp_path
):
    class Stopped(Exception):
        pass

    def stop(row):
        if row["iteration"] == 2:
            raise Stopped

    s = dataclasses.replace(
        made, optimiser=optimiser, adapt_iterations=0, bits=(4,), tune_float=0, noise_batches=0
    )
    quantise(s, report=quiet)
    again = dataclasses.replace(s, out=str(tmp_path / "again"), log_every=1)
    with pytest.raises(Stopped):
        quantise(again, report=stop)
    quantise(again, resume=True, report=quiet)
    whole, resumed = (load_tensors(tmp_path / d / "4bit.safetensors") for d in ("run", "again"))
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)


def test_without_epochs_the_rungs_are_calibrated_alone(made):
    s = dataclasses.replace(made, adapt_iterations=0, epochs=0.0, noise_batches=0)
    whole = json.loads(quantise(s, report=quiet).read_text())
    assert [row["rung"] for row in whole["rungs"]] == ["fp32", "8 bit", "4 bit"]
    eight = whole["rungs"][1]
    assert eight["val_loss"] == eight["before"]["val_loss"]
    assert eight["agrees_with_fp32"] >= 0.9


def test_the_adapted_network_may_be_the_weights_of_another_ladder(made, tmp_path):
    s = dataclasses.replace(made, adapt_iterations=2, epochs=0.0, noise_batches=0, bits=(8,))
    quantise(s, report=quiet)
    weights = str(tmp_path / "run/fp32.safetensors")
    ladder = NetworkLadder(
        dataclasses.replace(s, out=str(tmp_path / "b"), weights=weights, adapt_iterations=0),
        False,
        quiet,
    )
    kept = load_tensors(weights)
    for name, tensor in ladder.net.module.state_dict().items():
        assert np.array_equal(tensor.numpy(), kept[name])


def test_a_network_that_is_not_there_is_refused(tmp_path, capsys):
    def refused(*words):
        assert main([*words, "--out", str(tmp_path / "run")]) == 1
        return capsys.readouterr().err

    assert "network = 'resnet21'" in (said := refused("resnet21", "--data", "x"))
    assert "did you mean" in said and "'resnet20' or" in said
    assert "network 'resnet20' needs --weights FILE" in (said := refused("resnet20"))
    assert "github.com/akamaster/pytorch_resnet_cifar10" in said
    said = refused("nowhere:net")
    assert "give MODULE:FUNCTION" in said and "ModuleNotFoundError" in said
    assert "needs a torch module" in refused("small_networks:pictures_none")


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"state_dict": everything().state_dict()}, tmp_path / "w.pth")
    s = QuantiseSettings("resnet20", str(tmp_path / "r"), str(tmp_path / "w.pth"), data="x")
    with pytest.raises(FormatError, match=r"w\.pth holds another network \(no conv1\.weight"):
        NetworkLadder(s, False, quiet)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bits": (4, 4)}, "a rung is named twice"),
        ({"edge_bits": 9}, r"bits = 9: quantised layers have 2\.\.8 bits"),
        (
            {"weight_range": "biggest"},
            "weight_range = 'biggest': must be one of 'largest', 'percentile'",
        ),
        ({"optimiser": "adma"}, "did you mean 'adam'"),
        ({"momentum": 1.0}, "momentum = 1.0: must be above 0 and below 1"),
        ({"channels": 2}, "channels = 2: must be 0 or 1; choose another --channels"),
        ({"epochs": -1.0}, "epochs = -1.0: must be 0 or more"),
    ],
)
def test_quantise_settings_out_of_range_are_refused(change, message):
    with pytest.raises(TnemuError, match=message):
        QuantiseSettings("resnet20", "nowhere", **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": "[1]"}, "step 0 is 1: must be an object"),
        ({"steps": "[]", "unit": '"x"'}, "unit"),
        ({"format": "else"}, "needs 'tnemu integer network 1'; write it with tnemu learn quantise"),
        (
            {"steps": '[{"kind": "evil", "inputs": [], "numbers": {}, "bound": 1, "name": ""}]'},
            "must be one of",
        ),
    ],
)
def test_a_damaged_file_of_a_network_is_refused(change, message, tmp_path):
    facts = {"format": "tnemu integer network 1", "steps": "[]", "unit": "1.0"} | change
    save_tensors(tmp_path / "n.safetensors", {"0.offset": np.zeros(1, np.int64)}, facts)
    with pytest.raises(FormatError, match=message):
        load_network(tmp_path / "n.safetensors")
