"""Where compiled code is kept: never where the code of other sources could be taken for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = "import tnemu.emulator.kernels as k, numba; print(k.CACHE, numba.config.CACHE_DIR, sep='|')"


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
