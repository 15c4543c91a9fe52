"""Snapshots: what they hold, when they are refused, and that a failure leaves nothing half-written."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import stat
import threading
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from tnemu.emulator import memory
from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines import registry
from tnemu.emulator.state import SnapshotError
from tnemu.hardware import load_board

ENGINES = list(registry())


@pytest.fixture
def image(relay):
    return relay()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "board.npz"


def saved(image, path, *, ticks: int = 3, engine: str = "compiled"):
    emulator = Emulator(image, engine=engine)
    emulator.inject(0, 0, [1, 3, 40])
    emulator.run(ticks)
    emulator.snapshot(path)
    return emulator


@pytest.mark.parametrize("engine", ENGINES)
def test_restore_gives_back_tick_potentials_counters_and_flight(image, path, engine):
    before = saved(image, path, engine=engine)
    after = Emulator.restore(image, path, engine=engine)
    assert after.tick == before.tick == 3
    assert np.array_equal(after.potentials, before.potentials)
    assert after.counters == before.counters
    assert after.in_flight == before.in_flight > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_inputs_more_than_15_ticks_ahead_survive(image, path, engine):
    """Tick 40 has no slot yet at tick 3: it travels beside the slots."""
    saved(image, path)
    after = Emulator.restore(image, path, engine=engine)
    assert after.run(60).tick.tolist() == [4, 41]


def test_a_snapshot_does_not_depend_on_the_engine(image, tmp_path):
    files = [tmp_path / f"{engine}.npz" for engine in ENGINES]
    for engine, file in zip(ENGINES, files, strict=True):
        saved(image, file, engine=engine)
    assert len({file.read_bytes() for file in files}) == 1


def test_a_snapshot_of_another_image_is_refused_with_both_hashes(image, path):
    saved(image, path)
    other = replace(image, seeds=image.seeds + np.uint32(1))
    with pytest.raises(SnapshotError) as error:
        Emulator.restore(other, path)
    assert str(error.value) == (
        f"{path} was taken of image {image.sha256()}, this image is {other.sha256()}; "
        "restore it with the image it was taken of"
    )


def test_a_switch_that_differs_is_named(image, path):
    saved(image, path)
    board = load_board("tiny").override({"chip.leak_zero_clamp": False})
    with pytest.raises(SnapshotError, match=r"\(leak_zero_clamp was True, is False\)$"):
        Emulator.restore(replace(image, board=board), path)


def test_a_missing_file_is_refused(image, path):
    with pytest.raises(SnapshotError, match=r"cannot read snapshot .*board.npz: No such file"):
        Emulator.restore(image, path)


@pytest.mark.parametrize("keep", [0, 10, 200, 4000, -1])
def test_a_truncated_file_is_refused(image, path, keep):
    saved(image, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SnapshotError, match=r"it is no (whole )?\.npz file"):
        Emulator.restore(image, path)


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
def test_a_flipped_byte_is_noticed(image, path, pack):
    """The archive's own checksums cover every array, also in a file that was packed again."""
    saved(image, path)
    with np.load(path) as file:
        arrays = dict(file)
    pack(path, **arrays)
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda info: info.compress_size)
    data = bytearray(path.read_bytes())
    data[largest.header_offset + 60 + largest.compress_size // 2] ^= 1  # after its own header
    path.write_bytes(data)
    with pytest.raises(SnapshotError, match="is damaged; make the file again"):
        Emulator.restore(image, path)


def test_a_pickle_is_not_opened(image, path):
    np.savez(path, header=np.array([{"format": "evil"}], dtype=object))
    with pytest.raises(SnapshotError, match="it has no array 'potentials', 'slots', 'counters'"):
        Emulator.restore(image, path)


def forge(path, image, **changes):
    """A snapshot with some entries replaced, as a hand-made file might have them."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    for name, value in changes.items():
        if name in header:
            header[name] = value
        elif value is None:
            del arrays[name]
        else:
            arrays[name] = value
    arrays["header"] = np.array(json.dumps(header))
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"format": "tnemu-snapshot-9"},
            "has format 'tnemu-snapshot-9', this reads 'tnemu-snapshot-2'; take a new",
        ),
        ({"tick": -1}, "tick = -1: must be a whole number"),
        ({"tick": 1.5}, "tick = 1.5: must be a whole"),
        ({"tick": 2**50}, "tick = 1125899906842624: must"),
        ({"slots": None}, "it has no array 'slots'"),
        ({"potentials": np.zeros((1, 256), np.int32)}, r"potentials has shape \(1, 256\)"),
        ({"slots": np.zeros((16, 2, 4), np.int64)}, "slots: it holds int64, must be uint64"),
        ({"pending": np.zeros((2, 2), np.int64)}, r"pending has shape \(2, 2\)"),
        ({"pending": np.array(3)}, r"pending: its shape is \(\), must have 2 axes"),
        ({"potentials": np.full((2, 256), 2**20, np.int32)}, "a potential is outside"),
        ({"potentials": np.ones((2, 256), np.int32)}, "a neuron that is not used has a potential"),
        ({"counters": np.full(8, -1)}, "a counter is negative"),
        ({"generators": np.ones(3, np.uint32)}, r"generators has shape \(3,\)"),
        ({"pending": np.array([[2, 0, 0]])}, "a pending input is in the past or on no axon"),
        ({"pending": np.array([[9, 2, 0]])}, "a pending input is in the past or on no axon"),
        ({"pending": np.array([[9, 0, 256]])}, "a pending input is in the past or on no axon"),
        ({"pending": np.array([[9, 0, 0], [8, 0, 0]])}, "pending inputs are not in order"),
    ],
)
def test_a_snapshot_that_does_not_fit_the_image_is_refused(image, path, changes, message):
    """Compiled code checks no bounds, so the file must be checked before it runs."""
    saved(image, path)
    forge(path, image, **changes)
    with pytest.raises(SnapshotError, match=message):
        Emulator.restore(image, path)


def test_a_snapshot_with_a_generator_that_is_stuck_is_refused(image, path):
    noisy = image.neuron_types.copy()
    noisy["TM"][1:] = 1
    drawing = replace(image, neuron_types=noisy, seeds=np.array([5, 6], np.uint32))
    saved(drawing, path)
    forge(path, drawing, generators=np.array([5, 0], np.uint32))
    with pytest.raises(SnapshotError, match="a generator that is drawn from has the state 0; take"):
        Emulator.restore(drawing, path)


def test_a_snapshot_of_the_format_before_generators_is_refused_by_its_name(image, path):
    saved(image, path)
    forge(path, image, generators=None, format="tnemu-snapshot-1")
    with pytest.raises(
        SnapshotError, match="has format 'tnemu-snapshot-1', this reads 'tnemu-snapshot-2'; take a "
    ):
        Emulator.restore(image, path)


def test_a_missing_folder_is_named(image, tmp_path):
    emulator = Emulator(image)
    with pytest.raises(SnapshotError, match=r"cannot write snapshot .*: No such file or directory"):
        emulator.snapshot(tmp_path / "nowhere" / "board.npz")


def test_a_full_disk_leaves_no_half_file_and_keeps_the_old_one(image, path):
    """The operating system refuses to let a file grow: the real failure, not a pretended one."""
    emulator = saved(image, path)
    old = path.read_bytes()
    emulator.run(2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(
            SnapshotError, match=re.escape(f"cannot write snapshot {path}: File too large")
        ):
            emulator.snapshot(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == old


def test_an_interrupt_while_writing_leaves_no_half_file(image, path, monkeypatch):
    def interrupted(file, *rest, **options):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Emulator(image).snapshot(path)
    assert list(path.parent.iterdir()) == []


def test_a_device_and_a_link_stay_what_they_are(image, tmp_path):
    """Written through: an emulator must not put a file in the place of /dev/null."""
    emulator = Emulator(image)
    before = os.stat(os.devnull)
    emulator.snapshot(os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert os.stat(os.devnull).st_ino == before.st_ino
    (tmp_path / "link").symlink_to(tmp_path / "there")
    emulator.snapshot(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert Emulator.restore(image, tmp_path / "there").tick == 0


def test_a_pipe_is_written_through(image, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    taken = []
    reader = threading.Thread(target=lambda: taken.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    Emulator(image).snapshot(tmp_path / "pipe")
    reader.join(60)
    (tmp_path / "copy").write_bytes(taken[0])
    assert Emulator.restore(image, tmp_path / "copy").tick == 0
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_small_file_that_unpacks_to_more_than_there_is_asks_for_none_of_it(
    image, path, monkeypatch
):
    """13 MB of zeros, packed, would be gigabytes of inputs to come."""
    saved(image, path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["pending"] = np.zeros((1 << 20, 3), np.int64)
    np.savez_compressed(path, **arrays)
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(memory, "available_bytes", lambda: 20_000_000)
    tracemalloc.start()
    with pytest.raises(SnapshotError, match=r"unpacked, has .* bytes"):
        Emulator.restore(image, path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
