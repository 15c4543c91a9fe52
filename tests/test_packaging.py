"""What is in the folders is what gets installed."""

from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_is_installed():
    """setup.cfg lists packages by name, because boards/ is installed as tnemu.boards."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = config["options"]["packages"].split()
    folders = {
        file.parent for top in ("tnemu", "corelets") for file in ROOT.glob(f"{top}/**/__init__.py")
    }
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders} | {"tnemu.boards"}
    assert sorted(listed) == sorted(found)
