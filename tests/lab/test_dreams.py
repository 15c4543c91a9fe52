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
