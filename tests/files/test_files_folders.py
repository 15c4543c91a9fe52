"""A folder appears whole or not at all; the older one stays until then."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tnemu.errors import TnemuError
from tnemu.files import folders, write_text, writing_folder


class _Error(TnemuError, ValueError):
    pass


def _is_image(folder: Path) -> bool:
    return (folder / "manifest").exists()


def _write(path: Path, text: str, *names: str) -> None:
    with writing_folder(path, error=_Error, what="board image", may_replace=_is_image) as folder:
        for name in ("manifest", *names):
            write_text(folder / name, text, error=_Error)


@pytest.fixture(params=["one step", "two steps"])
def _steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "two steps":
        monkeypatch.setattr(folders, "_exchange", lambda *_: False)


@pytest.mark.usefixtures("_steps")
def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    _write(tmp_path / "image", "older", "a")
    assert sorted(os.listdir(tmp_path / "image")) == ["a", "manifest"]
    _write(tmp_path / "image", "newer", "b")
    assert sorted(os.listdir(tmp_path / "image")) == ["b", "manifest"]
    assert (tmp_path / "image" / "b").read_text() == "newer"
    assert os.listdir(tmp_path) == ["image"]
    (tmp_path / "empty").mkdir()
    _write(tmp_path / "empty", "new")
    assert (tmp_path / "empty" / "manifest").exists()


@pytest.mark.usefixtures("_steps")
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, OSError])
def test_the_older_folder_stays_when_something_fails(
    tmp_path: Path, kind: type[BaseException]
) -> None:
    _write(tmp_path / "image", "older")
    for name in ("image", "new"):
        with (
            pytest.raises(kind, match="mine"),
            writing_folder(tmp_path / name, error=_Error, may_replace=_is_image) as folder,
        ):
            (folder / "half").write_text("half")
            raise kind("mine")
    assert (tmp_path / "image" / "manifest").read_text() == "older"
    assert os.listdir(tmp_path) == ["image"]


@pytest.mark.usefixtures("_steps")
def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    _write(tmp_path / "far" / "image", "older")
    (tmp_path / "link").symlink_to("far/image")
    _write(tmp_path / "link", "newer")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "link" / "manifest").read_text() == "newer"
    assert os.listdir(tmp_path / "far") == ["image"]


def test_a_full_disk_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(_Error, match=r"cannot write board image .*image: No space left on device"),
        writing_folder(tmp_path / "image", error=_Error, what="board image"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_a_second_step_that_fails_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "image", "older")
    monkeypatch.setattr(folders, "_exchange", lambda *_: False)
    rename, calls = os.rename, []

    def second_fails(one: str, other: str) -> None:
        calls.append(one)
        if len(calls) == 2:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        rename(one, other)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(_Error, match="Permission denied; give a name"):
        _write(tmp_path / "image", "newer")
    assert (tmp_path / "image" / "manifest").read_text() == "older"
    assert os.listdir(tmp_path) == ["image"]


def test_what_is_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis").touch()
    for name in ("file", "work"):
        with pytest.raises(
            _Error, match=rf"{name} exists and is not a board image; choose another name"
        ):
            _write(tmp_path / name, "new")
    with (
        pytest.raises(_Error, match="exists and is not an empty folder"),
        writing_folder(tmp_path / "work", error=_Error),
    ):
        pass
    for path, why in ((tmp_path / "none" / "x", "No such file"), ("a\0", "NUL"), (None, "no path")):
        with pytest.raises(_Error, match=f"cannot write .*{why}"):
            _write(path, "new")  # type: ignore[arg-type]
    assert sorted(os.listdir(tmp_path)) == ["file", "work"]
