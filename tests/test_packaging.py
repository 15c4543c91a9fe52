"""What is in the folders is what gets installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_is_installed():
    """setup.py finds packages, and adds boards/, which is installed as tnemu.boards."""
    listed = subprocess.run(
        [sys.executable, "setup.py", "-q", "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert listed.returncode == 0, listed.stderr
    folders = {
        file.parent
        for top in ("tnemu", "corelets")
        for file in ROOT.glob(f"{top}/**/*.py")
        if "__pycache__" not in file.parts
    }
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
