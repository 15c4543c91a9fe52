"""A file appears whole or not at all, and what is no file is left what it is."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from tnemu.formats.errors import FormatError
from tnemu.formats.whole_file import check_writable, whole_file


def test_the_name_is_taken_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("older")
    with whole_file(path) as file:
        file.write(b"newer")
        file.flush()
        assert path.read_text() == "older"
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), whole_file(tmp_path / "x") as file:
        file.write(b"half")
        raise error
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(
            FormatError, match=r"cannot write .*/x: No space left on device; give a name"
        ),
        whole_file(tmp_path / "x"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_a_new_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with whole_file(tmp_path / "whole"):
        pass
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "whole")]
    assert modes[0] == modes[1]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("older")
    (tmp_path / "link").symlink_to("target")
    with whole_file(tmp_path / "link") as file:
        file.write(b"newer")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "newer"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with whole_file(pipe) as file:
        file.write(b"spikes")
    reader.join()
    assert read == [b"spikes"]
    assert pipe.is_fifo()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(FormatError, match=r"cannot write .*: Is a directory; give a name"),
        whole_file(tmp_path),
    ):
        pass


def test_what_can_be_written_is_checked_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("older")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    for target in (tmp_path / "new", *before, Path("/dev/null")):
        check_writable(target)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "old").read_text() == "older"


def test_what_cannot_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target, why in (
        (tmp_path / "nowhere" / "x", "No such file or directory"),
        (tmp_path / "file" / "x", "Not a directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(FormatError, match=f"cannot write {target}: {why}; give a name in a"):
            check_writable(target)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FormatError, match="Permission denied; give a name"):
        check_writable(tmp_path / "x")
