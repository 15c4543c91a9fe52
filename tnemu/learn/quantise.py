"""``python -m tnemu.learn.quantise``, as the provenance of files quotes it."""

import sys

from tnemu.learn.precision.network_ladder import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
