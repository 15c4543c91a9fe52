"""``python -m tnemu.learn.teacher``, as the provenance of files that ship quotes it."""

import sys

from tnemu.learn.teachers.teacher import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
