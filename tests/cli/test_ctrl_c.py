"""Ctrl-C at any moment of a command ends it with status 130 and no word, from its first instruction."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STARTED = "import os; import tnemu.__main__ as m; os.write(1, b'.'); m.main()"
"""A program that says when Python itself has started: what comes before is not ours to answer."""

SOON_S = 30


WHILE_IT_LOADS = f"""
import enum, os, signal
made = enum.EnumType.__call__
def make(kind, *what, **given):
    if given.get("module") == "ale_py._ale_py" and enum.EnumType.__call__ is make:
        enum.EnumType.__call__ = made
        os.write(2, b"loading")
        os.kill(os.getpid(), signal.SIGINT)
    return made(kind, *what, **given)
enum.EnumType.__call__ = make
{STARTED.replace("; ", chr(10))}
"""
"""A program that interrupts itself while the compiled module of ale_py is loaded and calls Python."""


def interrupted(after_s: float, *arguments: str) -> tuple[int, str]:
    """(status, standard error) of a command whose group gets SIGINT ``after_s`` after its start."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTED, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == "."
        time.sleep(after_s)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        errors = process.stderr.read()  # to its end: that of the last child
        return process.wait(SOON_S), errors


@pytest.mark.parametrize("after_s", [0.01 + k * 0.3 for k in range(6)])
def test_within_the_first_moments_nothing_is_said(after_s: float, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    given = ("play", "--frames", "1000000", "--output", str(folder))
    assert interrupted(after_s, *given) == (130, "")
    assert not list(tmp_path.rglob(".*"))


def test_while_compiled_code_is_loaded_it_waits_instead_of_aborting() -> None:
    given = [sys.executable, "-c", WHILE_IT_LOADS, "play", "--frames", "60"]
    done = subprocess.run(given, capture_output=True, timeout=SOON_S)
    assert (done.returncode, done.stderr) == (130, b"loading")


@pytest.mark.parametrize("after_s", [2.0, 2.6, 2.9, 3.2, 3.5])
@pytest.mark.slow
def test_while_host_and_board_start_nothing_is_said(after_s: float, tmp_path: Path) -> None:
    given = ("play", "--frames", "1000000", "--output", str(tmp_path / "run"))
    status, errors = interrupted(after_s, *given)
    # a checkout that was never run compiles meanwhile, and says so
    assert (status, [line for line in errors.splitlines() if "compiling" not in line]) == (130, [])
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("command", [("boards",), ("zoo",), ("learn", "-h"), ("--help",)])
def test_of_any_command(command: tuple[str, ...]) -> None:
    assert interrupted(0.15, *command) in ((130, ""), (0, ""))


def test_a_process_that_ignores_it_goes_on_ignoring_it() -> None:
    """As a shell starts what is put into the background."""
    ignoring = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {STARTED}"
    with subprocess.Popen(
        [sys.executable, "-c", ignoring, "boards"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert "ns1e" in process.stdout.read()
        assert process.wait(SOON_S) == 0
