"""Where files are that IBM's tools wrote and that are not part of this repository.

They come from the public repository of NeMo (github.com/markplagge/NeMo, MIT). Tests look for them in the
folder TNEMU_IBM_DATA, or in ../shared/data/ibm beside the repository, and skip where they are not.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("TNEMU_IBM_DATA") or ROOT.parent / "shared" / "data" / "ibm")


def recording(name: str) -> Path:
    """The path of one of the files; the test that asks is skipped where it is missing."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand (TNEMU_IBM_DATA)")
    return path
