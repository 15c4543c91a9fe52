"""``tnemu run`` ended from outside leaves no unfinished file, now or after the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from running import ran

from tnemu.cli import run as run_command
from tnemu.emulator import compiling

COMMAND = "import sys; from tnemu.cli.main import main; sys.exit(main())"
ENDLESS = 500_000_000


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def lines(stderr: str) -> list[str]:
    """What was said, but for the note that the first run on a computer compiles."""
    return [line for line in stderr.splitlines() if line != compiling.NOTICE]


def start(model: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A run that would go on for hours, once it writes into its hidden file."""
    run = subprocess.Popen(
        [
            *(sys.executable, "-c", COMMAND, "run", model, "--ticks", str(ENDLESS)),
            *("--output", folder / "out.sfto", "--probe", f"spikes:0={folder / 'p.csv'}"),
        ],
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 240
    while not any(path.stat().st_size for path in hidden(folder)):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    return run


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_sigterm_leaves_nothing_and_sigkill_nothing_after_the_next_run(
    tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, _ = tonic
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "out.sfto").write_text("older")
    run = start(model, folder)
    run.send_signal(signal.SIGTERM)
    _, said = run.communicate(timeout=60)
    assert (run.returncode, lines(said.decode())) == (143, [])
    assert [path.name for path in folder.iterdir()] == ["out.sfto"]
    assert (folder / "out.sfto").read_text() == "older"

    run = start(model, folder)
    run.kill()
    run.communicate(timeout=60)
    assert len(hidden(folder)) == 1
    ran("run", model, "--ticks", 2, "--output", folder / "out.sfto")
    assert [path.name for path in folder.iterdir()] == ["out.sfto"]


def test_a_full_standard_output_is_told_in_one_line(tonic: tuple[Path, Path]) -> None:
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("/dev/full is no device here")
    model, _ = tonic
    with open(full, "wb") as out:
        line = refused(model, stdout=out)
    assert line.startswith("error: ")
    assert os.strerror(28) in line


def test_a_standard_output_that_is_closed_is_told_in_one_line(tonic: tuple[Path, Path]) -> None:
    line = refused(tonic[0], preexec_fn=lambda: os.close(1))
    assert line == "error: standard output is closed; give a file, --output FILE"


def refused(model: Path, **options: Any) -> str:
    """The only line that a run into standard output leaves on standard error."""
    done = subprocess.run(
        [*(sys.executable, "-c", COMMAND, "run", model, "--ticks", "40", "--output", "-")],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 1, done.stderr
    (line,) = lines(done.stderr)
    return line


def test_a_reader_that_goes_away_ends_the_run_quietly(tonic: tuple[Path, Path]) -> None:
    model, _ = tonic
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "run", model, "--ticks", str(ENDLESS), "--output", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None and run.stderr is not None
        assert run.stdout.readline().startswith(b'{"class":"SpikeWriter"')
        run.stdout.close()
        assert lines(run.stderr.read().decode()) == []
    assert run.returncode == 141


def test_sigterm_is_143_whatever_a_library_makes_of_it() -> None:
    """numba, interrupted while it compiles, raises an error of its own."""
    with pytest.raises(SystemExit) as ended, run_command._terminable():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        except SystemExit:
            raise RuntimeError("no compiled object yet") from None
    assert ended.value.code == 143
