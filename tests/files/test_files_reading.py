"""Only regular files are read, within a size, whole; the rest is refused by name and kind."""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import stat
from pathlib import Path

import pytest

from tnemu.errors import TnemuError
from tnemu.files import (
    file_sha256,
    make_folder,
    opening,
    place,
    read_bytes,
    read_text,
    system_text,
)


class _Error(TnemuError, ValueError):
    pass


class _OsError(TnemuError, OSError):
    """Rooms may have such errors; they must not be taken for the system's."""


def test_bytes_and_text_are_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbfgr\xc3\xbcn\r\n")
    assert read_bytes(tmp_path / "x", error=_Error) == b"\xef\xbb\xbfgr\xc3\xbcn\r\n"
    assert read_text(tmp_path / "x", error=_Error) == "grün\r\n"
    (tmp_path / "link").symlink_to("x")
    assert read_text(str(tmp_path / "link"), error=_Error) == "grün\r\n"
    (tmp_path / "empty").touch()
    assert read_bytes(tmp_path / "empty", error=_Error) == b""
    digest = hashlib.sha256(b"\xef\xbb\xbfgr\xc3\xbcn\r\n").hexdigest()
    assert file_sha256(tmp_path / "x", error=_Error) == digest


def _refusal(path: object, what: str = "board file", **more: int) -> str:
    with pytest.raises(_Error) as caught:
        read_bytes(path, error=_Error, what=what, **more)  # type: ignore[arg-type]
    return str(caught.value)


def test_what_is_no_regular_file_is_refused_by_its_kind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for name, kind in (
            ("pipe", "pipe"),
            ("link", "pipe"),
            ("socket", "socket"),
            ("", "folder"),
        ):
            path = tmp_path / name
            assert _refusal(path) == (
                f"cannot read board file {path}: it is a {kind}, not a regular file; "
                "give the path of a file"
            )


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full", "/dev/null"])
def test_a_device_is_refused(name: str, tmp_path: Path) -> None:
    if not Path(name).exists() or not stat.S_ISCHR(os.stat(name).st_mode):
        pytest.skip(f"{name} is no device here")
    (tmp_path / "link").symlink_to(name)
    for path in (name, tmp_path / "link"):
        assert "it is a device, not a regular file" in _refusal(path)


def test_what_is_no_path_or_not_there_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "absent") == (
        f"cannot read board file {tmp_path}/absent: No such file or directory; check the path"
    )
    assert "File name too long" in _refusal(tmp_path / ("x" * 300))
    assert len(_refusal("x" * 100_000)) < 500
    assert "Not a directory" in _refusal(Path(__file__) / "x")
    (tmp_path / "loop").symlink_to("loop")
    assert "Too many levels of symbolic links" in _refusal(tmp_path / "loop")
    assert "cannot read board file a\\x00b: the path holds a NUL character" in _refusal("a\0b")
    assert "the path is empty" in _refusal("")
    assert "the path cannot be encoded" in _refusal("\ud900")
    for wrong in (None, 3, b"x", [], 2.5):
        assert "it is no path; check the path" in _refusal(wrong)
    assert _refusal(tmp_path / "absent", "a board file") == _refusal(tmp_path / "absent")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_must_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").touch(mode=0o000)
    assert "Permission denied; check the path" in _refusal(tmp_path / "x")


def test_a_file_beyond_the_limit_is_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        os.truncate(file.fileno(), 40 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = _refusal(tmp_path / "big")
    assert text.endswith(
        "has 42,949,672,960 bytes, the limit is 4,294,967,296; give a smaller file"
    )
    with pytest.raises(_Error, match="the limit is 67,108,864"):
        read_text(tmp_path / "big", error=_Error)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    os.truncate(tmp_path / "big", 100)
    assert len(read_bytes(tmp_path / "big", error=_Error, most_bytes=100)) == 100
    assert "has 100 bytes, the limit is 99" in _refusal(tmp_path / "big", most_bytes=99)


@pytest.mark.parametrize("size", [10, 999_999, 2_000_000])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(1_000_000))
    with (
        pytest.raises(_Error, match=r"x: it changed while it was read \(1,000,000 bytes at first"),
        opening(path, error=_Error) as source,
    ):
        source.readline(10)
        os.truncate(path, size)
        source.exactly(999_990)


def test_a_source_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"ab\ncd\n")
    with opening(tmp_path / "x", error=_Error) as source:
        assert (source.size, source.where) == (6, str(tmp_path / "x"))
        assert source.exactly(1) == b"a"
        assert list(source) == [b"b\n", b"cd\n"]
        with pytest.raises(_Error, match="its head is cut off: 0 bytes are left of 1"):
            source.exactly(1, "its head")
    assert source.closed


def test_errors_of_the_block_pass_unchanged(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    for error in (_OsError("mine"), FileNotFoundError("other"), KeyboardInterrupt()):
        with pytest.raises(type(error)), opening(tmp_path / "x", error=_Error) as source:
            raise error
        assert source.closed


@pytest.mark.parametrize("room", [_Error, _OsError])
def test_an_error_while_reading_is_the_rooms(tmp_path: Path, room: type[TnemuError]) -> None:
    (tmp_path / "x").write_bytes(b"x" * 10)
    with (
        pytest.raises(room, match=r"cannot read .*x: Is a directory; check the path"),
        opening(tmp_path / "x", error=room) as source,
    ):
        folder = os.open(tmp_path, os.O_RDONLY)
        os.dup2(folder, source.fileno())  # reads of a folder fail
        os.close(folder)
        source.read(1)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"ab\0c", "byte 2 is a NUL"),
        (b"ab\xff", r"byte 2 \(0xff\) is no UTF-8"),
        (b"\xef\xbb\xbfab\xff", r"byte 5 \(0xff\) is no UTF-8"),
        ("grün".encode("latin-1"), r"byte 2 \(0xfc\)"),
        ("x".encode("utf-16"), "byte"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(_Error, match=rf"x is not a text file: {problem}.*; give a text file"):
        read_text(tmp_path / "x", error=_Error)


def test_a_path_is_named_in_one_line_that_can_be_printed() -> None:
    assert place("a\nb\udcff") == "a\\nb\\udcff"
    assert len(place("x" * 10**6)) < 310


def test_files_of_the_system_are_read_though_they_have_no_size() -> None:
    assert "VmRSS" in system_text("/proc/self/status")
    assert system_text("/proc/none") == system_text("/proc") == system_text("a\0") == ""


def test_folders_are_made_or_refused_by_name(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b", error=_Error).is_dir()
    make_folder(tmp_path / "a" / "b", error=_Error)
    (tmp_path / "file").touch()
    with pytest.raises(_Error, match=r"cannot make the folder .*file: File exists; choose another"):
        make_folder(tmp_path / "file", error=_Error)


def test_descriptors_are_closed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        read_bytes(tmp_path / "x", error=_Error)
        _refusal(tmp_path / "x", most_bytes=0)
        _refusal(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
