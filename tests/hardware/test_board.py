"""Board files: the shipped ones are sound, and a mistake is answered with its line and its limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

from tnemu.hardware import BoardError, BoardSpec, board_names, load_board
from tnemu.hardware.board import board_schema, parse_board

BOARDS = Path(__file__).parents[2] / "boards"
SMALL = "name: small\nchips_x: 2\nchips_y: 1\nchip: {cores_x: 4, cores_y: 4}\n"


def refusal(text: str) -> str:
    with pytest.raises(BoardError) as caught:
        parse_board(text, "small.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "chips", "cores", "width", "height"),
    [
        ("tiny", 2, 32, 8, 4),
        ("ns1e", 1, 4096, 64, 64),
        ("ns16e", 16, 65536, 256, 256),
        ("ns16e-4", 64, 262144, 256, 256),
    ],
)
def test_a_shipped_board_has_the_size_of_the_real_one(
    name: str, chips: int, cores: int, width: int, height: int
) -> None:
    board = load_board(name)
    assert board.name == name
    assert (board.chip_count, board.core_count) == (chips, cores)
    assert (board.width, board.height) == (width, height)


def test_every_yaml_file_of_the_folder_is_a_board_that_is_found_by_name() -> None:
    assert board_names() == sorted(path.stem for path in BOARDS.glob("*.yaml"))
    for name in board_names():
        assert load_board(name) == load_board(BOARDS / f"{name}.yaml")


def test_schema_json_is_what_the_model_says() -> None:
    text = (BOARDS / "schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == board_schema(), "run: tnemu boards --schema > boards/schema.json"


@pytest.mark.parametrize("path", sorted(BOARDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_board_validates_against_the_schema_it_points_to(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    schema = json.loads((BOARDS / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(text), schema)


@pytest.mark.parametrize(
    "line",
    ["chips_x: 0", "colour: red", "tick_us: fast", "links: [{kind: wire, bits: 1}]"],
)
def test_the_schema_refuses_what_the_model_refuses(line: str) -> None:
    data = yaml.safe_load(SMALL) | yaml.safe_load(line)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, board_schema())
    with pytest.raises(BoardError):
        parse_board(yaml.safe_dump(data))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "tick_us: 0",
            "small.yaml:5 tick_us: 0 is outside 1..1000000 (nominal length of a tick in "
            "microseconds); choose a value in that range",
        ),
        (
            "tick_us: 1ms",
            "small.yaml:5 tick_us: '1ms' is not a whole number 1..1000000 (nominal length of a "
            "tick in microseconds); correct the value",
        ),
        (
            "tick_us: yes",
            "small.yaml:5 tick_us: True is not a whole number 1..1000000 (nominal length of a "
            "tick in microseconds); correct the value",
        ),
        (
            "tick: 3",
            "small.yaml:5 tick: is not a key of a board file; did you mean 'tick_us'?",
        ),
        (
            "host:\n  nmae: a",
            "small.yaml:6 host.nmae: is not a key of a board file; did you mean 'name'?",
        ),
        (
            "host: ARM",
            "small.yaml:5 host: 'ARM' is not a mapping of keys to values (the processor beside "
            "the chips); indent keys below it",
        ),
        (
            "links: fast",
            "small.yaml:5 links: 'fast' is not a list (links that leave a chip, one per kind); "
            "correct the value",
        ),
        (
            "links:\n  - bits: 34\n    kind: wire",
            "small.yaml:7 links[0].kind: 'wire' is not 'merge-split' or 'host' (merge-split: chip "
            "edge to chip edge; host: board to its host process); choose one of them",
        ),
        (
            "links:\n  - {kind: host, bits: 1}\n  - {kind: host, bits: 2}",
            "small.yaml:7 links[1].kind: 'host' is described twice; keep one of the two",
        ),
        (
            "links:\n  - kind: host",
            "small.yaml:6 links[0].bits: is missing (bits on the link for one spike); add it",
        ),
        (
            "dead_cores:\n  - {x: 8, y: 0}",
            "small.yaml:6 dead_cores[0].x: 8 reaches outside 0..7, the columns of this board; "
            "name a core it has",
        ),
        (
            "dead_cores:\n  - {x: 0, y: 2..4}",
            "small.yaml:6 dead_cores[0].y: '2..4' reaches outside 0..3, the rows of this board; "
            "name a core it has",
        ),
        (
            "dead_cores:\n  - {x: 0, y: 0, unit: 1}",
            "small.yaml:6 dead_cores[0].unit: 1 reaches outside 0..0, the units of this board; "
            "name a core it has",
        ),
        (
            "dead_cores:\n  - {x: 3..1, y: 0}",
            "small.yaml:6 dead_cores[0].x: '3..1' is neither a number from 0 nor a range such as "
            "3..5, low end first",
        ),
        (
            "name: again",
            "small.yaml:5 name: is given twice, first on line 1; keep one of the two",
        ),
        (
            "published:\n  - {what: a, value: .inf, unit: W, source: b}",
            "small.yaml:6 published[0].value: inf is not a finite number (the figure, in `unit`); "
            "correct the value",
        ),
        ("1: 2", "small.yaml:5 has the key '1', which is not text; quote it"),
        ("host: &a {}\nlinks: *a", "small.yaml:5 uses an alias (*name); write the value out"),
        ("host: [", "small.yaml:6 is not YAML: "),
        ("host: !!python/name:os.system x", "small.yaml:5 host: 'x' has the type "),
        (
            "host: \x07",
            "small.yaml:5 is not YAML: it holds the character '\\x07'; remove it",
        ),
    ],
)
def test_a_mistake_is_answered_with_file_line_key_value_and_limit(lines: str, message: str) -> None:
    assert refusal(SMALL + lines + "\n").startswith(message)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "chip:\n  leak_zero_clamp: maybe\n  cores_x: many\nchips_y: 0\nname: Small\n"
    assert refusal(text) == (
        "small.yaml has 5 errors:\n"
        "  small.yaml:1 chips_x: is missing (columns of chips in a unit); add it\n"
        "  small.yaml:2 chip.leak_zero_clamp: 'maybe' is not true or false (a reversed leak stops "
        "at potential 0 instead of crossing it); correct the value\n"
        "  small.yaml:3 chip.cores_x: 'many' is not a whole number 1..256 (columns of cores on one "
        "chip); correct the value\n"
        "  small.yaml:4 chips_y: 0 is outside 1..64 (rows of chips in a unit); choose a value in "
        "that range\n"
        "  small.yaml:5 name: 'Small' is not a name of a-z, 0-9, '.', '_' and '-' (lower-case name "
        "of the board); correct the value"
    )


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "42\n"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    assert refusal(text) == (
        "small.yaml is not a mapping of keys to values; write 'name: ...' first"
    )


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(BoardError) as caught:
        load_board("ns1")
    assert "no board is named 'ns1'; did you mean 'ns1e'" in str(caught.value)
    with pytest.raises(BoardError, match="known: ns16e, ns16e-4, ns1e, tiny; or give the path"):
        load_board("loihi")


def test_a_path_is_never_taken_for_a_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(BoardError, match=r"cannot read board file .*mine\.yaml"):
        load_board(path)
    path.write_text(SMALL, encoding="utf-8")
    assert load_board(str(path)).name == "small"
    path.write_bytes(b"name: \xff\n")
    with pytest.raises(BoardError, match=r"mine\.yaml is not a text file: byte 6 \(0xff\)"):
        load_board(path)


def test_dead_cores_are_neither_counted_nor_listed() -> None:
    board = parse_board(SMALL + "dead_cores: [{x: 0, y: 0}, {x: 2..5, y: 1..2}, {x: 5, y: 2}]\n")
    dead = {(0, 0, 0)} | {(0, x, y) for x in range(2, 6) for y in (1, 2)}
    alive = {tuple(row) for row in board.alive_positions().tolist()}
    assert board.core_count == len(alive) == 32 - 9
    assert alive == {(0, x, y) for x in range(8) for y in range(4)} - dead


def test_positions_come_chip_by_chip_then_x_then_y() -> None:
    text = "name: a\nunits: 2\nchips_x: 2\nchips_y: 2\nchip: {cores_x: 2, cores_y: 2}\n"
    positions = parse_board(text).alive_positions()
    assert positions.dtype == np.int32
    assert positions.tolist() == [
        [unit, 2 * chip_x + x, 2 * chip_y + y]
        for unit in range(2)
        for chip_x in range(2)
        for chip_y in range(2)
        for x in range(2)
        for y in range(2)
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 8, 0]], "core position unit=0 x=8 y=0 is off board 'small', which has units 0..0, "),
        ([[0, 0, 0], [1, 0, 0]], "core position unit=1 x=0 y=0 is off board 'small'"),
        ([[0, -1, 0]], "core position unit=0 x=-1 y=0 is off board 'small'"),
        ([[0, 3, 3]], "core position unit=0 x=3 y=3 is a dead core of board 'small'; "),
        ([[0, 1, 2], [0, 0, 0], [0, 1, 2]], "core position unit=0 x=1 y=2 is used twice; "),
        ([[0, 1]], "core positions have shape (1, 2), expected (n, 3): unit, x, y"),
    ],
)
def test_a_position_that_cannot_be_is_named(rows: list[list[int]], message: str) -> None:
    board = parse_board(SMALL + "dead_cores: [{x: 3, y: 3}]\n")
    with pytest.raises(BoardError) as caught:
        board.check_positions(np.array(rows, np.int32))
    assert str(caught.value).startswith(message)


def test_every_usable_position_passes_the_check() -> None:
    board = parse_board(SMALL + "dead_cores: [{x: 3, y: 3}]\n")
    board.check_positions(board.alive_positions()[::-1])
    board.check_positions(np.zeros((0, 3), np.int32))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("chip.leak_zero_clamp", "false", False),
        ("chip.potential_range", "rails393216", "rails393216"),
        ("tick_us", "1750", 1750),
        ("tick_us", 1750, 1750),
    ],
)
def test_an_override_is_read_as_yaml(key: str, value: Any, expected: object) -> None:
    board = load_board("tiny")
    changed: Any = board.override({key: value})
    for part in key.split("."):
        changed = getattr(changed, part)
    assert changed == expected
    assert board == load_board("tiny")


def test_an_override_can_give_a_list() -> None:
    assert load_board("tiny").override({"dead_cores": "[{x: 0..7, y: 0}]"}).core_count == 24


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"leak_zero_clamp": "false"},
            "board 'tiny' has no key 'leak_zero_clamp'; did you mean 'chip.leak_zero_clamp'?",
        ),
        ({"chip.cores_z": "3"}, "board 'tiny' has no key 'chip.cores_z'; did you mean 'chip."),
        ({"name.first": "3"}, "board 'tiny' has no key 'name.first'; "),
        (
            {"chip.cores_x": "0"},
            "board tiny: chip.cores_x: 0 is outside 1..256 (columns of cores on one chip); ",
        ),
        ({"tick_us": "1: 2: 3"}, "tick_us:1 is not YAML: "),
    ],
)
def test_an_override_that_cannot_be_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(BoardError) as caught:
        load_board("tiny").override(changes)
    assert str(caught.value).startswith(message)


def test_the_hash_follows_what_can_change_a_result_and_nothing_else() -> None:
    board = load_board("tiny")
    same = board.override({"description": "other words", "host.name": "another", "published": "[]"})
    assert same.sha256 == board.sha256
    for change in ({"chip.leak_zero_clamp": "false"}, {"dead_cores": "[{x: 0, y: 0}]"}):
        assert board.override(change).sha256 != board.sha256


def test_a_board_survives_json() -> None:
    board = load_board("ns16e-4").override({"dead_cores": "[{x: 3..5, y: 0, unit: 2}]"})
    assert BoardSpec.model_validate_json(board.model_dump_json()) == board
    assert BoardSpec.model_validate(json.loads(board.model_dump_json())) == board


def test_a_board_cannot_be_changed_in_place() -> None:
    board = load_board("tiny")
    with pytest.raises(ValueError, match="frozen"):
        board.tick_us = 1


def test_link_finds_a_kind_or_none() -> None:
    link = load_board("ns16e").link("merge-split")
    assert link is not None
    assert link.bits == 34
    assert load_board("tiny").link("host") is None
