"""Where compiled code is kept: never where the code of other sources could be taken for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]  # the folder of random_boards
ASK = "import tnemu.emulator.engines.compiled.kernels as k, numba; print(k.CACHE, numba.config.CACHE_DIR, sep='|')"

RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from random_boards import make_case
from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled.kernels import tick
case = make_case(5, cores=3, ticks=20, inputs=900, feedback=0.8, noise=True, chip={})
print("ready", flush=True)
sys.stdin.readline()
emulator = Emulator(case.image)
emulator.inject(case.cores, case.axons, case.ticks)
emulator.run(case.length)
print(sum(tick.advance.stats.cache_misses.values()), emulator.counters.spikes,
      emulator.potentials.tobytes().hex())
"""


def fresh(folder: Path) -> subprocess.Popen:
    """A process that is ready to run a board, with its compiled code in ``folder``."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(HERE)],
        env=clean | {"TNEMU_CACHE_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def folders(**environment: str) -> tuple[Path, str]:
    """(folder of compiled code, numba's setting afterwards) in a fresh process."""
    clean = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "TNEMU_CACHE_DIR")}
    found = subprocess.run(
        [sys.executable, "-c", ASK],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    ours, numbas = found.stdout.strip().split("|")
    return Path(ours), numbas


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "TNEMU_CACHE_DIR"])
def test_compiled_code_has_a_folder_named_after_its_sources(tmp_path, variable):
    """Also in numba's own folder: numba alone would miss a change in a file that is called into."""
    ours, numbas = folders(**{variable: str(tmp_path)})
    assert ours.parent == tmp_path
    assert ours.name.startswith("kernels-")
    assert numbas == (str(tmp_path) if variable == "NUMBA_CACHE_DIR" else "")


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path):
    ours, _ = folders(NUMBA_CACHE_DIR="/proc/nowhere", TNEMU_CACHE_DIR=str(tmp_path))
    assert ours.parent == tmp_path


@pytest.mark.slow
def test_processes_that_compile_into_one_folder_at_once_do_not_harm_each_other(tmp_path):
    """Both find it empty, compile, and write; whoever comes later finds it whole."""
    processes = [fresh(tmp_path) for _ in range(2)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    first = [process.communicate(timeout=280)[0].split() for process in processes]
    later, _ = fresh(tmp_path).communicate("go\n", timeout=280)
    misses, spikes, potentials = later.split()
    assert int(spikes) > 0
    assert first == [["1", spikes, potentials]] * 2
    assert misses == "0"
