"""An image is frozen once it is validated: what was checked is what runs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines import registry
from tnemu.emulator.lanes import LaneEmulator
from tnemu.hardware import BoardImage, ImageError, image_file
from tnemu.hardware.frozen import read_only

ROOT = Path(__file__).parents[2]
ARRAYS = "positions core_ids seeds axon_types crossbar neuron_types types targets".split()


@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_is_read_only_and_its_own_memory(relay, name):
    image = relay()
    given = getattr(image, name)
    view = given[...]
    image.validate()
    mine = getattr(image, name)
    assert not np.shares_memory(mine, given)
    with pytest.raises(ValueError, match="read-only"):
        mine[0] = 0
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        mine.flags.writeable = True
    view[...] = np.ones_like(view)  # the user's own stays his own
    image.validate()
    assert np.array_equal(mine, getattr(relay(), name))


def test_taps_are_frozen_too_and_connectors_are_a_tuple(relay):
    image = relay()
    given = image.inputs[0].taps
    image = replace(image, inputs=list(image.inputs))
    image.validate()
    given["core"] = 1
    assert isinstance(image.inputs, tuple)
    assert image.inputs[0].taps["core"].tolist() == [0]
    with pytest.raises(ValueError, match="read-only"):
        image.inputs[0].taps["core"] = 1


@pytest.mark.parametrize("engine", registry())
def test_no_change_of_the_users_arrays_reaches_a_running_board(relay, engine):
    arrays = {name: getattr(relay(), name).copy() for name in ARRAYS}
    image = replace(relay(), **arrays)
    digest = image.sha256()
    chip = Emulator(image, engine=engine)
    for array in arrays.values():
        array[...] = np.zeros((), array.dtype)
    assert chip.run(5, {"in": [0]}).records.tolist() == [(2, 0, 5)]
    assert image.sha256() == digest


def test_a_snapshot_names_the_hash_of_what_ran(relay, tmp_path):
    image = relay()
    types, before = image.types, image.sha256()
    chip = Emulator(image)
    types[:] = 0
    chip.snapshot(tmp_path / "s")
    assert image.sha256() == before
    Emulator.restore(relay(), tmp_path / "s")


@pytest.mark.parametrize("engine", registry())
@pytest.mark.parametrize("order", ["F", "reversed", "misaligned", "subclass"])
def test_arrays_of_any_layout_run_on_every_engine(relay, engine, order):
    def laid(array):
        if order == "F":
            return np.asfortranarray(array)
        if order == "reversed":
            return array[::-1].copy()[::-1]
        if order == "subclass":
            return np.ma.masked_array(array)
        return _filled(np.zeros(array.nbytes + 1, np.uint8)[1:], array)

    image = relay()
    image = replace(image, **{name: laid(getattr(image, name)) for name in ARRAYS})
    assert Emulator(image, engine=engine).run(5, {"in": [0]}).records.tolist() == [(2, 0, 5)]
    assert all(type(getattr(image, n)) is np.ndarray for n in ARRAYS)
    if registry()[engine].lanes:
        LaneEmulator(image, 2, engine=engine).run(5)


def _filled(memory, array):
    """The array in that memory, wherever it begins."""
    made = np.ndarray(array.shape, array.dtype, memory)
    made[...] = array
    return made


def test_masked_elements_are_checked_as_well(relay):
    """A masked array's comparisons leave them out; compiled code would not."""
    image = relay()
    types = np.ma.masked_array(image.axon_types.copy(), mask=False)
    types[0, 0] = 9
    types[0, 0] = np.ma.masked
    with pytest.raises(ImageError, match="axon type 9 does not exist"):
        replace(image, axon_types=types).validate()


def test_a_refused_image_stays_as_it_was(relay):
    image = relay()
    image.axon_types[0, 0] = 4
    with pytest.raises(ImageError, match="axon type 4"):
        image.validate()
    image.axon_types[0, 0] = 3
    image.validate()


