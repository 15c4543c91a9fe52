"""``python -m tnemu.learn.evaluate``, as the provenance of files that ship quotes it."""

import sys

from tnemu.learn.players.command import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
