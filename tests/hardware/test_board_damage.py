"""Board files that are damaged, hostile or no board files: a BoardError in our own words, at once."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import fuzzing
import pytest

from tnemu.files import text_of
from tnemu.hardware import BoardError, load_board
from tnemu.hardware.board import MOST_CORES, parse_board

BOARDS = Path(__file__).parents[2] / "boards"
SMALL = "name: small\nchips_x: 2\nchips_y: 1\nchip: {cores_x: 4, cores_y: 4}\n"
SEEDS = [path.read_bytes() for path in sorted(BOARDS.glob("*.yaml"))]
SEEDS.append(
    SMALL.encode()
    + b"dead_cores: [{x: 0, y: 0}, {x: 2..5, y: 1..2}]\nhost: {name: a, cores: null}\n"
    + b"published:\n  - {what: a, value: 1.5e-3, unit: W, source: '\xc3\xbc'}\n"
)
TOKENS = [
    *(b"!!int ", b"!!bool ", b"!!float ", b"!!timestamp ", b"!!binary ", b"!!set ", b"!!str "),
    *(b"!!null ", b"!!python/name:os.system ", b"!x ", b"&a ", b"*a", b"<<: ", b"2001-99-99"),
    *(b"[" * 30, b"{a: " * 30, b"- " * 30, b"? ", b": ", b"| ", b"> ", b"%YAML 1.9\n", b"---\n"),
    *(b"9" * 5000, b"010", b"1:30", b"0x1f", b"1_000", b".inf", b".nan", b"1e999", b"-1", b"~"),
    *(b'"\\U99999999"', b'"\\ud800"', b"\xef\xbb\xbf", b"\xff", b"\0", b"\x85", b"\r", b"\t", b"'"),
    *(b"0..99999999999", b"3..1", b"units: 64\n", b"chips_x: 64\n", b"yes", b"#", b"a" * 300),
]


def load(data: bytes) -> None:
    """What load_board does with a file of these bytes, and what a board is asked for after it.

    In every other file, a token that YAML trips over is put somewhere: the same one every time.
    """
    rng = random.Random(data)
    if rng.random() < 0.5:
        at = rng.randrange(len(data) + 1)
        data = data[:at] + rng.choice(TOKENS) + data[at:]
    board = parse_board(text_of(data, "x.yaml", error=BoardError), "x.yaml")
    board.core_count, board.sha256, board.alive_positions()
    json.dumps(board.model_dump(mode="json"))


def refusal(text: str) -> str:
    with pytest.raises(BoardError) as caught:
        parse_board(text, "small.yaml")
    return str(caught.value)


def test_damaged_board_files_are_refused_or_read() -> None:
    assert fuzzing.fuzz(load, SEEDS, inputs=400, seed=1) == 400


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_million_damaged_board_files_are_refused_or_read() -> None:
    assert fuzzing.fuzz(load, SEEDS, fuzzing.INPUTS, seed=2, box_s=fuzzing.BOX_S) > 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tick_us: !!int x", "small.yaml:5 tick_us: 'x' is no number as a board file has it: "),
        ("tick_us: 010", "small.yaml:5 tick_us: '010' is no number as a board file has it: "),
        ("tick_us: 1:30", "small.yaml:5 tick_us: '1:30' is no number as a board file has it: "),
        ("tick_us: " + "9" * 5000, "small.yaml:5 tick_us: '999"),
        ("tick_us: !!bool maybe", "small.yaml:5 tick_us: 'maybe' is neither true nor false; "),
        ("tick_us: 2001-99-99", "small.yaml:5 tick_us: '2001-99-99' is a date to YAML, and a "),
        ("tick_us: !!timestamp x", "small.yaml:5 tick_us: 'x' is a date to YAML, and a board "),
        ("tick_us: !!float x", "small.yaml:5 tick_us: 'x' is no number as a board file has it, "),
        ("tick_us: !!float .infe5", "small.yaml:5 tick_us: '.infe5' is no number as a board file "),
        ("host: !!set {a, b}", "small.yaml:5 host: has the type 'set'; correct the value, or "),
        ("links: !!python/tuple []", "small.yaml:5 links: has the type 'python/tuple'; "),
        ('description: "\\e[31m"', "small.yaml:5 description: '\\x1b[31m' holds a character "),
        ('description: "\\ud800"', "small.yaml:5 description: '\\ud800' holds a character that "),
        ('description: "\\U99999999"', "small.yaml is not YAML: an escape such as "),
        ("%YAML " + "9" * 5000 + ".1", "small.yaml"),
        ("[a]: b", "small.yaml:5 has the key <sequence>, which is not text; quote it"),
        ("host: " + "[" * 3000, "small.yaml:5 nests more than 20 lists and mappings; a board "),
        ("host:\n" + "".join(" " * k + "a:\n" for k in range(1, 40)), "small.yaml:24 nests more "),
        ("dead_cores: [{x: 0..99999999999, y: 0}]", "small.yaml:5 dead_cores[0].x: '0..999999"),
    ],
)
def test_yaml_that_is_no_board_is_answered_by_line_and_in_our_words(
    line: str, message: str
) -> None:
    text = refusal(SMALL + line + "\n")
    assert text.startswith(message)
    assert len(text) < 400


def test_a_board_has_at_most_the_cores_that_a_spike_can_name() -> None:
    big = "name: big\nunits: 64\nchips_x: 64\nchips_y: 64\nchip: {cores_x: 256, cores_y: 256}\n"
    assert refusal(big) == (
        "small.yaml:2 units: 64 of 16,384 x 16,384 cores are 17,179,869,184 cores; a board has at "
        "most 1,048,576, which is what a spike can name: use fewer or smaller units"
    )
    most = "name: most\nunits: 16\nchips_x: 4\nchips_y: 4\n"
    assert parse_board(most).core_count == MOST_CORES
    assert "1,048,576" in refusal(most.replace("units: 16", "units: 17"))


def test_errors_do_not_grow_with_the_file() -> None:
    text = SMALL + "".join(f"{'k' * 500}{k}: {'v' * 500}\n" for k in range(300))
    message = refusal(text)
    assert message.startswith("small.yaml has 300 errors:\n")
    assert message.endswith("\n  and 292 more")
    assert len(message) < 8 * 500


def test_what_is_no_regular_file_of_text_is_refused_by_kind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "binary.yaml").write_bytes(b"name: \0\1\2")
    with open(tmp_path / "sparse.yaml", "wb") as file:
        os.truncate(file.fileno(), 2 << 30)
    for name, problem in (
        ("pipe.yaml", "it is a pipe, not a regular file"),
        ("folder.yaml", "it is a folder, not a regular file"),
        ("binary.yaml", "is not a text file: byte 6 is a NUL"),
        ("sparse.yaml", "has 2,147,483,648 bytes, the limit is 262,144"),
        ("none.yaml", "No such file or directory"),
        ("a\0b.yaml", "the path holds a NUL character"),
        ("x" * 5000 + ".yaml", "File name too long"),
    ):
        with pytest.raises(BoardError) as caught:
            load_board(tmp_path / name)
        assert problem in str(caught.value)
        assert len(str(caught.value)) < 600


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="/dev/zero is no device here")
def test_a_device_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for path in (Path("/dev/zero"), tmp_path / "zero.yaml"):
        with pytest.raises(BoardError, match="it is a device, not a regular file"):
            load_board(path)


def test_a_larger_board_file_is_read_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(SMALL + "#" * 300_000)
    with pytest.raises(BoardError, match=r"the limit is 262,144.*a higher limit \(most_bytes=\)"):
        load_board(path)
    assert load_board(path, most_bytes=400_000).name == "small"


@pytest.mark.parametrize("wrong", [None, 5, b"tiny", ["tiny"], True])
def test_what_is_no_board_is_refused_with_the_names_there_are(wrong: object) -> None:
    with pytest.raises(BoardError) as caught:
        load_board(wrong)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"board = {wrong!r} is no board; give a name (ns16e, ns16e-4, ns1e, tiny), the path of a "
        "board file or a BoardSpec"
    )


def test_a_board_is_a_board_already() -> None:
    tiny = load_board("tiny")
    assert load_board(tiny) is tiny


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tick_us", "010", "tick_us: '010' is no number as a board file has it: up to 20 digits"),
        ("tick_us", "3\nunits: 4", "tick_us: '3\\nunits: 4' is more than one value; give one"),
        ("tick_us", 2.5, "board tiny: tick_us: 2.5 is not a whole number 1..1000000"),
        ("tick_us", 2.0, "board tiny: tick_us: 2.0 is not a whole number 1..1000000"),
        ("tick_us", True, "board tiny: tick_us: True is not a whole number 1..1000000"),
        ("chip.leak_zero_clamp", 1, "board tiny: chip.leak_zero_clamp: 1 is not true or false"),
        ("name", "a" * 9 + "B", "board tiny: name: 'aaaaaaaaaB' is not a name of a-z"),
        ("k" * 9999, 1, "board 'tiny' has no key 'kkkkkkkk"),
        (7, 1, "board 'tiny' has no key 7; known: name, "),
    ],
)
def test_an_override_changes_no_value_on_its_way(key: str, value: object, message: str) -> None:
    with pytest.raises(BoardError) as caught:
        load_board("tiny").override({key: value})
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 500
