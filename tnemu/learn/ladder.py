"""``python -m tnemu.learn.ladder``, as the provenance of files that ship quotes it."""

import sys

from tnemu.learn.precision.ladder import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
