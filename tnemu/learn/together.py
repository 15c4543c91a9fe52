"""``python -m tnemu.learn.together``, as the provenance of files that exist quotes it: of several games
or of one, a distillation is a distillation.
"""

import sys

from tnemu.learn.distil.distil import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
