"""``python -m tnemu.learn.distil``, as the provenance of files that ship quotes it."""

import sys

from tnemu.learn.distil.distil import main

if __name__ == "__main__":
    sys.exit(main())
