"""A file appears whole or not at all, what is no file stays what it is, nothing else is left."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tnemu.errors import TnemuError
from tnemu.files import (
    append_row,
    check_writable,
    read_bytes,
    write_bytes,
    write_json,
    write_npy,
    write_npz,
    write_text,
    writing,
)
from tnemu.files.scratch import is_leftover, scratch_name


class _Error(TnemuError, ValueError):
    pass


class _OsError(TnemuError, OSError):
    pass


@contextmanager
def _file_size_limit(most: int) -> Iterator[None]:
    """Writing more than ``most`` bytes to a file fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_name_is_taken_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("older")
    with writing(path, error=_Error) as file:
        file.write(b"newer")
        file.flush()
        assert path.read_text() == "older"
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]
    assert file.closed


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, _OsError, OSError])
def test_an_error_leaves_nothing_behind(tmp_path: Path, kind: type[BaseException]) -> None:
    with pytest.raises(kind, match="mine"), writing(tmp_path / "x", error=_Error) as file:
        file.write(b"half" * 100_000)
        raise kind("mine")
    assert not list(tmp_path.iterdir())
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        file.write(b"x")


def test_large_and_small_pieces_keep_their_order(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    pieces = [random.bytes(int(size)) for size in random.integers(0, 400_000, 40)]
    pieces += [b"x"] * 3 + [bytes(1 << 18), b"y"]
    with writing(tmp_path / "x", error=_Error) as file:
        for piece in pieces:
            assert file.write(piece) == len(piece)
    assert (tmp_path / "x").read_bytes() == b"".join(pieces)


def test_a_file_can_be_gone_back_in(tmp_path: Path) -> None:
    with writing(tmp_path / "x", error=_Error) as file:
        file.write(b"0000rest")
        assert file.tell() == 8
        file.seek(0)
        file.write(b"head")
        file.seek(0, 2)
        with io.TextIOWrapper(file, "utf-8") as text:  # closes the file before the block ends
            text.write(" ü")
    assert (tmp_path / "x").read_text() == "headrest ü"


@pytest.mark.parametrize("kind", [_Error, _OsError])
def test_a_full_disk_is_an_error_that_names_the_file(
    tmp_path: Path, kind: type[TnemuError]
) -> None:
    path = tmp_path / "x"
    path.write_text("older")
    data = np.zeros(100_000)
    acts: list[Any] = [
        lambda: write_bytes(path, data, error=kind, what="a report"),
        lambda: write_text(path, "x" * 500_000, error=kind, what="a report"),
        lambda: write_json(path, ["x" * 500_000], error=kind, what="a report"),
        lambda: write_npy(path, data, error=kind, what="a report"),
        lambda: write_npz(path, {"a": data, "b": data}, error=kind, what="a report"),
    ]
    with _file_size_limit(200_000):
        for act in acts:
            with pytest.raises(
                kind, match=r"^cannot write report .*/x: File too large; give a name in a folder"
            ):
                act()
    with (
        pytest.raises(kind, match=r"^cannot write .*/x: No space left on device; give a name"),
        writing(path, error=kind),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("act", ["fsync", "replace", "close"])
def test_a_disk_that_fails_late_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    real = getattr(os, act)

    def fails(*values: Any) -> None:
        if act == "close":
            real(*values)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with (
        pytest.raises(_Error, match=r"cannot write .*/x: Input/output error; give a name"),
        writing(tmp_path / "x", error=_Error) as file,
    ):
        file.write(b"x")
        monkeypatch.setattr(os, act, fails)
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())


def test_a_new_file_has_the_rights_of_any_other_and_a_replaced_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    write_bytes(tmp_path / "new", b"", error=_Error)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~_mask()
    (tmp_path / "new").chmod(0o640)
    write_bytes(tmp_path / "new", b"x", error=_Error)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "target").write_text("older")
    (tmp_path / "link").symlink_to("far/target")
    (tmp_path / "dangling").symlink_to("far/none")
    for name in ("link", "dangling"):
        write_text(tmp_path / name, "newer", error=_Error)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_text() == "newer"
    assert sorted(os.listdir(tmp_path / "far")) == ["none", "target"]


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for act in (
        lambda: write_bytes(pipe, b"spikes", error=_Error),
        lambda: write_npz(pipe, {"a": np.arange(3)}, error=_Error),
        lambda: append_row(pipe, ["spikes"], columns=["a"], error=_Error),
    ):
        read: list[bytes] = []
        reader = threading.Thread(target=lambda read=read: read.append(pipe.read_bytes()))
        reader.start()
        act()
        reader.join()
        assert b"spikes" in read[0] or b"PK" in read[0]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_reader_that_has_gone_is_a_broken_pipe(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        with pytest.raises(BrokenPipeError):
            write_bytes(f"/dev/fd/{writes}", b"x", error=_OsError)
    finally:
        os.close(writes)


def test_a_full_device_is_an_error_and_stays() -> None:
    if not Path("/dev/full").exists() or not stat.S_ISCHR(os.stat("/dev/full").st_mode):
        pytest.skip("/dev/full is no device here")
    with pytest.raises(_Error, match="cannot write /dev/full: No space left on device; give"):
        write_bytes("/dev/full", b"x", error=_Error)
    with pytest.raises(_Error, match="cannot write /dev/full: No space left on device; rest"):
        append_row("/dev/full", [1], columns=["a"], error=_Error, then="rest")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    check_writable("/dev/full", error=_Error)


def test_an_open_descriptor_is_written_to_where_it_stands(tmp_path: Path) -> None:
    code = (
        "import os\nfrom tnemu.errors import TnemuError\nfrom tnemu.files import *\n"
        "os.write(1, b'a'); check_writable('/dev/stdout', error=TnemuError)\n"
        "write_text('/dev/stdout', 'b', error=TnemuError); os.write(1, b'c')\n"
        "write_text('/proc/self/fd/1', 'd', error=TnemuError)\n"
    )
    with open(tmp_path / "out", "wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "abcd"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ran.stdout == b"abcd"
    with pytest.raises(_Error, match="Bad file descriptor"):
        write_text("/dev/fd/987", "x", error=_Error)


def test_what_cannot_be_written_is_refused_before_and_then(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for target, why in (
        (tmp_path / "nowhere" / "x", "No such file or directory"),
        (tmp_path / "file" / "x", "Not a directory"),
        (tmp_path, "Is a directory"),
        (str(tmp_path / "new") + "/", "Is a directory"),
        (tmp_path / "loop", "Too many levels of symbolic links"),
        (tmp_path / ("x" * 256), "File name too long"),
        ("a\0b", "the path holds a NUL character"),
        ("", "the path is empty"),
        (None, "it is no path"),
    ):
        for act in (check_writable, lambda path, error: write_bytes(path, b"", error=error)):
            with pytest.raises(_Error, match=f"cannot write .*: {why}; give a name"):
                act(target, error=_Error)  # type: ignore[operator]
    assert sorted(os.listdir(tmp_path)) == ["file", "loop"]


def test_what_can_be_written_is_checked_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("older")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("elsewhere")
    before = sorted(tmp_path.iterdir()), tmp_path.stat().st_mtime_ns
    for target in (tmp_path / "new", tmp_path / ("x" * 255), *before[0], Path("/dev/null")):
        check_writable(target, error=_Error)
    assert (sorted(tmp_path.iterdir()), tmp_path.stat().st_mtime_ns) == before
    assert (tmp_path / "old").read_text() == "older"
    write_bytes(tmp_path / ("ü" * 127), b"", error=_Error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(_Error, match="Permission denied; give a name"):
        check_writable(tmp_path / "x", error=_Error)


KILLED = """
import os, signal, sys
from tnemu.errors import TnemuError
from tnemu.files import writing, writing_folder
with writing(sys.argv[1] + "/x", error=TnemuError) as file:
    file.write(b"half" * 1_000_000)
    with writing_folder(sys.argv[1] + "/image", error=TnemuError) as folder:
        (folder / "a").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    left = sorted(os.listdir(tmp_path))
    assert len(left) == 2 and all(is_leftover(name) for name in left)
    alive = scratch_name("y")
    others = [
        alive,
        ".x.tnemu",
        f".x.tnemu-00000000-{2**22 + 1}-00000000",
        ".x.abcd",
        left[0] + "-old",
    ]
    for name in others:
        (tmp_path / name).touch()
    write_bytes(tmp_path / "other", b"", error=_Error)
    assert sorted(os.listdir(tmp_path)) == sorted(["other", *others])


INTERRUPTED = """
import sys
from tnemu.errors import TnemuError
from tnemu.files import append_row, write_bytes
print("begin", flush=True)
while True:
    write_bytes(sys.argv[1] + "/x", b"whole" * 1000, error=TnemuError)
    append_row(sys.argv[1] + "/y", [1, 2, 3], columns="abc", error=TnemuError)
"""


def test_an_interrupt_at_any_moment_leaves_whole_files_only(tmp_path: Path) -> None:
    for trial in range(6):
        command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.02 + 0.007 * trial)
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=20)
        assert b"KeyboardInterrupt" in errors
        assert set(os.listdir(tmp_path)) <= {"x", "y"}
        assert (tmp_path / "x").read_bytes() == b"whole" * 1000
        assert set((tmp_path / "y").read_bytes().split(b"\r\n")) <= {b"a,b,c", b"1,2,3", b""}


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    with (
        writing(tmp_path / "x", error=_Error) as first,
        writing(tmp_path / "x", error=_Error) as second,
    ):
        first.write(b"first")
        second.write(b"second")
    assert read_bytes(tmp_path / "x", error=_Error) == b"first"
    assert os.listdir(tmp_path) == ["x"]


def test_text_that_utf_8_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(_Error, match="character 2 is half of a surrogate pair"):
        write_text(tmp_path / "x", "ab\ud800", error=_Error)
    assert not list(tmp_path.iterdir())


def test_rows_are_added_whole(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    for row in ([1, 0.5], [2, "a,b"]):
        append_row(path, row, columns=["step", "score"], error=_Error)
    assert path.read_bytes() == b'step,score\r\n1,0.5\r\n2,"a,b"\r\n'
    with open(path, "ab") as file:
        file.write(b"3,0.")  # a process that was killed
    append_row(path, [3, 4], columns=["step", "score"], error=_Error)
    assert path.read_bytes().endswith(b'2,"a,b"\r\n3,4\r\n')


def test_a_row_that_does_not_fit_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    append_row(path, [1], columns=["step"], error=_OsError)
    before = path.read_bytes()
    with (
        _file_size_limit(len(before) + 5),
        pytest.raises(_OsError, match=r"cannot write .*curve\.csv: File too large; go on with"),
    ):
        append_row(path, ["x" * 100], columns=["step"], error=_OsError, then="go on with it")
    assert path.read_bytes() == before
    path.write_bytes(b"x" * 10_000)  # no row at all
    append_row(path, [1], columns=["step"], error=_OsError)
    assert path.read_bytes() == before
    with pytest.raises(_Error, match="Is a directory"):
        append_row(tmp_path, [1], columns=["step"], error=_Error)


def test_descriptors_are_closed(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        write_bytes(tmp_path / "x", b"x", error=_Error)
        append_row(tmp_path / "y", [1], columns=["step"], error=_Error)
        check_writable(tmp_path / "x", error=_Error)
        with pytest.raises(KeyError), writing(tmp_path / "x", error=_Error):
            raise KeyError
    assert len(os.listdir("/proc/self/fd")) == before
