"""Where files are that IBM's tools wrote: some in tests/formats/data, the large ones elsewhere.

They come from the public repository of NeMo (github.com/markplagge/NeMo, branch mb-develop, MIT). Tests look
for those that are not here in the folder TNEMU_IBM_DATA, or in ../shared/data/ibm beside the repository,
and skip where they are not.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HERE = ROOT / "tests" / "formats" / "data"
FOLDER = Path(os.environ.get("TNEMU_IBM_DATA") or ROOT.parent / "shared" / "data" / "ibm")


def recording(name: str) -> Path:
    """The path of one of the files; the test that asks is skipped where it is missing."""
    path = HERE / name if (HERE / name).exists() else FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand (TNEMU_IBM_DATA)")
    return path
