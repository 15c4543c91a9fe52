"""``tnemu doctor`` looks at what a run needs, in the way in which the run needs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tnemu.cli import doctor
from tnemu.cli.doctor import Finding
from tnemu.cli.main import app
from tnemu.emulator import compiling
from tnemu.emulator.compiling import NO_COMPILER

pytestmark = pytest.mark.usefixtures("plain_terminal")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def test_doctor_finds_this_computer_fit() -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    first_words = {tuple(line.split()[:2]) for line in result.stdout.splitlines()}
    assert {("ok", "numba"), ("ok", "boards"), ("ok", "python")} <= first_words


def test_doctor_says_what_is_missing_with_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED", ("numpy", "no-such-package"))
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    result = run("doctor")
    assert result.exit_code == 1
    assert "missing no-such-package   pip install no-such-package\n" in result.stdout
    assert result.stderr == "error: missing: no-such-package, Atari ROMs\n"


def outside(*limits: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``tnemu doctor`` in a shell of its own, after the commands ``limits``."""
    line = " && ".join([*limits, f'exec "{sys.executable}" -m tnemu doctor'])
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_shared_memory_that_a_run_would_not_get_is_missing() -> None:
    """A limit of file sizes holds for memory without a name too, which the link uses."""
    done = outside("ulimit -f 8")
    assert done.returncode == 1
    assert (
        "missing shared memory     [Errno 27] File too large: host and board exchange spikes there; "
        "see the limits of this shell with ulimit -a\n" in done.stdout
    )
    assert done.stderr == "error: missing: shared memory\n"


def test_a_read_only_dev_shm_is_no_fault_as_nothing_is_put_there() -> None:
    try:
        mount = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]
        able = subprocess.run(
            [*mount, "mount", "-o", "remount,ro", "/dev/shm"], capture_output=True
        )
    except OSError as error:
        pytest.skip(f"no unshare here: {error}")
    if able.returncode:
        pytest.skip(f"no mounts of one's own here: {able.stderr.decode().strip()}")
    line = f'mount -o remount,ro /dev/shm && exec "{sys.executable}" -m tnemu doctor'
    done = subprocess.run([*mount, "bash", "-c", line], capture_output=True, text=True)
    assert "ok      shared memory     usable" in done.stdout


def test_a_compiler_that_is_turned_off_is_missing_and_named() -> None:
    done = outside(NUMBA_DISABLE_JIT="1")
    assert done.returncode == 1
    assert f"missing compiler          {NO_COMPILER}\n" in done.stdout


def _kernel_cache(monkeypatch: pytest.MonkeyPatch, warm: bool = False, **settings: str) -> Finding:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return next(item for item in doctor.examine(warm) if item.what == "kernel cache")


def test_doctor_notes_a_kernel_cache_that_does_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {"TNEMU_CACHE_DIR": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"}
    finding = _kernel_cache(monkeypatch, **nowhere)
    assert finding.level == "note"
    assert finding.value.endswith(
        "is temporary: the first tick will be slow again; set TNEMU_CACHE_DIR"
    )


def test_doctor_says_when_the_engine_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    finding = _kernel_cache(monkeypatch)
    assert finding.level == "missing"
    assert finding.value == "the engine cannot be loaded: no reason given"


@pytest.mark.slow
def test_doctor_warms_the_kernel_cache_and_says_so_only_when_it_compiles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"TNEMU_CACHE_DIR": str(tmp_path)}
    assert _kernel_cache(monkeypatch, **settings).value.endswith(
        "0 kernels; 'tnemu doctor --warm' compiles them now"
    )
    for said in (f"{compiling.NOTICE}\n", ""):
        assert ", warm (" in _kernel_cache(monkeypatch, warm=True, **settings).value
        assert capsys.readouterr().err == said
    kept = _kernel_cache(monkeypatch, **settings).value
    assert " kernels" in kept and " 0 kernels" not in kept
