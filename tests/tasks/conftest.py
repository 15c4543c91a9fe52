"""Makes the tasks of this folder importable, in spawned processes too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
