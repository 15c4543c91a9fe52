"""``python -m tnemu.learn.together``, as the provenance of files that ship quotes it."""

import sys

from tnemu.learn.distil.together import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
