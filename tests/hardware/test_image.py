"""Board images: what is saved is what is loaded, damage is noticed, a packet never ends nowhere."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tnemu.hardware import (
    BoardImage,
    InputConnector,
    OutputConnector,
    TnemuError,
    packet,
)
from tnemu.hardware import image as image_module
from tnemu.hardware.image import NOT_CONNECTED, TAP_DTYPE

Build = Callable[[], BoardImage]
ARRAYS = (
    "positions",
    "core_ids",
    "seeds",
    "axon_types",
    "crossbar",
    "neuron_types",
    "types",
    "targets",
)


def refusal(action: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(TnemuError) as caught:
        action(*arguments)
    return str(caught.value)


def test_load_undoes_save(relay: Build, tmp_path: Path) -> None:
    image = relay()
    image.save(tmp_path / "relay")
    again = BoardImage.load(tmp_path / "relay")
    for name in ARRAYS:
        array = getattr(again, name)
        assert array.dtype == getattr(image, name).dtype
        np.testing.assert_array_equal(array, getattr(image, name))
    assert (again.board, again.outputs, again.origin) == (image.board, image.outputs, image.origin)
    assert [(c.name, c.width, c.taps.tolist()) for c in again.inputs] == [("in", 1, [(0, 0, 0, 1)])]
    assert again.sha256() == image.sha256()


def test_an_image_without_pins_or_cores_survives_too(relay: Build, tmp_path: Path) -> None:
    image = relay()
    empty = {name: getattr(image, name)[:0] for name in ARRAYS if name != "neuron_types"}
    nothing = InputConnector("in", 1, np.zeros(0, TAP_DTYPE))
    dataclasses.replace(image, **empty, inputs=(nothing,), outputs=()).save(tmp_path / "empty")
    assert BoardImage.load(tmp_path / "empty").core_count == 0


@pytest.mark.parametrize("name", ARRAYS)
def test_the_hash_follows_every_array(relay: Build, name: str) -> None:
    image = relay()
    before = image.sha256()
    getattr(image, name).reshape(-1).view(np.uint8)[-1] ^= 1
    assert image.sha256() != before


def test_the_hash_follows_board_and_connectors_but_not_origin_or_prose(relay: Build) -> None:
    image = relay()
    board = image.board
    same = dataclasses.replace(image, origin={}, board=board.override({"description": "x"}))
    assert same.sha256() == image.sha256()
    for change in (
        {"board": board.override({"chip.leak_zero_clamp": "false"})},
        {"inputs": (InputConnector("in", 2, image.inputs[0].taps),)},
        {"inputs": (InputConnector("in", 1, np.array([(0, 0, 0, 2)], TAP_DTYPE)),)},
        {"outputs": (dataclasses.replace(image.outputs[0], number=-33),)},
        {"outputs": (dataclasses.replace(image.outputs[0], exits=((0, 8, 2),)),)},
    ):
        assert dataclasses.replace(image, **change).sha256() != image.sha256()


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(bytes(data))


def test_a_flipped_bit_is_noticed(relay: Build, tmp_path: Path) -> None:
    relay().save(tmp_path / "relay")
    flip(tmp_path / "relay" / "crossbar.npy", -1)
    message = refusal(BoardImage.load, tmp_path / "relay")
    assert "relay does not match its own hash: a file was changed or damaged; rebuild" in message
    assert BoardImage.load(tmp_path / "relay", verify=False).core_count == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "targets.npy").unlink(),
        lambda folder: (folder / "targets.npy").write_bytes(b""),
        lambda folder: (folder / "targets.npy").write_bytes(b"not numpy"),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_text('{"format": "tnemu-image-1"}'),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: np.save(folder / "seeds.npy", np.array([{}]), allow_pickle=True),
    ],
    ids=["gone", "empty", "garbage", "half json", "list", "no board", "no manifest", "pickle"],
)
def test_a_damaged_folder_is_an_image_error(
    relay: Build, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    relay().save(tmp_path / "relay")
    damage(tmp_path / "relay")
    message = refusal(BoardImage.load, tmp_path / "relay")
    assert "relay is not a readable board image (" in message
    assert message.endswith("rebuild it with 'tnemu fit'")


def test_another_format_version_is_named(relay: Build, tmp_path: Path) -> None:
    relay().save(tmp_path / "relay")
    path = tmp_path / "relay" / "manifest.json"
    path.write_text(json.dumps({"format": "tnemu-image-9"}))
    message = refusal(BoardImage.load, tmp_path / "relay")
    assert "relay has format 'tnemu-image-9', this version reads 'tnemu-image-1'" in message


def test_saving_again_replaces_the_older_image_and_leaves_nothing_else(
    relay: Build, tmp_path: Path
) -> None:
    relay().save(tmp_path / "relay")
    image = BoardImage.load(tmp_path / "relay")
    dataclasses.replace(image, origin={"from": "itself"}).save(tmp_path / "relay")
    assert BoardImage.load(tmp_path / "relay").origin == {"from": "itself"}
    assert os.listdir(tmp_path) == ["relay"]


def test_a_save_that_fails_leaves_the_older_image_whole(
    relay: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay().save(tmp_path / "relay")
    saved = np.save

    def full(path: Path, array: Any, **options: Any) -> None:
        if path.name == "types.npy":
            raise OSError("No space left on device")
        saved(path, array, **options)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space"):
        dataclasses.replace(relay(), origin={"from": "never"}).save(tmp_path / "relay")
    assert os.listdir(tmp_path) == ["relay"]
    assert BoardImage.load(tmp_path / "relay").origin == {"from": "a test"}


def test_a_replacement_that_fails_puts_the_older_image_back(
    relay: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay().save(tmp_path / "relay")
    replace = os.replace
    calls: list[Path] = []

    def fails_second(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError("Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_second)
    with pytest.raises(OSError, match="Input/output"):
        relay().save(tmp_path / "relay")
    assert os.listdir(tmp_path) == ["relay"]
    assert BoardImage.load(tmp_path / "relay").core_count == 2


@pytest.mark.parametrize("manifest", [None, '{"name": "a web page"}', "[1]", "{"])
def test_a_folder_that_is_no_image_is_never_replaced(
    relay: Build, tmp_path: Path, manifest: str | None
) -> None:
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest)
    assert "precious exists and is not a board image; choose another name" in refusal(
        relay().save, folder
    )
    assert (folder / "thesis.tex").read_text() == "years of work"


def test_a_saved_image_is_as_readable_as_any_new_folder(relay: Build, tmp_path: Path) -> None:
    relay().save(tmp_path / "relay")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "relay").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_destinations_follow_packets_to_cores_and_pins(relay: Build) -> None:
    target, row = relay().destinations()
    assert target.dtype == row.dtype == np.int32
    assert (int(target[0, 0]), int(row[0, 0])) == (1, 0)
    assert (int(target[1, 0]), int(row[1, 0])) == (-2, 5)
    assert (target[:, 1:] == NOT_CONNECTED).all()


def test_a_pin_counts_through_the_exits_of_its_connector(relay: Build) -> None:
    image = relay()
    wide = OutputConnector("wide", 300, -33, ((0, -1, 0), (0, 8, 3)))
    other = OutputConnector("out", 6, -32, ((0, 8, 0),))
    target, row = dataclasses.replace(image, outputs=(other, wide)).destinations()
    assert (int(target[1, 0]), int(row[1, 0])) == (-3, 256 + 5)


@pytest.mark.parametrize("switched_off", ["type", "delay"])
def test_a_neuron_that_is_not_evaluated_or_has_no_delay_sends_nothing(
    relay: Build, switched_off: str
) -> None:
    image = relay()
    if switched_off == "type":
        image.types[1, 0] = 0
    else:
        image.targets[1, 0] &= ~np.uint32(15 << 2)
    assert int(image.destinations()[0][1, 0]) == NOT_CONNECTED


@pytest.mark.parametrize(
    ("dx", "dy", "x", "y"), [(1, 0, 1, 0), (-1, 0, -1, 0), (8, 0, 8, 0), (0, -200, 0, -200)]
)
def test_a_packet_that_ends_nowhere_is_refused(
    relay: Build, dx: int, dy: int, x: int, y: int
) -> None:
    image = relay()
    image.targets[0, 0] = packet.encode(dx, dy, 0, 1)
    assert refusal(image.destinations) == (
        f"core 70 neuron 0 sends to position x={x} y={y}, where no loaded core and no output "
        "connector is; wire it to a core of the image or disconnect it"
    )


def test_a_packet_never_crosses_from_unit_to_unit(relay: Build) -> None:
    image = relay()
    image.positions[1, 0] = 1
    outputs = (dataclasses.replace(image.outputs[0], exits=((1, 8, 3),)),)
    image = dataclasses.replace(image, board=image.board.override({"units": 2}), outputs=outputs)
    assert "core 70 neuron 0 sends to position x=4 y=3, where no loaded core" in refusal(
        image.destinations
    )


def test_a_pin_its_connector_does_not_have_is_refused(relay: Build) -> None:
    image = relay()
    image.targets[1, 0] = packet.encode(4, 0, 6, 1)
    assert refusal(image.validate) == (
        "core 71 neuron 0 sends to pin 6 of output 'out', which has pins 0..5; "
        "make the output wider or wire it elsewhere"
    )


def with_exits(*connectors: tuple[str, int, tuple[tuple[int, int, int], ...]]) -> dict[str, Any]:
    return {"outputs": tuple(OutputConnector(n, w, -32, exits) for n, w, exits in connectors)}


def with_tap(*tap: int) -> dict[str, Any]:
    return {"inputs": (InputConnector("in", 1, np.array([tap], TAP_DTYPE)),)}


EAST = (0, 8, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_exits(("out", 6, ())), "output 'out' has 6 pins and 0 exits; it needs an exit for"),
        (with_exits(("out", 257, (EAST,))), "output 'out' has 257 pins and 1 exits; it needs"),
        (
            with_exits(("out", 6, ((0, 4, 3),))),
            "output 'out' has its exit at unit=0 x=4 y=3, which is not one step beyond the mesh",
        ),
        (with_exits(("out", 6, ((0, 9, 3),))), "output 'out' has its exit at unit=0 x=9 y=3, "),
        (with_exits(("out", 6, ((1, 8, 3),))), "output 'out' has its exit at unit=1 x=8 y=3, "),
        (
            with_exits(("out", 6, (EAST,)), ("b", 6, (EAST,))),
            "output 'b' has its exit at unit=0 x=8 y=3, which output 'out' has already; ",
        ),
        (
            with_exits(("out", 6, (EAST,)), ("out", 6, ((0, 8, 2),))),
            "two output connectors are named 'out'; rename one of them",
        ),
        (with_tap(1, 0, 0, 1), "input 'in' has a tap with pin = 1, outside 0..0; rebuild"),
        (with_tap(-1, 0, 0, 1), "input 'in' has a tap with pin = -1, outside 0..0; rebuild"),
        (with_tap(0, 2, 0, 1), "input 'in' has a tap with core = 2, outside 0..1; rebuild"),
        (with_tap(0, 0, 256, 1), "input 'in' has a tap with axon = 256, outside 0..255; rebuild"),
        (with_tap(0, 0, 0, 0), "input 'in' has a tap with delay = 0, outside 1..15; rebuild"),
        (with_tap(0, 0, 0, 16), "input 'in' has a tap with delay = 16, outside 1..15; rebuild"),
        (
            {"inputs": (InputConnector("in", 1, np.zeros(3, np.int64)),)},
            "input 'in' has taps of type int64 (3,), expected a list of ('pin', 'core', ",
        ),
        (
            {"seeds": np.zeros(2, np.int32)},
            "image array 'seeds' is int32 (2,), expected uint32 (2,); rebuild the image",
        ),
        (
            {"types": np.zeros((2, 255), np.uint16)},
            "image array 'types' is uint16 (2, 255), expected uint16 (2, 256); rebuild the image",
        ),
        (
            {"axon_types": np.full((2, 256), 4, np.uint8)},
            "axon type 4 does not exist; a core has types 0..3",
        ),
        (
            {"types": np.full((2, 256), 2, np.uint16)},
            "neuron type 2 is not in the table of 2 types; rebuild the image",
        ),
        (
            {"positions": np.array([[0, 0, 0], [0, 0, 0]], np.int32)},
            "core position unit=0 x=0 y=0 is used twice; ",
        ),
    ],
)
def test_validate_names_what_is_wrong(relay: Build, change: dict[str, Any], message: str) -> None:
    relay().validate()
    assert refusal(dataclasses.replace(relay(), **change).validate).startswith(message)


def test_validate_reads_the_neuron_table_but_not_its_unused_first_record(relay: Build) -> None:
    image = relay()
    image.neuron_types[0] = np.zeros((), image.neuron_types.dtype)
    image.validate()
    wrong = image.neuron_types.copy()
    wrong["TM"][1] = 19
    image = dataclasses.replace(image, neuron_types=wrong)
    assert refusal(image.validate).startswith("neuron types from 1: TM = 19 is outside 0..18")


def test_connectors_are_found_by_name_or_the_names_are_listed(relay: Build) -> None:
    image = relay()
    assert image.input("in") is image.inputs[0]
    assert image.output("out") is image.outputs[0]
    assert refusal(image.input, "frame") == (
        "the image has no input connector 'frame'; it has: 'in'"
    )
    assert refusal(dataclasses.replace(image, outputs=()).output, "x") == (
        "the image has no output connector 'x'; it has: none"
    )


def resident(kind: str) -> int:
    """Bytes of this process's memory of one kind of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not say")
def test_an_image_over_the_private_limit_is_opened_without_being_read(
    relay: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,096 cores are 41 MB; checking them reads them as pages of the file, which give way."""
    monkeypatch.setattr(image_module, "PRIVATE_BYTES", 1 << 20)
    image, n = relay(), 4096
    board = image.board.override({"chip.cores_x": 64, "chip.cores_y": 64, "chips_x": 1})
    wide = {name: np.resize(getattr(image, name), (n, *getattr(image, name).shape[1:]))
            for name in ("core_ids", "seeds", "axon_types", "crossbar", "types")}  # fmt: skip
    targets = np.zeros((n, 256), np.uint32)
    chip = dataclasses.replace(
        image,
        board=board,
        positions=board.alive_positions()[:n],
        targets=targets,
        outputs=(),
        **wide,
    )
    chip.save(tmp_path / "chip")
    size = sum(file.stat().st_size for file in (tmp_path / "chip").iterdir())
    assert size > 40e6
    before = resident("VmRSS")
    opened = BoardImage.load(tmp_path / "chip", verify=False)
    assert resident("VmRSS") - before < size / 20
    assert opened.core_count == n
    assert isinstance(opened.crossbar, np.memmap)
