"""``tnemu fit``, and the names by which weight files are found."""

from __future__ import annotations

import io
import json

import pytest
import students
from rich.console import Console
from running import DATA, ran, refused

import tnemu
from corelets import Student
from tnemu import zoo
from tnemu.cli.fit import table
from tnemu.formats.weights import write_weights
from tnemu.hardware import load_board
from tnemu.hardware.image import BoardImage
from tnemu.mapping import fit as mapping


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.safetensors"
    write_weights(students.small(), path)
    return path


def test_the_table_is_that_of_the_plan(small):
    plan = tnemu.fit(Student(students.small()), load_board("tiny"), seed=3)
    shown = ran("fit", small, "--board", "tiny", "--seed", 3).stdout
    assert shown == f"small on tiny\n\n{plan}\n"


def test_json_holds_layers_totals_and_hashes(small, tmp_path):
    folder = tmp_path / "image"
    shown = ran("fit", small, "--board", "tiny", "--json", "--output", folder).stdout
    facts = json.loads(shown)
    assert [layer["name"] for layer in facts["layers"]] == ["conv1", "block1", "predict"]
    assert facts["layers"][0]["kind"] == "Conv2d"
    assert facts["latency_ticks"] == 4
    assert facts["resources"]["cores"] == 4
    image = BoardImage.load(folder)
    assert facts["image_sha256"] == image.sha256()
    assert facts["board_sha256"] == image.board.sha256
    assert facts["origin"]["weights_sha256"] == image.origin["weights_sha256"]


def test_output_names_the_folder_that_was_written(small, tmp_path):
    shown = ran("fit", small, "--board", "tiny", "--output", tmp_path / "image").stdout
    assert shown.endswith(f"image written to {tmp_path / 'image'}\n")


def test_an_image_that_cannot_be_written_is_refused(small, tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    message = refused("fit", small, "--board", "tiny", "--output", file / "image")
    assert str(file) in message
    assert message.endswith("File exists; choose another place\n")


def test_a_student_that_does_not_fit_is_refused_with_status_1(tmp_path):
    full = tmp_path / "full.safetensors"
    write_weights(students.full_size(), full)
    assert refused("fit", full, "--board", "tiny") == (
        "error: Student needs at least 400 cores, tiny has 32: Conv2d 'conv1' about 200, Conv2d "
        "'conv2' about 50, Dense 'block1' about 50, 2 more parts the rest; use a larger board, or "
        "fewer features or more groups in 'conv1'\n"
    )


def test_files_come_before_names_and_names_stand_for_shipped_students(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "names", lambda: ["krull", "pong"])
    monkeypatch.chdir(tmp_path)
    assert zoo.find("krull").name == "krull.safetensors"
    assert zoo.find("krull").parent.name == "zoo"
    (tmp_path / "krull").write_text("a file of that name")
    assert zoo.find("krull").resolve() == tmp_path / "krull"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("krul", "did you mean 'krull'?"),
        ("Pong.safetensors", "did you mean 'pong'?"),
        ("zzzzz", "choose one, or give a file."),
    ],
)
def test_an_unknown_name_is_refused_with_near_ones(monkeypatch, name, hint):
    monkeypatch.setattr(zoo, "names", lambda: ["krull", "pong"])
    assert refused("fit", name) == (
        f"error: no student {name!r} is shipped, and no weight file has that path; {hint} Shipped: "
        "krull, pong\n"
    )


def test_every_shipped_student_can_be_found():
    for name in zoo.names():
        assert zoo.find(name).is_file()


def test_rows_go_as_deep_as_asked(tmp_path):
    plan = tnemu.fit(Student(students.small()), load_board("tiny"))
    write_weights(students.small(), small := tmp_path / "small.safetensors")
    shown = ran("fit", small, "--board", "tiny", "--depth", 0).stdout
    assert shown == f"small on tiny\n\n{plan.table(0)}\n"
    assert "depth = -1: must be a whole number in 0..1000" in refused("fit", small, "--depth", -1)


def test_json_says_when_pins_answer_and_what_borders_carry(small):
    facts = json.loads(ran("fit", small, "--board", "tiny", "--json").stdout)
    plan = tnemu.fit(Student(students.small()), load_board("tiny"))
    assert facts["pin_ticks"] == {"votes": plan.size.pin_ticks["votes"].tolist()}
    (border,) = facts["borders"]
    assert (border["chip"], border["next_chip"]) == ([0, 0], [1, 0])
    assert border["spikes_per_tick"] == facts["resources"]["busiest_border"]
    assert facts["resources"]["tick_us"] == 1000


def test_a_picture_is_drawn_and_named(small, tmp_path):
    picture = tmp_path / "chip.png"
    shown = ran("fit", small, "--board", "tiny", "--plot", picture).stdout
    assert shown.endswith(f"picture written to {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_could_not_be_written_is_refused_before_anything_is_mapped(small, tmp_path):
    message = refused("fit", small, "--board", "tiny", "--plot", tmp_path / "no" / "chip.png")
    assert str(tmp_path / "no" / "chip.png") in message


def test_splitters_spare_the_host_spikes(small):
    def spikes(*more):
        facts = json.loads(ran("fit", small, "--board", "tiny", "--json", *more).stdout)
        return facts["resources"]["taps"], facts["resources"]["splitters"]

    (taps, none), (fewer, some) = spikes(), spikes("--host-spikes", 1)
    assert (none, fewer < taps, some > 0) == (0, True, True)
    assert "host_spikes = 0: must be a whole number in 1.." in refused(
        "fit", small, "--host-spikes", 0
    )


def test_a_pipe_gets_no_progress_and_a_terminal_hears_every_step(small):
    assert ran("fit", small, "--board", "tiny").stderr == ""
    said = []
    mapping.fit(Student(students.small()), "tiny", told=said.append)
    assert said[:5] == [
        "building the network",
        "fan-in and fan-out of 8 parts",
        "balancing delays",
        "putting parts into cores",
        "placing 4 cores: 0 %",
    ]
    assert said[-1] == "writing the image"
    shares = [int(text.split()[-2]) for text in said if text.startswith("placing")]
    assert shares == sorted(shares)
    assert len(set(shares)) > 3


def test_a_terminal_gets_the_same_rows_as_a_table():
    plan = tnemu.fit(Student(students.small()), load_board("tiny"))
    console = Console(width=100, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(table(plan, "small on tiny"))
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    for row in plan.rows():
        assert list(row) in lines


def test_an_ibm_model_file_is_fitted_in_order_of_its_cores():
    shown = ran("fit", DATA / "ex1.json", "--board", "tiny").stdout
    assert shown == f"ex1 on tiny\n\n{tnemu.fit(DATA / 'ex1.json', 'tiny')}\n"
    facts = json.loads(ran("fit", DATA / "ex1.json", "--json").stdout)
    assert facts["origin"]["placement"] == "in order"
    assert (facts["board"], facts["resources"]["cores"]) == ("ns1e", 1)


def test_the_folder_of_an_image_is_refused_with_what_it_is(small, tmp_path):
    ran("fit", small, "--board", "tiny", "--output", tmp_path / "image")
    assert refused("fit", tmp_path / "image") == (
        f"error: {tmp_path / 'image'} is a board image: 4 cores, already on tiny; run it as it is (tnemu "
        "run), or fit the file that it was made from\n"
    )


def test_another_file_is_refused_with_what_it_is(tmp_path):
    path = tmp_path / "spikes.npz"
    path.write_bytes(b"PK\x03\x04")
    assert refused("fit", path).startswith(f"error: {path} holds no network, it is a zip archive, ")
