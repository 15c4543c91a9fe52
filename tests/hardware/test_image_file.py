"""Image folders: what is saved is what is loaded, whole or not at all."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tnemu import files
from tnemu.hardware import (
    BoardImage,
    ImageError,
    InputConnector,
    TnemuError,
    image_file,
)
from tnemu.hardware.image import TAP_DTYPE

Build = Callable[[], BoardImage]
ARRAYS = tuple("positions core_ids seeds axon_types crossbar neuron_types types targets".split())


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
        lambda folder: (folder / "manifest.json").write_text('{"format": "tnemu-image-2"}'),
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
    assert "relay has format 'tnemu-image-9', this version reads 'tnemu-image-2'" in message


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
    writes = files.write_npy

    def full(path: Path, array: Any, **options: Any) -> None:
        if path.name == "types.npy":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        writes(path, array, **options)

    monkeypatch.setattr(files, "write_npy", full)
    with pytest.raises(ImageError, match=r"cannot write board image .*: No space left on device"):
        dataclasses.replace(relay(), origin={"from": "never"}).save(tmp_path / "relay")
    assert os.listdir(tmp_path) == ["relay"]
    assert BoardImage.load(tmp_path / "relay").origin == {"from": "a test"}


def test_saving_over_a_link_keeps_the_link_and_replaces_its_folder(
    relay: Build, tmp_path: Path
) -> None:
    relay().save(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    dataclasses.replace(relay(), origin={"from": "the link"}).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert BoardImage.load(tmp_path / "real").origin == {"from": "the link"}
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_an_image_that_could_not_be_loaded_is_not_saved(relay: Build, tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    for change, message in (
        ({"origin": {"x": float("nan")}}, "x = nan is not finite"),
        ({"origin": deep}, "nested more than 64 deep"),
        ({"origin": {"x": object()}}, "is no value of JSON"),
        ({"types": np.full((2, 256), 9, np.uint16)}, "neuron type 9 is not in the table"),
    ):
        image = dataclasses.replace(relay(), **change)
        assert message in refusal(image.save, tmp_path / "x")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("path", [None, 3, b"x", "", "a\0b"])
def test_what_is_no_path_is_refused(relay: Build, path: Any) -> None:
    assert "it is no path; give a folder" in refusal(BoardImage.load, path)
    assert "it is no path; give a folder" in refusal(relay().save, path)


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


def test_an_array_file_in_fortran_order_is_read(relay: Build, tmp_path: Path) -> None:
    image = relay()
    image.save(tmp_path / "relay")
    for name in ("targets", "types", "positions"):
        np.save(tmp_path / "relay" / f"{name}.npy", np.asfortranarray(getattr(image, name)))
    assert BoardImage.load(tmp_path / "relay").sha256() == image.sha256()


def resident(kind: str) -> int:
    """Bytes of this process's memory of one kind of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def chip(image: BoardImage, side: int) -> BoardImage:
    """A chip of side x side cores that send nothing, made of those of ``image``."""
    n = side * side
    changes = {"chip.cores_x": side, "chip.cores_y": side, "chips_x": 1}
    board = image.board.override(changes)
    wide = {name: np.resize(getattr(image, name), (n, *getattr(image, name).shape[1:]))
            for name in ("core_ids", "seeds", "axon_types", "crossbar", "types")}  # fmt: skip
    targets = np.zeros((n, 256), np.uint32)
    positions = board.alive_positions()[:n]
    return dataclasses.replace(
        image, board=board, positions=positions, targets=targets, outputs=(), **wide
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not say")
def test_a_large_image_is_opened_without_being_read(relay: Build, tmp_path: Path) -> None:
    """8,464 cores have a crossbar of 69 MB, which stays on the disk; 15 MB of the rest is read."""
    chip(relay(), 92).save(tmp_path / "chip")
    before = resident("VmRSS")
    opened = BoardImage.load(tmp_path / "chip", verify=False)
    assert resident("VmRSS") - before < 40e6
    assert opened.core_count == 8464
    opened.still_whole()
    file = tmp_path / "chip" / "crossbar.npy"
    os.truncate(file, file.stat().st_size - 5000)
    message = refusal(opened.still_whole)
    assert f"{file}: its file was cut from " in message
    assert "restore the file and load it again" in message


def test_nothing_is_mapped_that_could_become_illegal(
    relay: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is changed after it was checked: whatever it holds then must still be runnable."""
    relay().save(tmp_path / "relay")
    monkeypatch.setattr(image_file, "MAP_FROM", 0)
    image = BoardImage.load(tmp_path / "relay")
    for name in (*ARRAYS, "input0"):
        data = bytearray((tmp_path / "relay" / f"{name}.npy").read_bytes())
        data[-1] ^= 1
        with open(tmp_path / "relay" / f"{name}.npy", "r+b") as file:
            file.write(data)
    changed = [name for name in ARRAYS if (getattr(image, name) != getattr(relay(), name)).any()]
    assert changed == ["crossbar", "targets"]
    assert image.inputs[0].taps.tolist() == [(0, 0, 0, 1)]


def test_a_small_image_does_not_mind_what_happens_to_its_files(
    relay: Build, tmp_path: Path
) -> None:
    relay().save(tmp_path / "relay")
    image = BoardImage.load(tmp_path / "relay")
    before = image.crossbar.copy()
    for file in (tmp_path / "relay").iterdir():
        os.truncate(file, 0)
    image.still_whole()
    np.testing.assert_array_equal(image.crossbar, before)
    assert image.sha256() == relay().sha256()