def test_replace_makes_an_image_that_is_checked_anew(relay):
    image = relay()
    image.validate()
    with pytest.raises(ImageError, match="axon type 4"):
        replace(image, axon_types=image.axon_types + np.uint8(4)).validate()
    other = replace(image, seeds=image.seeds + np.uint32(1))
    assert other.sha256() != image.sha256()
    other.validate()
    assert np.shares_memory(other.crossbar, image.crossbar), "frozen arrays need no copy"


@pytest.mark.parametrize("value", [None, 1.5, "x", True, 2**40])
@pytest.mark.parametrize(
    ("kind", "what"), [("outputs", "number"), ("outputs", "width"), ("inputs", "width")]
)
def test_numbers_of_connectors_are_whole(relay, kind, what, value):
    image = relay()
    (connector,) = getattr(image, kind)
    with pytest.raises(
        ImageError, match=rf"put '(in|out)': {what} = .*: must be a whole number in"
    ):
        replace(image, **{kind: (replace(connector, **{what: value}),)}).validate()


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("value", [None, 3, "x", [[1], [1, 2]], np.zeros(())])
def test_what_is_no_array_of_an_image_is_refused(relay, name, value):
    with pytest.raises(ImageError, match="rebuild"):
        replace(relay(), **{name: value}).validate()


def test_what_nobody_can_write_to_is_not_copied():
    frozen = read_only(np.arange(5))
    assert read_only(frozen) is frozen
    assert frozen.ctypes.data % 64 == 0
    assert np.shares_memory(read_only(frozen[1:]), frozen)
    constant = np.frombuffer(b"12345678", np.uint8)
    assert np.shares_memory(read_only(constant), constant)
    held = np.arange(5)
    seen = held[:]
    seen.flags.writeable = False
    assert not np.shares_memory(read_only(seen), held)


CUT = """
import mmap, os, sys
import numpy as np
import tnemu
from tnemu.hardware import image_file
image_file.MAP_FROM = int(sys.argv[2])
given = tnemu.BoardImage.load(sys.argv[1])
boards = [tnemu.Emulator(given), tnemu.Emulator(given, engine="reference"), tnemu.LaneEmulator(given, 2)]
for file in os.listdir(sys.argv[1]):
    os.truncate(os.path.join(sys.argv[1], file), 10)
one, other, lanes = boards
for board in (one, other):
    print(board.run(5, {"in": [0]}).records.tolist(), len(board.potentials))
print(len(lanes.run(5, {"in": np.ones((2, 1), bool)})))
one.snapshot(sys.argv[1] + ".snapshot")
owner = given.crossbar
while owner is not None and not isinstance(owner, mmap.mmap):
    owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
print(owner is not None)
"""


@pytest.mark.parametrize(("private", "mapped"), [(1 << 26, "False"), (0, "True")])
def test_a_file_that_is_cut_while_its_image_runs_ends_nothing(relay, tmp_path, private, mapped):
    """A small image is read; a large one is mapped, and read only while an emulator is made."""
    relay().save(tmp_path / "image")
    done = subprocess.run(
        [sys.executable, "-c", CUT, str(tmp_path / "image"), str(private)],
        cwd=ROOT, capture_output=True, text=True, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1000:]
    *seen, lanes, found = done.stdout.splitlines()
    assert seen == ["[(2, 0, 5)] 2"] * 2
    assert lanes == "2"
    assert found == mapped


def test_an_image_of_any_size_opens_the_same(relay, tmp_path, monkeypatch):
    relay().save(tmp_path / "image")
    read = BoardImage.load(tmp_path / "image")
    monkeypatch.setattr(image_file, "MAP_FROM", 0)
    mapped = BoardImage.load(tmp_path / "image")
    assert read.sha256() == mapped.sha256() == relay().sha256()


def test_a_mapped_image_whose_file_was_cut_is_refused_before_it_is_read(
    relay, tmp_path, monkeypatch
):
    relay().save(tmp_path / "image")
    monkeypatch.setattr(image_file, "MAP_FROM", 0)
    mapped = BoardImage.load(tmp_path / "image")
    os.truncate(tmp_path / "image" / "crossbar.npy", 128)
    for make in (Emulator, lambda image: LaneEmulator(image, 2)):
        with pytest.raises(
            ImageError, match=r"crossbar.npy: its file was cut from .* to 128 bytes"
        ):
            make(mapped)
