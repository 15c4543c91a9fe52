"""``python -m tnemu.learn.classify``, as the provenance of weight files quotes it."""

import sys

from tnemu.learn.classify.classify import main

if __name__ == "__main__":
    sys.exit(main())
