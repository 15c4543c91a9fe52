"""``tnemu.fit`` takes names, paths, networks and corelets, and answers everything else by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import students
import wirings as networks

import tnemu
from corelets import Relay, Student
from tnemu.formats.model_file import read_model
from tnemu.formats.weights import write_weights
from tnemu.hardware import ImageError, load_board
from tnemu.lab.images import board_image, smallest_board
from tnemu.lab.sources import source_of
from tnemu.mapping.build import build_image
from tnemu.mapping.place import in_order

MODEL = Path(__file__).parents[1] / "formats" / "data" / "ex1.json"
GIVE = (
    "give a weight file (.safetensors), an IBM model file (.json, .tnbm), a NIR file (.nir) or a shipped "
    "student's name"
)


def refusal(*arguments, **keywords):
    with pytest.raises(tnemu.TnemuError) as caught:
        tnemu.fit(*arguments, **keywords)
    return str(caught.value)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_weights(students.small(), path)
    return path


def test_a_path_a_network_and_a_corelet_are_the_same_student(small):
    plans = [
        tnemu.fit(thing, board).image.sha256()
        for thing, board in (
            (small, "tiny"),
            (str(small), load_board("tiny")),
            (students.small(), "tiny"),
            (Student(students.small()), Path(__file__).parents[2] / "boards" / "tiny.yaml"),
            (Student(students.small()).build(), "tiny"),
        )
    ]
    assert len(set(plans)) == 1


def test_a_shipped_student_is_fitted_by_its_name():
    plan = tnemu.fit("krull", "ns1e")
    assert plan.image.origin["weights"] == "krull"
    assert repr(plan) == "<Plan: 400 of 4,096 cores of ns1e, 6 ticks; print() shows the layers>"


def test_the_board_is_an_ns1e_unless_one_is_named(small):
    assert tnemu.fit(small).image.board == load_board("ns1e")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "thing = None is no network; give a corelet, a LogicalNetwork, the name of a "),
        ((2.5, "tiny"), "thing = 2.5 is no network; give a corelet, "),
        ((Relay, "tiny"), "thing = Relay is a class; make one of it first, as in Relay(8)"),
        (
            ("krul",),
            "no student 'krul' is shipped, and no weight file has that path; did you mean ",
        ),
        (("krull.json",), "cannot read krull.json: No such file or directory; check the path"),
        (("a\0b",), "no student 'a\\x00b' is shipped, and no weight file has that path; "),
        (("x" * 9999,), "no student 'xxxxx"),
        (("krull", "ns1"), "no board is named 'ns1'; did you mean 'ns1e'"),
        (("krull", None), "board = None is no board; give a name (ns16e, ns16e-4, ns1e, tiny), "),
        (("krull", 3), "board = 3 is no board; give a name "),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_allowed(arguments, message):
    text = refusal(*arguments)
    assert text.startswith(message)
    assert len(text) < 400


@pytest.mark.parametrize("seed", [-1, 1.5, 2.0, True, "1", None, 2**63])
def test_a_seed_is_a_whole_number_from_0(seed):
    network = networks.network([networks.core("a")], [], [(0, 0, 0, 0)])
    assert refusal(network, "tiny", seed) == (
        f"seed = {seed!r}: must be a whole number in 0..9223372036854775807; choose one in that range"
    )


@pytest.mark.parametrize("wrong", [1, 0, "yes"])
def test_keep_order_is_true_or_false(wrong):
    network = networks.network([networks.core("a")], [], [(0, 0, 0, 0)])
    assert refusal(network, "tiny", keep_order=wrong) == (
        f"keep_order = {wrong!r}: must be True or False; choose one"
    )


def test_numpy_whole_numbers_are_seeds():
    network = networks.random_layers(np.random.default_rng(0))
    one, same = (tnemu.fit(network, "tiny", seed) for seed in (3, np.uint8(3)))
    assert one.image.sha256() == same.image.sha256()
    assert same.image.origin["placement"] == "seed 3"


def test_what_builds_no_network_is_refused():
    class Odd:
        def build(self):
            return 5

    assert refusal(Odd(), "tiny").startswith("thing = <Odd> built a int; give a corelet, ")


def test_a_plan_or_an_image_is_said_to_be_placed_already():
    plan = tnemu.fit(Relay(300), "tiny")
    rest = "2 cores, already on tiny; run it with tnemu.Emulator, or fit the network that it was "
    assert refusal(plan, "tiny").startswith(f"thing is a plan: {rest}")
    assert refusal(plan.image, "tiny").startswith(f"thing is a board image: {rest}")


def test_a_model_file_keeps_the_order_of_its_cores(tmp_path):
    plan = tnemu.fit(MODEL, "tiny")
    network = read_model(MODEL)
    board = load_board("tiny")
    image = build_image(network, board, in_order(network, board), {})
    assert plan.image.sha256() == image.sha256()
    assert plan.image.origin["placement"] == "in order"
    assert tnemu.fit(MODEL, "tiny", 7, keep_order=False).image.origin["placement"] == "seed 7"
    assert source_of(MODEL).name == "ex1"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        (
            "a.npz",
            b"PK\x03\x04....",
            "a zip archive, such as arrays of numpy (.npz) or a torch file",
        ),
        ("a.npy", b"\x93NUMPY\1\0", "an array of numpy (.npy)"),
        ("a.pkl", b"\x80\x04\x95", "a pickled object, and tnemu opens none"),
        ("a.sfti", b'{"class":"SpikeWriter"}\n', "a spike file; tnemu run takes it as --spikes"),
        ("b.json", b'{"spike":{"srcTime":0}}', "a spike file; tnemu run takes it as --spikes"),
        ("a.yaml", b"name: a\n", "a YAML file; board files go to --board"),
        ("c.json", b"", "an empty file"),
        ("a.txt", b"hello", "a file of a kind that tnemu does not know"),
    ],
)
def test_another_file_is_said_to_be_what_it_is(tmp_path, name, content, kind):
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path, "tiny") == f"{path} holds no network, it is {kind}; {GIVE}"


@pytest.mark.parametrize("content", [b'{"a": 1}', b"[1, 2]", b"12", b'{"model": '])
def test_a_json_file_is_never_said_to_be_a_weight_file_that_is_cut_short(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    text = refusal(path, "tiny")
    assert "a.json" in text
    assert "safetensors" not in text and "fetch it again" not in text


def test_a_weight_file_that_is_cut_short_is_said_to_be_so(tmp_path, small):
    for size in (3, 100):
        path = tmp_path / "cut.safetensors"
        path.write_bytes(small.read_bytes()[:size])
        assert "cut.safetensors" in refusal(path, "tiny")
        assert "holds no network" not in refusal(path, "tiny")


def test_folders_and_pipes_are_not_read(tmp_path, small):
    assert refusal(tmp_path, "tiny") == f"{tmp_path} holds no network, it is a folder; {GIVE}"
    image = tmp_path / "image"
    tnemu.fit(small, "tiny").image.save(image)
    assert refusal(image, "tiny") == (
        f"{image} is a board image: 4 cores, already on tiny; run it as it is (tnemu run), or fit the "
        "file that it was made from"
    )
    os.mkfifo(tmp_path / "pipe")
    assert "it is a pipe, not a regular file" in refusal(tmp_path / "pipe", "tiny")


def test_an_image_comes_from_a_folder_or_from_a_network_on_the_smallest_board(tmp_path, small):
    folder = tmp_path / "image"
    saved = tnemu.fit(small, "tiny").image
    saved.save(folder)
    assert board_image(folder).sha256() == saved.sha256()
    changed = board_image(folder, changes={"chip.leak_zero_clamp": "false"})
    assert changed.board == saved.board.override({"chip.leak_zero_clamp": False})
    with pytest.raises(ImageError, match="is a board image, which brings its board; leave out"):
        board_image(folder, "tiny")

    assert board_image(MODEL).board.name == "ns1e"
    assert board_image(MODEL, "tiny").sha256() == tnemu.fit(MODEL, "tiny").image.sha256()
    assert board_image(MODEL, changes={"tick_us": "7"}).board.tick_us == 7


@pytest.mark.parametrize(
    ("cores", "name"),
    [(1, "ns1e"), (4096, "ns1e"), (4097, "ns16e"), (65537, "ns16e-4"), (10**6, "ns16e-4")],
)
def test_the_smallest_board_that_holds_them_is_taken(cores, name):
    assert smallest_board(cores).name == name


def test_fit_imports_neither_numba_nor_torch():
    code = (
        "import sys, json, tnemu; tnemu.fit; "
        "print(json.dumps([m for m in ('numba', 'torch', 'ale_py', 'matplotlib') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
