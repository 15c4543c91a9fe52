"""``python -m tnemu``, and where the console script begins.

Nothing heavy is imported before Ctrl-C has an answer: until a command runs there is nothing to tidy
up, so it ends the process at once, quietly, with status 130.
"""

from __future__ import annotations

import atexit
import os
import signal


def leave_on_ctrl_c() -> None:
    """From now on SIGINT ends this process at once with status 130; where it is ignored it stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(128 + number))


def main() -> None:
    """Run the command that ``sys.argv`` asks for; ends in SystemExit (see ``tnemu --help``)."""
    leave_on_ctrl_c()
    # The last of all: then Python puts back what a signal does of itself, and the status would be its.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    from tnemu.cli.main import main as run

    try:
        run()
    finally:
        leave_on_ctrl_c()  # while the interpreter ends


if __name__ == "__main__":
    main()
