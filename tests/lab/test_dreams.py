"""Dreams on boards and by the chain, completion in numbers, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rbms
from typer.testing import CliRunner

from tnemu import zoo
from tnemu.cli.main import app
from tnemu.formats.boltzmann import read_machine, write_machine
from tnemu.lab.completion import complete, hidden_part, nearest
from tnemu.lab.dreams import DreamError, OperatorDreamer
from tnemu.lab.labelling import classify, spoiled
from tnemu.networks.boltzmann.machine import Machine
from tnemu.networks.boltzmann.sampler import SAMPLERS, Curve

MACHINE = rbms.patch_machine(1, side=6, patch=3)


def operator(machine=MACHINE):
    return OperatorDreamer(machine.rounded(50), Curve(SAMPLERS["G5"]))


@pytest.mark.parametrize("how", ["bottom", "top", "left", "right", "centre", "random"])
def test_a_hidden_part_has_about_its_share(how):
    part = hidden_part(how, (28, 28), 0.35)
    assert abs(part.mean() - 0.35) < 0.03
    assert not hidden_part("nothing", (28, 28), 0.35).any()
    for share in (0.0, 1.0):
        with pytest.raises(
            DreamError, match=r"hides (all|none) of the 784 pixels; take one between"
        ):
            hidden_part(how, (28, 28), share)


def test_what_is_seen_stays_and_distances_count_hidden_pixels_only():
    truth = np.random.default_rng(0).random((5, 36)) < 0.5
    hidden = hidden_part("left", (6, 6), 0.5)
    found = complete(operator(), MACHINE, truth, hidden, 4)
    assert (found.samples[..., ~hidden.ravel()] == truth[:, ~hidden.ravel()]).all()
    by_hand = [[int((a != b).sum()) for a, b in zip(s, truth, strict=True)] for s in found.samples]
    assert found.distances().tolist() == by_hand


def test_the_nearest_picture_is_the_one_that_brute_force_finds():
    rng = np.random.default_rng(1)
    train, truth = rng.random((50, 36)) < 0.5, rng.random((7, 36)) < 0.5
    hidden = hidden_part("bottom", (6, 6), 0.3)
    seen = ~hidden.ravel()
    for picture, found in zip(truth, nearest(truth, hidden, train), strict=True):
        assert (
            found == train[min(range(50), key=lambda k: (train[k][seen] != picture[seen]).sum())]
        ).all()


def test_salt_turns_on_only_and_a_machine_without_labels_cannot_classify():
    pictures = np.random.default_rng(2).random((9, 36)) < 0.5
    salt, both = (spoiled(pictures, kind, 0.5) for kind in ("salt", "salt-pepper"))
    assert (salt >= pictures).all() and (salt != pictures).any() and (both < pictures).any()
    with pytest.raises(
        DreamError, match="'patches1' has no label units, so it cannot classify; tr"
    ):
        classify(operator(), MACHINE, pictures, 3)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(
        DreamError, match="pictures of 30 pixels: machine 'patches1' has 6 x 6; give"
    ):
        complete(operator(), MACHINE, np.zeros((1, 30), bool), np.zeros((6, 6), bool), 1)


def test_the_command_completes_on_a_board_and_by_the_chain_and_draws(tmp_path):
    path, data, png = (tmp_path / name for name in ("m.safetensors", "d.npz", "d.png"))
    write_machine(MACHINE, path)
    np.savez(data, images=np.random.default_rng(3).integers(0, 256, (60, 6, 6)).astype(np.uint8))
    words = ["dream", str(path), "--data", str(data), "--pictures", "3", "--samples", "2"]
    words += ["--board", "ns1e", "--picture", str(png), "--json", "-"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert {"G5", "logistic", "all hidden off", "nearest training picture"} < set(facts["rows"])
    assert facts["board"]["ticks_a_sample"] == 100
    assert png.read_bytes()[:4] == b"\x89PNG"


def dreams(*words: object) -> tuple[int, str, dict]:
    result = CliRunner().invoke(app, ["dream", *map(str, words), "--json", "-"])
    return result.exit_code, result.stderr, json.loads(result.stdout or "{}")


@pytest.fixture
def labelled(tmp_path):
    """A machine whose label units are its two halves of the picture, and pictures of both."""
    weights = np.zeros((6 + 2, 2), np.float32)
    weights[:3, 0] = weights[3:6, 1] = weights[6, 0] = weights[7, 1] = 9
    biases = np.full(8, -4, np.float32), np.full(2, -14, np.float32)
    write_machine(
        Machine(weights, *biases, weights != 0, (1, 6), labels=2, name="halves"),
        tmp_path / "m.safetensors",
    )
    pictures = np.zeros((40, 1, 6), np.uint8)
    pictures[::2, :, :3] = pictures[1::2, :, 3:] = 255
    np.savez(tmp_path / "d.npz", images=pictures, labels=np.arange(40).astype(np.uint8) % 2)
    return tmp_path / "m.safetensors", "--data", tmp_path / "d.npz", "--pictures", 4


def test_label_units_say_what_pictures_show_at_any_scale_of_the_weights(labelled):
    code, _, facts = dreams(*labelled, "--classify", "--samples", 9, "--sampler", "P4")
    assert (code, facts["rows"]["P4"]["errors"], facts["rows"]["logistic"]["errors"]) == (0, 0, 0)
    _, _, hot = dreams(*labelled, "--classify", "--sampler", "P4", "--weight-scale", 1)
    assert (
        hot["weight_scale"] == 1 and hot["rows"]["P4"]["errors"] > 0
    )  # so hot that weights are nothing


def test_a_free_dream_needs_no_pictures(labelled):
    code, _, facts = dreams(labelled[0], "--pictures", 3, "--samples", 2)
    assert (code, facts["hide"], facts["hidden_pixels"], facts["pictures"]) == (0, "nothing", 0, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--hide", "random", "--share", 0.99],
            "share = 0.99 hides all of the 6 pixels; take one be",
        ),
        (
            ["--hide", "random", "--share", 0.01],
            "share = 0.01 hides none of the 6 pixels; take one b",
        ),
        (["--hide", "corners"], "hide = 'corners': must be one of 'bottom', 'top'"),
        (["--first", 99], "pictures 99..102: "),
        (["--classify", "--noise", "pepper"], "noise = 'pepper': must be one of 'none', 'salt'"),
        (["--sampler", "G2"], "sampler = 'G2': must be one of 'P1'"),
        (["--sampler", "1,2"], "sampler '1,2': give window, threshold, mask, leak and scale"),
    ],
)
def test_what_cannot_be_dreamt_is_refused(labelled, words, message):
    code, error, _ = dreams(*labelled, *words)
    assert code == 1 and error.startswith(f"error: {message}")


def test_labels_that_are_not_there_are_refused(labelled, tmp_path):
    code, error, _ = dreams(labelled[0], "--classify")
    assert code == 1 and "--classify needs pictures with labels; give them with --data" in error


@pytest.mark.parametrize(
    ("name", "visible", "hidden"), [("digits28", 784, 441), ("digits8", 64, 75)]
)
def test_shipped_machines_say_how_they_were_made(name, visible, hidden):
    machine = read_machine(zoo.find_machine(name))
    assert (machine.name, machine.visible, machine.hidden) == (name, visible, hidden)
    made = machine.provenance
    assert {"command", "data", "figures", "licence", "settings", "versions"} <= set(made)
    assert "/" not in made["data"].replace("scikit-learn", "") and zoo.machine_names() == [
        "digits28",
        "digits8",
    ]
